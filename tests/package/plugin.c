/* Scores on two threads. */

#include <gaussmix/gaussmix.h>

#include <stdlib.h>

enum { n_samples = 200000, n_features = 8 };

__attribute__((visibility("default"))) int score(void);

int score(void) {
  const double weight = 1;
  double mean[n_features], variance[n_features];
  double* rows = calloc((size_t)n_samples * n_features, sizeof *rows);
  double* log_p = calloc(n_samples, sizeof *log_p);
  gaussmix_mixture* mixture = NULL;
  gaussmix_status status = GAUSSMIX_ERROR_OUT_OF_MEMORY;
  for (int j = 0; j < n_features; ++j) {
    mean[j] = 0;
    variance[j] = 1;
  }
  if (rows != NULL && log_p != NULL) {
    const gaussmix_parameters parameters = {
        sizeof(gaussmix_parameters), GAUSSMIX_COVARIANCE_DIAG, 0, 1, n_features, n_features, &weight, mean, variance};
    const gaussmix_execution two_threads = {sizeof(gaussmix_execution), 2, NULL, NULL};
    const gaussmix_samples x = gaussmix_samples_f64(rows, n_samples, n_features);
    status = gaussmix_mixture_create(&parameters, NULL, &mixture);
    if (status == GAUSSMIX_OK) status = gaussmix_log_prob_f64(mixture, &x, log_p, n_samples, 1, &two_threads);
    gaussmix_mixture_free(mixture);
  }
  free(rows);
  free(log_p);
  return status == GAUSSMIX_OK;
}
