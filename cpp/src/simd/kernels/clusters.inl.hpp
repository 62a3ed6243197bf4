// Seeding and Lloyd's iterations on a block of rows: distances to several centers at a time, and what is kept of them.
// Uses vector and distances.

/// Centers whose distances are summed side by side: as many sums hide the latency of a multiply-add, and x is loaded
/// once for all.
inline constexpr int centers_abreast = 3;

/// Values whose double vector is one of Vec<double>: as many neighboring T.
template <class T>
GAUSSMIX_INLINE Vec<double> load_widened(const T* p) {
  if constexpr (sizeof(T) == sizeof(double)) {
    return load_unaligned(p);
  } else {
    typedef HalfVec Unaligned __attribute__((aligned(4)));
    return widened(*reinterpret_cast<const Unaligned*>(p));
  }
}

GAUSSMIX_INLINE void store_unaligned(double* p, Vec<double> v) {
  *reinterpret_cast<VectorTypes<double>::Unaligned*>(p) = v;
}

/// q_c = Σ_j (x_j − c_j)² of one strip for C centers, rows of (C, d), with the bits of distances_unit.
template <class T, int C>
GAUSSMIX_INLINE void distances_abreast(const T* strip_begin, Index d, Location<T> centers,
                                       Vec<T> (&q)[C * strip_vectors]) {
  sum_features<T>(d, q, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
    for (Index j = begin; j < end; ++j)
      for (int c = 0; c < C; ++c)
        for (int v = 0; v < strip_vectors; ++v) {
          const T* x = strip_begin + j * strip_of<T> + v * lanes<T>;
          const Vec<T> y = negative_difference(x, centers, c * d + j);
          q[c * strip_vectors + v] = madd<T>(y, y, q[c * strip_vectors + v]);
        }
  });
}

/// Calls meet(c, q) with the squared distances of one strip from every one of k centers in turn.
template <class T, class Meet>
GAUSSMIX_INLINE void for_each_center(const T* strip_begin, Index d, Index k, Location<T> centers, const Meet& meet) {
  const auto some = [&](auto count, Index first) {
    constexpr int C = decltype(count)::value;
    Vec<T> q[C * strip_vectors];
    const Location<T> here{centers.hi + first * d, sizeof(T) == sizeof(float) ? centers.lo + first * d : nullptr};
    distances_abreast<T, C>(strip_begin, d, here, q);
    for (int c = 0; c < C; ++c) meet(first + c, q + c * strip_vectors);
  };
  Index c = 0;
  for (; c + centers_abreast <= k; c += centers_abreast) some(std::integral_constant<int, centers_abreast>{}, c);
  for (; c < k; ++c) some(std::integral_constant<int, 1>{}, c);
}

/// Calls body(d) with small d as constants, so that loops over features are unrolled.
template <class Body>
GAUSSMIX_INLINE void with_features(Index d, const Body& body) {
  switch (d) {
    case 1: return body(std::integral_constant<Index, 1>{});
    case 2: return body(std::integral_constant<Index, 2>{});
    case 3: return body(std::integral_constant<Index, 3>{});
    case 4: return body(std::integral_constant<Index, 4>{});
    case 8: return body(std::integral_constant<Index, 8>{});
    default: return body(d);
  }
}

/// One strip's nearest and second nearest of the centers met so far; the first of equals stays.
template <class T>
struct TwoNearest {
  Vec<T> nearest[strip_vectors], second[strip_vectors];
  IntVec<T> label[strip_vectors];

  GAUSSMIX_INLINE TwoNearest() {
    for (int v = 0; v < strip_vectors; ++v) {
      nearest[v] = second[v] = broadcast(infinity<T>);
      label[v] = IntVec<T>{};
    }
  }
  GAUSSMIX_INLINE void meet(Index c, const Vec<T>* q) {
    using Int = decltype(IntVec<T>{}[0] + 0);
    for (int v = 0; v < strip_vectors; ++v) {
      const IntVec<T> nearer = q[v] < nearest[v];
      const Vec<T> farther = select(nearer, nearest[v], q[v]);
      label[v] = select(nearer, IntVec<T>{} + static_cast<Int>(c), label[v]);
      nearest[v] = select(nearer, q[v], nearest[v]);
      second[v] = select(farther < second[v], farther, second[v]);
    }
  }
};

template <class T>
void two_nearest(const T* strips, Index n_strips, Index d, Index k, Location<T> centers, T* nearest, T* second,
                 std::int32_t* label) {
  with_features(d, [&](auto features) {
    constexpr Index strip = strip_of<T>;
    for (Index s = 0; s < n_strips; ++s) {
      TwoNearest<T> two;
      for_each_center<T>(strips + s * features * strip, features, k, centers,
                         [&](Index c, const Vec<T>* q) { two.meet(c, q); });
      for (int v = 0; v < strip_vectors; ++v) {
        const Index at = s * strip + v * lanes<T>;
        store(nearest + at, two.nearest[v]);
        store(second + at, two.second[v]);
        for (int l = 0; l < lanes<T>; ++l) label[at + l] = static_cast<std::int32_t>(two.label[v][l]);
      }
    }
  });
}

/// sum += w · v lane by lane in double, w null: 1; nothing where w is 0, whatever v is there.
template <class T>
GAUSSMIX_INLINE Vec<double> add_weighted(const T* values, const double* weight, Vec<double> sum) {
  for (Index l = 0; l < lanes<T>; l += lanes<double>) {
    const Vec<double> v = load_widened(values + l);
    if (weight == nullptr) {
      sum += v;
    } else {
      const Vec<double> w = load_unaligned(weight + l);
      sum = madd<double>(w, select(w > 0.0, v, Vec<double>{}), sum);
    }
  }
  return sum;
}

template <class T>
void potential_gains(const T* strips, Index n_strips, Index d, Index k, Location<T> candidates, const T* closest,
                     const double* weight, double* gains, std::uint8_t* nearer) {
  with_features(d, [&](auto features) {
    constexpr Index strip = strip_of<T>;
    Vec<double> sums[most_candidates];
    for (Index c = 0; c < k; ++c) sums[c] = Vec<double>{};
    for (Index s = 0; s < n_strips; ++s) {
      IntVec<T> bits[strip_vectors];
      set_zero(bits);
      for_each_center<T>(strips + s * features * strip, features, k, candidates, [&](Index c, const Vec<T>* q) {
        using Int = decltype(IntVec<T>{}[0] + 0);
        const Int bit = Int{1} << nearer_bit(c);
        for (int v = 0; v < strip_vectors; ++v) {
          const Index at = s * strip + v * lanes<T>;
          const Vec<T> before = load(closest + at);
          const IntVec<T> is_nearer = q[v] < before;
          bits[v] |= is_nearer & bit;
          alignas(vector_bytes) T gain[lanes<T>];
          store(gain, select(is_nearer, before - q[v], Vec<T>{}));
          sums[c] = add_weighted(gain, weight ? weight + at : nullptr, sums[c]);
        }
      });
      for (int v = 0; v < strip_vectors; ++v)
        for (int l = 0; l < lanes<T>; ++l) nearer[s * strip + v * lanes<T> + l] = static_cast<std::uint8_t>(bits[v][l]);
    }
    for (Index c = 0; c < k; ++c) gains[c] += horizontal_sum<double>(sums[c]);
  });
}

template <class T>
double weighted_sum(const T* values, const double* weight, Index n) {
  constexpr Index step = 4 * lanes<T>;
  Vec<double> sums[4];
  set_zero(sums);
  Index i = 0;
  for (; i + step <= n; i += step)
    for (Index v = 0; v < 4; ++v) {
      const Index at = i + v * lanes<T>;
      sums[v] = add_weighted(values + at, weight ? weight + at : nullptr, sums[v]);
    }
  double rest = 0.0;
  for (; i < n; ++i) {
    const double w = weight ? weight[i] : 1.0;
    if (w > 0.0) rest += w * static_cast<double>(values[i]);
  }
  return horizontal_sum<double>((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest;
}

template <class T>
void add_to_clusters(const T* x, Index row_stride, Index col_stride, ClusteredRows rows, Index d,
                     const double* reference, double* first) {
  for (Index i = 0; i < rows.count; ++i) {
    const T* row = x + rows.rows[i] * row_stride;
    const double* r = reference + rows.label[i] * d;
    double* sum = first + rows.label[i] * d;
    const double w = rows.weight[i];
    Index j = 0;
    if (col_stride == 1)
      for (; j + lanes<double> <= d; j += lanes<double>) {
        const Vec<double> term = broadcast(w) * (load_widened(row + j) - load_unaligned(r + j));
        store_unaligned(sum + j, load_unaligned(sum + j) + term);
      }
    for (; j < d; ++j) sum[j] += w * (static_cast<double>(row[j * col_stride]) - r[j]);
  }
}
