/* A C99 program: what an embedder without C++ does with gaussmix.h, and what happens when it errs. */

#include <gaussmix/gaussmix.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_failures = 0;

static void check(int holds, const char* what, int line) {
  if (holds) return;
  ++n_failures;
  printf("line %d: %s (last error: %s)\n", line, what, gaussmix_last_error());
}

#define CHECK(condition) check((condition), #condition, __LINE__)
#define CHECK_OK(call) check((call) == GAUSSMIX_OK, #call, __LINE__)
/* The call fails with `status` and a message that holds `text`. */
#define CHECK_ERROR(call, status, text) \
  check((call) == (status) && strstr(gaussmix_last_error(), (text)) != NULL, #call, __LINE__)

enum { n_rows = 6 };

/* Two clusters, about (0, 0) and (4, 4). */
static const double rows[2 * n_rows] = {0, 0.1, 0.2, -0.3, -0.1, 0.4, 4, 4.1, 4.2, 3.7, 3.9, 4.4};
static const double weights[2] = {0.25, 0.75};
static const double means[4] = {0, 0, 4, 4};
static const double variances[4] = {1, 1, 1, 1};

static gaussmix_parameters two_components(void) {
  const gaussmix_parameters parameters = {
      sizeof(gaussmix_parameters), GAUSSMIX_COVARIANCE_DIAG, 0, 2, 2, 4, weights, means, variances};
  return parameters;
}

static gaussmix_mixture* new_mixture(void) {
  const gaussmix_parameters parameters = two_components();
  gaussmix_mixture* mixture = NULL;
  CHECK_OK(gaussmix_mixture_create(&parameters, NULL, &mixture));
  return mixture;
}

/* log N(x | μ, I) in two dimensions. */
static double log_normal(const double* x, const double* mean) {
  const double a = x[0] - mean[0], b = x[1] - mean[1];
  return -0.5 * (a * a + b * b) - log(2 * acos(-1.0));
}

static void score_rows(const gaussmix_mixture* mixture) {
  const gaussmix_samples x = gaussmix_samples_f64(rows, n_rows, 2);
  double log_p[n_rows], log_joint[2 * n_rows], gamma[2 * n_rows];
  int64_t labels[n_rows];
  CHECK_OK(gaussmix_log_prob_f64(mixture, &x, log_p, n_rows, 1, NULL));
  CHECK_OK(gaussmix_log_joint_f64(mixture, &x, log_joint, n_rows, 2, 1, n_rows, NULL)); /* column by column */
  CHECK_OK(gaussmix_responsibilities_f64(mixture, &x, gamma, n_rows, 2, 2, 1, NULL));
  CHECK_OK(gaussmix_predict(mixture, &x, labels, n_rows, 1, NULL));
  for (int i = 0; i < n_rows; ++i) {
    const double a = log(0.25) + log_normal(rows + 2 * i, means), b = log(0.75) + log_normal(rows + 2 * i, means + 2);
    CHECK(fabs(log_p[i] - log(exp(a) + exp(b))) < 1e-13);
    CHECK(fabs(log_joint[i] - a) < 1e-13);
    CHECK(fabs(log_joint[n_rows + i] - b) < 1e-13);
    CHECK(fabs(gamma[2 * i] + gamma[2 * i + 1] - 1) < 1e-14);
    CHECK(labels[i] == (i < 3 ? 0 : 1));
  }
}

static void score_single_rows(const gaussmix_mixture* mixture) {
  const gaussmix_samples x = gaussmix_samples_f64(rows, n_rows, 2);
  double batch[n_rows], log_p = 0, gamma[2];
  int64_t label = -1;
  gaussmix_row_scorer* scorer = NULL;
  CHECK_OK(gaussmix_log_prob_f64(mixture, &x, batch, n_rows, 1, NULL));
  CHECK_OK(gaussmix_row_scorer_create(mixture, &scorer));
  for (int i = 0; i < n_rows; ++i) {
    CHECK_OK(gaussmix_row_scorer_log_prob(scorer, rows + 2 * i, 2, &log_p));
    CHECK(log_p == batch[i]);
  }
  CHECK_OK(gaussmix_row_scorer_responsibilities(scorer, rows, 2, gamma, 2));
  CHECK(gamma[0] > 0.99);
  CHECK_OK(gaussmix_row_scorer_predict(scorer, rows + 6, 2, &label));
  CHECK(label == 1);
  CHECK_OK(gaussmix_row_scorer_free(scorer));
}

static void accumulate_in_pieces(const gaussmix_mixture* mixture) {
  const gaussmix_samples first = gaussmix_samples_f64(rows, 3, 2), second = gaussmix_samples_f64(rows + 6, 3, 2);
  gaussmix_statistics *one = NULL, *other = NULL, *read = NULL;
  gaussmix_mixture* next = NULL;
  double total = 0, n[2];
  int64_t size = 0, written = 0;
  CHECK_OK(gaussmix_statistics_create(mixture, &one));
  CHECK_OK(gaussmix_statistics_create(mixture, &other));
  CHECK_OK(gaussmix_statistics_accumulate(one, &first, NULL, 0, NULL));
  CHECK_OK(gaussmix_statistics_accumulate(other, &second, NULL, 0, NULL));

  CHECK_OK(gaussmix_statistics_to_bytes(other, 1, NULL, 0, &size));
  uint8_t* bytes = malloc((size_t)size);
  CHECK(bytes != NULL);
  CHECK_ERROR(gaussmix_statistics_to_bytes(other, 1, bytes, size - 1, &written), GAUSSMIX_ERROR_INVALID_ARGUMENT,
              "capacity");
  CHECK_OK(gaussmix_statistics_to_bytes(other, 1, bytes, size, &written));
  CHECK(written == size);
  CHECK_OK(gaussmix_statistics_from_bytes(bytes, size, NULL, NULL, &read));
  bytes[size - 1] ^= 1;
  gaussmix_statistics* corrupt = one;
  CHECK_ERROR(gaussmix_statistics_from_bytes(bytes, size, NULL, NULL, &corrupt), GAUSSMIX_ERROR_FORMAT, "checksum");
  CHECK(corrupt == NULL);
  free(bytes);

  CHECK_OK(gaussmix_statistics_merge(one, read));
  CHECK_OK(gaussmix_statistics_totals(one, &total, NULL));
  CHECK_OK(gaussmix_statistics_component_weights(one, n, 2));
  CHECK(total == 6 && fabs(n[0] + n[1] - 6) < 1e-14);
  CHECK_OK(gaussmix_statistics_maximize(one, NULL, NULL, NULL, &next));
  gaussmix_parameters parameters = {.struct_size = sizeof parameters};
  CHECK_OK(gaussmix_mixture_parameters(next, &parameters));
  CHECK(fabs(parameters.weights[0] - 0.5) < 1e-3);
  CHECK_OK(gaussmix_mixture_free(next));
  CHECK_OK(gaussmix_statistics_free(one));
  CHECK_OK(gaussmix_statistics_free(other));
  CHECK_OK(gaussmix_statistics_free(read));
}

static int stop_after_two(const gaussmix_fit_progress* progress, void* context) {
  ++*(int*)context;
  return progress->n_iter == 2;
}

static void fit_rows(void) {
  const gaussmix_samples x = gaussmix_samples_f64(rows, n_rows, 2);
  gaussmix_fit_options options;
  gaussmix_fit_result* result = NULL;
  gaussmix_mixture* mixture = NULL;
  gaussmix_fit_summary summary = {.struct_size = sizeof summary};
  const double* trace = NULL;
  int64_t n_iter = 0;
  int calls = 0;
  CHECK_OK(gaussmix_fit_options_defaults(&options, sizeof options));
  CHECK(options.max_iter == 100 && options.tol == 1e-3);
  options.covariance_type = GAUSSMIX_COVARIANCE_SPHERICAL;
  options.tol = 0;
  options.callback = stop_after_two;
  options.context = &calls;
  CHECK_OK(gaussmix_fit(&x, 2, &options, NULL, 0, NULL, &result));
  CHECK_OK(gaussmix_fit_result_summary(result, &summary));
  CHECK_OK(gaussmix_fit_result_trace(result, &trace, &n_iter));
  CHECK(calls == 2 && summary.n_iter == 2 && n_iter == 2 && summary.converged == 0);
  CHECK(isfinite(trace[0]) && isfinite(summary.log_likelihood));
  CHECK_OK(gaussmix_fit_result_mixture(result, &mixture));
  CHECK_OK(gaussmix_fit_result_free(result));
  score_single_rows(mixture); /* it outlives the result */
  CHECK_OK(gaussmix_mixture_free(mixture));
}

static void err(gaussmix_mixture* mixture) {
  const double bad_rows[2] = {0, NAN};
  const gaussmix_samples x = gaussmix_samples_f64(rows, n_rows, 2), bad = gaussmix_samples_f64(bad_rows, 1, 2);
  double out[n_rows];
  gaussmix_parameters parameters = two_components();
  gaussmix_mixture* made = mixture;
  CHECK_ERROR(gaussmix_log_prob_f64(NULL, &x, out, n_rows, 1, NULL), GAUSSMIX_ERROR_INVALID_ARGUMENT, "mixture");
  CHECK_ERROR(gaussmix_log_prob_f64(mixture, NULL, out, n_rows, 1, NULL), GAUSSMIX_ERROR_INVALID_ARGUMENT, "X");
  CHECK_ERROR(gaussmix_log_prob_f64(mixture, &x, NULL, n_rows, 1, NULL), GAUSSMIX_ERROR_INVALID_ARGUMENT, "out");
  CHECK_ERROR(gaussmix_log_prob_f64(mixture, &x, out, 5, 1, NULL), GAUSSMIX_ERROR_INVALID_ARGUMENT, "(6,)");
  CHECK_ERROR(gaussmix_log_prob_f64(mixture, &bad, out, 1, 1, NULL), GAUSSMIX_ERROR_INVALID_ARGUMENT, "X[0, 1]");
  parameters.n_components = 0;
  CHECK_ERROR(gaussmix_mixture_create(&parameters, NULL, &made), GAUSSMIX_ERROR_INVALID_ARGUMENT, "n_components");
  CHECK(made == NULL);
  parameters.struct_size = 3;
  CHECK_ERROR(gaussmix_mixture_create(&parameters, NULL, &made), GAUSSMIX_ERROR_INVALID_ARGUMENT, "struct_size");
  CHECK_OK(gaussmix_mixture_free(NULL));
}

int main(void) {
  CHECK(gaussmix_last_error()[0] == '\0');
  CHECK(gaussmix_abi_version() == GAUSSMIX_ABI_VERSION);
  CHECK(strlen(gaussmix_version()) >= strlen("0.0.0"));
  gaussmix_mixture* mixture = new_mixture();
  score_rows(mixture);
  score_single_rows(mixture);
  accumulate_in_pieces(mixture);
  fit_rows();
  err(mixture);
  CHECK_OK(gaussmix_mixture_free(mixture));
  printf("%d checks failed\n", n_failures);
  return n_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
