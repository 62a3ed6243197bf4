#pragma once

#include <gaussmix/export.h>
#include <gaussmix/mixture.hpp>
#include <gaussmix/prior.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gaussmix {

namespace detail {
class SufficientStatistics;
}

/// What the M-step does with a component that is empty (n_k ≤ 2⁻⁵³ Σ n) or collapsed: its covariance is singular (see
/// Mixture; not with allow_singular), or for `floor` below its bound.
enum class OnDegenerate {
  raise,  ///< NumericalError that names the component
  /// Keep Σ_k ⪰ 1e-6 × the covariance of all the data (1e-6 × the feature's variance for diag, × their mean for
  /// spherical): the exact maximizer under that bound, so EM stays monotone. An empty component keeps its mean and
  /// covariance, and in the start, where it has none, is a NumericalError. A feature in which all the data are constant
  /// is given the variance 1e-6 × the mean variance of the others, in every component. Where features are linearly
  /// dependent, 1e-2 × its diagonal is added to the covariance of the data. With allow_singular such directions stay
  /// without variance. Beside a prior with a scale, which bounds every covariance itself, there is no floor.
  floor,
  drop,    ///< go on without the component
  reseed,  ///< put the component beside the heaviest one, which it halves
  /// Go on as scikit-learn does: a collapsed component with what reg_covar leaves it, a NumericalError where that is
  /// singular still; an empty one with its mean and covariance, in the start with variances of reg_covar alone.
  keep,
};

/// "raise", "floor", "drop", "reseed" or "keep".
GAUSSMIX_API const char* to_string(OnDegenerate policy) noexcept;
/// The inverse of to_string. @throws InvalidArgument for any other text
GAUSSMIX_API OnDegenerate on_degenerate_from_string(const std::string& name);

/// Options of the M-step.
struct MaximizeOptions {
  /// Added to every variance, in squared units of X; finite, ≥ 0. Far below the variances of the features, or it blurs
  /// the components.
  double reg_covar = 0.0;
  OnDegenerate on_degenerate = OnDegenerate::raise;
  /// Keep singular covariances, as a Mixture that allows them.
  bool allow_singular = false;
  /// Take the maximum a posteriori under it; none: the maximum likelihood. Not together with allow_singular.
  std::optional<Prior> prior = std::nullopt;
};

/// Which components the M-step had to treat, by their index before the step, and which features.
struct MaximizeReport {
  std::vector<Index> floored;
  std::vector<Index> dropped;
  std::vector<Index> reseeded;
  std::vector<Index> constant_features;  ///< in which all the data are constant, where `floor` went on with them
  std::vector<Index> blurred_features;   ///< of whose variance in all the data reg_covar is more than 1e-2
  std::vector<Index> kept;               ///< empty, or collapsed but for reg_covar, more than all the data are
};

/// The sums that EM needs of the data under a given mixture: per component the total responsibility n_k, the weighted
/// mean and the scatter about that mean, all in float64, together with Σ w log p(x) (Bishop 2006, eqs. 9.24–9.27).
///
/// Additive: data may be accumulated in any pieces, on any machines, and merged. Means are kept as their difference δ_k
/// to the mean of the mixture they were made under and are merged pairwise (Chan, Golub & LeVeque 1983), so an offset
/// of the data costs no digits. Statistics that have been moved from may be assigned to, destroyed and copied (the copy
/// is as they are), nothing else.
/// @code
///   gaussmix::Statistics here(mixture), there(mixture);
///   here.accumulate(x);
///   there.accumulate(y);  // on another thread, or another machine: see to_bytes()
///   here.merge(there);
///   const gaussmix::Mixture next = here.maximize();
/// @endcode
///
/// Their files and bytes, version 2, are laid out as those of models (model_file.hpp), with this in them:
///   tensors   "pivots" (K, D), the means that the deltas δ are about; "component_weights" n (K,); "deltas" (K, D);
///             "scatters", K rows, or 1 where the type has all components share a matrix: of D variances' sums or, for
///             full and tied, of the D (D + 1) / 2 values of the lower triangle, row by row; "total_weight" and
///             "log_likelihood" (1,). Then, all three or none, the mixture: "weights", "means", "covariances" as in a
///             model file
///   metadata  "format" = "gaussmix-statistics", "version" = "2", "covariance_type"; optional "allow_singular",
///             "feature_names" as in a model file, and as information "library_version" and "simd_level" of who wrote
///             it. Without the mixture its "mixture_digest": zlib's CRC-32 of the bytes of weights, of means and of
///             covariances, 8 hexadecimal digits each, joined by "-"
///   checksum  as in a model file, of the tensors in this order; always there
class GAUSSMIX_API Statistics {
 public:
  /// Empty sums under `mixture`, which supplies the responsibilities.
  explicit Statistics(const Mixture& mixture);
  ~Statistics();
  Statistics(const Statistics&);
  Statistics(Statistics&&) noexcept;
  Statistics& operator=(const Statistics&);
  Statistics& operator=(Statistics&&) noexcept;

  /// One E-step over X, (N, D), N ≥ 0, added to the sums. `sample_weight` is empty (all 1) or (N,), finite, ≥ 0; rows
  /// of weight 0 are absent, and no rows add nothing. On any error the sums stay as they were.
  /// @throws InvalidArgument for wrong shapes, values that are not finite, negative weights
  /// @throws NumericalError  when the mixture's components differ in rank
  void accumulate(const Samples& x, VectorView<const double> sample_weight = {}, const Execution& execution = {});

  /// Adds the sums of other data. The mixtures may differ in their parameters, not in K, D or covariance type.
  /// @throws InvalidArgument when they do
  void merge(const Statistics& other);

  /// Multiplies all sums by `factor`, as if every row had been given that weight; for forgetting, in streams.
  /// @throws InvalidArgument unless `factor` is finite and ≥ 0
  void scale(double factor);

  /// The M-step: π_k = n_k / Σ n, μ_k and Σ_k the weighted mean and covariance, or the mode under a prior. `report`, if
  /// given, is replaced.
  /// @throws NumericalError  when there is no weight at all, or as `options.on_degenerate` says
  Mixture maximize(const MaximizeOptions& options = {}, MaximizeReport* report = nullptr,
                   const Execution& execution = {}) const;

  const Mixture& mixture() const noexcept;                      ///< the mixture that the sums were made under
  double log_likelihood() const noexcept;                       ///< Σ_i w_i log p(x_i) under that mixture
  double total_weight() const noexcept;                         ///< Σ_i w_i
  VectorView<const double> component_weights() const noexcept;  ///< n_k = Σ_i w_i γ(z_ik), (K,)

  /// Saves the sums in the layout above, `with_mixture` or with a digest of it alone, down to a third of the bytes:
  /// whoever opens `path` at any time finds the old file or the new one, as with Mixture::save.
  /// @throws InvalidArgument    for a `path` that names no regular file, feature names that are not UTF-8 or above 16
  /// MiB
  /// @throws std::system_error  with `path` in its message, when the system refuses; the old file is then as it was
  void save(const std::string& path, bool with_mixture = true) const;
  /// What `save` wrote with the mixture, here or in version 0.1. Safe for bytes from a stranger: sizes are checked
  /// before anything is allocated, then the checksum, then the meaning.
  /// @throws FormatError        with `path` in its message, for anything else
  /// @throws std::system_error  with `path` in its message, when the system refuses
  static Statistics load(const std::string& path, const Execution& execution = {});
  /// What `save` wrote with the mixture or without, under `mixture`, which must be the one that the sums were made
  /// under, bit for bit: nothing is factored, and its parameters are shared. Names of features are those of the file
  /// where it has any.
  /// @throws FormatError        with `path` in its message, for another mixture, and as above
  /// @throws std::system_error  with `path` in its message, when the system refuses
  static Statistics load(const std::string& path, const Mixture& mixture, const Execution& execution = {});
  /// The bytes that `save` writes. @throws InvalidArgument as `save`
  std::vector<std::uint8_t> to_bytes(bool with_mixture = true) const;
  /// What `to_bytes` wrote with the mixture. @throws FormatError as `load`
  static Statistics from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution = {});
  /// What `to_bytes` wrote, under `mixture`. @throws FormatError as `load`
  static Statistics from_bytes(VectorView<const std::uint8_t> bytes, const Mixture& mixture,
                               const Execution& execution = {});

  friend GAUSSMIX_API bool operator==(const Statistics& a, const Statistics& b) noexcept;
  friend bool operator!=(const Statistics& a, const Statistics& b) noexcept { return !(a == b); }

  /// @name The sums themselves; not part of the API
  ///@{
  const detail::SufficientStatistics& sums() const noexcept { return *sums_; }
  detail::SufficientStatistics& sums() noexcept { return *sums_; }
  Statistics(const Mixture& mixture, std::unique_ptr<detail::SufficientStatistics> sums) noexcept;
  ///@}

 private:
  Mixture mixture_;
  std::unique_ptr<detail::SufficientStatistics> sums_;
};

}  // namespace gaussmix
