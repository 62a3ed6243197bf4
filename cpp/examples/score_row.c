/* Scores one row by a model file that any language saved: score_row MODEL x1 x2 ... */

#include <gaussmix/gaussmix.h>

#include <stdio.h>
#include <stdlib.h>

enum { max_features = 64 };

int main(int argc, char** argv) {
  gaussmix_mixture* mixture = NULL;
  gaussmix_row_scorer* scorer = NULL; /* one per thread */
  double x[max_features], log_p = 0;
  const int n_features = argc - 2;
  if (n_features < 1 || n_features > max_features) {
    fprintf(stderr, "usage: score_row MODEL x1 x2 ...\n");
    return 2;
  }
  for (int j = 0; j < n_features; ++j) x[j] = strtod(argv[j + 2], NULL);

  gaussmix_status status = gaussmix_mixture_load(argv[1], NULL, &mixture);
  if (status == GAUSSMIX_OK) status = gaussmix_row_scorer_create(mixture, &scorer);
  if (status == GAUSSMIX_OK) status = gaussmix_row_scorer_log_prob(scorer, x, n_features, &log_p);
  if (status == GAUSSMIX_OK)
    printf("log p = %.6f\n", log_p);
  else
    fprintf(stderr, "%s\n", gaussmix_last_error());
  gaussmix_row_scorer_free(scorer);
  gaussmix_mixture_free(mixture);
  return status == GAUSSMIX_OK ? 0 : 1;
}
