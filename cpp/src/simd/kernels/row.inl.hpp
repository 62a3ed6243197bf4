// One row against all components, lanes along components: the equations of distances and posterior.inl.hpp. Every sum
// runs in the order of the block kernels, so that the bits agree. Uses vector and distances.inl.hpp.

/// The vectors of a group.
template <class T>
inline constexpr int group_vectors = static_cast<int>(row_group<T>) / lanes<T>;
static_assert(alignment % vector_bytes == 0, "a group of components fills whole vectors");

/// x_j − μ_kj for the components whose means of feature j stand at `at`: as difference().
template <class T>
GAUSSMIX_INLINE Vec<T> row_difference(T x, Location<T> means, Index at) {
  const Vec<T> d = x - load(means.hi + at);
  if constexpr (sizeof(T) == sizeof(float)) return d - load(means.lo + at);
  return d;
}

/// q_k = ‖L_k⁻¹(x − μ_k)‖², panel by panel; the factors of a group's components stand side by side, entry by entry.
template <class T>
void row_distances_full(const T* x, Index d, Index groups, Location<T> means, const T* factors, T* scratch, T* q) {
  constexpr int nv = group_vectors<T>;
  constexpr Index group = row_group<T>;
  for (Index g = 0; g < groups; ++g) {
    for (Index j = 0; j < d; ++j)
      for (int v = 0; v < nv; ++v)
        store(scratch + j * group + v * lanes<T>, row_difference(x[j], means, (g * d + j) * group + v * lanes<T>));
    Vec<T> sum[nv];
    sum_features<T>(d, sum, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      for (Index row = begin; row < end; row += panel_rows) {
        const Index columns = row + panel_rows < d ? row + panel_rows : d;
        Vec<T> y[panel_rows][nv] = {};
        for (Index j = 0; j < columns; ++j, factors += panel_rows * group)
          for (int v = 0; v < nv; ++v) {
            const Vec<T> c = load(scratch + j * group + v * lanes<T>);
            for (Index r = 0; r < panel_rows; ++r)
              y[r][v] = madd<T>(load(factors + r * group + v * lanes<T>), c, y[r][v]);
          }
        for (Index r = 0; r < panel_rows; ++r)
          for (int v = 0; v < nv; ++v) sum[v] = madd<T>(y[r][v], y[r][v], sum[v]);
      }
    });
    for (int v = 0; v < nv; ++v) store(q + g * group + v * lanes<T>, sum[v]);
  }
}

/// q_k = Σ_j ((x_j − μ_kj) · inv_std_kj)², inv_std null: 1.
template <class T, bool Scaled>
GAUSSMIX_INLINE void row_squares(const T* x, Index d, Index groups, Location<T> means, const T* inv_std, T* q) {
  constexpr int nv = group_vectors<T>;
  constexpr Index group = row_group<T>;
  for (Index g = 0; g < groups; ++g) {
    Vec<T> sum[nv];
    sum_features<T>(d, sum, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      for (Index j = begin; j < end; ++j)
        for (int v = 0; v < nv; ++v) {
          const Index at = (g * d + j) * group + v * lanes<T>;
          Vec<T> y = row_difference(x[j], means, at);
          if constexpr (Scaled) y *= load(inv_std + at);
          sum[v] = madd<T>(y, y, sum[v]);
        }
    });
    for (int v = 0; v < nv; ++v) store(q + g * group + v * lanes<T>, sum[v]);
  }
}

template <class T>
void row_distances_diag(const T* x, Index d, Index groups, Location<T> means, const T* inv_std, T* q) {
  row_squares<T, true>(x, d, groups, means, inv_std, q);
}

/// In the space where every Σ_k is the unit matrix.
template <class T>
void row_distances_unit(const T* x, Index d, Index groups, Location<T> means, T* q) {
  row_squares<T, false>(x, d, groups, means, nullptr, q);
}

/// y = L⁻¹(x − c), column by column: y += L⁻¹(:, j) (x_j − c_j), which adds the terms of each y_i in the order of the
/// panels.
template <class T>
void row_transform(const T* x, Index d, Location<T> center, const T* factor, T* y) {
  constexpr Index group = row_group<T>;
  const Index padded = (d + group - 1) / group * group;
  for (Index i = 0; i < padded; ++i) y[i] = 0;
  for (Index j = 0; j < d; ++j) {
    Vec<T> c = broadcast(x[j]) - center.hi[j];
    if constexpr (sizeof(T) == sizeof(float)) c -= center.lo[j];
    for (Index i = j / group * group; i < padded; i += lanes<T>)
      store(y + i, madd<T>(load(factor + j * padded + i), c, load(y + i)));
  }
}

/// log p = m + log Σ_k exp(t_k − m) with m = max_k t_k, and γ_k, by the exclusion rule; the sum runs over the
/// components in their order. What a row does not need is left out, as each operation waits for the one before it: the
/// exponentials of vectors in which no component counts, and the logarithm of a sum of 1, exp(0) of the largest alone.
template <class T>
bool row_posterior(T* q, Index k, const T* log_norm, const T* log_weight, T cut, T* log_p) {
  Vec<T> check{}, largest_lanes = broadcast(-infinity<T>);
  for (Index c = 0; c < k; c += lanes<T>) {
    check = madd<T>(load(q + c), Vec<T>{}, check);  // as in Kernels::log_prob
    const Vec<T> t = madd<T>(load(q + c), broadcast(T(-0.5)), load(log_norm + c) + load(log_weight + c));
    largest_lanes = larger<T>(t, largest_lanes);
    store(q + c, t);
  }
  const int used = k < lanes<T> ? static_cast<int>(k) : lanes<T>;
  T largest = largest_lanes[0];
  for (int l = 1; l < used; ++l) largest = largest_lanes[l] > largest ? largest_lanes[l] : largest;
  if (any<T>(~(check == T(0))) || !(largest > -infinity<T>)) return false;
  T sum = 0;
  for (Index c = 0; c < k; c += lanes<T>) {
    Vec<T> e[1] = {load(q + c) - largest};
    const Vec<T> least = larger<T>(load(log_weight + c) - cut, broadcast(Elementary<T>::exp_min));  // as least_shifted
    const IntVec<T> counts[1] = {e[0] >= least};
    if (!any<T>(counts[0])) {
      store(q + c, Vec<T>{});
      continue;
    }
    if (k > 1)
      exp_where<T>(counts, e);
    else
      e[0] = broadcast(T(1));
    store(q + c, e[0]);
    const Index end = c + lanes<T> < k ? c + lanes<T> : k;
    for (Index i = c; i < end; ++i) sum += q[i];
  }
  *log_p = sum == T(1) ? largest + T(0) : largest + log_positive<T>(broadcast(sum))[0];
  const T factor = T(1) / sum;
  for (Index c = 0; c < k; ++c) q[c] *= factor;
  return true;
}
