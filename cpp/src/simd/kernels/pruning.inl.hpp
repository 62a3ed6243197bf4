// The E-step by the exclusion rule (least_shifted) without evaluating what it excludes. A strip holds rows of one
// likely component, whose log-joints are computed first: they bound the largest log-joint of each row from below.
// Distance bounds then exclude whole components. Of each other component the partial sums of its squared distance grow
// until they alone exclude it: all terms are ≥ 0, so the whole sum would exclude it as well. Uses vector, distances and
// posterior.inl.hpp.

/// Features of a diagonal distance between two looks at whether it excludes its component; of speed alone. A look
/// takes about as many instructions as a feature, so that every eighth makes it a small part.
inline constexpr Index diag_chunk = 8;

/// What one strip is pruned by: the largest log-joint of each row among the components taken so far, and the rule's
/// cut.
template <class T>
struct StripPruning {
  const Components<T>& components;
  T cut;
  Vec<T> largest[strip_vectors];

  StripPruning(const Components<T>& c, T log_cut) : components(c), cut(log_cut) {
    for (int v = 0; v < strip_vectors; ++v) largest[v] = broadcast(-infinity<T>);
  }
  GAUSSMIX_INLINE T log_scale(Index k) const { return components.log_norm[k] + components.log_weight[k]; }
  GAUSSMIX_INLINE T least(Index k) const { return least_shifted(components.log_weight[k], cut); }

  GAUSSMIX_INLINE void take(Index k, const Vec<T>* q) {
    for (int v = 0; v < strip_vectors; ++v) largest[v] = larger<T>(log_joint(q[v], log_scale(k)), largest[v]);
  }
  /// Whether component k may count for some row, by a part of its squared distance: log_scale_k − part / 2 − max t ≥
  /// least_k.
  GAUSSMIX_INLINE bool reached(Index k, const Vec<T>* part) const {
    IntVec<T> below = ~IntVec<T>{};
    for (int v = 0; v < strip_vectors; ++v)
      below &= madd<T>(part[v], broadcast(T(-0.5)), broadcast(log_scale(k))) - largest[v] < least(k);
    return any<T>(~below);
  }
};

/// What the squared distances of a mixture's components are made of; `unit` in the space where every Σ_k is the unit
/// matrix.
enum class Distance { full, diag, unit };

template <class T>
GAUSSMIX_INLINE Distance distance_of(const Components<T>& c) {
  return c.factors ? Distance::full : c.inv_std ? Distance::diag : Distance::unit;
}

template <class T>
GAUSSMIX_INLINE Location<T> mean_of(const Components<T>& c, Index k) {
  return {c.means.hi + k * c.d, sizeof(T) == sizeof(float) ? c.means.lo + k * c.d : nullptr};
}

/// sum += ((x_j − μ_j) · inv_std_j)² of one feature; unit: without inv_std.
template <class T, Distance what>
GAUSSMIX_INLINE void add_feature(const T* strip_begin, Index j, Location<T> mean, const T* inv_std,
                                 Vec<T> (&sum)[strip_vectors]) {
  for (int v = 0; v < strip_vectors; ++v) {
    Vec<T> y = negative_difference(strip_begin + j * strip_of<T> + v * lanes<T>, mean, j);
    if constexpr (what == Distance::diag) y *= inv_std[j];
    sum[v] = madd<T>(y, y, sum[v]);
  }
}

/// Sums the squared distance of component k over its first `d` features in q. go_on(), which looks at a part of it in
/// q, is asked after every panel or chunk of features and ends the sum by false. @returns whether q is whole
template <class T, Distance what, class GoOn>
GAUSSMIX_INLINE bool sum_distance(const T* strip_begin, const Components<T>& c, Index d, Index k, T* scratch,
                                  Vec<T> (&q)[strip_vectors], const GoOn& go_on) {
  const Location<T> mean = mean_of(c, k);
  if constexpr (what == Distance::full) {
    const T* panels = c.factors[k].panels;
    const auto add = [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
      for (Index row = begin; row < end; row += panel_rows) {
        add_panel(strip_begin, row, d, mean, panels, scratch, q);
        panels += (row + panel_rows) * panel_rows;
        if (!go_on()) return false;
      }
      return true;
    };
    return sum_features<T>(d, q, add, go_on);
  }
  const T* inv_std = what == Distance::diag ? c.inv_std + k * c.d : nullptr;
  const auto add = [&](Index begin, Index end) GAUSSMIX_INLINE_LAMBDA {
    Index j = begin;
    for (; j + diag_chunk <= end; j += diag_chunk) {
#pragma GCC unroll 8
      for (Index l = 0; l < diag_chunk; ++l) add_feature<T, what>(strip_begin, j + l, mean, inv_std, q);
      if (!go_on()) return false;
    }
    for (; j < end; ++j) add_feature<T, what>(strip_begin, j, mean, inv_std, q);
    return go_on();
  };
  return sum_features<T>(d, q, add, go_on);
}

/// The squared distance of component k over its first `d` features.
template <class T, Distance what>
GAUSSMIX_INLINE void distance(const T* strip_begin, const Components<T>& c, Index d, Index k, T* scratch,
                              Vec<T> (&q)[strip_vectors]) {
  sum_distance<T, what>(strip_begin, c, d, k, scratch, q, [] { return true; });
}

/// Component k's squared distance in q; false, with a part of it in q, once that part excludes the component.
template <class T, Distance what>
GAUSSMIX_INLINE bool reaches(const T* strip_begin, const StripPruning<T>& pruning, Index k, T* scratch,
                             Vec<T> (&q)[strip_vectors]) {
  const Components<T>& c = pruning.components;
  return sum_distance<T, what>(strip_begin, c, c.d, k, scratch, q, [&] { return pruning.reached(k, q); });
}

template <class T>
Index pruned_scratch(Index d) {
  return (d + strip_of<T>)*strip_of<T>;
}

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

/// The components, ascending, that may count for a row of the strip. Let r be the largest distance of the strip's rows
/// from their likely component l. By the triangle inequality any other component k is at least lower(l, k) −
/// lipschitz(l, k) · r away from them, so that t_k ≤ log_scale_k − (lower − lipschitz · r)² / 2, while the largest
/// log-joint is at least log_scale_l − r² / 2. Component k is out when these two exclude it for every l. What rounding
/// takes from the distances is in the two arrays; what it takes from the scales and the cut is less than the 1 that is
/// subtracted. likely_q: (n_likely, strip). @returns their number
template <class T>
Index candidates(const StripPruning<T>& pruning, const std::int32_t* label, const std::int32_t* likely, Index n_likely,
                 const T* likely_q, std::int32_t* out) {
  const Components<T>& c = pruning.components;
  if (!c.lower) {
    for (Index k = 0; k < c.k; ++k) out[k] = static_cast<std::int32_t>(k);
    return c.k;
  }
  T radius[strip_of<T>], largest[strip_of<T>];
  for (Index a = 0; a < n_likely; ++a) {
    T q = static_cast<T>(c.d) * smallest_normal<T>;  // what squares may lose that underflow
    for (Index i = 0; i < strip_of<T>; ++i)
      if (label[i] == likely[a] && likely_q[a * strip_of<T> + i] > q) q = likely_q[a * strip_of<T> + i];
    radius[a] = square_root(q);
    largest[a] = pruning.log_scale(likely[a]) - T(0.5) * q;
  }
  Index n = 0;
  for (Index k = 0; k < c.k; k += lanes<T>) {
    const Index count = c.k - k < lanes<T> ? c.k - k : lanes<T>;
    const Vec<T> log_weight = load_some(c.log_weight + k, count);
    const Vec<T> log_scale = load_some(c.log_norm + k, count) + log_weight;
    const Vec<T> least = larger<T>(log_weight - pruning.cut, broadcast(Elementary<T>::exp_min));
    IntVec<T> far = ~IntVec<T>{};
    for (Index a = 0; a < n_likely && any<T>(far); ++a) {
      const Index place = likely[a] * c.k + k;
      const Vec<T> distance = load_some(c.lower + place, count) - load_some(c.lipschitz + place, count) * radius[a];
      far &= distance > T(0);
      far &= log_scale - T(0.5) * distance * distance < least + largest[a] - T(1);
    }
    if (!any<T>(~far)) continue;
    for (Index l = 0; l < count; ++l)
      if (!far[l]) out[n++] = static_cast<std::int32_t>(k + l);
  }
  return n;
}

/// log p of a strip's rows, and the responsibilities or log-joints of its kept components in place of their squared
/// distances: the equations, and the order of the sums, of log_prob.
template <class T>
GAUSSMIX_INLINE void strip_posterior(const StripPruning<T>& pruning, const std::int32_t* component, Index kept,
                                     const T* weight, bool responsibilities, T* gamma, T* log_p) {
  constexpr Index strip = strip_of<T>;
  Vec<T> sum[strip_vectors];
  set_zero(sum);
  for (Index a = 0; a < kept; ++a) {
    T* p = gamma + a * strip;
    const T log_scale = pruning.log_scale(component[a]), least = pruning.least(component[a]);
    Vec<T> t[strip_vectors], e[strip_vectors];
    IntVec<T> counts[strip_vectors];
    for (int v = 0; v < strip_vectors; ++v) {
      t[v] = log_joint(load(p + v * lanes<T>), log_scale);
      e[v] = t[v] - pruning.largest[v];
      counts[v] = e[v] >= least;
    }
    exp_where<T>(counts, e);
    for (int v = 0; v < strip_vectors; ++v) {
      sum[v] += e[v];
      store(p + v * lanes<T>, responsibilities ? e[v] : t[v]);
    }
  }
  for (int v = 0; v < strip_vectors; ++v) {
    store(log_p + v * lanes<T>, pruning.largest[v] + log_positive<T>(sum[v]));
    if (!responsibilities) continue;
    const Vec<T> factor = (weight ? load(weight + v * lanes<T>) : broadcast(T(1))) / sum[v];
    for (Index a = 0; a < kept; ++a) {
      T* p = gamma + a * strip + v * lanes<T>;
      store(p, load(p) * factor);
    }
  }
}

template <class T, Distance what>
bool pruned_log_prob_of(const T* strips, Index n_strips, const Components<T>& components, T cut, const T* weight,
                        const std::int32_t* label, bool responsibilities, T* scratch, std::int32_t* component,
                        Index* kept, T* gamma, T* log_p) {
  constexpr Index strip = strip_of<T>;
  const Index d = components.d;
  T* likely_q = scratch + d * strip;  // (likely, strip)
  IntVec<T> bad{};
  for (Index s = 0; s < n_strips; ++s, strips += d * strip, label += strip, log_p += strip) {
    StripPruning<T> pruning(components, cut);
    std::int32_t likely[strip];
    const Index n_likely = distinct_labels<T>(label, likely);
    Vec<T> q[strip_vectors];
    for (Index a = 0; a < n_likely; ++a) {
      distance<T, what>(strips, components, d, likely[a], scratch, q);
      pruning.take(likely[a], q);
      for (int v = 0; v < strip_vectors; ++v) store(likely_q + a * strip + v * lanes<T>, q[v]);
    }
    const Index n_candidates = candidates<T>(pruning, label, likely, n_likely, likely_q, component);
    Index n = 0, next = 0;
    for (Index candidate = 0; candidate < n_candidates; ++candidate) {
      const Index k = component[candidate];  // its place may be taken by one that is kept
      T* out = gamma + n * strip;
      if (next < n_likely && likely[next] == k) {
        for (int v = 0; v < strip_vectors; ++v) store(out + v * lanes<T>, load(likely_q + next * strip + v * lanes<T>));
        ++next;
      } else {
        if (!reaches<T, what>(strips, pruning, k, scratch, q)) continue;
        pruning.take(k, q);
        for (int v = 0; v < strip_vectors; ++v) store(out + v * lanes<T>, q[v]);
      }
      component[n++] = static_cast<std::int32_t>(k);
    }
    kept[s] = n;
    for (int v = 0; v < strip_vectors; ++v) bad |= ~(pruning.largest[v] > -infinity<T>);
    strip_posterior(pruning, component, n, weight ? weight + s * strip : nullptr, responsibilities, gamma, log_p);
    component += n;
    gamma += n * strip;
  }
  return !any<T>(bad);
}

template <class T>
bool pruned_log_prob(const T* strips, Index n_strips, const Components<T>& components, T cut, const T* weight,
                     const std::int32_t* label, bool responsibilities, T* scratch, std::int32_t* component, Index* kept,
                     T* gamma, T* log_p) {
  const auto call = [&](auto of) {
    return of(strips, n_strips, components, cut, weight, label, responsibilities, scratch, component, kept, gamma,
              log_p);
  };
  switch (distance_of(components)) {
    case Distance::full: return call(pruned_log_prob_of<T, Distance::full>);
    case Distance::diag: return call(pruned_log_prob_of<T, Distance::diag>);
    default: return call(pruned_log_prob_of<T, Distance::unit>);
  }
}

template <class T, Distance what>
void likely_components_of(const T* strips, Index n_strips, const Components<T>& components, T* scratch,
                          std::int32_t* label) {
  constexpr Index strip = strip_of<T>;
  const Index d = components.d, few = d < 2 * panel_rows ? d : 2 * panel_rows;
  for (Index s = 0; s < n_strips; ++s, strips += d * strip, label += strip) {
    Vec<T> largest[strip_vectors], best[strip_vectors] = {};
    for (int v = 0; v < strip_vectors; ++v) largest[v] = broadcast(-infinity<T>);
    for (Index k = 0; k < components.k; ++k) {
      Vec<T> q[strip_vectors];
      distance<T, what>(strips, components, few, k, scratch, q);
      for (int v = 0; v < strip_vectors; ++v) {
        const Vec<T> t = log_joint(q[v], components.log_norm[k] + components.log_weight[k]);
        const IntVec<T> better = t > largest[v];
        largest[v] = select(better, t, largest[v]);
        best[v] = select(better, broadcast(static_cast<T>(k)), best[v]);
      }
    }
    for (Index i = 0; i < strip; ++i) label[i] = static_cast<std::int32_t>(best[i / lanes<T>][i % lanes<T>]);
  }
}

template <class T>
void likely_components(const T* strips, Index n_strips, const Components<T>& components, T* scratch,
                       std::int32_t* label) {
  switch (distance_of(components)) {
    case Distance::full: return likely_components_of<T, Distance::full>(strips, n_strips, components, scratch, label);
    case Distance::diag: return likely_components_of<T, Distance::diag>(strips, n_strips, components, scratch, label);
    default: return likely_components_of<T, Distance::unit>(strips, n_strips, components, scratch, label);
  }
}
