#include "c_api/mixture.hpp"
#include "c_api/prior.hpp"
#include "c_api/statistics.hpp"

#include <gaussmix/em.hpp>

using namespace gaussmix;
using c_api::guarded;
using c_api::live;
using c_api::required;

struct gaussmix_em : c_api::Handle<EM, 0x474D5820454D4C50> {  // "GMX EMLP"
  using Handle::Handle;
};

gaussmix_status gaussmix_em_options_defaults(gaussmix_em_options* options, std::size_t struct_size) {
  return guarded([&] {
    required(options, "options");
    c_api::check_struct_size(struct_size, c_api::least_size<gaussmix_em_options>, "options");
    const EMOptions defaults;
    gaussmix_em_options out = {};
    out.max_iter = defaults.max_iter;
    out.on_degenerate = static_cast<std::int32_t>(defaults.on_degenerate);
    out.allow_singular = defaults.allow_singular ? 1 : 0;
    out.tol = defaults.tol;
    out.reg_covar = defaults.reg_covar;
    out.accelerate = static_cast<std::int32_t>(defaults.accelerate);
    out.stopping = static_cast<std::int32_t>(defaults.stopping);
    options->struct_size = struct_size;
    c_api::output(options, "options", out);
  });
}

gaussmix_status gaussmix_em_create(const gaussmix_mixture* mixture, const gaussmix_em_options* options,
                                   gaussmix_em** em) {
  return c_api::create(em, "em", [&] {
    const Mixture& start = live(mixture, "mixture").value;
    EMOptions asked;
    if (options != nullptr) {
      const gaussmix_em_options given = c_api::input(options, "options");
      asked = {given.tol,
               given.max_iter,
               given.reg_covar,
               static_cast<OnDegenerate>(given.on_degenerate),
               given.allow_singular != 0,
               c_api::prior_argument(given.prior, start.covariance_type(), start.n_features()),
               static_cast<Acceleration>(given.accelerate),
               static_cast<Stopping>(given.stopping)};
    }
    return EM(start, asked);
  });
}

gaussmix_status gaussmix_em_free(gaussmix_em* em) { return c_api::destroy(em, "em"); }

gaussmix_status gaussmix_em_step(gaussmix_em* em, const gaussmix_statistics* statistics,
                                 const gaussmix_execution* execution, gaussmix_fit_progress* progress) {
  return guarded([&] {
    EM& loop = live(em, "em").value;
    const Statistics& sums = live(statistics, "statistics").value;
    if (progress != nullptr)
      c_api::check_struct_size(required(progress, "progress").struct_size, c_api::least_size<gaussmix_fit_progress>,
                               "progress");
    const FitProgress made = loop.step(sums, c_api::execution_argument(execution));
    if (progress == nullptr) return;
    c_api::output(progress, "progress",
                  gaussmix_fit_progress{0, made.start, made.n_iter, made.mean_log_likelihood, made.change,
                                        made.converged ? 1 : 0, nullptr, made.rejected ? 1 : 0});
  });
}

gaussmix_status gaussmix_em_mixture(const gaussmix_em* em, gaussmix_mixture** mixture) {
  return c_api::create(mixture, "mixture", [&] { return live(em, "em").value.mixture(); });
}

gaussmix_status gaussmix_em_result(const gaussmix_em* em, gaussmix_mixture** mixture) {
  return c_api::create(mixture, "mixture", [&] { return live(em, "em").value.result(); });
}

gaussmix_status gaussmix_em_get_state(const gaussmix_em* em, gaussmix_em_state* state) {
  return guarded([&] {
    const EM& loop = live(em, "em").value;
    gaussmix_em_state out = {};
    out.done = loop.done() ? 1 : 0;
    out.converged = loop.converged() ? 1 : 0;
    out.n_iter = loop.n_iter();
    out.n_floored = loop.report().n_floored;
    out.n_dropped = loop.report().n_dropped;
    out.n_reseeded = loop.report().n_reseeded;
    out.n_kept = loop.report().n_kept;
    out.n_rejected = loop.report().n_rejected;
    c_api::output(state, "state", out);
  });
}

gaussmix_status gaussmix_em_trace(const gaussmix_em* em, const double** trace, std::int64_t* n_iter) {
  return guarded([&] {
    const std::vector<double>& values = live(em, "em").value.trace();
    const double*& out = required(trace, "trace");
    required(n_iter, "n_iter") = static_cast<std::int64_t>(values.size());
    out = values.data();
  });
}
