// The M-step's sums for all pairs of a row and a component at once ("dense"), about one center: products of matrices.
// Uses vector and moments.inl.hpp.

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

/// Σ_i γ_i v_i of C components for the NV vectors v = rows(i, 0), … of every one of n ≥ 1 rows i, those of vector v and
/// component c added to sums[v · step + c · lanes …].
template <class T, int C, int NV, class Rows>
void add_vectors(const Rows& rows, const T* gamma, Index stride, Index n, double* sums, Index step) {
  Vec<T> acc[C][NV];
  set_zero(acc);
  Index i = 0;
  do {
    Vec<T> row[NV];
    for (int v = 0; v < NV; ++v) row[v] = rows(i, v);
    for (int c = 0; c < C; ++c) {
      const Vec<T> g = broadcast(gamma[c * stride + i]);
      for (int v = 0; v < NV; ++v) acc[c][v] = madd<T>(g, row[v], acc[c][v]);
    }
  } while (++i < n);
  for (int c = 0; c < C; ++c)
    for (int v = 0; v < NV; ++v) add_vector(acc[c][v], sums + v * step + c * lanes<T>);
}

/// The same for k components in tiles, out of `panel`, (n, NV, lanes), which keeps the vectors. They are made before the
/// first tile or, where Rows::quick, beside its multiply-adds.
template <class T, int NV, class Rows>
void add_products(const Rows& rows, const T* gamma, Index stride, Index n, Index k, T* panel, double* sums) {
  const auto place = [panel](Index i, int v) GAUSSMIX_INLINE_LAMBDA { return panel + (i * NV + v) * lanes<T>; };
  const auto made = [&](Index i, int v) GAUSSMIX_INLINE_LAMBDA {
    const Vec<T> vector = rows(i, v);
    store(place(i, v), vector);
    return vector;
  };
  const auto kept = [&](Index i, int v) GAUSSMIX_INLINE_LAMBDA { return load<T>(place(i, v)); };
  if constexpr (!Rows::quick)
    for (Index i = 0; i < n; ++i)
      for (int v = 0; v < NV; ++v) made(i, v);
  for_each_tile(k, [&](const auto components, Index c) {
    constexpr int C = decltype(components)::value;
    const T* weights = gamma + c * stride;
    double* out = sums + c * lanes<T>;
    if constexpr (Rows::quick)
      if (c == 0) return add_vectors<T, C, NV>(made, weights, stride, n, out, k * lanes<T>);
    add_vectors<T, C, NV>(kept, weights, stride, n, out, k * lanes<T>);
  });
}

/// A vector of what dense sums of whole scatters are of, with d = x − center and features in blocks of `lanes`, block b
/// of features b · lanes …: for row ≥ 0 the products d_row · d_j of the features j of a block before that of `row`; else
/// the numbers entry … entry + lanes − 1 of the block's own list (ProductList).
struct ProductVector {
  Index block, row, entry;
};

/// What a block of `lanes` features adds of its own: the d_j from the last feature to the first one, then the lower
/// triangle of d_i · d_j row by row. The list of a block of fewer features is a part of it, from `begin` on.
template <class T>
struct ProductList {
  static constexpr int size = lanes<T> * (lanes<T> + 3) / 2;
  /// j and i, with i = −1 for d_j itself; behind the end d_0 · d_0.
  LaneIndex<T> first[size + lanes<T>] = {}, second[size + lanes<T>] = {};

  constexpr ProductList() {
    int entry = 0;
    for (int j = lanes<T> - 1; j >= 0; --j, ++entry) first[entry] = static_cast<LaneIndex<T>>(j), second[entry] = -1;
    for (int i = 0; i < lanes<T>; ++i)
      for (int j = 0; j <= i; ++j, ++entry)
        first[entry] = static_cast<LaneIndex<T>>(j), second[entry] = static_cast<LaneIndex<T>>(i);
  }
  static constexpr Index begin(Index features) { return lanes<T> - features; }
  static constexpr Index count(Index features) { return features * (features + 3) / 2; }
};
template <class T>
inline constexpr ProductList<T> product_list;

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
    for (Index entry = 0; entry < ProductList<T>::count(features); entry += lanes<T>)
      use(ProductVector{block, -1, entry});
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
Index dense_scratch(Index d) {
  return dense_panel<T> + dense_rows * padded_to(d, lanes<T>);
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

// The vectors of row i, out of `centered`, (⌈d / lanes⌉, dense_rows, lanes). Lanes behind the last product hold products
// too. quick: they are made with registers that a tile leaves.

/// The features of a block, and their squares.
template <class T>
struct Squares {
  static constexpr bool quick = true;
  const T* block;

  GAUSSMIX_INLINE Vec<T> operator()(Index i, int v) const {
    const Vec<T> c = load(block + i * lanes<T>);
    return v == 0 ? c : c * c;
  }
};

/// Products of one feature and those of a block.
template <class T, int NV>
struct OuterProducts {
  static constexpr bool quick = true;
  const T* row[NV];
  const T* column[NV];

  OuterProducts(const T* centered, Index, const ProductVector* of) {
    for (int v = 0; v < NV; ++v) {
      row[v] = centered + of[v].row / lanes<T> * lanes<T> * dense_rows + of[v].row % lanes<T>;
      column[v] = centered + of[v].block * lanes<T> * dense_rows;
    }
  }
  GAUSSMIX_INLINE Vec<T> operator()(Index i, int v) const {
    return broadcast(row[v][i * lanes<T>]) * load(column[v] + i * lanes<T>);
  }
};

/// A part of a block's own list.
template <class T, int NV>
struct ListedProducts {
#if defined(__AVX512F__)
  static constexpr bool quick = true;
#else
  static constexpr bool quick = false;
#endif
  const T* block[NV];
  IntVec<T> first[NV], second[NV];

  ListedProducts(const T* centered, Index d, const ProductVector* of) {
    for (int v = 0; v < NV; ++v) {
      const Index entry = ProductList<T>::begin(features_of_block<T>(d, of[v].block)) + of[v].entry;
      block[v] = centered + of[v].block * lanes<T> * dense_rows;
      __builtin_memcpy(&first[v], product_list<T>.first + entry, vector_bytes);
      __builtin_memcpy(&second[v], product_list<T>.second + entry, vector_bytes);
    }
  }
  GAUSSMIX_INLINE Vec<T> operator()(Index i, int v) const {
    const Vec<T> c = load(block[v] + i * lanes<T>);
    return picked(c, first[v]) * select(second[v] < 0, broadcast(T(1)), picked(c, second[v]));
  }
};

/// Calls use(Constant<count>, vectors) for the vectors of for_each_product_vector in their order, two of a kind at a
/// time where there are two.
template <class T, class Use>
GAUSSMIX_INLINE void for_each_product_panel(Index d, const Use& use) {
  ProductVector held[2];
  int count = 0;
  for_each_product_vector<T>(d, [&](ProductVector vector) {
    if (count == 1 && (held[0].row < 0) != (vector.row < 0)) {
      use(Constant<1>{}, held);
      count = 0;
    }
    held[count++] = vector;
    if (count < 2) return;
    use(Constant<2>{}, held);
    count = 0;
  });
  if (count == 1) use(Constant<1>{}, held);
}

/// Σγ, Σγd and Σγ d dᵀ (`full`) or Σγd² of k components as products of matrices: the weights, (k, n), times the
/// products of features, (n, …). Each vector of these products is made once for all components; a panel of some of every
/// row at a time stays in the nearest cache.
template <class T>
void moments_dense(const T* x, Index row_stride, Index n, const T* gamma, Index stride, Index k, Index d, bool full,
                   Location<T> center, T* scratch, double* sum, double* sums) {
  T *panel = scratch, *centered = scratch + dense_panel<T>;
  for_each_tile(k, [&](const auto components, Index c) {
    add_weights<T, decltype(components)::value>(gamma + c * stride, stride, n, sum + c);
  });
  for (Index j = 0; j < d; j += lanes<T>)
    center_vector(x, row_stride, n, d, center, j, centered + j * dense_rows, lanes<T>);
  if (!full) {
    for (Index j = 0; j < d; j += lanes<T>, sums += 2 * k * lanes<T>)
      add_products<T, 2>(Squares<T>{centered + j * dense_rows}, gamma, stride, n, k, panel, sums);
    return;
  }
  for_each_product_panel<T>(d, [&](const auto count, const ProductVector* vectors) {
    constexpr int NV = decltype(count)::value;
    if (vectors[0].row >= 0)
      add_products<T, NV>(OuterProducts<T, NV>(centered, d, vectors), gamma, stride, n, k, panel, sums);
    else
      add_products<T, NV>(ListedProducts<T, NV>(centered, d, vectors), gamma, stride, n, k, panel, sums);
    sums += NV * k * lanes<T>;
  });
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
    const Index begin = vector.block * lanes<T>, features = features_of_block<T>(d, vector.block);
    if (vector.row >= 0) {
      for (Index l = 0; l < lanes<T>; ++l) second[vector.row * d + begin + l] = values[l];
    } else {
      const Index skipped = ProductList<T>::begin(features) + vector.entry;
      const Index count = ProductList<T>::count(features) - vector.entry;
      for (Index l = 0; l < lanes<T> && l < count; ++l) {
        const Index i = product_list<T>.second[skipped + l], j = begin + product_list<T>.first[skipped + l];
        (i < 0 ? first : second + (begin + i) * d)[j] = values[l];
      }
    }
    values += step;
  });
}
