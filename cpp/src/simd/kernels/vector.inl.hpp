// Vectors of the instruction set that this file is compiled for, and the elementary functions on them.

// The compiler's own vector types at the native width: wider ones are split badly.
#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

template <class T>
struct VectorTypes;
template <>
struct VectorTypes<double> {
  typedef double V __attribute__((vector_size(vector_bytes), may_alias));
  typedef double Unaligned __attribute__((vector_size(vector_bytes), may_alias, aligned(8)));
  typedef std::int64_t I __attribute__((vector_size(vector_bytes), may_alias));
  typedef std::uint64_t U __attribute__((vector_size(vector_bytes), may_alias));
};
template <>
struct VectorTypes<float> {
  typedef float V __attribute__((vector_size(vector_bytes), may_alias));
  typedef float Unaligned __attribute__((vector_size(vector_bytes), may_alias, aligned(4)));
  typedef std::int32_t I __attribute__((vector_size(vector_bytes), may_alias));
  typedef std::uint32_t U __attribute__((vector_size(vector_bytes), may_alias));
};

template <class T>
using Vec = typename VectorTypes<T>::V;
template <class T>
using IntVec = typename VectorTypes<T>::I;

template <class T>
using LaneIndex = std::remove_reference_t<decltype(IntVec<T>{}[0] + IntVec<T>{}[0])>;

template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

/// Vectors of rows side by side in a strip: of speed alone, see panel_rows.
inline constexpr int strip_vectors = 3;
template <class T>
inline constexpr int strip_of = strip_vectors * lanes<T>;

#define GAUSSMIX_INLINE inline __attribute__((always_inline))
#define GAUSSMIX_INLINE_LAMBDA __attribute__((always_inline))  // stands before a lambda's -> or {

template <class T>
GAUSSMIX_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const Vec<T>*>(p);
}
template <class T>
GAUSSMIX_INLINE Vec<T> load_unaligned(const T* p) {
  return *reinterpret_cast<const typename VectorTypes<T>::Unaligned*>(p);
}
template <class T, class V>
GAUSSMIX_INLINE void store(T* p, V v) {
  *reinterpret_cast<Vec<T>*>(p) = v;
}

/// `count` of 1 … lanes neighboring values, zeros behind them; nothing beyond them is read.
GAUSSMIX_INLINE Vec<double> load_some(const double* p, Index count) {
  if (count == lanes<double>) return load_unaligned(p);
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_maskload_pd(p,
                                         _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3)));
#else
  return Vec<double>{p[0], 0.0};
#endif
}
GAUSSMIX_INLINE Vec<float> load_some(const float* p, Index count) {
  if (count == lanes<float>) return load_unaligned(p);
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_maskload_ps(
      p, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
#else
  return Vec<float>{p[0], count > 1 ? p[1] : 0.0f, count > 2 ? p[2] : 0.0f, 0.0f};
#endif
}
template <class T>
GAUSSMIX_INLINE Vec<T> broadcast(T a) {
  return a - Vec<T>{};
}

#if defined(__FMA__) && defined(__AVX512F__)
GAUSSMIX_INLINE Vec<double> fused(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
GAUSSMIX_INLINE Vec<float> fused(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif defined(__FMA__)
GAUSSMIX_INLINE Vec<double> fused(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
GAUSSMIX_INLINE Vec<float> fused(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#elif defined(__aarch64__)
GAUSSMIX_INLINE Vec<double> fused(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
GAUSSMIX_INLINE Vec<float> fused(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
GAUSSMIX_INLINE Vec<double> fused(Vec<double> a, Vec<double> b, Vec<double> c) { return a * b + c; }
GAUSSMIX_INLINE Vec<float> fused(Vec<float> a, Vec<float> b, Vec<float> c) { return a * b + c; }
#endif

/// a · b + c, rounded once where the hardware has the instruction. The one place where a product meets a sum, so that
/// every path rounds alike: it is called by name, because what a compiler fuses by itself depends on the code around
/// it.
template <class T>
GAUSSMIX_INLINE Vec<T> madd(Vec<T> a, Vec<T> b, Vec<T> c) {
  return fused(a, b, c);
}

/// Lane-wise: where `mask` (lanes of 0 or −1) holds a, else b.
template <class I, class V>
GAUSSMIX_INLINE V select(I mask, V a, V b) {
  return mask ? a : b;
}

/// The larger of the two, b where a is NaN.
template <class T>
GAUSSMIX_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) {
  return select(a > b, a, b);
}

/// Sets vectors to zero one by one, in registers: a compiler may write an array that is initialized as a whole to
/// memory.
template <class V, int N>
GAUSSMIX_INLINE void set_zero(V (&v)[N]) {
  for (int i = 0; i < N; ++i) v[i] = V{};
}
template <class V, int M, int N>
GAUSSMIX_INLINE void set_zero(V (&v)[M][N]) {
  for (int i = 0; i < M; ++i) set_zero(v[i]);
}

/// Of every 2 s neighboring lanes of a and of b the lower s (with `High` the upper s), those of a before those of b.
template <class T, int s, bool High, std::size_t... i>
GAUSSMIX_INLINE Vec<T> interleaved(Vec<T> a, Vec<T> b, std::index_sequence<i...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, (High ? (i & s ? lanes<T> + i : i + s) : (i & s ? lanes<T> + i - s : i))...);
#else
  return __builtin_shuffle(a, b,
                           IntVec<T>{(High ? (i & s ? lanes<T> + i : i + s) : (i & s ? lanes<T> + i - s : i))...});
#endif
}

/// Transposes a square matrix of lanes × lanes values, given by its rows: blocks of s × s values off the diagonal
/// change places, with s from half the matrix down to 1 (Eklundh 1972).
template <class T, int s = lanes<T> / 2>
GAUSSMIX_INLINE void transpose(Vec<T> (&row)[lanes<T>]) {
  constexpr auto every_lane = std::make_index_sequence<lanes<T>>{};
  for (int i = 0; i < lanes<T>; ++i) {
    if (i & s) continue;
    const Vec<T> a = row[i], b = row[i + s];
    row[i] = interleaved<T, s, false>(a, b, every_lane);
    row[i + s] = interleaved<T, s, true>(a, b, every_lane);
  }
  if constexpr (s > 1) transpose<T, s / 2>(row);
}

/// Lane l is lane from[l], modulo their number, of v.
GAUSSMIX_INLINE Vec<double> picked(Vec<double> v, IntVec<double> from) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_maskz_permutexvar_pd(0xff, (__m512i)from, (__m512d)v);
#elif defined(__AVX2__)
  const IntVec<double> halves = (from << 33) + (from << 1) + (std::int64_t{1} << 32);  // 2 from[l] and 2 from[l] + 1
  return (Vec<double>)_mm256_permutevar8x32_ps((__m256)v, (__m256i)halves);
#else
  return Vec<double>{v[from[0] & 1], v[from[1] & 1]};
#endif
}
GAUSSMIX_INLINE Vec<float> picked(Vec<float> v, IntVec<float> from) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_maskz_permutexvar_ps(0xffff, (__m512i)from, (__m512)v);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_permutevar8x32_ps((__m256)v, (__m256i)from);
#else
  return Vec<float>{v[from[0] & 3], v[from[1] & 3], v[from[2] & 3], v[from[3] & 3]};
#endif
}

/// As many floats as a vector has lanes in double.
typedef float HalfVec __attribute__((vector_size(vector_bytes / 2), may_alias));

GAUSSMIX_INLINE Vec<double> widened(HalfVec half) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_maskz_cvtps_pd(0xff, (__m256)half);  // convertvector: two of the narrower conversions
#else
  return __builtin_convertvector(half, Vec<double>);
#endif
}
/// The lower half of a vector of float in double (`upper` 0), or the upper one (1).
GAUSSMIX_INLINE Vec<double> widened_half(Vec<float> v, int upper) {
  return widened(reinterpret_cast<const HalfVec*>(&v)[upper]);
}

/// Whether any lane of a comparison of Vec<T> holds.
template <class T>
GAUSSMIX_INLINE bool any(IntVec<T> mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 8) return _mm512_movepi64_mask((__m512i)mask) != 0;
  return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_ps((__m128)mask) != 0;
#else
  bool result = false;
  for (int l = 0; l < lanes<T>; ++l) result |= mask[l] != 0;
  return result;
#endif
}

/// The lanes added in a fixed order, in double.
template <class T>
GAUSSMIX_INLINE double horizontal_sum(Vec<T> v) {
  double s = 0.0;
  for (int l = 0; l < lanes<T>; ++l) s += static_cast<double>(v[l]);
  return s;
}

template <class T>
inline constexpr T infinity = static_cast<T>(__builtin_inf());

template <class T>
GAUSSMIX_INLINE Vec<T> absolute(Vec<T> v) {
  return select(v < T(0), -v, v);
}

GAUSSMIX_INLINE double square_root(double a) { return __builtin_sqrt(a); }
GAUSSMIX_INLINE float square_root(float a) { return __builtin_sqrtf(a); }

template <class T>
inline constexpr T smallest_normal = sizeof(T) == 8 ? T(0x1p-1022) : T(0x1p-126);

/// u, half the distance from 1 to the next number: the largest relative error of one rounding.
template <class T>
inline constexpr T unit_roundoff = sizeof(T) == 8 ? T(0x1p-53) : T(0x1p-24);

/// Constants of exp and log in the two precisions. round: 1.5 · 2^mantissa, beside which a small number is rounded to
/// an integer in the low bits. ln2_hi + ln2_lo = ln 2, where the low bits of ln2_hi are zeros, so that its product with
/// an exponent is exact. exp_min: exp(x) is a normal number from there on. one, sqrt_half: the bits of 1 and √½.
template <class T>
struct Elementary;
template <>
struct Elementary<double> {
  static constexpr double round = 0x1.8p52, log2e = 0x1.71547652b82fep0, ln2_hi = 0x1.62e42fee00000p-1,
                          ln2_lo = 0x1.a39ef35793c76p-33, exp_min = -708.0;
  static constexpr int mantissa = 52;
  static constexpr std::int64_t one = 0x3ff0000000000000, sqrt_half = 0x3fe6a09e667f3bcd, bias = 1023;
  /// (exp(r) − 1 − r) / r² for |r| ≤ ln 2 / 2: minimax coefficients, error 5.4e-18 of exp(r).
  static constexpr double exp_terms[] = {
      0x1.ad1eadc077f57p-26, 0x1.289f8aae8c7dcp-22, 0x1.71df561cba99ep-19, 0x1.a019ab2c013c5p-16, 0x1.a01a011bc3dd1p-13,
      0x1.6c16c17cc4156p-10, 0x1.111111112898dp-7,  0x1.5555555553202p-5,  0x1.5555555555501p-3,  0.5};
  /// log((1+s)/(1−s)) − 2s over s, in s²: minimax coefficients, error 2^-58.45 (FreeBSD msun, e_log.c).
  static constexpr double log_terms[] = {1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
                                         2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
                                         6.666666666666735130e-01};
};
template <>
struct Elementary<float> {
  static constexpr float round = 0x1.8p23f, log2e = 0x1.715476p0f, ln2_hi = 0x1.62e4p-1f, ln2_lo = 0x1.7f7d1cp-20f,
                         exp_min = -87.0f;
  static constexpr int mantissa = 23;
  static constexpr std::int32_t one = 0x3f800000, sqrt_half = 0x3f3504f3, bias = 127;
  /// The same in float, error 3.7e-9.
  static constexpr float exp_terms[] = {0x1.6b84fap-10f, 0x1.123042p-7f, 0x1.555674p-5f, 0x1.5554a2p-3f, 0.5f};
  /// As above in float, error 2^-34.24 (e_logf.c).
  static constexpr float log_terms[] = {0.24279078841f, 0.28498786688f, 0.40000972152f, 0.66666662693f};
};

/// terms[0] x^(n − 1) + … + terms[n − 1]; x2 = x². Odd and even powers side by side, so that each waits half as long.
template <class T, std::size_t n>
GAUSSMIX_INLINE Vec<T> polynomial(const T (&terms)[n], Vec<T> x, Vec<T> x2) {
  Vec<T> even = broadcast<T>(terms[(n - 1) % 2]), odd = broadcast<T>(terms[n % 2]);
  for (std::size_t i = 2 + (n - 1) % 2; i < n; i += 2) even = madd<T>(even, x2, broadcast<T>(terms[i]));
  for (std::size_t i = 2 + n % 2; i < n; i += 2) odd = madd<T>(odd, x2, broadcast<T>(terms[i]));
  return madd<T>(odd, x, even);
}

/// x = exp(x) for exp_min ≤ x ≤ 0, within 1 ulp; any value elsewhere. With m = ⌊x / ln 2⌉ and r = x − m ln 2, |r| ≤ ln
/// 2 / 2: exp(x) = 2^m (1 + r + r² p(r)) with the polynomial p of exp_terms; 2^m is added to the exponent's bits (Cody
/// & Waite 1980). N vectors in step and odd and even powers side by side, because each operation waits for the one
/// before it.
template <class T, int N>
GAUSSMIX_INLINE void exp_in_range(Vec<T> (&x)[N]) {
  using C = Elementary<T>;
  using U = typename VectorTypes<T>::U;
  constexpr int n = sizeof(C::exp_terms) / sizeof(T);
  Vec<T> shifted[N], square[N], even[N], odd[N];
  for (int v = 0; v < N; ++v)
    shifted[v] = madd<T>(x[v], broadcast<T>(C::log2e), broadcast<T>(C::round));  // ⌊x / ln 2⌉ in the low bits
  for (int v = 0; v < N; ++v) x[v] = madd<T>(shifted[v] - C::round, broadcast<T>(-C::ln2_hi), x[v]);
  for (int v = 0; v < N; ++v) x[v] = madd<T>(shifted[v] - C::round, broadcast<T>(-C::ln2_lo), x[v]);
  for (int v = 0; v < N; ++v) square[v] = x[v] * x[v];
  for (int v = 0; v < N; ++v) even[v] = broadcast<T>(C::exp_terms[(n - 1) % 2]);
  for (int v = 0; v < N; ++v) odd[v] = broadcast<T>(C::exp_terms[n % 2]);
  for (int i = 2; i < n; ++i)
    for (int v = 0; v < N; ++v) {
      Vec<T>& sum = i % 2 == (n - 1) % 2 ? even[v] : odd[v];
      sum = madd<T>(sum, square[v], broadcast<T>(C::exp_terms[i]));
    }
  for (int v = 0; v < N; ++v) even[v] = madd<T>(odd[v], x[v], even[v]);
  for (int v = 0; v < N; ++v) even[v] = madd<T>(square[v], even[v], x[v]) + T(1);
  for (int v = 0; v < N; ++v) x[v] = (Vec<T>)((U)even[v] + ((U)shifted[v] << C::mantissa));
}

/// x = exp(x) where `counts` holds, else 0.
template <class T, int N>
GAUSSMIX_INLINE void exp_where(const IntVec<T> (&counts)[N], Vec<T> (&x)[N]) {
  exp_in_range<T>(x);
  for (int v = 0; v < N; ++v) x[v] = select(counts[v], x[v], Vec<T>{});
}

/// log(x) for positive, normal, finite x, within 1 ulp. With x = 2^e m, √½ ≤ m < √2, f = m − 1 and s = f / (2 + f):
/// log(x) = e ln 2 + f − (f²/2 − s (f²/2 + R(s²))), where R is s² times the polynomial of log_terms (FreeBSD msun,
/// e_log.c).
template <class T>
GAUSSMIX_INLINE Vec<T> log_positive(Vec<T> x) {
  using C = Elementary<T>;
  using U = typename VectorTypes<T>::U;
  using Unsigned = decltype(U{}[0] + U{}[0]);
  const U bits = (U)x;
  const U biased = (bits + static_cast<Unsigned>(C::one - C::sqrt_half)) >> C::mantissa;
  const U exponent = biased - static_cast<Unsigned>(C::bias);
  const Vec<T> m = (Vec<T>)(bits - (exponent << C::mantissa));  // in [√½, √2)
  // The exponent as a number: added to the low bits of `round`, which then is subtracted.
  const Vec<T> round = broadcast<T>(C::round);
  const Vec<T> e = (Vec<T>)((U)round + exponent) - round;
  const Vec<T> f = m - T(1);
  const Vec<T> s = f / (f + T(2));
  const Vec<T> z = s * s;
  const Vec<T> half_square = (f * T(0.5)) * f;
  const Vec<T> product = s * madd<T>(z, polynomial<T>(C::log_terms, z, z * z), half_square);
  const Vec<T> low = madd<T>(e, broadcast<T>(C::ln2_lo), product);
  const Vec<T> correction = (half_square - low) - f;
  return madd<T>(e, broadcast<T>(C::ln2_hi), -correction);
}
