// The E-step's first half: squared Mahalanobis distances of a block of rows to one component (Bishop 2006, eq. 2.44),
//   Δ² = (x − μ)ᵀ Σ⁻¹ (x − μ) = ‖L⁻¹(x − μ)‖² with Σ = L Lᵀ.
// The difference x − μ is formed first: a quadratic form in x would lose (μ/σ)² digits where the data have an offset.
// Uses vector.inl.hpp.

/// x − μ for one feature of a strip: (x − hi) − lo in float32, where μ is kept as two numbers.
template <class T>
GAUSSMIX_INLINE Vec<T> difference(const T* x, Location<T> mean, Index j) {
  const Vec<T> d = load(x) - mean.hi[j];
  if constexpr (sizeof(T) == sizeof(float)) return d - mean.lo[j];
  return d;
}

/// Terms that a sum over features takes one after the other. It bounds the error of every squared distance, see
/// sum_features; up to so many features, the usual case, the sum is a plain one.
inline constexpr Index fold = 128;
static_assert(fold % panel_rows == 0, "a fold ends with a panel");

/// q = Σ_j term_j, term_j ≥ 0, over features 0 … d − 1, by blocked summation (Higham 2002, section 4.2), so that its
/// rounding hardly grows with d: runs of `fold` terms are added up, then the sums of `fold` such runs, then those. The
/// error of n terms is at most 2 · fold + n / fold² units u of the sum, where plain addition loses n. add(begin, end)
/// adds the terms of a run to q, and may end it, and the whole sum, by false; go_on() may do so between two runs. Both
/// see a part of the sum in q. It is always inlined, `add` as well, or q would not stay in registers.
/// @returns whether q is whole
template <class T, int N, class Add, class GoOn>
GAUSSMIX_INLINE bool sum_features(Index d, Vec<T> (&q)[N], const Add& add, const GoOn& go_on) {
  set_zero(q);
  if (d <= fold) return add(Index{0}, d);
  Vec<T> runs[N], total[N];
  set_zero(runs);
  set_zero(total);
  for (Index begin = 0; begin < d; begin += fold) {
    if (begin % (fold * fold) == 0)
      for (int v = 0; v < N; ++v) {
        total[v] += runs[v];
        runs[v] = Vec<T>{};
      }
    set_zero(q);
    if (!add(begin, begin + fold < d ? begin + fold : d)) return false;
    for (int v = 0; v < N; ++v) {
      runs[v] += q[v];
      q[v] = total[v] + runs[v];
    }
    if (!go_on()) return false;
  }
  return true;
}

template <class T, int N, class Add>
GAUSSMIX_INLINE void sum_features(Index d, Vec<T> (&q)[N], const Add& add) {
  sum_features<T>(
      d, q,
      [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
        add(begin, end);
        return true;
      },
      [] { return true; });
}

/// Writes features j … j + count − 1 of `lanes` rows, each of them contiguous, side by side into a strip; calls
/// see(values) with every vector read.
template <class T, class See>
GAUSSMIX_INLINE void pack_square(const T* const (&rows)[lanes<T>], Index j, Index count, T* out, const See& see) {
  Vec<T> square[lanes<T>];
  for (int l = 0; l < lanes<T>; ++l) see(square[l] = load_some(rows[l] + j, count));
  transpose<T>(square);
  for (Index l = 0; l < count; ++l) store(out + (j + l) * strip_of<T>, square[l]);
}

/// μ − x, for sums of squares, which have no sign: with x last an instruction takes it from memory.
template <class T>
GAUSSMIX_INLINE Vec<T> negative_difference(const T* x, Location<T> mean, Index j) {
  const Vec<T> d = mean.hi[j] - load(x);
  if constexpr (sizeof(T) == sizeof(float)) return d + mean.lo[j];
  return d;
}

/// Rows of a list for which pack asks the caches before it takes them, as no processor foresees them. Changes speed
/// alone.
inline constexpr Index rows_ahead = 12;

/// Asks for the contiguous rows of the list that are taken rows_ahead after rows i … i + lanes − 1.
template <class T>
GAUSSMIX_INLINE void fetch(const T* x, Index row_stride, const std::int32_t* order, Index i, Index n, Index d) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  for (Index l = i + rows_ahead; l < i + rows_ahead + lanes<T> && l < n; ++l)
    for (Index j = 0; j < d; j += line) __builtin_prefetch(x + order[l] * row_stride + j);
}

template <class T>
bool pack(const T* x, Index row_stride, Index col_stride, const std::int32_t* order, Index n, Index d, T* strips,
          T* largest) {
  constexpr Index strip = strip_of<T>;
  Vec<T> check{}, size = broadcast(*largest);
  const auto see = [&](Vec<T> value) {
    check = madd<T>(value, Vec<T>{}, check);  // 0 · x is 0 for finite x and NaN otherwise; NaN stays in a sum
    size = larger<T>(absolute<T>(value), size);
  };
  for (Index begin = 0; begin < n; begin += strip, strips += strip * d)
    for (Index first = 0; first < strip; first += lanes<T>) {
      const T* rows[lanes<T>];
      for (Index l = 0; l < lanes<T>; ++l) {
        const Index place = begin + first + l < n ? begin + first + l : n - 1;
        rows[l] = x + (order ? order[place] : place) * row_stride;
      }
      if (order && col_stride == 1) fetch(x, row_stride, order, begin + first, n, d);
      T* out = strips + first;
      Index j = 0;
      if (col_stride == 1) {
        for (; j + lanes<T> <= d; j += lanes<T>) pack_square(rows, j, Index{lanes<T>}, out, see);
        if (j < d) pack_square(rows, j, d - j, out, see);
        continue;
      }
      for (; j < d; ++j) {
        for (Index l = 0; l < lanes<T>; ++l) out[j * strip + l] = rows[l][j * col_stride];
        see(load(out + j * strip));
      }
    }
  for (int l = 0; l < lanes<T>; ++l) *largest = size[l] > *largest ? size[l] : *largest;
  return !any<T>(~(check == T(0)));
}

/// y_r += L⁻¹(r, j) c_j for rows r = first … of a panel: `panel` points to column j, c holds feature j of a strip.
template <class T>
GAUSSMIX_INLINE void add_column(const T* panel, Index first, const Vec<T> (&c)[strip_vectors],
                                Vec<T> (&y)[panel_rows][strip_vectors]) {
  for (Index r = first; r < panel_rows; ++r) {
    const Vec<T> l = broadcast(panel[r]);
    for (int v = 0; v < strip_vectors; ++v) y[r][v] = madd<T>(l, c[v], y[r][v]);
  }
}

/// add_column for the last `columns` columns of a panel, a triangle: column(j, c) fills c for the j-th of them. A whole
/// triangle is unrolled by recursion over J.
template <class T, Index J = 0, class Column>
GAUSSMIX_INLINE void add_triangle(const T* panel, Index columns, const Column& column,
                                  Vec<T> (&y)[panel_rows][strip_vectors]) {
  if (J == 0 && columns < panel_rows) {
    for (Index j = 0; j < columns; ++j) {
      Vec<T> c[strip_vectors];
      column(j, c);
      add_column(panel + j * panel_rows, j, c, y);
    }
  } else if constexpr (J < panel_rows) {
    Vec<T> c[strip_vectors];
    column(J, c);
    add_column(panel + J * panel_rows, J, c, y);
    add_triangle<T, J + 1>(panel, columns, column, y);
  }
}

/// y = L⁻¹ c for a strip c of centered features, (rank, strip): calls done(r, y) with y_r … y_r+3 of each panel of rows
/// begin … end − 1, the first of which is at `panels`. @returns where the next panel is
template <class T, class Done>
GAUSSMIX_INLINE const T* for_each_panel(const T* panels, Index begin, Index end, Index rank, const T* centered,
                                        const Done& done) {
  constexpr Index strip = strip_of<T>;
  for (Index row = begin; row < end; row += panel_rows) {
    Vec<T> y[panel_rows][strip_vectors];
    set_zero(y);
    const auto column = [&](Index j, Vec<T>(&c)[strip_vectors]) {
      for (int v = 0; v < strip_vectors; ++v) c[v] = load(centered + j * strip + v * lanes<T>);
    };
    for (Index j = 0; j < row; ++j, panels += panel_rows) {
      Vec<T> c[strip_vectors];
      column(j, c);
      add_column(panels, 0, c, y);
    }
    const Index columns = row + panel_rows < rank ? panel_rows : rank - row;
    add_triangle(panels, columns, [&](Index j, Vec<T>(&c)[strip_vectors]) { column(row + j, c); }, y);
    panels += columns * panel_rows;
    done(row, y);
  }
  return panels;
}

/// sum += y_r² with y = L⁻¹(x − μ) for rows r = row … row + 3 of the panel that `panels` points to, in the order of
/// for_each_panel. Features are centered when the panels reach them, into `centered`, (d, strip). `d` ends the last
/// panel.
template <class T>
GAUSSMIX_INLINE void add_panel(const T* strip_begin, Index row, Index d, Location<T> mean, const T* panels, T* centered,
                               Vec<T>* sum) {
  constexpr Index strip = strip_of<T>;
  Vec<T> y[panel_rows][strip_vectors];
  set_zero(y);
  for (Index j = 0; j < row; ++j, panels += panel_rows) {
    Vec<T> c[strip_vectors];
    for (int v = 0; v < strip_vectors; ++v) c[v] = load(centered + j * strip + v * lanes<T>);
    add_column(panels, 0, c, y);
  }
  const auto center_next = [&](Index j, Vec<T>(&c)[strip_vectors]) {
    for (int v = 0; v < strip_vectors; ++v) {
      c[v] = difference(strip_begin + (row + j) * strip + v * lanes<T>, mean, row + j);
      store(centered + (row + j) * strip + v * lanes<T>, c[v]);
    }
  };
  add_triangle(panels, row + panel_rows < d ? panel_rows : d - row, center_next, y);
  for (Index r = 0; r < panel_rows; ++r)
    for (int v = 0; v < strip_vectors; ++v) sum[v] = madd<T>(y[r][v], y[r][v], sum[v]);
}

/// Writes x − μ of one strip in the factor's order of features, (d, strip).
template <class T>
GAUSSMIX_INLINE void center_strip(const T* strip_begin, Index d, Location<T> mean, const Index* order, T* centered) {
  constexpr Index strip = strip_of<T>;
  for (Index j = 0; j < d; ++j) {
    const Index feature = order ? order[j] : j;
    for (int v = 0; v < strip_vectors; ++v)
      store(centered + j * strip + v * lanes<T>,
            difference(strip_begin + feature * strip + v * lanes<T>, mean, feature));
  }
}

/// Lanes of vector v of a strip that lie off the support of a singular component. With z = (x − μ) / σ in the factor's
/// order, split after `rank` features, the support is z₂ = M z₁ with M = L₂₁ L₁₁⁻¹. A row is on it when each residual,
/// a length in standard deviations, is no more than 64u times the terms that were summed: |z₂ − M z₁| ≤ 64u (size₂ +
/// |M| size₁).
template <class T>
IntVec<T> off_support_lanes(const T* strip_begin, const T* centered, Index d, Location<T> mean, Factor<T> factor,
                            int v) {
  constexpr Index strip = strip_of<T>;
  const Index rank = factor.rank;
  IntVec<T> off{};
  for (Index row = rank; row < d; ++row) {
    Vec<T> residual = load(centered + row * strip + v * lanes<T>) * factor.inv_scale[row];
    const auto size_of =
        [&](Index j) {  // (|x_j| + |μ_j|) / σ_j + 1: the terms of z_j, and the rounding of a fitted μ_j
          const Index feature = factor.order ? factor.order[j] : j;
          const Vec<T> x = absolute<T>(load(strip_begin + feature * strip + v * lanes<T>));
          const T m = mean.hi[feature] < 0 ? -mean.hi[feature] : mean.hi[feature];
          return (x + m) * factor.inv_scale[j] + T(1);
        };
    Vec<T> size = size_of(row);
    for (Index j = 0; j < rank; ++j) {
      const T a = factor.residual[(row - rank) * rank + j];
      const Vec<T> z = load(centered + j * strip + v * lanes<T>) * factor.inv_scale[j];
      residual = madd<T>(broadcast(-a), z, residual);
      size = madd<T>(broadcast(a < 0 ? -a : a), size_of(j), size);
    }
    off |= ~(absolute<T>(residual) <= size * (64 * unit_roundoff<T>));
  }
  return off;
}

/// ‖L⁻¹(x − μ)‖² for any component; off_support where that is singular and the row is not on its support.
template <class T>
void distances_any(const T* strips, Index n_strips, Index d, Location<T> mean, Factor<T> factor, T* scratch, T* q) {
  constexpr Index strip = strip_of<T>;
  for (Index s = 0; s < n_strips; ++s, strips += d * strip, q += strip) {
    center_strip(strips, d, mean, factor.order, scratch);
    Vec<T> q_strip[strip_vectors];
    const T* panels = factor.panels;
    sum_features<T>(factor.rank, q_strip, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      panels = for_each_panel(panels, begin, end, factor.rank, scratch,
                              [&](Index, const Vec<T>(&y)[panel_rows][strip_vectors]) {
                                for (Index r = 0; r < panel_rows; ++r)
                                  for (int v = 0; v < strip_vectors; ++v)
                                    q_strip[v] = madd<T>(y[r][v], y[r][v], q_strip[v]);
                              });
    });
    for (int v = 0; v < strip_vectors; ++v) {
      if (factor.rank < d) {
        const IntVec<T> off = off_support_lanes(strips, scratch, d, mean, factor, v);
        q_strip[v] = select(off, broadcast<T>(off_support), q_strip[v]);
      }
      store(q + v * lanes<T>, q_strip[v]);
    }
  }
}

/// distances_any for a regular component whose features stand in their own order.
template <class T>
void distances_regular(const T* strips, Index n_strips, Index d, Location<T> mean, const T* panels, T* scratch, T* q) {
  constexpr Index strip = strip_of<T>;
  for (Index s = 0; s < n_strips; ++s, strips += d * strip, q += strip) {
    Vec<T> q_strip[strip_vectors];
    const T* panel = panels;
    sum_features<T>(d, q_strip, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      for (Index row = begin; row < end; row += panel_rows) {
        add_panel(strips, row, d, mean, panel, scratch, q_strip);
        panel += (row + panel_rows) * panel_rows;
      }
    });
    for (int v = 0; v < strip_vectors; ++v) store(q + v * lanes<T>, q_strip[v]);
  }
}

/// distances_any for a fixed small D and a regular component: everything stays in registers; sums in the same order.
template <class T, int D>
void distances_small(const T* strips, Index n_strips, Location<T> mean, const T* panels, T* q) {
  constexpr Index strip = strip_of<T>;
  for (Index s = 0; s < n_strips; ++s, strips += D * strip, q += strip)
    for (int v = 0; v < strip_vectors; ++v) {
      Vec<T> c[D];
      for (int j = 0; j < D; ++j) c[j] = difference(strips + j * strip + v * lanes<T>, mean, j);
      Vec<T> sum{};
      for (int r = 0; r < D; ++r) {
        Vec<T> y{};
        for (int j = 0; j <= r; ++j) y = madd<T>(broadcast(panels[j * panel_rows + r]), c[j], y);
        sum = madd<T>(y, y, sum);
      }
      store(q + v * lanes<T>, sum);
    }
}

template <class T>
void distances_full(const T* strips, Index n_strips, Index d, Location<T> mean, Factor<T> factor, T* scratch, T* q) {
  static_assert(panel_rows == 4, "distances_small reads a single panel");
  const bool regular = factor.rank == d && !factor.order;
  if (regular && d == 1) return distances_small<T, 1>(strips, n_strips, mean, factor.panels, q);
  if (regular && d == 2) return distances_small<T, 2>(strips, n_strips, mean, factor.panels, q);
  if (regular && d == 3) return distances_small<T, 3>(strips, n_strips, mean, factor.panels, q);
  if (regular && d == 4) return distances_small<T, 4>(strips, n_strips, mean, factor.panels, q);
  if (regular) return distances_regular(strips, n_strips, d, mean, factor.panels, scratch, q);
  distances_any(strips, n_strips, d, mean, factor, scratch, q);
}

template <class T>
void transform(const T* strips, Index n_strips, Index d, Location<T> center, Factor<T> factor, T* scratch, T* y) {
  constexpr Index strip = strip_of<T>;
  for (Index s = 0; s < n_strips; ++s, strips += d * strip, y += d * strip) {
    center_strip(strips, d, center, factor.order, scratch);
    for_each_panel(factor.panels, 0, factor.rank, factor.rank, scratch,
                   [&](Index row, const Vec<T>(&rows)[panel_rows][strip_vectors]) {
                     for (Index r = 0; r < panel_rows && row + r < d; ++r)
                       for (int v = 0; v < strip_vectors; ++v) store(y + (row + r) * strip + v * lanes<T>, rows[r][v]);
                   });
  }
}

/// Lanes in which a feature without variance differs from its only value μ_j: |x_j − μ_j| > 64u (|x_j| + |μ_j|).
template <class T>
IntVec<T> off_value_lanes(const T* x, Location<T> mean, Index j) {
  const T m = mean.hi[j] < 0 ? -mean.hi[j] : mean.hi[j];
  const Vec<T> size = absolute<T>(load(x)) + m;
  return ~(absolute<T>(difference(x, mean, j)) <= size * (64 * unit_roundoff<T>));
}

/// Σ_j ((x_j − μ_j) · inv_std_j)² of S strips at a time: so many independent sums hide the latency of a multiply-add.
/// Not `Scaled`: without inv_std.
template <class T, int S, bool Scaled>
GAUSSMIX_INLINE void sum_squares(const T* strips, Index d, Location<T> mean, const T* inv_std,
                                 Vec<T> (&q)[S * strip_vectors]) {
  constexpr Index strip = strip_of<T>;
  sum_features<T>(d, q, [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
    for (Index j = begin; j < end; ++j)
      for (int s = 0; s < S; ++s)
        for (int v = 0; v < strip_vectors; ++v) {
          Vec<T> y = negative_difference(strips + s * d * strip + j * strip + v * lanes<T>, mean, j);
          if constexpr (Scaled) y *= inv_std[j];
          q[s * strip_vectors + v] = madd<T>(y, y, q[s * strip_vectors + v]);
        }
  });
}

template <class T, int S>
GAUSSMIX_INLINE void strips_diag(const T* strips, Index d, Location<T> mean, const T* inv_std, bool singular, T* q) {
  constexpr Index strip = strip_of<T>;
  Vec<T> sum[S * strip_vectors];
  sum_squares<T, S, true>(strips, d, mean, inv_std, sum);
  for (int s = 0; s < S; ++s)
    for (int v = 0; v < strip_vectors; ++v) {
      IntVec<T> off{};
      for (Index j = 0; j < d && singular; ++j)
        if (inv_std[j] == 0) off |= off_value_lanes(strips + s * d * strip + j * strip + v * lanes<T>, mean, j);
      store(q + s * strip + v * lanes<T>, select(off, broadcast<T>(off_support), sum[s * strip_vectors + v]));
    }
}

template <class T>
void distances_diag(const T* strips, Index n_strips, Index d, Location<T> mean, const T* inv_std, T* q) {
  constexpr Index strip = strip_of<T>;
  bool singular = false;
  for (Index j = 0; j < d; ++j) singular |= inv_std[j] == 0;
  Index s = 0;
  for (; s + 2 <= n_strips; s += 2)
    strips_diag<T, 2>(strips + s * d * strip, d, mean, inv_std, singular, q + s * strip);
  if (s < n_strips) strips_diag<T, 1>(strips + s * d * strip, d, mean, inv_std, singular, q + s * strip);
}

template <class T, int S>
GAUSSMIX_INLINE void strips_unit(const T* strips, Index d, Location<T> center, T* q) {
  Vec<T> sum[S * strip_vectors];
  sum_squares<T, S, false>(strips, d, center, nullptr, sum);
  for (int v = 0; v < S * strip_vectors; ++v) store(q + v * lanes<T>, sum[v]);
}

template <class T>
void distances_unit(const T* strips, Index n_strips, Index d, Location<T> center, T* q) {
  constexpr Index strip = strip_of<T>;
  Index s = 0;
  for (; s + 2 <= n_strips; s += 2) strips_unit<T, 2>(strips + s * d * strip, d, center, q + s * strip);
  if (s < n_strips) strips_unit<T, 1>(strips + s * d * strip, d, center, q + s * strip);
}
