"""Score a million rows, find the odd ones, answer for a single row."""

import gaussmix
import numpy as np

mix = gaussmix.Mixture(
    weights=[0.36, 0.64],
    means=[[2.0, 54.5], [4.3, 80.0]],  # minutes of eruption, minutes until the next
    covariances=[[[0.07, 0.44], [0.44, 33.7]], [[0.17, 0.94], [0.94, 36.0]]],
)
X, z = mix.sample(1_000_000, random_state=0)

log_p = mix.log_prob(X)  # (1000000,)
odd = log_p < np.quantile(log_p, 1e-4)
print(f"{np.mean(mix.predict(X) == z):.2%} of the rows are told apart, {odd.sum()} are odd")

scorer = mix.row_scorer()  # for services: about a microsecond a row
print("a row in between:", scorer.responsibilities([3.0, 67.0]).round(2))
