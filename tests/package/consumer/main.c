/* A C99 program outside the repository: log p(0) of the standard normal through the installed library. */
#include <gaussmix/gaussmix.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double log_density_at_mean(void) {
  const double one = 1.0, zero = 0.0;
  const gaussmix_parameters parameters = {
      sizeof(gaussmix_parameters), GAUSSMIX_COVARIANCE_FULL, 0, 1, 1, 1, &one, &zero, &one};
  const gaussmix_samples x = gaussmix_samples_f64(&zero, 1, 1);
  gaussmix_mixture* mixture = NULL;
  double log_p = NAN;
  if (gaussmix_mixture_create(&parameters, NULL, &mixture) != GAUSSMIX_OK ||
      gaussmix_log_prob_f64(mixture, &x, &log_p, 1, 1, NULL) != GAUSSMIX_OK)
    fprintf(stderr, "%s\n", gaussmix_last_error());
  gaussmix_mixture_free(mixture);
  return log_p;
}

int main(void) {
  const int version = strcmp(gaussmix_version(), EXPECTED_VERSION) == 0;
  const int abi = gaussmix_abi_version() == GAUSSMIX_ABI_VERSION;
  const int density = fabs(log_density_at_mean() + 0.5 * log(2 * acos(-1.0))) < 1e-15;
  const int error = gaussmix_mixture_load(NULL, NULL, NULL) == GAUSSMIX_ERROR_INVALID_ARGUMENT;
  printf("version %d, ABI %d, density %d, error %d\n", version, abi, density, error);
  return version && abi && density && error ? EXIT_SUCCESS : EXIT_FAILURE;
}
