// The E-step by the exclusion rule without evaluating what it excludes: strips of rows of one likely component, and for every
// other component the partial sums of its squared distance, until they alone put it below the cut.

/// What a strip's rows have to reach: a component with log_norm − q / 2 below it in every lane is excluded.
template <class T>
struct Bar {
  Vec<T> value[strip_vectors];
};

template <class T>
GAUSSMIX_INLINE bool below(const Vec<T>* sum, T log_norm, const Bar<T>& bar) {
  IntVec<T> reached{};
  for (int v = 0; v < strip_vectors; ++v)
    reached |= ~(madd<T>(sum[v], broadcast(T(-0.5)), broadcast(log_norm)) < bar.value[v]);
  return !any<T>(reached);
}

/// ‖L⁻¹(x − μ)‖² in the order of distances_any, features centred as the panels reach them. False, with a sum that is not the
/// whole, once it is below the bar.
template <class T>
GAUSSMIX_INLINE bool reaches_full(const T* strip_begin, Index d, Location<T> mean, const T* panels, T log_norm,
                                  const Bar<T>& bar, T* centred, Vec<T>* sum) {
  constexpr Index strip = strip_of<T>;
  for (Index row = 0; row < d; row += panel_rows) {
    Vec<T> y[panel_rows][strip_vectors];
    set_zero(y);
    for (Index j = 0; j < row; ++j, panels += panel_rows) {
      Vec<T> c[strip_vectors];
      for (int v = 0; v < strip_vectors; ++v) c[v] = load(centred + j * strip + v * lanes<T>);
      add_column(panels, 0, c, y);
    }
    const Index columns = row + panel_rows < d ? panel_rows : d - row;
    const auto centre_next = [&](Index j, Vec<T>(&c)[strip_vectors]) {
      for (int v = 0; v < strip_vectors; ++v) {
        c[v] = difference(strip_begin + (row + j) * strip + v * lanes<T>, mean, row + j);
        store(centred + (row + j) * strip + v * lanes<T>, c[v]);
      }
    };
    add_triangle(panels, columns, centre_next, y);
    panels += columns * panel_rows;
    for (Index r = 0; r < panel_rows; ++r)
      for (int v = 0; v < strip_vectors; ++v) sum[v] = madd<T>(y[r][v], y[r][v], sum[v]);
    if (below<T>(sum, log_norm, bar)) return false;
  }
  return true;
}

/// The same for Σ ((x_j − μ_j) · inv_std_j)², eight features at a time; inv_std null means 1.
template <class T, bool Scaled>
GAUSSMIX_INLINE bool reaches_diag(const T* strip_begin, Index d, Location<T> mean, const T* inv_std, T log_norm,
                                  const Bar<T>& bar, Vec<T>* sum) {
  constexpr Index strip = strip_of<T>, chunk = 8;
  for (Index begin = 0; begin < d; begin += chunk) {
    const Index end = begin + chunk < d ? begin + chunk : d;
    for (Index j = begin; j < end; ++j)
      for (int v = 0; v < strip_vectors; ++v) {
        Vec<T> y = difference(strip_begin + j * strip + v * lanes<T>, mean, j);
        if constexpr (Scaled) y *= inv_std[j];
        sum[v] = madd<T>(y, y, sum[v]);
      }
    if (below<T>(sum, log_norm, bar)) return false;
  }
  return true;
}

template <class T>
GAUSSMIX_INLINE Location<T> mean_of(const Components<T>& c, Index k) {
  return {c.means.hi + k * c.d, sizeof(T) == sizeof(float) ? c.means.lo + k * c.d : nullptr};
}

/// sum: the squared distance of component k over its first `d` features.
template <class T>
GAUSSMIX_INLINE bool reaches(const T* strip_begin, const Components<T>& c, Index d, Index k, const Bar<T>& bar,
                             T* scratch, Vec<T>* sum) {
  for (int v = 0; v < strip_vectors; ++v) sum[v] = Vec<T>{};
  const Location<T> mean = mean_of(c, k);
  if (c.factors) return reaches_full(strip_begin, d, mean, c.factors[k].panels, c.log_norm[k], bar, scratch, sum);
  if (c.inv_std) return reaches_diag<T, true>(strip_begin, d, mean, c.inv_std + k * c.d, c.log_norm[k], bar, sum);
  return reaches_diag<T, false>(strip_begin, d, mean, nullptr, c.log_norm[k], bar, sum);
}

template <class T>
Index sparse_scratch(Index d) {
  return (d + strip_of<T>)*strip_of<T>;
}

/// The components of one strip while they are collected: distances in q, and the largest log-joint of each row.
template <class T>
struct StripSearch {
  const Components<T>& components;
  T cut;
  Vec<T> largest[strip_vectors];
  Bar<T> bar;

  explicit StripSearch(const Components<T>& c, T log_cut) : components(c), cut(log_cut) {
    for (int v = 0; v < strip_vectors; ++v) largest[v] = bar.value[v] = broadcast(-infinity<T>);
  }
  GAUSSMIX_INLINE void take(Index k, const Vec<T>* q) {
    for (int v = 0; v < strip_vectors; ++v) {
      const Vec<T> t = log_normal(q[v], components.log_norm[k]) + components.log_weight[k];
      largest[v] = select(t > largest[v], t, largest[v]);
      bar.value[v] = largest[v] - cut;
    }
  }
};

/// The labels that occur in a strip, ascending, each once. @returns their number
template <class T>
GAUSSMIX_INLINE Index distinct_labels(const std::int32_t* label, std::int32_t* out) {
  Index n = 0;
  for (Index i = 0; i < strip_of<T>; ++i) {
    if (i > 0 && label[i] == label[i - 1]) continue;
    Index at = n;
    while (at > 0 && out[at - 1] > label[i]) --at;
    if (at > 0 && out[at - 1] == label[i]) continue;
    for (Index m = n; m > at; --m) out[m] = out[m - 1];
    out[at] = label[i];
    ++n;
  }
  return n;
}

/// Turns the squared distances of a strip's kept components into responsibilities, or log-joints, and log p.
template <class T>
GAUSSMIX_INLINE void strip_posterior(const StripSearch<T>& search, const std::int32_t* component, Index kept,
                                     const T* weight, bool responsibilities, T* gamma, T* log_p) {
  constexpr Index strip = strip_of<T>;
  const Components<T>& c = search.components;
  Vec<T> sum[strip_vectors];
  set_zero(sum);
  for (Index a = 0; a < kept; ++a)
    for (int v = 0; v < strip_vectors; ++v) {
      T* p = gamma + a * strip + v * lanes<T>;
      const Index k = component[a];
      const Vec<T> density = log_normal(load(p), c.log_norm[k]), t = density + c.log_weight[k];
      const IntVec<T> counts = density >= search.largest[v] - search.cut;
      const Vec<T> e = select(counts, exp_non_positive<T>(t - search.largest[v]), Vec<T>{});
      sum[v] += e;
      store(p, responsibilities ? e : t);
    }
  for (int v = 0; v < strip_vectors; ++v) {
    store(log_p + v * lanes<T>, search.largest[v] + log_positive<T>(sum[v]));
    if (!responsibilities) continue;
    const Vec<T> factor = (weight ? load(weight + v * lanes<T>) : broadcast(T(1))) / sum[v];
    for (Index a = 0; a < kept; ++a) {
      T* p = gamma + a * strip + v * lanes<T>;
      store(p, load(p) * factor);
    }
  }
}

template <class T>
bool sparse_log_prob(const T* strips, Index n_strips, const Components<T>& components, T cut, const T* weight,
                     const std::int32_t* label, bool responsibilities, T* scratch, std::int32_t* component, Index* kept,
                     T* gamma, T* log_p) {
  constexpr Index strip = strip_of<T>;
  const Index k_all = components.k, d = components.d;
  T* likely_q = scratch + d * strip;  // (likely, strip)
  IntVec<T> bad{};
  for (Index s = 0; s < n_strips;
       ++s, strips += d * strip, label += strip, component += k_all, gamma += k_all * strip, log_p += strip) {
    StripSearch<T> search(components, cut);
    std::int32_t likely[strip];
    const Index n_likely = distinct_labels<T>(label, likely);
    const Bar<T> everything = search.bar;
    Vec<T> q[strip_vectors];
    for (Index a = 0; a < n_likely; ++a) {
      reaches(strips, components, d, likely[a], everything, scratch, q);
      search.take(likely[a], q);
      for (int v = 0; v < strip_vectors; ++v) store(likely_q + a * strip + v * lanes<T>, q[v]);
    }
    Index n = 0, next = 0;
    for (Index k = 0; k < k_all; ++k) {
      T* out = gamma + n * strip;
      if (next < n_likely && likely[next] == k) {
        for (int v = 0; v < strip_vectors; ++v) store(out + v * lanes<T>, load(likely_q + next * strip + v * lanes<T>));
        ++next;
      } else {
        if (!reaches(strips, components, d, k, search.bar, scratch, q)) continue;
        search.take(k, q);
        for (int v = 0; v < strip_vectors; ++v) store(out + v * lanes<T>, q[v]);
      }
      component[n++] = static_cast<std::int32_t>(k);
    }
    kept[s] = n;
    for (int v = 0; v < strip_vectors; ++v) bad |= ~(search.largest[v] > -infinity<T>);
    strip_posterior(search, component, n, weight ? weight + s * strip : nullptr, responsibilities, gamma, log_p);
  }
  return !any<T>(bad);
}

template <class T>
void likely_components(const T* strips, Index n_strips, const Components<T>& components, T* scratch,
                       std::int32_t* label) {
  constexpr Index strip = strip_of<T>;
  const Index d = components.d, few = d < 2 * panel_rows ? d : 2 * panel_rows;
  const Bar<T> everything = StripSearch<T>(components, T(0)).bar;
  for (Index s = 0; s < n_strips; ++s, strips += d * strip, label += strip) {
    Vec<T> largest[strip_vectors], best[strip_vectors] = {};
    for (int v = 0; v < strip_vectors; ++v) largest[v] = broadcast(-infinity<T>);
    for (Index k = 0; k < components.k; ++k) {
      Vec<T> q[strip_vectors];
      reaches(strips, components, few, k, everything, scratch, q);
      for (int v = 0; v < strip_vectors; ++v) {
        const Vec<T> t = log_normal(q[v], components.log_norm[k]) + components.log_weight[k];
        const IntVec<T> better = t > largest[v];
        largest[v] = select(better, t, largest[v]);
        best[v] = select(better, broadcast(static_cast<T>(k)), best[v]);
      }
    }
    for (Index i = 0; i < strip; ++i) label[i] = static_cast<std::int32_t>(best[i / lanes<T>][i % lanes<T>]);
  }
}
