// The M-step's sums for all pairs of a row and a component at once ("dense"), about one center: products of matrices. Uses
// vector and moments.inl.hpp.

template <int N>
struct Constant {
  static constexpr int value = N;
};

/// Components and vectors of a tile of dense sums; of speed alone. These 12 accumulators hide the latency of two
/// multiply-adds a cycle and leave registers of AVX2 for the two vectors of a row and a weight.
inline constexpr int dense_components = 6;
inline constexpr int dense_vectors = 2;

/// Calls use(Constant<C>, c) for tiles of components c … c + C − 1 that cover 0 … k − 1 and are as equal as can be.
template <class Use>
GAUSSMIX_INLINE void for_each_tile(Index k, const Use& use) {
  for (Index c = 0, size; c < k; c += size) {
    const Index tiles = (k - c + dense_components - 1) / dense_components;
    size = (k - c + tiles - 1) / tiles;
    static_assert(dense_components == 6, "one case for each");
    switch (size) {
      case 1: use(Constant<1>{}, c); break;
      case 2: use(Constant<2>{}, c); break;
      case 3: use(Constant<3>{}, c); break;
      case 4: use(Constant<4>{}, c); break;
      case 5: use(Constant<5>{}, c); break;
      default: use(Constant<6>{}, c); break;
    }
  }
}

/// Σ_i γ_i of C components, added to `sum`.
template <class T, int C>
void add_weights(const T* gamma, Index stride, Index n, double* sum) {
  Vec<T> total[C];
  set_zero(total);
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>)
    for (int c = 0; c < C; ++c) total[c] += load_unaligned(gamma + c * stride + i);
  for (int c = 0; c < C; ++c) {
    if (i < n) total[c] += load_some(gamma + c * stride + i, n - i);
    sum[c] += horizontal_sum<T>(total[c]);
  }
}

/// Σ_i γ_i v_i of C components for the NV vectors v of every one of n ≥ 1 rows, those of vector v and component c added
/// to sums[v · step + c · lanes …].
template <class T, int C, int NV>
void add_vectors(const T* panel, const T* gamma, Index stride, Index n, double* sums, Index step) {
  Vec<T> acc[C][NV];
  set_zero(acc);
  Index i = 0;
  do {
    Vec<T> row[NV];
    for (int v = 0; v < NV; ++v) row[v] = load(panel + (i * NV + v) * lanes<T>);
    for (int c = 0; c < C; ++c) {
      const Vec<T> g = broadcast(gamma[c * stride + i]);
      for (int v = 0; v < NV; ++v) acc[c][v] = madd<T>(g, row[v], acc[c][v]);
    }
  } while (++i < n);
  for (int c = 0; c < C; ++c)
    for (int v = 0; v < NV; ++v) add_vector(acc[c][v], sums + v * step + c * lanes<T>);
}

/// A vector of what dense sums of whole scatters are of, with d = x − center and features in blocks of `lanes`, block b
/// of features b · lanes …: for row ≥ 0 the products d_row · d_j of the features j of a block before that of `row`; else
/// the numbers entry … entry + lanes − 1 of the list that the block's own features have, d_j and then the lower triangle
/// of d_i · d_j row by row.
struct ProductVector {
  Index block, row, entry;
};

template <class T>
Index features_of_block(Index d, Index block) {
  return d - block * lanes<T> < lanes<T> ? d - block * lanes<T> : Index{lanes<T>};
}

/// Calls use(ProductVector) for the vectors that make Σγd and the lower triangle of Σγ d dᵀ.
template <class T, class Use>
GAUSSMIX_INLINE void for_each_product_vector(Index d, const Use& use) {
  for (Index block = 0; block * lanes<T> < d; ++block) {
    const Index features = features_of_block<T>(d, block);
    for (Index before = 0; before < block; ++before)
      for (Index r = 0; r < features; ++r) use(ProductVector{before, block * lanes<T> + r, 0});
    for (Index entry = 0; entry < features * (features + 3) / 2; entry += lanes<T>)
      use(ProductVector{block, -1, entry});
  }
}

/// Calls use(l, i, j) for the lanes l = 0, 1, … that numbers entry, entry + 1, … of a block's own list fill: they are d_j
/// for i = −1, else d_i · d_j, with features counted from the block's first.
template <class T, class Use>
GAUSSMIX_INLINE void for_each_entry(Index features, Index entry, const Use& use) {
  Index i = -1, j = entry;
  for (Index length = features; j >= length; length = i + 1) j -= length, ++i;
  for (Index l = 0; l < lanes<T> && i < features; ++l) {
    use(l, i, j);
    if (++j < (i < 0 ? features : i + 1)) continue;
    j = 0;
    ++i;
  }
}

template <class T>
Index dense_size(Index d, bool full) {
  Index vectors = 0;
  if (full)
    for_each_product_vector<T>(d, [&](ProductVector) { ++vectors; });
  else
    vectors = 2 * ((d + lanes<T> - 1) / lanes<T>);
  return vectors * lanes<T>;
}

template <class T>
inline constexpr Index dense_panel = dense_vectors * dense_rows * lanes<T>;

template <class T>
Index dense_scratch(Index d, bool full) {
  return dense_panel<T> + (full ? dense_rows * padded_to(d, lanes<T>) : 0);
}

/// Features j … j + lanes − 1 of every row about the center, `step` from row to row in `out`; zeros from feature d on.
template <class T>
void center_vector(const T* x, Index row_stride, Index n, Index d, Location<T> center, Index j, T* out, Index step) {
  const Index last = d - j < lanes<T> ? d - j : lanes<T>;
  const FeatureCenter<T, 1> about(center, j, last);
  for_each_row<T>(n, last, [&](const Index i, const Index count) {
    store(out + i * step, about.difference(x + i * row_stride + j, 0, count));
  });
}

/// A vector of products of each of n rows, out of `centered`, (⌈d / lanes⌉, dense_rows, lanes), to `out`, `step` from
/// row to row. Lanes behind the last product hold products too.
template <class T>
void multiply_features(const T* centered, Index n, Index d, ProductVector of, T* out, Index step) {
  const T* column = centered + of.block * lanes<T> * dense_rows;
  if (of.row >= 0) {
    const T* row = centered + of.row / lanes<T> * lanes<T> * dense_rows + of.row % lanes<T>;
    for (Index i = 0; i < n; ++i) store(out + i * step, broadcast(row[i * lanes<T>]) * load(column + i * lanes<T>));
    return;
  }
  IntVec<T> first{}, second{}, alone{};
  for_each_entry<T>(features_of_block<T>(d, of.block), of.entry, [&](Index l, Index i, Index j) {
    first[l] = static_cast<LaneIndex<T>>(j);
    second[l] = static_cast<LaneIndex<T>>(i < 0 ? 0 : i);
    alone[l] = i < 0 ? -1 : 0;
  });
  for (Index i = 0; i < n; ++i) {
    const Vec<T> c = load(column + i * lanes<T>);
    store(out + i * step, picked(c, first) * select(alone, broadcast(T(1)), picked(c, second)));
  }
}

/// Σγ, Σγd and Σγ d dᵀ (`full`) or Σγd² of k components as products of matrices: the weights, (k, n), times the
/// products of features, (n, …). Each vector of these products is made once for all components; a panel of some of every
/// row at a time stays in the nearest cache.
template <class T>
void moments_dense(const T* x, Index row_stride, Index n, const T* gamma, Index stride, Index k, Index d, bool full,
                   Location<T> center, T* scratch, double* sum, double* sums) {
  T* panel = scratch;
  const Index step = k * lanes<T>;  // from a vector's sums to the next one's
  const auto add = [&](const auto vectors, Index place) {
    for_each_tile(k, [&](const auto components, Index c) {
      add_vectors<T, decltype(components)::value, decltype(vectors)::value>(panel, gamma + c * stride, stride, n,
                                                                            sums + place * step + c * lanes<T>, step);
    });
  };
  for_each_tile(k, [&](const auto components, Index c) {
    add_weights<T, decltype(components)::value>(gamma + c * stride, stride, n, sum + c);
  });
  if (!full) {
    for (Index j = 0; j < d; j += lanes<T>) {
      center_vector(x, row_stride, n, d, center, j, panel, 2 * lanes<T>);
      for (Index i = 0; i < n; ++i) {
        const Vec<T> c = load(panel + 2 * i * lanes<T>);
        store(panel + (2 * i + 1) * lanes<T>, c * c);
      }
      add(Constant<2>{}, 2 * (j / lanes<T>));
    }
    return;
  }
  T* centered = scratch + dense_panel<T>;
  for (Index j = 0; j < d; j += lanes<T>)
    center_vector(x, row_stride, n, d, center, j, centered + j * dense_rows, lanes<T>);
  static_assert(dense_vectors == 2, "a vector that waits for another one");
  Index place = 0;
  ProductVector waiting{};
  for_each_product_vector<T>(d, [&](ProductVector vector) {
    if (++place % 2 != 0) {
      waiting = vector;
      return;
    }
    multiply_features(centered, n, d, waiting, panel, 2 * lanes<T>);
    multiply_features(centered, n, d, vector, panel + lanes<T>, 2 * lanes<T>);
    add(Constant<2>{}, place - 2);
  });
  if (place % 2 == 0) return;
  multiply_features(centered, n, d, waiting, panel, lanes<T>);
  add(Constant<1>{}, place - 1);
}

/// Σγd and Σγ d dᵀ or Σγd² of one component, out of what moments_dense adds.
template <class T>
void dense_moments(const double* sums, Index k, Index component, Index d, bool full, double* first, double* second) {
  const double* values = sums + component * lanes<T>;
  const Index step = k * lanes<T>;
  if (!full) {
    for (Index j = 0; j < d; ++j) {
      first[j] = values[2 * (j / lanes<T>)*step + j % lanes<T>];
      second[j] = values[(2 * (j / lanes<T>)+1) * step + j % lanes<T>];
    }
    return;
  }
  for_each_product_vector<T>(d, [&](ProductVector vector) {
    const Index begin = vector.block * lanes<T>;
    if (vector.row >= 0)
      for (Index l = 0; l < lanes<T>; ++l) second[vector.row * d + begin + l] = values[l];
    else
      for_each_entry<T>(features_of_block<T>(d, vector.block), vector.entry, [&](Index l, Index i, Index j) {
        (i < 0 ? first : second + (begin + i) * d)[begin + j] = values[l];
      });
    values += step;
  });
}
