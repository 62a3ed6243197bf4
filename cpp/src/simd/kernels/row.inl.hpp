// One row against all components, lanes along components: the equations of distances and posterior.inl.hpp. Every sum
// runs in the order of the block kernels, so that the bits agree. Uses vector and distances.inl.hpp.

inline constexpr int group_vectors = static_cast<int>(row_group) / lanes<double>;
static_assert(row_group * sizeof(double) % vector_bytes == 0, "a group of components fills whole float64 vectors");

/// q_k = ‖L_k⁻¹(x − μ_k)‖², panel by panel; the factors of a group's components stand side by side, entry by entry.
void row_distances_full(const double* x, Index d, Index groups, const double* means, const double* factors,
                        double* scratch, double* q) {
  constexpr int nv = group_vectors;
  for (Index g = 0; g < groups; ++g, means += d * row_group) {
    for (Index j = 0; j < d; ++j)
      for (int v = 0; v < nv; ++v)
        store(scratch + j * row_group + v * lanes<double>, x[j] - load(means + j * row_group + v * lanes<double>));
    Vec<double> sum[nv];
    sum_features<double>(d, sum, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      for (Index row = begin; row < end; row += panel_rows) {
        const Index columns = row + panel_rows < d ? row + panel_rows : d;
        Vec<double> y[panel_rows][nv] = {};
        for (Index j = 0; j < columns; ++j, factors += panel_rows * row_group)
          for (int v = 0; v < nv; ++v) {
            const Vec<double> c = load(scratch + j * row_group + v * lanes<double>);
            for (Index r = 0; r < panel_rows; ++r)
              y[r][v] = madd<double>(load(factors + r * row_group + v * lanes<double>), c, y[r][v]);
          }
        for (Index r = 0; r < panel_rows; ++r)
          for (int v = 0; v < nv; ++v) sum[v] = madd<double>(y[r][v], y[r][v], sum[v]);
      }
    });
    for (int v = 0; v < nv; ++v) store(q + g * row_group + v * lanes<double>, sum[v]);
  }
}

/// q_k = Σ_j ((x_j − μ_kj) · inv_std_kj)².
void row_distances_diag(const double* x, Index d, Index groups, const double* means, const double* inv_std, double* q) {
  constexpr int nv = group_vectors;
  for (Index g = 0; g < groups; ++g, means += d * row_group, inv_std += d * row_group) {
    Vec<double> sum[nv];
    sum_features<double>(d, sum, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      for (Index j = begin; j < end; ++j)
        for (int v = 0; v < nv; ++v) {
          const Index at = j * row_group + v * lanes<double>;
          const Vec<double> y = (x[j] - load(means + at)) * load(inv_std + at);
          sum[v] = madd<double>(y, y, sum[v]);
        }
    });
    for (int v = 0; v < nv; ++v) store(q + g * row_group + v * lanes<double>, sum[v]);
  }
}

/// y = L⁻¹(x − c), column by column: y += L⁻¹(:, j) (x_j − c_j), which adds the terms of each y_i in the order of the
/// panels.
void row_transform(const double* x, Index d, const double* center, const double* factor, double* y) {
  const Index padded = (d + row_group - 1) / row_group * row_group;
  for (Index i = 0; i < padded; ++i) y[i] = 0.0;
  for (Index j = 0; j < d; ++j) {
    const Vec<double> c = broadcast(x[j] - center[j]);
    for (Index i = j / row_group * row_group; i < padded; i += lanes<double>)
      store(y + i, madd<double>(load(factor + j * padded + i), c, load(y + i)));
  }
}

/// q_k = Σ_j (y_j − ν_kj)², in the space where every Σ_k is the unit matrix.
void row_distances_unit(const double* x, Index d, Index groups, const double* means, double* q) {
  constexpr int nv = group_vectors;
  for (Index g = 0; g < groups; ++g, means += d * row_group) {
    Vec<double> sum[nv];
    sum_features<double>(d, sum, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      for (Index j = begin; j < end; ++j)
        for (int v = 0; v < nv; ++v) {
          const Vec<double> c = x[j] - load(means + j * row_group + v * lanes<double>);
          sum[v] = madd<double>(c, c, sum[v]);
        }
    });
    for (int v = 0; v < nv; ++v) store(q + g * row_group + v * lanes<double>, sum[v]);
  }
}

/// log p = m + log Σ_k exp(t_k − m) with m = max_k t_k, and γ_k, by the exclusion rule; the sum runs over the
/// components in their order.
bool row_posterior(double* q, Index k, const double* log_norm, const double* log_weight, double cut, double* log_p) {
  const Index padded = (k + row_group - 1) / row_group * row_group;
  Vec<double> check{}, largest_lanes = broadcast(-infinity<double>);
  for (Index c = 0; c < padded; c += lanes<double>) {
    check = madd<double>(load(q + c), Vec<double>{}, check);  // as in Kernels::log_prob
    const Vec<double> t = madd<double>(load(q + c), broadcast(-0.5), load(log_norm + c) + load(log_weight + c));
    largest_lanes = larger<double>(t, largest_lanes);
    store(q + c, t);
  }
  double largest = largest_lanes[0];
  for (int l = 1; l < lanes<double>; ++l) largest = largest_lanes[l] > largest ? largest_lanes[l] : largest;
  if (any<double>(~(check == 0.0)) || !(largest > -infinity<double>)) return false;
  double sum = 0;
  for (Index c = 0; c < padded; c += lanes<double>) {
    Vec<double> e[1] = {load(q + c) - largest};
    const Vec<double> least =
        larger<double>(load(log_weight + c) - cut, broadcast(Elementary<double>::exp_min));  // as least_shifted
    const IntVec<double> counts[1] = {e[0] >= least};
    exp_where<double>(counts, e);
    store(q + c, e[0]);
    for (int l = 0; l < lanes<double>; ++l) sum += q[c + l];
  }
  *log_p = largest + log_positive<double>(broadcast(sum))[0];
  const double factor = 1.0 / sum;
  for (Index c = 0; c < k; ++c) q[c] *= factor;
  return true;
}
