#include "c_api/mixture.hpp"

#include <gaussmix/mixture.hpp>

using namespace gaussmix;
using c_api::guarded;
using c_api::live;

namespace {

template <class T>
using MatrixVerb = void (*)(const Mixture&, const Samples&, MatrixView<T>, const Execution&);

/// Writes what `verb` says of X into `out`, (N, K).
template <class T>
gaussmix_status score(MatrixVerb<T> verb, const gaussmix_mixture* mixture, const gaussmix_samples* x,
                      const MatrixView<T>& out, const gaussmix_execution* execution) noexcept {
  return guarded([&] {
    verb(live(mixture, "mixture").value, c_api::samples_argument(x), out, c_api::execution_argument(execution));
  });
}

template <class T>
gaussmix_status score_log_prob(const gaussmix_mixture* mixture, const gaussmix_samples* x, const VectorView<T>& out,
                               const gaussmix_execution* execution) noexcept {
  return guarded([&] {
    log_prob<T>(live(mixture, "mixture").value, c_api::samples_argument(x), out, c_api::execution_argument(execution));
  });
}

/// What `sum` says of all rows, to *out, called `name`.
gaussmix_status score_sum(double (*sum)(const Mixture&, const Samples&, VectorView<const double>, const Execution&),
                          const char* name, const gaussmix_mixture* mixture, const gaussmix_samples* x,
                          const double* sample_weight, std::int64_t sample_weight_stride,
                          const gaussmix_execution* execution, double* out) noexcept {
  return guarded([&] {
    const Samples rows = c_api::samples_argument(x);
    double& result = c_api::required(out, name);
    result =
        sum(live(mixture, "mixture").value, rows, c_api::weight_argument(sample_weight, sample_weight_stride, rows),
            c_api::execution_argument(execution));
  });
}

}  // namespace

gaussmix_status gaussmix_log_prob_f64(const gaussmix_mixture* mixture, const gaussmix_samples* x, double* out,
                                      std::int64_t out_size, std::int64_t out_stride,
                                      const gaussmix_execution* execution) {
  return score_log_prob<double>(mixture, x, {out, out_size, out_stride}, execution);
}

gaussmix_status gaussmix_log_prob_f32(const gaussmix_mixture* mixture, const gaussmix_samples* x, float* out,
                                      std::int64_t out_size, std::int64_t out_stride,
                                      const gaussmix_execution* execution) {
  return score_log_prob<float>(mixture, x, {out, out_size, out_stride}, execution);
}

// The functions of an (N, K) output differ in their verb and type alone.
#define GAUSSMIX_MATRIX_FUNCTION(verb, suffix, T)                                                                \
  gaussmix_status gaussmix_##verb##_##suffix(const gaussmix_mixture* mixture, const gaussmix_samples* x, T* out, \
                                             std::int64_t out_rows, std::int64_t out_cols,                       \
                                             std::int64_t out_row_stride, std::int64_t out_col_stride,           \
                                             const gaussmix_execution* execution) {                              \
    return score<T>(&verb<T>, mixture, x, {out, out_rows, out_cols, out_row_stride, out_col_stride}, execution); \
  }

GAUSSMIX_MATRIX_FUNCTION(component_log_prob, f64, double)
GAUSSMIX_MATRIX_FUNCTION(component_log_prob, f32, float)
GAUSSMIX_MATRIX_FUNCTION(log_joint, f64, double)
GAUSSMIX_MATRIX_FUNCTION(log_joint, f32, float)
GAUSSMIX_MATRIX_FUNCTION(responsibilities, f64, double)
GAUSSMIX_MATRIX_FUNCTION(responsibilities, f32, float)
GAUSSMIX_MATRIX_FUNCTION(log_responsibilities, f64, double)
GAUSSMIX_MATRIX_FUNCTION(log_responsibilities, f32, float)

gaussmix_status gaussmix_predict(const gaussmix_mixture* mixture, const gaussmix_samples* x, std::int64_t* out,
                                 std::int64_t out_size, std::int64_t out_stride, const gaussmix_execution* execution) {
  return guarded([&] {
    predict(live(mixture, "mixture").value, c_api::samples_argument(x), {out, out_size, out_stride},
            c_api::execution_argument(execution));
  });
}

#define GAUSSMIX_SUM_FUNCTION(sum)                                                                 \
  gaussmix_status gaussmix_##sum(const gaussmix_mixture* mixture, const gaussmix_samples* x,       \
                                 const double* sample_weight, std::int64_t sample_weight_stride,   \
                                 const gaussmix_execution* execution, double* out) {               \
    return score_sum(&sum, #sum, mixture, x, sample_weight, sample_weight_stride, execution, out); \
  }

GAUSSMIX_SUM_FUNCTION(log_likelihood)
GAUSSMIX_SUM_FUNCTION(aic)
GAUSSMIX_SUM_FUNCTION(bic)
