// The M-step for few features: the sums of moments.inl.hpp with the lanes along rows, from strips. Uses vector,
// distances and moments.inl.hpp.

/// Strips whose lanes are added in T before they go to double. It bounds the error in float32: 3 · 32 = 96 additions a
/// lane lose at most 96 units u of the sum of magnitudes.
inline constexpr Index strips_per_flush = 32;

/// d where its weight γ is positive, else 0: a difference that overflows then adds nothing, where 0 · inf would add
/// NaN.
template <class T>
GAUSSMIX_INLINE Vec<T> counted(Vec<T> gamma, Vec<T> d) {
  return select(gamma > T(0), d, Vec<T>{});
}

/// Σγ, Σγd and Σγ d dᵀ (`Full`) or Σγd² for a fixed small D, d = x − center; all sums stay in registers, and vectors of
/// rows that all weigh 0 are passed over.
template <class T, int D, bool Full>
void moments_of(const T* strips, Index n, Location<T> center, const T* gamma, double* sum, double* first,
                double* second) {
  constexpr Index strip = strip_of<T>;
  *sum = 0.0;
  for (int j = 0; j < D; ++j) first[j] = 0.0;
  for (int j = 0; j < (Full ? D * D : D); ++j) second[j] = 0.0;
  for (Index begin = 0; begin < n; begin += strips_per_flush * strip) {
    const Index end = begin + strips_per_flush * strip < n ? begin + strips_per_flush * strip : n;
    Vec<T> total{}, s1[D], s2[D][D];
    set_zero(s1);
    set_zero(s2);
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
          for (int l = Full ? 0 : j; l <= j; ++l) s2[j][l] = madd<T>(weighted, c[l], s2[j][l]);
        }
      }
    *sum += horizontal_sum<T>(total);
    for (int j = 0; j < D; ++j) {
      first[j] += horizontal_sum<T>(s1[j]);
      for (int l = Full ? 0 : j; l <= j; ++l) second[Full ? j * D + l : j] += horizontal_sum<T>(s2[j][l]);
    }
  }
}

template <class T, int D>
void moments_of(const T* strips, Index n, Location<T> center, const T* gamma, bool full, double* sum, double* first,
                double* second) {
  if (full) return moments_of<T, D, true>(strips, n, center, gamma, sum, first, second);
  moments_of<T, D, false>(strips, n, center, gamma, sum, first, second);
}

template <class T>
void moments_small(const T* strips, Index n, Index d, Location<T> center, const T* gamma, bool full, double* sum,
                   double* first, double* second) {
  static_assert(small_features == 4, "one case for each");
  switch (d) {
    case 1: return moments_of<T, 1>(strips, n, center, gamma, full, sum, first, second);
    case 2: return moments_of<T, 2>(strips, n, center, gamma, full, sum, first, second);
    case 3: return moments_of<T, 3>(strips, n, center, gamma, full, sum, first, second);
    default: return moments_of<T, 4>(strips, n, center, gamma, full, sum, first, second);
  }
}

/// The row behind the last of a tile that begins at row `begin` of the lower triangle of D features. A tile has 6 to 11
/// accumulators of the triangle, beside those of Σγd, so that registers hold them.
constexpr int tile_end(int begin, int features) {
  if (begin == 0) return features == 5 ? 3 : 4;
  return begin <= 4 && begin + 2 <= features ? begin + 2 : begin + 1;
}

/// Rows of the lower triangle of Σγ d dᵀ from `Begin` on, tile by tile, and Σγd of the same features, over `count`
/// vectors of rows. `points` holds for each of these D vectors x − center and one of γ.
template <class T, int D, int Begin>
GAUSSMIX_INLINE void add_scatter(const T* points, Index count, Vec<T>* first, Vec<T>* second) {
  constexpr int End = tile_end(Begin, D);
  Vec<T> s1[End - Begin], s2[End - Begin][End];
  set_zero(s1);
  set_zero(s2);
  const T* point = points;
  for (Index p = 0; p < count; ++p, point += (D + 1) * lanes<T>)
    for (int r = Begin; r < End; ++r) {
      const Vec<T> weighted = load(point + D * lanes<T>) * load(point + r * lanes<T>);
      s1[r - Begin] += weighted;
      for (int l = 0; l <= r; ++l) s2[r - Begin][l] = madd<T>(weighted, load(point + l * lanes<T>), s2[r - Begin][l]);
    }
  for (int r = Begin; r < End; ++r) {
    first[r] += s1[r - Begin];
    for (int l = 0; l <= r; ++l) second[r * (r + 1) / 2 + l] += s2[r - Begin][l];
  }
  if constexpr (End < D) add_scatter<T, D, End>(points, count, first, second);
}

/// Σγ, Σγd and Σγ d dᵀ for a fixed D. Vectors of rows of which one weighs more than 0 are centered, some at a time, and
/// stay in the nearest cache while the tiles of the triangle run over them.
template <class T, int D>
void moments_few_of(const T* strips, Index n, Location<T> center, const T* gamma, T* scratch, double* sum,
                    double* first, double* second) {
  constexpr Index strip = strip_of<T>, most = strips_per_flush * strip_vectors;  // vectors added in T
  constexpr Index fitting = moments_scratch<T>(D) / ((D + 1) * lanes<T>), chunk = fitting < most ? fitting : most;
  Vec<T> total{}, s1[D], s2[D * (D + 1) / 2];
  set_zero(s1);
  set_zero(s2);
  *sum = 0.0;
  for (int j = 0; j < D; ++j) first[j] = 0.0;
  for (int j = 0; j < D * D; ++j) second[j] = 0.0;
  Index held = 0, added = 0;
  const auto flush = [&] {
    *sum += horizontal_sum<T>(total);
    for (int j = 0; j < D; ++j) {
      first[j] += horizontal_sum<T>(s1[j]);
      for (int l = 0; l <= j; ++l) second[j * D + l] += horizontal_sum<T>(s2[j * (j + 1) / 2 + l]);
    }
    total = Vec<T>{};
    set_zero(s1);
    set_zero(s2);
    added = 0;
  };
  const auto add = [&] {
    add_scatter<T, D, 0>(scratch, held, s1, s2);
    added += held;
    held = 0;
    if (added + chunk > most) flush();
  };
  for (Index i = 0; i < n; i += strip)
    for (int v = 0; v < strip_vectors; ++v) {
      const Vec<T> g = load(gamma + i + v * lanes<T>);
      if (!any<T>(g > T(0))) continue;
      if (held == chunk) add();
      total += g;
      T* out = scratch + held++ * ((D + 1) * lanes<T>);
      for (int j = 0; j < D; ++j)
        store(out + j * lanes<T>, counted<T>(g, difference(strips + i * D + j * strip + v * lanes<T>, center, j)));
      store(out + D * lanes<T>, g);
    }
  add();
  flush();
}

template <class T>
void moments_few(const T* strips, Index n, Index d, Location<T> center, const T* gamma, T* scratch, double* sum,
                 double* first, double* second) {
  static_assert(small_features == 4 && few_features == 11, "one case for each");
  switch (d) {
    case 5: return moments_few_of<T, 5>(strips, n, center, gamma, scratch, sum, first, second);
    case 6: return moments_few_of<T, 6>(strips, n, center, gamma, scratch, sum, first, second);
    case 7: return moments_few_of<T, 7>(strips, n, center, gamma, scratch, sum, first, second);
    case 8: return moments_few_of<T, 8>(strips, n, center, gamma, scratch, sum, first, second);
    case 9: return moments_few_of<T, 9>(strips, n, center, gamma, scratch, sum, first, second);
    case 10: return moments_few_of<T, 10>(strips, n, center, gamma, scratch, sum, first, second);
    default: return moments_few_of<T, 11>(strips, n, center, gamma, scratch, sum, first, second);
  }
}
