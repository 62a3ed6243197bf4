// The E-step's second half: from squared distances q_k to log-joints, log p and responsibilities (Bishop 2006, eqs. 9.7
// and 9.13), component by component in their order. With t_k = log π_k + log N_k and m = max_k t_k:
//   log p = m + log Σ_k exp(t_k − m),  γ_k = exp(t_k − m) / Σ_l exp(t_l − m)
// so that no exponential overflows and the largest is 1. Uses vector.inl.hpp.

/// t = log π + log N = log_scale − q / 2 of one component, log_scale = log_norm + log π; −inf off its support.
template <class T>
GAUSSMIX_INLINE Vec<T> log_joint(Vec<T> q, T log_scale) {
  return select(q < T(0), broadcast(-infinity<T>), madd<T>(q, broadcast(T(-0.5)), broadcast(log_scale)));
}

/// The exclusion rule: a component counts for a row while t_k − max t ≥ log π_k − cut, that is, while its log N,
/// without log π, lies no more than `cut` below the row's largest log-joint; and no further down than exp reaches.
/// Without log π, so that components of small weight keep their tails.
template <class T>
GAUSSMIX_INLINE T least_shifted(T log_weight, T cut) {
  return log_weight - cut > Elementary<T>::exp_min ? log_weight - cut : Elementary<T>::exp_min;
}

/// Writes the log-joints t_k of one strip in place of its squared distances q_k and raises `largest` to the largest of
/// each row. check += 0 · q, which is 0 for finite q and NaN otherwise.
template <class T>
GAUSSMIX_INLINE void log_joints(T* q, Index stride, Index k, const T* log_norm, const T* log_weight,
                                Vec<T> (&largest)[strip_vectors], Vec<T> (&check)[strip_vectors]) {
  for (Index c = 0; c < k; ++c, q += stride) {
    const T log_scale = log_norm[c] + log_weight[c];
    for (int v = 0; v < strip_vectors; ++v) {
      T* p = q + v * lanes<T>;
      check[v] = madd<T>(load(p), Vec<T>{}, check[v]);
      const Vec<T> t = log_joint(load(p), log_scale);
      largest[v] = larger<T>(t, largest[v]);
      store(p, t);
    }
  }
}

template <class T>
bool log_prob(T* q, Index stride, Index n, Index k, const T* log_norm, const T* log_weight, T cut, const T* weight,
              bool responsibilities, T* log_p, Index* counted) {
  constexpr int nv = strip_vectors;
  Vec<T> check[nv];
  set_zero(check);
  IntVec<T> bad{};
  *counted = 0;
  for (Index i = 0; i < n; i += strip_of<T>) {
    Vec<T> largest[nv], sum[nv];
    set_zero(sum);
    for (int v = 0; v < nv; ++v) largest[v] = broadcast(-infinity<T>);
    log_joints(q + i, stride, k, log_norm, log_weight, largest, check);
    for (int v = 0; v < nv; ++v) bad |= ~(largest[v] > -infinity<T>);
    IntVec<T> pairs{};
    for (Index c = 0; c < k; ++c) {
      const T least = least_shifted(log_weight[c], cut);
      T* p = q + c * stride + i;
      Vec<T> e[nv];
      IntVec<T> counts[nv];
      for (int v = 0; v < nv; ++v) {
        e[v] = load(p + v * lanes<T>) - largest[v];
        counts[v] = e[v] >= least;
      }
      if (any<T>(counts[0] | counts[1] | counts[2])) {
        pairs -= counts[0] + counts[1] + counts[2];
        exp_where<T>(counts, e);
        for (int v = 0; v < nv; ++v) sum[v] += e[v];
      } else {
        set_zero(e);
      }
      if (responsibilities)
        for (int v = 0; v < nv; ++v) store(p + v * lanes<T>, e[v]);
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
  for (int v = 0; v < nv; ++v) bad |= ~(check[v] == T(0));
  return !any<T>(bad);
}

template <class T>
bool posterior(T* q, Index stride, Index n, Index k, const T* log_norm, const T* log_weight, Posterior what) {
  constexpr int nv = strip_vectors;
  Vec<T> check[nv];
  set_zero(check);
  IntVec<T> bad{};
  for (Index i = 0; i < n; i += strip_of<T>) {
    Vec<T> largest[nv], sum[nv], last[nv];
    set_zero(sum);
    for (int v = 0; v < nv; ++v) largest[v] = broadcast(-infinity<T>);
    log_joints(q + i, stride, k, log_norm, log_weight, largest, check);
    if (what == Posterior::log_joint) continue;
    for (Index c = 0; c < k; ++c) {
      T* p = q + c * stride + i;
      Vec<T> shifted[nv], e[nv];
      IntVec<T> counts[nv];
      for (int v = 0; v < nv; ++v) {
        e[v] = shifted[v] = load(p + v * lanes<T>) - largest[v];
        counts[v] = e[v] >= Elementary<T>::exp_min;
      }
      exp_where<T>(counts, e);
      for (int v = 0; v < nv; ++v) {
        sum[v] += e[v];
        store(p + v * lanes<T>, what == Posterior::responsibilities ? e[v] : shifted[v]);
      }
    }
    for (int v = 0; v < nv; ++v) {
      bad |= ~(largest[v] > -infinity<T>);
      last[v] = what == Posterior::responsibilities ? T(1) / sum[v] : log_positive<T>(sum[v]);
    }
    for (Index c = 0; c < k; ++c)
      for (int v = 0; v < nv; ++v) {
        T* p = q + c * stride + i + v * lanes<T>;
        store(p, what == Posterior::responsibilities ? load(p) * last[v] : load(p) - last[v]);
      }
  }
  for (int v = 0; v < nv; ++v) bad |= ~(check[v] == T(0));
  return !any<T>(bad);
}
