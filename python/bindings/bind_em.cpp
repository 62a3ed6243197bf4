#include "bindings.hpp"
#include "fit_report.hpp"
#include "locked_statistics.hpp"
#include "numpy.hpp"
#include "prior.hpp"
#include "warnings.hpp"

#include <gaussmix/em.hpp>

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>

namespace gaussmix::bindings {

namespace {

constexpr const char* em_doc = R"doc(
Expectation-maximization between two passes over the data.

It holds the mixture so far, the stopping rule, the policy for degenerate components and the trace, and knows no rows, so
that they may come from anywhere: in chunks, from other machines. `fit` is this over one X. Threads that share one take turns.

Examples
--------
>>> import numpy as np, gaussmix
>>> chunks = np.random.default_rng(0).normal([[-3.0], [3.0]], size=(5, 2, 1))
>>> em = gaussmix.EM(gaussmix.Mixture([0.5, 0.5], [[-1.0], [1.0]], [[1.0], [1.0]], "diag"))
>>> while not em.done:
...     statistics = gaussmix.Statistics(em.mixture)
...     for chunk in chunks:
...         statistics.accumulate(chunk)
...     progress = em.step(statistics)
>>> em.converged
True

References
----------
Bishop, Pattern Recognition and Machine Learning, 2006, section 9.2.2.
)doc";

constexpr const char* init_doc =
    R"doc(__init__(self, mixture, *, tol=0.001, max_iter=100, reg_covar=0.0, on_degenerate="floor", allow_singular=False, accelerate="none", stopping="change", prior=None)
--

Parameters
----------
mixture : Mixture
    What the first pass is made under.
tol : float
    Done when the mean log-likelihood changes by less, in nats; ≥ 0.
max_iter : int
    Done after so many steps; ≥ 0.
reg_covar : float
    Added to every variance, in squared units of X; ≥ 0. Above 0 the likelihood may fall; above 1e-2 of the variance of a
    feature it blurs the components, and warns.
on_degenerate : {"raise", "floor", "drop", "reseed", "keep"}
    What to do with a component that is empty or collapsed. See `Statistics.maximize`.
allow_singular : bool
    Keep singular covariances.
accelerate : {"none", "squarem"}
    See `fit`.
stopping : {"change", "projected"}
    See `fit`.
prior : Prior
    Find the maximum a posteriori under it; None: the maximum likelihood. Not together with `allow_singular`.

Raises
------
InvalidArgumentError
    For options that break the rules above.
)doc";

constexpr const char* step_doc = R"doc(step(self, statistics, *, num_threads=None)
--

The M-step over the sums of a whole pass, and the judgment on whether that was the last one.

A step after `done` goes on. On any error everything stays as it was. Warnings come after the step: a `DegenerateWarning` where
it treats a component, by its number in the start, or a constant feature that no step before it treated, a `ScaleWarning`
where `reg_covar` is more than 1e-2 of the variance of a feature, and a `ConvergenceWarning` where it is the
last of `max_iter` steps and nothing has converged.

Parameters
----------
statistics : Statistics
    Made under `mixture`: of all data, merged from whatever pieces.
num_threads : int or None
    In [1, 1024]; None means `get_num_threads`. Every number gives the same bits.

Returns
-------
FitProgress
    What a callback of `fit` is told; its start is 0.

Raises
------
InvalidArgumentError
    For statistics that were made under another mixture or hold no weight.
NumericalError
    When their log-likelihood is not finite; otherwise as `Statistics.maximize`.
)doc";

/// An EM that threads may share: each use takes the lock, and waits for it without the GIL.
class LockedEM {
 public:
  explicit LockedEM(EM em) : em_(std::move(em)) {}

  /// f(em) under the lock and without the GIL.
  template <class F>
  auto use(F&& f) {
    return without_gil([&] {
      const std::lock_guard<std::mutex> lock(mutex_);
      return f(em_);
    });
  }

 private:
  EM em_;
  std::mutex mutex_;
};

std::unique_ptr<LockedEM> make(const Mixture& mixture, py::handle tol, py::handle max_iter, py::handle reg_covar,
                               py::handle on_degenerate, py::handle allow_singular, py::handle accelerate,
                               py::handle stopping, py::handle prior) {
  EMOptions options;
  options.tol = real_argument(tol, "tol");
  options.max_iter = int_argument(max_iter, "max_iter");
  options.reg_covar = real_argument(reg_covar, "reg_covar");
  options.on_degenerate = on_degenerate_from_string(text_argument(on_degenerate, "on_degenerate"));
  options.allow_singular = flag_argument(allow_singular, "allow_singular");
  options.accelerate = acceleration_from_string(text_argument(accelerate, "accelerate"));
  options.stopping = stopping_from_string(text_argument(stopping, "stopping"));
  options.prior = prior_argument(prior, mixture.covariance_type(), mixture.n_features());
  return std::make_unique<LockedEM>(EM(mixture, options));
}

/// The components that are listed after a step and were not before it.
std::vector<Index> added(const std::vector<Index>& before, const std::vector<Index>& after) {
  std::vector<Index> components;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(components));
  return components;
}

FitProgress step(LockedEM& self, LockedStatistics& statistics, py::handle num_threads) {
  const Execution execution = execution_argument(num_threads);
  const Statistics sums = statistics.copy();
  MaximizeReport treated;
  EMOptions options;
  bool stopped = false;
  FitProgress progress = self.use([&](EM& em) {
    const FitReport before = em.report();
    FitProgress done = em.step(sums, execution);
    const FitReport& after = em.report();
    treated = {added(before.floored, after.floored),
               added(before.dropped, after.dropped),
               added(before.reseeded, after.reseeded),
               added(before.constant_features, after.constant_features),
               added(before.blurred_features, after.blurred_features),
               added(before.kept, after.kept)};
    options = em.options();
    stopped = !em.converged() && em.n_iter() == options.max_iter;
    return done;
  });
  warn(degenerate_warning(), degenerate_text(treated));
  warn(scale_warning(), scale_text(treated, options.reg_covar));
  if (stopped) warn(convergence_warning(), convergence_text(options.max_iter, options.tol));
  return progress;
}

py::array trace(LockedEM& self) {
  std::vector<double> values = self.use([](const EM& em) { return em.trace(); });
  const Shape shape{static_cast<py::ssize_t>(values.size())};
  return owned_array(std::move(values), shape);
}

std::string repr(LockedEM& self) {
  return self.use([](const EM& em) {
    return "EM(n_iter=" + std::to_string(em.n_iter()) + ", converged=" + (em.converged() ? "True" : "False") + ")";
  });
}

}  // namespace

void bind_em(py::module_& m) {
  py::class_<LockedEM>(m, "EM", em_doc)
      .def(py::init(&make), py::arg("mixture"), py::kw_only(), py::arg("tol") = 1e-3, py::arg("max_iter") = 100,
           py::arg("reg_covar") = 0.0, py::arg("on_degenerate") = "floor", py::arg("allow_singular") = false,
           py::arg("accelerate") = "none", py::arg("stopping") = "change", py::arg("prior") = py::none(), init_doc)
      .def("step", &step, py::arg("statistics"), py::kw_only(), py::arg("num_threads") = py::none(), step_doc)
      .def_property_readonly(
          "mixture", [](LockedEM& self) { return self.use([](const EM& em) { return em.mixture(); }); },
          "What the next pass is to be made under.")
      .def_property_readonly(
          "result", [](LockedEM& self) { return self.use([](const EM& em) { return em.result(); }); },
          "The best mixture so far: `mixture`, but where that is an accelerated point, whose likelihood is not known "
          "yet, the last "
          "one that a step has made.")
      .def_property_readonly(
          "done", [](LockedEM& self) { return self.use([](const EM& em) { return em.done(); }); },
          "Whether it has converged or made `max_iter` steps.")
      .def_property_readonly(
          "converged", [](LockedEM& self) { return self.use([](const EM& em) { return em.converged(); }); },
          "Whether the last step changed the mean log-likelihood by less than `tol`, and neither dropped nor reseeded "
          "a "
          "component.")
      .def_property_readonly(
          "n_iter", [](LockedEM& self) { return self.use([](const EM& em) { return em.n_iter(); }); }, "Steps so far.")
      .def_property_readonly(
          "trace", &trace,
          "Mean log-likelihood before each step, with a prior plus its log-density per unit of weight: a new "
          "ndarray, (n_iter,), float64.")
      .def_property_readonly(
          "_report", [](LockedEM& self) { return report_fields(self.use([](const EM& em) { return em.report(); })); },
          "The fields of `report`, as a dict.")
      .def("__repr__", &repr);
}

}  // namespace gaussmix::bindings
