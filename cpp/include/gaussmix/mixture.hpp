#pragma once

#include <gaussmix/export.h>
#include <gaussmix/threads.hpp>
#include <gaussmix/views.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gaussmix {

namespace detail {
class MixtureData;
}

/// The structure of the covariances Σ_k and the layout of their values, row-major: full (K, D, D), each its own matrix;
/// tied (D, D), one for all; diag (K, D), variances; spherical (K,), one variance each; tied_diag (D,), variances for
/// all; tied_spherical (1,), one variance for all.
enum class CovarianceType { full, tied, diag, spherical, tied_diag, tied_spherical };

/// "full", "tied", "diag", "spherical", "tied_diag" or "tied_spherical".
GAUSSMIX_API const char* to_string(CovarianceType type) noexcept;

/// The inverse of to_string. @throws InvalidArgument for any other text
GAUSSMIX_API CovarianceType covariance_type_from_string(const std::string& name);

/// All covariance types, in the order of the enumeration.
GAUSSMIX_API std::vector<CovarianceType> covariance_types();

/// The shape of the covariances of K components in D features, as above: (K, D, D) for full, …
/// @throws InvalidArgument for a value outside the enumeration
GAUSSMIX_API std::vector<Index> covariance_shape(CovarianceType type, Index n_components, Index n_features);

/// What a model file holds beside the mixture; both optional, all text UTF-8.
struct ModelInfo {
  std::vector<std::string> feature_names;       ///< empty or (D,)
  std::map<std::string, std::string> metadata;  ///< the user's own, by names that the format does not use itself
};

/// A type of numbers.
enum class FloatType { float64, float32 };

/// The types that values came in before they became double, which is all that is taken here. What is to sum to 1 or to
/// be symmetric is so to the rounding of its type; it is made exact in double.
struct SourceTypes {
  FloatType weights = FloatType::float64;
  FloatType covariances = FloatType::float64;       ///< or precisions
  FloatType responsibilities = FloatType::float64;  ///< of a fit
};

/// A Gaussian mixture p(x) = Σ_k π_k N(x | μ_k, Σ_k) (Bishop 2006, eq. 9.7), ready to score.
///
/// Immutable, so every const use is safe from any number of threads; a copy shares the parameters, and a move is a
/// copy. The invariants hold from construction on: K ≥ 1, D ≥ 1, everything finite, 0 ≤ π_k ≤ 1, Σ π_k = 1, Σ_k
/// symmetric and positive definite (semi-definite with allow_singular).
/// @code
///   const std::vector<double> weights{0.3, 0.7}, means{0.0, 0.0, 4.0, 1.0}, variances{1.0, 2.0};
///   const gaussmix::Mixture mixture(weights, {means.data(), 2, 2}, variances, gaussmix::CovarianceType::spherical);
///   const std::vector<double> rows{0.5, -0.2, 3.8, 1.1};  // two rows of two features
///   std::vector<double> log_p(2);
///   gaussmix::log_prob<double>(mixture, gaussmix::MatrixView<const double>(rows.data(), 2, 2), log_p);
/// @endcode
class GAUSSMIX_API Mixture {
 public:
  /// @param weights      π, (K,), each in [0, 1], their sum within 1e-8 of 1, or 4·K·2⁻²⁴ if they came in float32;
  ///                     divided by it only when it is off by more than 4·K·2⁻⁵³, so that parameters read back keep
  ///                     their bits. A component of weight 0 is legal
  /// @param means        μ, (K, D)
  /// @param covariances  Σ in the layout of `type`, flattened row-major; matrices symmetric within 1e-8 relative, or
  ///                     2⁻¹² if they came in float32, then symmetrized
  /// @param allow_singular  take positive semi-definite covariances as well: the density on their support, −inf off it
  /// @param execution    what factors the covariances; Interrupted when its stop says so
  /// @param source       the types that the weights and covariances came in
  /// @throws InvalidArgument  for a wrong shape, a value that is not finite, a weight out of range, asymmetry
  /// @throws NumericalError   for an indefinite covariance, and for a singular one unless `allow_singular`. Both are
  ///                          decided by a diagonally pivoted Cholesky factorization of Σ scaled to unit diagonal: a
  ///                          pivot ≤ 8·D·2⁻⁵³ is zero, one below −8·D·2⁻⁵³ means indefinite
  Mixture(VectorView<const double> weights, MatrixView<const double> means, VectorView<const double> covariances,
          CovarianceType type, bool allow_singular = false, const Execution& execution = {},
          const SourceTypes& source = {});
  Mixture(const Mixture&) = default;  // and no moves, which would leave nothing behind
  Mixture& operator=(const Mixture&) = default;
  ~Mixture() = default;

  Index n_components() const noexcept;  ///< K
  Index n_features() const noexcept;    ///< D
  CovarianceType covariance_type() const noexcept;
  bool allow_singular() const noexcept;
  /// Free parameters: K − 1 weights, K·D means, and the covariances of this type.
  Index n_parameters() const noexcept;

  VectorView<const double> weights() const noexcept;      ///< π, (K,)
  MatrixView<const double> means() const noexcept;        ///< μ, (K, D), row-major
  VectorView<const double> covariances() const noexcept;  ///< Σ, flattened row-major in the layout of covariance_type()
  VectorView<const Index> rank() const noexcept;          ///< rank of Σ_k, (K,); D unless singular

  /// The names of the features, (D,), or none. They say what the columns of X are and change no number.
  const std::vector<std::string>& feature_names() const noexcept;
  /// This mixture under other names, (D,), or none; the parameters are not copied. What EM makes of it has these names
  /// too.
  /// @throws InvalidArgument for another number of names
  Mixture with_feature_names(std::vector<std::string> names) const;

  /// Saves the mixture in the layout of model_file.hpp, under its own feature names where `info` has none: whoever
  /// opens `path` at any time, also after a crash, finds the old file or the new one, whole. A new file is written
  /// beside the old one, flushed to the disk, and given its name, its permissions and, where the process may, its owner
  /// and group; links are followed. What a crash may leave is a hidden file .gaussmix-….
  /// @throws InvalidArgument    for feature names that are not D, a metadata name that the format uses, text that is
  ///                            not UTF-8, a header above 16 MiB, a `path` that names no regular file
  /// @throws std::system_error  with `path` in its message, when the system refuses; the old file is then as it was
  void save(const std::string& path, const ModelInfo& info = {}) const;
  /// The mixture in a file that `save` wrote, or another writer of the format. Safe for bytes from a stranger: sizes
  /// are checked before anything is allocated, then the checksum, then the meaning as by the constructor. load_model()
  /// has its info too.
  /// @throws FormatError        with `path` in its message, for anything else
  /// @throws std::system_error  with `path` in its message, when the system refuses
  static Mixture load(const std::string& path, const Execution& execution = {});
  /// The bytes that `save` writes. @throws InvalidArgument as `save`
  std::vector<std::uint8_t> to_bytes(const ModelInfo& info = {}) const;
  /// The mixture in the bytes of a model file. @throws FormatError as `load`
  static Mixture from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution = {});

  /// Equal when type, allow_singular and all parameters are, by value, whatever the features are called.
  friend GAUSSMIX_API bool operator==(const Mixture& a, const Mixture& b) noexcept;
  friend bool operator!=(const Mixture& a, const Mixture& b) noexcept { return !(a == b); }

  /// @name What the library computes from the parameters once; not part of the API
  ///@{
  using Names = std::shared_ptr<const std::vector<std::string>>;
  explicit Mixture(std::shared_ptr<const detail::MixtureData> data, Names names = {}) noexcept;
  const detail::MixtureData& data() const noexcept { return *data_; }
  const Names& shared_names() const noexcept { return names_; }
  ///@}

 private:
  std::shared_ptr<const detail::MixtureData> data_;
  Names names_;  ///< null where there are none
};

/// @name Scoring
/// One pass over X, (N, D), N ≥ 0, in blocks of rows; float32 X is evaluated in float32, everything else in float64,
/// and the result is written as T. What a call writes is the same for any thread count, any strides, and row by row.
/// All throw InvalidArgument for an X or `out` of the wrong shape and for the first value of X that is not finite
/// (`out` is then unspecified). Those that mix components throw NumericalError when the components' supports differ in
/// rank: their densities then have no common measure. log_prob, responsibilities and predict of one float64 row take
/// the way of RowScorer where that is the quicker one: they allocate at a mixture's first such row only.
///@{

/// out(i, k) = log N(x_i | μ_k, Σ_k) = log p(x_i | z_k = 1), (N, K); Bishop 2006, eq. 2.43. Defined for components of
/// unequal rank too.
template <class T>
GAUSSMIX_API void component_log_prob(const Mixture& mixture, const Samples& x, MatrixView<T> out,
                                     const Execution& execution = {});

/// out(i, k) = log p(x_i, z_k = 1) = log π_k + log N(x_i | μ_k, Σ_k), (N, K).
template <class T>
GAUSSMIX_API void log_joint(const Mixture& mixture, const Samples& x, MatrixView<T> out,
                            const Execution& execution = {});

/// out(i) = log p(x_i) = log Σ_k p(x_i, z_k = 1), (N,); eq. 9.7. Components whose log N lies more than log(K / u) below
/// the row's largest log-joint add nothing that could be represented and are left out by definition.
template <class T>
GAUSSMIX_API void log_prob(const Mixture& mixture, const Samples& x, VectorView<T> out,
                           const Execution& execution = {});

/// out(i, k) = log γ(z_ik) = log-joint − log p, (N, K); the logarithm of eq. 9.13. Off every support log π_k.
template <class T>
GAUSSMIX_API void log_responsibilities(const Mixture& mixture, const Samples& x, MatrixView<T> out,
                                       const Execution& execution = {});

/// out(i, k) = γ(z_ik) = p(z_k = 1 | x_i), (N, K); eq. 9.13. Each row sums to 1 within 4·K·u for every finite x, also
/// where all densities underflow. Off every support γ = π.
template <class T>
GAUSSMIX_API void responsibilities(const Mixture& mixture, const Samples& x, MatrixView<T> out,
                                   const Execution& execution = {});

/// out(i) = the component with the largest log-joint, the first of equals, (N,).
GAUSSMIX_API void predict(const Mixture& mixture, const Samples& x, VectorView<Index> out,
                          const Execution& execution = {});

/// Σ_i w_i log p(x_i), by compensated summation in float64; eq. 9.14. `sample_weight` is empty (all 1) or (N,), finite,
/// ≥ 0. A row of weight 0 is absent. @returns −inf when a row of positive weight has density 0, 0 without rows
/// @throws InvalidArgument also for weights that break that rule
GAUSSMIX_API double log_likelihood(const Mixture& mixture, const Samples& x,
                                   VectorView<const double> sample_weight = {}, const Execution& execution = {});

/// Akaike's criterion −2 ℓ + 2 p (Akaike 1974), ℓ = log_likelihood() and p = Mixture::n_parameters(): lower is better.
GAUSSMIX_API double aic(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight = {},
                        const Execution& execution = {});

/// Schwarz's criterion −2 ℓ + p log n (Schwarz 1978), n = Σ_i w_i: lower is better. @throws InvalidArgument also when n
/// is 0
GAUSSMIX_API double bic(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight = {},
                        const Execution& execution = {});
///@}

/// Scores one row at a time without allocating: for services. Holds its own scratch, so each thread needs its own;
/// gives the same bits as the batch verbs on a row of the same type; the first float32 row still prepares what those
/// need. One that has been moved from may be assigned to or destroyed, nothing else.
/// @code
///   gaussmix::RowScorer scorer(mixture);  // one a thread; it keeps the mixture
///   const std::vector<double> row{0.5, -0.2};
///   const double log_p = scorer.log_prob(row);
///   std::vector<double> gamma(static_cast<std::size_t>(scorer.n_components()));
///   scorer.responsibilities(row, gamma);
/// @endcode
class GAUSSMIX_API RowScorer {
 public:
  /// @throws NumericalError when the components' supports differ in rank
  explicit RowScorer(const Mixture& mixture);
  ~RowScorer();
  RowScorer(RowScorer&&) noexcept;
  RowScorer& operator=(RowScorer&&) noexcept;

  Index n_components() const noexcept;  ///< K
  Index n_features() const noexcept;    ///< D

  /// log p(x) for one row x, (D,). @throws InvalidArgument when x is not (D,) or not finite
  double log_prob(VectorView<const double> x);
  double log_prob(VectorView<const float> x);
  /// Writes γ(z_k) for one row x, (D,), to `out`, (K,). @throws InvalidArgument also when `out` is not (K,) or shares
  /// memory with x
  void responsibilities(VectorView<const double> x, VectorView<double> out);
  void responsibilities(VectorView<const float> x, VectorView<float> out);
  /// The component with the largest log-joint, the first of equals. @throws InvalidArgument as log_prob
  Index predict(VectorView<const double> x);
  Index predict(VectorView<const float> x);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gaussmix
