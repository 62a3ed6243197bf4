#pragma once

#include <gaussmix/export.h>
#include <gaussmix/init.hpp>
#include <gaussmix/mixture.hpp>
#include <gaussmix/statistics.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace gaussmix {

/// How EM gets to its end.
enum class Acceleration {
  none,  ///< step by step
  /// After every two steps a point extrapolated from them (SQUAREM; Varadhan & Roland 2008). One that is no better than
  /// the point before is left for the second step, so that the trace climbs as it does step by step.
  squarem,
};

/// How a better optimum is looked for, once EM has come to one.
enum class Search {
  none,  ///< not at all
  /// By split and merge (SMEM; Ueda et al. 2000): two components that cost little together are merged, a heavy one is
  /// split, and EM goes on from there. What it leads to is kept where the mean log-likelihood is higher by more than
  /// tol and no more components than before lie at the floor of OnDegenerate::floor or hold less than D + 1 rows. It
  /// ends when none of the most promising moves does that: the result is never below what EM came to.
  split_merge,
};

/// What is compared with tol.
enum class Stopping {
  change,     ///< the change of the mean log-likelihood in one step
  projected,  ///< that, and what is left up to the end to which the last three values tend (Aitken; Böhning et al. 1994)
};

/// "none" or "squarem".
GAUSSMIX_API const char* to_string(Acceleration acceleration) noexcept;
/// The inverse of to_string. @throws InvalidArgument for any other text
GAUSSMIX_API Acceleration acceleration_from_string(const std::string& name);
/// "none" or "split_merge".
GAUSSMIX_API const char* to_string(Search search) noexcept;
/// The inverse of to_string. @throws InvalidArgument for any other text
GAUSSMIX_API Search search_from_string(const std::string& name);
/// "change" or "projected".
GAUSSMIX_API const char* to_string(Stopping stopping) noexcept;
/// The inverse of to_string. @throws InvalidArgument for any other text
GAUSSMIX_API Stopping stopping_from_string(const std::string& name);

/// What a fit tells its callback after each iteration, and EM::step its caller.
struct FitProgress {
  int start;                   ///< which of the n_init starts, from 0
  int n_iter;                  ///< iterations done in this start, from 1
  double mean_log_likelihood;  ///< of the mixture before this iteration's M-step, with its prior, per unit of weight
  double change;               ///< its change since the iteration before; +inf in the first
  bool converged;              ///< whether the loop ends here: the change is below tol, and no component went or came
  Mixture mixture;             ///< after this iteration's M-step
  bool rejected;  ///< of EM::step: whether an accelerated point was no better; all else is as it was before
};

/// A VectorView<const T> that is kept beyond the statement that makes it: a temporary vector, whose elements would be
/// gone by then, is refused at compile time.
template <class T>
class KeptVectorView : public VectorView<const T> {
 public:
  using VectorView<const T>::VectorView;
  constexpr KeptVectorView(VectorView<const T> view) noexcept : VectorView<const T>(view) {}
  constexpr KeptVectorView(VectorView<T> view) noexcept : VectorView<const T>(view) {}
  KeptVectorView(const std::vector<T>& v) noexcept : VectorView<const T>(v) {}
  KeptVectorView(const std::vector<T>&&) = delete;
};

/// Options of fit(). Initial values that are empty are taken from the start; those that are given must outlive the fit.
struct FitOptions {
  CovarianceType covariance_type = CovarianceType::full;
  Init init = Init::kmeans;
  /// Go on from this mixture instead: `init` and all `..._init` must then be unset.
  std::optional<Mixture> mixture_init;
  KeptVectorView<double> weights_init;      ///< (K,)
  MatrixView<const double> means_init;      ///< (K, D)
  KeptVectorView<double> covariances_init;  ///< flattened, in the layout of covariance_type
  KeptVectorView<double> precisions_init;   ///< Σ⁻¹, same layout; not together with covariances_init
  /// (N, K), rows ≥ 0 that sum to 1 within 1e-8, or 4·K·2⁻²⁴ if they came in float32, and are then divided by their
  /// sum; replaces `init`.
  MatrixView<const double> responsibilities_init;
  KeptVectorView<Index> labels_init;  ///< (N,), in [0, K), every component at least once; replaces `init`
  /// The types that weights_init, covariances_init or precisions_init, and responsibilities_init came in.
  SourceTypes source;
  int n_init = 1;  ///< starts; of those that end without an error the one whose trace ends best
  /// 0, or the iterations that each of n_init > 1 starts is given first: the one whose trace then ends best, among those
  /// with the fewest components at the floor or of less than D + 1 rows, goes on alone. ≥ 0, below max_iter
  int short_iter = 0;
  double tol = 1e-3;  ///< stop when the mean log-likelihood changes by less; ≥ 0
  /// ≥ 0; 0 returns the start itself. Then `n_init` must be 1, `tol` keep its default, `callback` be empty,
  /// `deadline` 0, `accelerate`, `stopping` and `search` unset; and `reg_covar`, `on_degenerate` and `prior` must keep
  /// theirs when covariances_given().
  int max_iter = 100;
  double reg_covar = 0.0;  ///< added to every variance; ≥ 0
  OnDegenerate on_degenerate = OnDegenerate::floor;
  bool allow_singular = false;
  Acceleration accelerate = Acceleration::none;
  Stopping stopping = Stopping::change;
  Search search = Search::none;
  std::optional<Prior> prior = std::nullopt;  ///< find the maximum a posteriori; of every M-step, that of the start too
  std::uint64_t seed = 0;                     ///< of the starts; 0 when start_is_given()
  /// Called on the calling thread after each iteration, but for those of short runs and of a search; true ends the fit
  /// with what it has. May throw.
  std::function<bool(const FitProgress&)> callback;
  /// Seconds from the call on; finite, ≥ 0; 0 for none, as with max_iter 0. The fit ends with what it has after the
  /// first iteration that ends later than this. A start by `init` that takes longer ends with its pass over X: with the
  /// centers so far or, before K seeds are chosen, with the seeds so far, beside which the other components take rows
  /// at random; one iteration follows.
  double deadline = 0.0;

  /// Whether the start's covariances are given, so that it estimates none.
  bool covariances_given() const noexcept {
    return mixture_init || !covariances_init.empty() || !precisions_init.empty();
  }
  /// Whether π, μ and Σ of the start are all given.
  bool all_parameters_given() const noexcept {
    return mixture_init || (!weights_init.empty() && means_init.rows() > 0 && covariances_given());
  }
  /// Whether nothing of the start is left to `init`, so that every start would be the same one.
  bool start_is_given() const noexcept {
    return all_parameters_given() || responsibilities_init.rows() > 0 || !labels_init.empty();
  }
};

/// What happened on the way: counts over all iterations that led to the mixture, and failures and seconds of all
/// starts. Components go by their numbers in the start, from 0 to K − 1, whatever was dropped or reseeded since; after a
/// split and merge by their places in the mixture that it was made from. Each list ascends.
struct FitReport {
  Index n_floored = 0;
  Index n_dropped = 0;
  Index n_reseeded = 0;
  Index n_kept = 0;
  std::vector<Index> floored;   ///< the components that n_floored counts
  std::vector<Index> dropped;   ///< the components that n_dropped counts
  std::vector<Index> reseeded;  ///< the components that n_reseeded counts
  std::vector<Index> kept;      ///< the components that n_kept counts
  /// The features of X that are constant, where OnDegenerate::floor went on with them.
  std::vector<Index> constant_features;
  std::vector<Index> blurred_features;  ///< the features of whose variance reg_covar is more than 1e-2
  Index n_failed_starts = 0;            ///< of n_init; each ended in a NumericalError, and another one was kept
  Index n_rejected = 0;                 ///< accelerated points that were no better, each a pass over X for nothing
  Index n_moves = 0;                    ///< splits and merges that led to the mixture
  Index n_moves_tried = 0;              ///< by some iterations of EM each
  bool ended_by_deadline = false;       ///< whether the deadline ended a start, or a search, that was not done
  double init_seconds = 0.0;
  double em_seconds = 0.0;
  double closing_seconds = 0.0;
};

/// The result of fit(). Where `converged` is false or a list of the report is not empty, the mixture may not be what
/// was asked for.
struct FitResult {
  Mixture mixture;
  double log_likelihood;      ///< Σ_i w_i log p(x_i) of `mixture` itself, from one closing pass
  bool converged;             ///< the change fell below tol within max_iter
  int n_iter;                 ///< iterations of the start that was kept, or since the last split and merge
  std::vector<double> trace;  ///< as EM::trace, of these, (n_iter,)
  FitReport report;
};

/// Finds π, μ, Σ by expectation-maximization (Bishop 2006, section 9.2.2), one fused E- and M-step per pass over X.
/// @code
///   const gaussmix::MatrixView<const double> x(rows.data(), n, d);  // std::vector<double> rows, n × d values
///   gaussmix::FitOptions options;
///   options.covariance_type = gaussmix::CovarianceType::diag;
///   const gaussmix::FitResult result = gaussmix::fit(x, 3, options);
///   const gaussmix::Mixture& mixture = result.mixture;  // look at result.converged and result.report, too
/// @endcode
/// @param x  (N, D), N ≥ K
/// @param n_components  K ≥ 1
/// @param sample_weight  empty (all 1) or (N,), finite, ≥ 0, at least K of them positive
/// @throws InvalidArgument  for arguments that break the rules above; an argument that would have no effect is an error
/// @throws NumericalError   when a component degenerates under OnDegenerate::raise in every start, or the data have no
///                          variance at all
GAUSSMIX_API FitResult fit(const Samples& x, Index n_components, const FitOptions& options = {},
                           VectorView<const double> sample_weight = {}, const Execution& execution = {});

}  // namespace gaussmix
