// The M-step's sums over a block of rows, of one component or of all, about a given center c with d = x − c:
//   n = Σ_i γ_i,  Σ_i γ_i d_i,  Σ_i γ_i d_i d_iᵀ or its diagonal
// from which π, μ and Σ follow (Bishop 2006, eqs. 9.24 to 9.27). Lanes along features. Uses vector.inl.hpp.

/// Rows that are added in T before their sums go to double. It bounds the error in float32: 127 additions lose at most
/// 127 units u of the sum of magnitudes, 8e-6 of it, however many rows a block has.
inline constexpr Index rows_per_flush = 128;

/// Σ values in double; four sums side by side, because each addition waits for the one before it.
template <class T>
double sum_of(const T* values, Index count) {
  double total[4] = {};
  Index i = 0;
  for (; i + 4 <= count; i += 4)
    for (int l = 0; l < 4; ++l) total[l] += static_cast<double>(values[i + l]);
  for (; i < count; ++i) total[0] += static_cast<double>(values[i]);
  return (total[0] + total[1]) + (total[2] + total[3]);
}

/// The center of NV vectors of features from feature j on, of which the last holds `last` ≤ lanes features.
template <class T, int NV>
struct FeatureCenter {
  Vec<T> hi[NV], lo[NV];

  GAUSSMIX_INLINE FeatureCenter(Location<T> center, Index j, Index last) {
    set_zero(lo);
    for (int v = 0; v < NV; ++v) {
      hi[v] = load_some(center.hi + j + v * lanes<T>, features(v, last));
      if constexpr (sizeof(T) == sizeof(float)) lo[v] = load_some(center.lo + j + v * lanes<T>, features(v, last));
    }
  }
  /// Features of vector v.
  static GAUSSMIX_INLINE Index features(int v, Index last) { return v + 1 < NV ? Index{lanes<T>} : last; }
  /// Vector v of x − center; `row` points to feature j.
  GAUSSMIX_INLINE Vec<T> difference(const T* row, int v, Index last) const {
    const Vec<T> d = load_some(row + v * lanes<T>, features(v, last)) - hi[v];
    if constexpr (sizeof(T) == sizeof(float)) return d - lo[v];
    return d;
  }
};

/// Calls use(p, last) for p = 0 … count − 1; `last`, the features of the last vector, is a constant where that is
/// whole.
template <class T, class Use>
GAUSSMIX_INLINE void for_each_row(Index count, Index last, const Use& use) {
  if (last == lanes<T>)
    for (Index p = 0; p < count; ++p) use(p, Index{lanes<T>});
  else
    for (Index p = 0; p < count; ++p) use(p, last);
}

/// Σγd and Σγd² of NV vectors of features from feature j on, of which the last holds `last` ≤ lanes features.
template <class T, int NV>
GAUSSMIX_INLINE void add_features(const T* x, Index row_stride, WeightedRows<T> weighted, Location<T> center, Index j,
                                  Index last, double* first, double* second) {
  const FeatureCenter<T, NV> about(center, j, last);
  Vec<T> s1[NV], s2[NV];
  set_zero(s1);
  set_zero(s2);
  for_each_row<T>(weighted.count, last, [&](const Index p, const Index count) {
    const T* row = x + weighted.rows[p] * row_stride + j;
    const Vec<T> g = broadcast(weighted.gamma[p]);
    for (int v = 0; v < NV; ++v) {
      const Vec<T> c = about.difference(row, v, count);
      const Vec<T> w = g * c;
      s1[v] += w;
      s2[v] = madd<T>(w, c, s2[v]);
    }
  });
  for (int v = 0; v < NV; ++v)
    for (Index l = 0; l < about.features(v, last); ++l) {
      first[j + v * lanes<T> + l] += static_cast<double>(s1[v][l]);
      second[j + v * lanes<T> + l] += static_cast<double>(s2[v][l]);
    }
}

/// Σγ, Σγd and Σγd²; four vectors of features at a time hide the latency of an addition.
template <class T>
void moments_diag(const T* x, Index row_stride, WeightedRows<T> weighted, Index d, Location<T> center, double* sum,
                  double* first, double* second) {
  constexpr Index vector = lanes<T>;
  *sum = 0.0;
  for (Index j = 0; j < d; ++j) first[j] = second[j] = 0.0;
  for (Index begin = 0; begin < weighted.count; begin += rows_per_flush) {
    const Index count = weighted.count - begin < rows_per_flush ? weighted.count - begin : rows_per_flush;
    const WeightedRows<T> part{weighted.rows + begin, weighted.gamma + begin, count};
    *sum += sum_of(part.gamma, count);
    Index j = 0;
    for (; j + 4 * vector <= d; j += 4 * vector)
      add_features<T, 4>(x, row_stride, part, center, j, vector, first, second);
    const Index rest = d - j, last = (rest - 1) % vector + 1;
    switch ((rest + vector - 1) / vector) {
      case 1: add_features<T, 1>(x, row_stride, part, center, j, last, first, second); break;
      case 2: add_features<T, 2>(x, row_stride, part, center, j, last, first, second); break;
      case 3: add_features<T, 3>(x, row_stride, part, center, j, last, first, second); break;
      case 4: add_features<T, 4>(x, row_stride, part, center, j, last, first, second); break;
      default: break;
    }
  }
}

constexpr Index padded_to(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

template <class T>
Index count_positive(const T* gamma, Index n) {
  Index count = 0;
  for (Index i = 0; i < n; ++i) count += gamma[i] > T(0) ? 1 : 0;
  return count;
}

/// Adds a vector, or its first `count` lanes.
GAUSSMIX_INLINE void add_vector(Vec<double> v, double* out) {
  *reinterpret_cast<VectorTypes<double>::Unaligned*>(out) = load_unaligned(out) + v;
}
GAUSSMIX_INLINE void add_vector(Vec<float> v, double* out) {
  add_vector(widened_half(v, 0), out);
  add_vector(widened_half(v, 1), out + lanes<double>);
}
template <class T>
GAUSSMIX_INLINE void add_lanes(Vec<T> v, Index count, double* out) {
  if (count == lanes<T>) return add_vector(v, out);
  alignas(vector_bytes) T values[lanes<T>];
  store(values, v);
  for (Index l = 0; l < count; ++l) out[l] += static_cast<double>(values[l]);
}

/// Rows of the scatter that one tile holds in registers, beside up to 3 vectors of its columns; of speed alone. 8 × 3
/// sums, 3 columns and a weight fit into the 32 registers of AVX-512, 4 × 3 into the 16 of the others. 8 rows hide the
/// latency of the multiply-adds: for 50,000 rows of 64 features and 16 components 4 rows took 0.073 s on AVX-512, 8
/// took 0.049 s.
#if defined(__AVX512F__)
inline constexpr int tile_rows = 8;
#else
inline constexpr int tile_rows = 4;
#endif
inline constexpr int tile_vectors = 3;
/// Rows centered and weighted at a time, after which float32 sums go to double. So much of one panel stays in the
/// nearest cache; not a power of two, so that panels do not begin a multiple of 4096 bytes apart.
inline constexpr Index chunk_rows = rows_per_flush - 1;

// Centered rows x − center lie in panels of the columns of a tile, (chunk_rows, column_panel) each; weighted ones γ(x −
// center) in panels of the rows of one or more tiles, (chunk_rows, row_panel) each. A tile reads both from end to end.
template <class T>
inline constexpr Index column_panel = tile_vectors * lanes<T>;
template <class T>
inline constexpr Index row_panel = lanes<T> > tile_rows ? lanes<T> : tile_rows;

template <class T>
GAUSSMIX_INLINE T* column_panel_of(T* centered, Index j) {
  return centered + j / column_panel<T> * (column_panel<T> * chunk_rows);
}
/// The place of feature j in the panel's first row.
template <class T>
GAUSSMIX_INLINE T* in_row_panel(T* weighted, Index j) {
  return weighted + j / row_panel<T> * (row_panel<T> * chunk_rows) + j % row_panel<T>;
}

template <class T>
constexpr Index moments_scratch(Index d) {
  return chunk_rows * (padded_to(d, column_panel<T>) + padded_to(d, row_panel<T>));
}

/// Centers and weights NV vectors of features from feature j on, the beginning of a panel, of which the last holds
/// `last` ≤ lanes features; adds Σγ(x − center) to `first`.
template <class T, int NV>
void center_features(const T* x, Index row_stride, WeightedRows<T> rows, Location<T> center, Index j, Index last,
                     T* centered, T* weighted, double* first) {
  const FeatureCenter<T, NV> about(center, j, last);
  Vec<T> sum[NV];
  set_zero(sum);
  T* out = column_panel_of(centered, j);
  T* product[NV];
  for (int v = 0; v < NV; ++v) product[v] = in_row_panel(weighted, j + v * lanes<T>);
  for_each_row<T>(rows.count, last, [&](const Index p, const Index count) {
    const T* row = x + rows.rows[p] * row_stride + j;
    const Vec<T> g = broadcast(rows.gamma[p]);
    for (int v = 0; v < NV; ++v) {
      const Vec<T> c = about.difference(row, v, count);
      const Vec<T> w = g * c;
      store(out + p * column_panel<T> + v * lanes<T>, c);
      store(product[v] + p * row_panel<T>, w);
      sum[v] += w;
    }
  });
  for (int v = 0; v < NV; ++v)
    for (Index l = 0; l < about.features(v, last); ++l) first[j + v * lanes<T> + l] += static_cast<double>(sum[v][l]);
}

/// The lower triangle of scatter(row … row + tile_rows, column … column + NV vectors) += Σ_i weighted_i(row) ·
/// centered_i(column).
template <class T, int NV>
void add_tile(const T* weighted, const T* centered, Index count, Index d, Index row, Index column, double* scatter) {
  weighted = in_row_panel(weighted, row);
  centered = column_panel_of(centered, column);
  Vec<T> acc[tile_rows][NV];
  set_zero(acc);
  for (Index i = 0; i < count; ++i, weighted += row_panel<T>, centered += column_panel<T>) {
    Vec<T> c[NV];
    for (int v = 0; v < NV; ++v) c[v] = load(centered + v * lanes<T>);
    for (int r = 0; r < tile_rows; ++r) {
      const Vec<T> w = broadcast(weighted[r]);
      for (int v = 0; v < NV; ++v) acc[r][v] = madd<T>(w, c[v], acc[r][v]);
    }
  }
  for (int r = 0; r < tile_rows && row + r < d; ++r)
    for (int v = 0; v < NV; ++v) {
      const Index j = column + v * lanes<T>, to_diagonal = row + r + 1 - j;  // 0 or less: above it
      add_lanes<T>(acc[r][v], to_diagonal < lanes<T> ? to_diagonal : lanes<T>, scatter + (row + r) * d + j);
    }
}

/// Σγ, Σγd and the lower triangle of Σγ d dᵀ: chunk by chunk the rows are centered and weighted in their order, then
/// the scatter is summed tile by tile.
template <class T>
void moments_full(const T* x, Index row_stride, WeightedRows<T> weighted, Index d, Location<T> center, T* scratch,
                  double* sum, double* first, double* second) {
  T* centered = scratch;
  T* product = scratch + chunk_rows * padded_to(d, column_panel<T>);
  *sum = 0.0;
  for (Index j = 0; j < d; ++j) first[j] = 0.0;
  for (Index j = 0; j < d * d; ++j) second[j] = 0.0;
  for (Index begin = 0; begin < weighted.count; begin += chunk_rows) {
    const Index count = weighted.count - begin < chunk_rows ? weighted.count - begin : chunk_rows;
    const WeightedRows<T> part{weighted.rows + begin, weighted.gamma + begin, count};
    *sum += sum_of(part.gamma, count);
    for (Index column = 0; column < d; column += column_panel<T>) {
      const Index rest = d - column < column_panel<T> ? d - column : column_panel<T>, last = (rest - 1) % lanes<T> + 1;
      switch ((rest + lanes<T> - 1) / lanes<T>) {
        case 1: center_features<T, 1>(x, row_stride, part, center, column, last, centered, product, first); break;
        case 2: center_features<T, 2>(x, row_stride, part, center, column, last, centered, product, first); break;
        default: center_features<T, 3>(x, row_stride, part, center, column, last, centered, product, first); break;
      }
    }
    for (Index column = 0; column < d; column += column_panel<T>)
      for (Index row = column / tile_rows * tile_rows; row < d; row += tile_rows) {
        const Index columns = (row + tile_rows < d ? row + tile_rows : d) - column;
        if (columns <= lanes<T>)
          add_tile<T, 1>(product, centered, count, d, row, column, second);
        else if (columns <= 2 * lanes<T>)
          add_tile<T, 2>(product, centered, count, d, row, column, second);
        else
          add_tile<T, 3>(product, centered, count, d, row, column, second);
      }
  }
}
