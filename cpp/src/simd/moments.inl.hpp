// The M-step: weighted sums of one component over a block of rows, about a given center.

/// Strips whose lanes are added in T before they go to double: in float32 at most 96 additions a lane.
inline constexpr Index strips_per_flush = 32;

/// d where its weight is positive, else 0: a difference that overflows counts for nothing there.
template <class T>
GAUSSMIX_INLINE Vec<T> counted(Vec<T> gamma, Vec<T> d) {
  return select(gamma > T(0), d, Vec<T>{});
}

/// Positions in [begin, end) of the vectors of γ that hold a positive weight. @returns their number
template <class T>
GAUSSMIX_INLINE int positive_vectors(const T* gamma, Index begin, Index end, Index* positions) {
  int count = 0;
  for (Index i = begin; i < end; i += lanes<T>) {
    positions[count] = i;
    count += any<T>(load(gamma + i) > T(0)) ? 1 : 0;
  }
  return count;
}

/// Σγd and Σγd² of features j … j + F − 1 over vectors given by their weights and their positions in the strips.
template <class T, int F>
GAUSSMIX_INLINE void add_features(const T* strips, const Index* positions, const Vec<T>* weights, int count,
                                  Location<T> center, Index j, double* first, double* second) {
  Vec<T> s1[F] = {}, s2[F] = {};
  for (int p = 0; p < count; ++p)
    for (int f = 0; f < F; ++f) {
      const Vec<T> c = counted<T>(weights[p], difference(strips + positions[p] + (j + f) * strip_of<T>, center, j + f));
      const Vec<T> weighted = weights[p] * c;
      s1[f] += weighted;
      s2[f] = madd<T>(weighted, c, s2[f]);
    }
  for (int f = 0; f < F; ++f) {
    first[j + f] += horizontal_sum<T>(s1[f]);
    second[j + f] += horizontal_sum<T>(s2[f]);
  }
}

/// Σγ, Σγd and Σγd² with the lanes along points; vectors of weight 0 are passed over.
template <class T>
void moments_diag(const T* strips, Index n, Index d, Location<T> center, const T* gamma, double* sum, double* first,
                  double* second) {
  constexpr Index strip = strip_of<T>;
  *sum = 0.0;
  for (Index j = 0; j < d; ++j) first[j] = second[j] = 0.0;
  for (Index begin = 0; begin < n; begin += strips_per_flush * strip) {
    const Index end = begin + strips_per_flush * strip < n ? begin + strips_per_flush * strip : n;
    Index positions[strips_per_flush * strip_vectors];
    const int count = positive_vectors(gamma, begin, end, positions);
    if (count == 0) continue;
    Vec<T> weights[strips_per_flush * strip_vectors], total{};
    for (int p = 0; p < count; ++p) {
      const Index i = positions[p];
      weights[p] = load(gamma + i);
      total += weights[p];
      positions[p] = i / strip * strip * d + i % strip;  // of feature 0 in the strips
    }
    *sum += horizontal_sum<T>(total);
    Index j = 0;
    for (; j + 4 <= d; j += 4)  // four at a time hide the latency of an addition
      add_features<T, 4>(strips, positions, weights, count, center, j, first, second);
    for (; j < d; ++j) add_features<T, 1>(strips, positions, weights, count, center, j, first, second);
  }
}

/// moments_full for a fixed small D, lanes along points.
template <class T, int D>
void moments_small(const T* strips, Index n, Location<T> center, const T* gamma, double* sum, double* first,
                   double* second) {
  constexpr Index strip = strip_of<T>;
  *sum = 0.0;
  for (int j = 0; j < D; ++j) first[j] = 0.0;
  for (int j = 0; j < D * D; ++j) second[j] = 0.0;
  for (Index begin = 0; begin < n; begin += strips_per_flush * strip) {
    const Index end = begin + strips_per_flush * strip < n ? begin + strips_per_flush * strip : n;
    Vec<T> total{}, s1[D] = {}, s2[D][D] = {};
    for (Index i = begin; i < end; i += strip)
      for (int v = 0; v < strip_vectors; ++v) {
        const Vec<T> g = load(gamma + i + v * lanes<T>);
        if (!any<T>(g > T(0))) continue;
        total += g;
        Vec<T> c[D];
        for (int j = 0; j < D; ++j) {
          c[j] = counted<T>(g, difference(strips + i * D + j * strip + v * lanes<T>, center, j));
          const Vec<T> weighted = g * c[j];
          s1[j] += weighted;
          for (int l = 0; l <= j; ++l) s2[j][l] = madd<T>(weighted, c[l], s2[j][l]);
        }
      }
    *sum += horizontal_sum<T>(total);
    for (int j = 0; j < D; ++j) {
      first[j] += horizontal_sum<T>(s1[j]);
      for (int l = 0; l <= j; ++l) second[j * D + l] += horizontal_sum<T>(s2[j][l]);
    }
  }
}

/// Rows of the scatter that one tile holds in registers, beside up to 3 vectors of its columns.
#if defined(__AVX512F__)
inline constexpr int tile_rows = 8;
#else
inline constexpr int tile_rows = 4;
#endif
inline constexpr int tile_vectors = 3;
/// Points centred and weighted at a time: they stay in the nearest caches, and float32 sums go to double after as many.
inline constexpr Index chunk_rows = 128;

template <class T>
GAUSSMIX_INLINE Index padded_features(Index d) {
  constexpr Index unit = lanes<T> > tile_rows ? lanes<T> : tile_rows;
  return (d + unit - 1) / unit * unit;
}

template <class T>
Index moments_scratch(Index d) {
  return 2 * chunk_rows * padded_features<T>(d);
}

/// scatter(row … row + tile_rows, column … column + NV vectors) += Σ_i weighted_i(row) · centred_i(column).
template <class T, int NV>
void add_tile(const T* weighted, const T* centred, Index count, Index width, Index d, Index row, Index column,
              double* scatter) {
  Vec<T> acc[tile_rows][NV] = {};
  for (Index i = 0; i < count; ++i, weighted += width, centred += width) {
    Vec<T> c[NV];
    for (int v = 0; v < NV; ++v) c[v] = load(centred + column + v * lanes<T>);
    for (int r = 0; r < tile_rows; ++r) {
      const Vec<T> w = broadcast(weighted[row + r]);
      for (int v = 0; v < NV; ++v) acc[r][v] = madd<T>(w, c[v], acc[r][v]);
    }
  }
  for (int r = 0; r < tile_rows && row + r < d; ++r)
    for (int v = 0; v < NV; ++v)
      for (int l = 0; l < lanes<T>; ++l) {
        const Index j = column + v * lanes<T> + l;
        if (j <= row + r) scatter[(row + r) * d + j] += static_cast<double>(acc[r][v][l]);
      }
}

/// The lower triangle of scatter += Σ_i weighted_i centred_iᵀ, tile by tile.
template <class T>
void add_scatter(const T* weighted, const T* centred, Index count, Index width, Index d, double* scatter) {
  for (Index row = 0; row < d; row += tile_rows) {
    const Index last = row + tile_rows < d ? row + tile_rows : d;  // columns [0, last)
    Index column = 0;
    for (; column + 2 * lanes<T> < last; column += 3 * lanes<T>)
      add_tile<T, 3>(weighted, centred, count, width, d, row, column, scatter);
    if (column + lanes<T> < last)
      add_tile<T, 2>(weighted, centred, count, width, d, row, column, scatter);
    else if (column < last)
      add_tile<T, 1>(weighted, centred, count, width, d, row, column, scatter);
  }
}

/// Centres one row and weights it, both padded with zeros to `width`; adds the weighted row to `first`.
template <class T>
GAUSSMIX_INLINE void centre_row(const T* row, Index d, Index width, Location<T> center, T gamma, T* centred,
                                T* weighted, T* first) {
  Index j = 0;
  for (; j + lanes<T> <= d; j += lanes<T>) {
    Vec<T> c = load_unaligned(row + j) - load_unaligned(center.hi + j);
    if constexpr (sizeof(T) == sizeof(float)) c -= load_unaligned(center.lo + j);
    const Vec<T> w = gamma * c;
    store(centred + j, c);
    store(weighted + j, w);
    store(first + j, load(first + j) + w);
  }
  for (; j < width; ++j) {
    T c = 0;
    if (j < d) {
      c = row[j] - center.hi[j];
      if constexpr (sizeof(T) == sizeof(float)) c -= center.lo[j];
    }
    const T w = gamma * c;
    centred[j] = c;
    weighted[j] = w;
    first[j] += w;
  }
}

/// moments_full with the lanes along features; rows of weight 0 are passed over, the others taken in their order.
template <class T>
void moments_any(const T* rows, Index row_stride, Index n, Index d, Location<T> center, const T* gamma, T* scratch,
                 double* sum, double* first, double* second) {
  const Index width = padded_features<T>(d);
  T* centred = scratch;
  T* weighted = scratch + (chunk_rows - 1) * width;  // the last row of each half holds the chunk's Σγd
  T* chunk_first = weighted + (chunk_rows - 1) * width;
  *sum = 0.0;
  for (Index j = 0; j < d; ++j) first[j] = 0.0;
  for (Index j = 0; j < d * d; ++j) second[j] = 0.0;
  for (Index i = 0; i < n;) {
    Index count = 0;
    for (Index j = 0; j < width; ++j) chunk_first[j] = T(0);
    for (; i < n && count < chunk_rows - 1; ++i) {
      if (!(gamma[i] > T(0))) continue;
      *sum += static_cast<double>(gamma[i]);
      centre_row(rows + i * row_stride, d, width, center, gamma[i], centred + count * width, weighted + count * width,
                 chunk_first);
      ++count;
    }
    for (Index j = 0; j < d; ++j) first[j] += static_cast<double>(chunk_first[j]);
    add_scatter(weighted, centred, count, width, d, second);
  }
}

template <class T>
void moments_full(const T* strips, const T* rows, Index row_stride, Index n, Index padded, Index d, Location<T> center,
                  const T* gamma, T* scratch, double* sum, double* first, double* second) {
  switch (d) {
    case 1: return moments_small<T, 1>(strips, padded, center, gamma, sum, first, second);
    case 2: return moments_small<T, 2>(strips, padded, center, gamma, sum, first, second);
    case 3: return moments_small<T, 3>(strips, padded, center, gamma, sum, first, second);
    case 4: return moments_small<T, 4>(strips, padded, center, gamma, sum, first, second);
    default: return moments_any(rows, row_stride, n, d, center, gamma, scratch, sum, first, second);
  }
}
