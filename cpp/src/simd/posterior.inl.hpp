// The E-step's second half: from squared distances to log-joints, log p and responsibilities, component by component in order.

/// log N of one component from its squared distance; −inf off its support.
template <class T>
GAUSSMIX_INLINE Vec<T> log_normal(Vec<T> q, T log_norm) {
  return select(q < T(0), broadcast(-infinity<T>), madd<T>(q, broadcast(T(-0.5)), broadcast(log_norm)));
}

/// Lanes whose distance is not finite.
template <class T>
GAUSSMIX_INLINE IntVec<T> not_finite(Vec<T> q) {
  return ~(q < infinity<T>);
}

template <class T>
bool log_prob(T* q, Index stride, Index n, Index k, const T* log_norm, const T* log_weight, T cut, const T* weight,
              bool responsibilities, T* log_p, Index* counted) {
  constexpr int nv = strip_vectors;
  IntVec<T> bad{};
  *counted = 0;
  for (Index i = 0; i < n; i += strip_of<T>) {
    Vec<T> largest[nv], sum[nv] = {};
    for (int v = 0; v < nv; ++v) largest[v] = broadcast(-infinity<T>);
    for (Index c = 0; c < k; ++c)
      for (int v = 0; v < nv; ++v) {
        const Vec<T> distance = load(q + c * stride + i + v * lanes<T>);
        bad |= not_finite<T>(distance);
        const Vec<T> t = log_normal(distance, log_norm[c]) + log_weight[c];
        largest[v] = select(t > largest[v], t, largest[v]);
      }
    for (int v = 0; v < nv; ++v) bad |= ~(largest[v] > -infinity<T>);
    IntVec<T> pairs{};
    for (Index c = 0; c < k; ++c) {
      IntVec<T> counts[nv];
      Vec<T> density[nv];
      for (int v = 0; v < nv; ++v) {
        density[v] = log_normal(load(q + c * stride + i + v * lanes<T>), log_norm[c]);
        counts[v] = density[v] >= largest[v] - cut;
      }
      if (any<T>(counts[0] | counts[1] | counts[2])) {
        pairs -= counts[0] + counts[1] + counts[2];
        for (int v = 0; v < nv; ++v) {
          const Vec<T> e = exp_non_positive<T>((density[v] + log_weight[c]) - largest[v]);
          density[v] = select(counts[v], e, Vec<T>{});
          sum[v] += density[v];
        }
      } else {
        for (int v = 0; v < nv; ++v) density[v] = Vec<T>{};
      }
      if (responsibilities)
        for (int v = 0; v < nv; ++v) store(q + c * stride + i + v * lanes<T>, density[v]);
    }
    for (int v = 0; v < nv; ++v) store(log_p + i + v * lanes<T>, largest[v] + log_positive<T>(sum[v]));
    for (int l = 0; l < lanes<T>; ++l) *counted += static_cast<Index>(pairs[l]);
    if (!responsibilities) continue;
    Vec<T> factor[nv];
    for (int v = 0; v < nv; ++v) factor[v] = (weight ? load(weight + i + v * lanes<T>) : broadcast(T(1))) / sum[v];
    for (Index c = 0; c < k; ++c)
      for (int v = 0; v < nv; ++v) {
        T* p = q + c * stride + i + v * lanes<T>;
        store(p, load(p) * factor[v]);
      }
  }
  return !any<T>(bad);
}

template <class T>
bool posterior(T* q, Index stride, Index n, Index k, const T* log_norm, const T* log_weight, Posterior what) {
  IntVec<T> bad{};
  for (Index i = 0; i < n; i += lanes<T>) {
    Vec<T> largest = broadcast(-infinity<T>), sum{};
    for (Index c = 0; c < k; ++c) {
      T* p = q + c * stride + i;
      bad |= not_finite<T>(load(p));
      const Vec<T> t = log_normal(load(p), log_norm[c]) + log_weight[c];
      largest = select(t > largest, t, largest);
      store(p, t);
    }
    if (what == Posterior::log_joint) continue;
    bad |= ~(largest > -infinity<T>);
    for (Index c = 0; c < k; ++c) {
      T* p = q + c * stride + i;
      const Vec<T> shifted = load(p) - largest;
      const Vec<T> e = exp_non_positive<T>(shifted);
      sum += e;
      store(p, what == Posterior::responsibilities ? e : shifted);
    }
    const Vec<T> last = what == Posterior::responsibilities ? T(1) / sum : log_positive<T>(sum);
    for (Index c = 0; c < k; ++c) {
      T* p = q + c * stride + i;
      store(p, what == Posterior::responsibilities ? load(p) * last : load(p) - last);
    }
  }
  return !any<T>(bad);
}
