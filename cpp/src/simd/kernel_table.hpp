#pragma once

// The border between the library and its kernels: plain data. A kernel takes pointers, sizes, strides and the caller's
// scratch; it allocates, throws, prints and stores nothing. Each instruction set compiles kernels.inl.hpp into one
// table.

#include <cstdint>

namespace gaussmix::simd {

/// gaussmix::Index once more: kernels include no header of the library but this one. data/block_loader.hpp asserts that
/// the two are one type.
using Index = std::int64_t;

// Sizes of speed alone; bench/cpp/bench_kernels times both sides of each border.

/// Rows of a panel of a triangular factor, of which rank r takes ⌈r / panel_rows⌉: panel_rows × 3 vectors of sums, the
/// 3 vectors of a column and one entry of the factor fill the 16 registers of AVX2.
inline constexpr Index panel_rows = 4;
/// Up to so many features (D ≤ 4) a row's differences and a component's sums fit into registers. The M-step then has
/// the rows of a block along the lanes, as the E-step does, and the E-step evaluates every component: pruning it would
/// cost more than the few multiply-adds that it saves.
inline constexpr Index small_features = 4;
/// Up to so many features (D ≤ 11) whole scatters too are summed with rows along the lanes: lanes along so few features
/// would be empty in part, and half of a scatter's tiles lies above the diagonal. Pruning begins beyond it.
inline constexpr Index few_features = 11;
/// Rows that moments_dense takes at a time, two strips of the widest kernel: of each it keeps two vectors, 3 to 12 KiB
/// in all, in the nearest cache. In float32 a sum has so many terms before it goes to double.
inline constexpr Index dense_rows = 96;
/// Candidates of a step of seeding that are compared at a time.
inline constexpr Index most_candidates = 24;
/// The bit that marks what candidate c is nearer to than any seed; the last one is shared.
constexpr Index nearer_bit(Index c) noexcept { return c < 7 ? c : 7; }
/// Every block of rows is a multiple of this, hence of every table's strip.
inline constexpr Index strip_multiple = 48;
/// Alignment of all kernel buffers, in bytes.
inline constexpr Index alignment = 64;
/// Components side by side in the one-row layout: 8 in float64, 16 in float32.
template <class T>
inline constexpr Index row_group = alignment / static_cast<Index>(sizeof(T));

/// Marks a point off the support of a singular component in an array of squared distances.
inline constexpr int off_support = -1;

// A block of n rows is held in strips of `strip` rows, feature by feature: element (i, j) stands at
//   strips[(i / strip) * d * strip + j * strip + i % strip].
// The last strip is padded with copies of the last row. Arrays over the rows of a block (distances, responsibilities)
// are as long as the strips.

/// A location μ as the sum of two numbers, hi + lo. Kernels compute x − μ as (x − hi) − lo, so that in float32 μ has 48
/// bits; lo may be null in float64, where hi is exact.
template <class T>
struct Location {
  const T* hi;
  const T* lo;
};

/// L⁻¹ of one component, Σ = L Lᵀ. Panel p holds rows 4p … 4p + 3: for each column j < min(4p + 4, rank) the four
/// entries L⁻¹(4p + r, j), r = 0 … 3, with zeros above the diagonal and from row `rank` on. Row and column i of L
/// belong to feature order[i] (null: to feature i).
template <class T>
struct Factor {
  const T* panels;
  const Index* order;
  Index rank;
  /// Read only where rank < d: M = L₂₁ L₁₁⁻¹ in scaled features, (d − rank, rank), and 1/σ_j in the order of `order`,
  /// (d,).
  const T* residual;
  const T* inv_scale;
};

/// The components of a mixture, (K,) arrays and rows of (K, D).
template <class T>
struct Components {
  Index k;
  Index d;
  Location<T> means;
  const Factor<T>* factors;  ///< full; else null
  const T* inv_std;          ///< (K, D), diag; where `factors` too is null, Σ_k is the unit matrix
  const T* log_norm;
  const T* log_weight;
  /// (K, K) row-major, or null: the distance ‖L_k⁻¹(x − μ_k)‖ of every row x from component k is at least lower[l · K +
  /// k] − lipschitz[l · K + k] · its distance from component l, by far more than these distances are rounded.
  const T* lower = nullptr;
  const T* lipschitz = nullptr;
};

/// Rows of a block that count for one component: their places, ascending, and their weights γ > 0.
template <class T>
struct WeightedRows {
  const std::int32_t* rows;
  const T* gamma;
  Index count;
};

/// Rows that enter the sums of clusters, or leave them: their places, clusters and weights, below 0 for those that
/// leave.
struct ClusteredRows {
  const std::int32_t* rows;
  const std::int32_t* label;
  const double* weight;
  Index count;
};

/// What softmax writes in place of the squared distances.
enum class Posterior { log_joint, log_responsibilities, responsibilities };

template <class T>
struct Kernels {
  /// Rows per strip.
  Index strip;

  /// Packs n rows of x, order[0], order[1], … (null: 0, 1, …), into strips. Raises *largest to max |x| where that is
  /// more. Returns false when a value is not finite.
  bool (*pack)(const T* x, Index row_stride, Index col_stride, const std::int32_t* order, Index n, Index d, T* strips,
               T* largest);

  /// q[i] = ‖L⁻¹(x_i − μ)‖², the squared Mahalanobis distance (Bishop 2006, eq. 2.44); off_support where the residual
  /// of a singular component is beyond 64u × the size of its terms. scratch: 2 · d · strip elements.
  void (*distances_full)(const T* strips, Index n_strips, Index d, Location<T> mean, Factor<T> factor, T* scratch,
                         T* q);

  /// q[i] = Σ_j ((x_ij − μ_j) · inv_std_j)². A feature of inv_std 0 has no variance: off_support unless |x_ij − μ_j| ≤
  /// 64u (|x_ij| + |μ_j|).
  void (*distances_diag)(const T* strips, Index n_strips, Index d, Location<T> mean, const T* inv_std, T* q);

  /// q[i] = Σ_j (x_ij − c_j)².
  void (*distances_unit)(const T* strips, Index n_strips, Index d, Location<T> center, T* q);

  /// y_i = L⁻¹(x_i − c) in strips of d = factor.rank features. scratch: d · strip elements.
  void (*transform)(const T* strips, Index n_strips, Index d, Location<T> center, Factor<T> factor, T* scratch, T* y);

  /// Turns squared distances q, (K, stride), of n rows (a multiple of strip) into what is asked for, in place. With the
  /// log-joints t_k = (log_norm_k + log_weight_k) − q_k / 2, that is t_k, t_k − log Σ_l exp t_l or exp(t_k) / Σ_l exp
  /// t_l (Bishop 2006, eq. 9.13). Returns false when a row needs the extended range: a distance is not finite or,
  /// beyond log_joint, no t_k is finite.
  bool (*posterior)(T* q, Index stride, Index n, Index k, const T* log_norm, const T* log_weight, Posterior what);

  /// log p = log Σ_k exp t_k of each row from q (Bishop 2006, eq. 9.7) by the exclusion rule: a component with t_k −
  /// max t < log_weight_k − cut adds nothing, nor does one so far below that exp vanishes (−708, in float32 −87). In
  /// place of q it leaves the log-joints or, with `responsibilities`, the γ_k under the rule times weight[i] (null: 1);
  /// in *counted, how many pairs of a row and a component the rule kept. Returns as posterior.
  bool (*log_prob)(T* q, Index stride, Index n, Index k, const T* log_norm, const T* log_weight, T cut, const T* weight,
                   bool responsibilities, T* log_p, Index* counted);

  /// Distances and log_prob in one, with the same bits, but without evaluating what the rule excludes: a component
  /// whose distance bounds put it below the cut is not begun, and any other stops at the first entries of L⁻¹(x − μ)
  /// that put it below the cut in a whole strip. For regular components in their features' own order and for finite
  /// distances alone. `component` lists what each strip keeps: kept[s] components of strip s, ascending, strip by
  /// strip. gamma, (listed, strip), holds their responsibilities, or their log-joints unless `responsibilities`. Both
  /// have room for K of every strip. label: a likely component of each row, which decides how much is evaluated and
  /// nothing else. scratch: pruned_scratch(d) elements.
  bool (*pruned_log_prob)(const T* strips, Index n_strips, const Components<T>& components, T cut, const T* weight,
                          const std::int32_t* label, bool responsibilities, T* scratch, std::int32_t* component,
                          Index* kept, T* gamma, T* log_p);
  Index (*pruned_scratch)(Index d);

  /// For each row the component of the largest log-joint by its first 8 features alone: a guess.
  void (*likely_components)(const T* strips, Index n_strips, const Components<T>& components, T* scratch,
                            std::int32_t* label);

  /// Weighted sums of one component about `center`: sum = Σγ, first[j] = Σ γ d_j, second[j] = Σ γ d_j² with d = x −
  /// center. Overwrites its outputs.
  void (*moments_diag)(const T* x, Index row_stride, WeightedRows<T> weighted, Index d, Location<T> center, double* sum,
                       double* first, double* second);

  /// The sums of moments_diag or, with `full`, of moments_full for k components about one center, over n rows, 1 ≤ n ≤
  /// dense_rows, with weights gamma[c · stride + i] ≥ 0. Σγ is added to sum[c], the others to `sums`, k · dense_size(d,
  /// full) values in an order that dense_moments knows. No product of two features of x − center may overflow. scratch:
  /// dense_scratch(d) elements.
  void (*moments_dense)(const T* x, Index row_stride, Index n, const T* gamma, Index stride, Index k, Index d,
                        bool full, Location<T> center, T* scratch, double* sum, double* sums);
  Index (*dense_scratch)(Index d);
  Index (*dense_size)(Index d, bool full);
  /// Takes `first` and `second` of one of the k components out of the sums.
  void (*dense_moments)(const double* sums, Index k, Index component, Index d, bool full, double* first,
                        double* second);
  /// How many of n weights γ ≥ 0 are positive.
  Index (*count_positive)(const T* gamma, Index n);

  /// As moments_diag with second = Σ γ d dᵀ, (d, d) row-major, lower triangle. scratch: moments_scratch(d) elements.
  void (*moments_full)(const T* x, Index row_stride, WeightedRows<T> weighted, Index d, Location<T> center, T* scratch,
                       double* sum, double* first, double* second);
  Index (*moments_scratch)(Index d);

  /// moments_full or moments_diag for d ≤ small_features, over strips of n rows with weights gamma[i] ≥ 0, zero in the
  /// padding.
  void (*moments_small)(const T* strips, Index n, Index d, Location<T> center, const T* gamma, bool full, double* sum,
                        double* first, double* second);

  /// As moments_small, full, for small_features < d ≤ few_features. scratch: moments_scratch(d) elements.
  void (*moments_few)(const T* strips, Index n, Index d, Location<T> center, const T* gamma, T* scratch, double* sum,
                      double* first, double* second);

  /// For each row the least and the second least of its squared distances, those of distances_unit, from k centers, (k,
  /// d), and the place of the least one, the first of equals; `second` is +inf where k is 1.
  void (*two_nearest)(const T* strips, Index n_strips, Index d, Index k, Location<T> centers, T* nearest, T* second,
                      std::int32_t* label);

  /// What each of k ≤ most_candidates rows of `candidates`, (k, d), would take off Σ w · closest if it became a seed:
  /// adds Σ_i w_i max(closest_i − ‖x_i − c‖², 0) to gains[c]. weight null: 1; `closest` is 0 in the padding. Bit
  /// nearer_bit(c) of nearer[i] says whether ‖x_i − c‖² < closest_i for some c of that bit.
  void (*potential_gains)(const T* strips, Index n_strips, Index d, Index k, Location<T> candidates, const T* closest,
                          const double* weight, double* gains, std::uint8_t* nearer);

  /// Σ w · value over n values; weight null: 1. Values of weight 0 may be anything.
  double (*weighted_sum)(const T* values, const double* weight, Index n);

  /// first[label] += w (x − reference[label]) for each row in turn; first and reference: a row of d for each cluster.
  void (*add_to_clusters)(const T* x, Index row_stride, Index col_stride, ClusteredRows rows, Index d,
                          const double* reference, double* first);
};

/// One row x, (d,), against groups of row_group components, lanes along components. For regular components in their
/// features' own order alone; unused places of the last group hold zeros.
template <class T>
struct RowKernels {
  /// q, (groups, row_group). means: (groups, d, row_group); factors: (groups, the panels of Factor with row_group
  /// values for each entry). scratch: (d × row_group).
  void (*distances_full)(const T* x, Index d, Index groups, Location<T> means, const T* factors, T* scratch, T* q);
  /// means and inv_std: (groups, d, row_group).
  void (*distances_diag)(const T* x, Index d, Index groups, Location<T> means, const T* inv_std, T* q);
  void (*distances_unit)(const T* x, Index d, Index groups, Location<T> means, T* q);
  /// y = L⁻¹(x − c), (d padded to row_group); factor holds L⁻¹ column by column, (d, d padded to row_group) with zeros.
  void (*transform)(const T* x, Index d, Location<T> center, const T* factor, T* y);
  /// log p from q of one row by the exclusion rule, which cut = +inf turns off, and the responsibilities in place of q.
  /// k components are padded to whole groups with log_weight = −inf. Returns as Kernels::posterior.
  bool (*posterior)(T* q, Index k, const T* log_norm, const T* log_weight, T cut, T* log_p);
};

/// Features of the processor that a table was compiled for, read from the compiler's own macros.
enum Feature : std::uint32_t {
  feature_sse2 = 1u << 0,
  feature_avx = 1u << 1,
  feature_avx2 = 1u << 2,
  feature_fma = 1u << 3,
  feature_avx512f = 1u << 4,
  feature_avx512bw = 1u << 5,
  feature_avx512dq = 1u << 6,
  feature_avx512vl = 1u << 7,
  feature_avx512cd = 1u << 8,
  feature_neon = 1u << 9,
};

struct KernelTable {
  const char* name;
  std::uint32_t features;
  Kernels<double> f64;
  Kernels<float> f32;
  RowKernels<double> row_f64;
  RowKernels<float> row_f32;
};

/// The kernels of one precision.
template <class T>
constexpr const Kernels<T>& kernels_of(const KernelTable& table) noexcept {
  if constexpr (sizeof(T) == sizeof(double))
    return table.f64;
  else
    return table.f32;
}

template <class T>
constexpr const RowKernels<T>& row_kernels_of(const KernelTable& table) noexcept {
  if constexpr (sizeof(T) == sizeof(double))
    return table.row_f64;
  else
    return table.row_f32;
}

extern const KernelTable kernels_baseline;

}  // namespace gaussmix::simd
