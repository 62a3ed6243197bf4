#pragma once

#include <gaussmix/mixture.hpp>

#include <vector>

/// K components about 4 σ apart, with covariances I + A_k of all features, A_k(i, j) = 1 / (1 + i + j + k).
inline gaussmix::Mixture made_mixture(gaussmix::Index d, gaussmix::Index k) {
  std::vector<double> weights(static_cast<std::size_t>(k), 1.0 / static_cast<double>(k)), means, covariances;
  for (gaussmix::Index c = 0; c < k; ++c) {
    for (gaussmix::Index i = 0; i < d; ++i) means.push_back((c + i) % k == 0 ? 4.0 : 0.0);
    for (gaussmix::Index i = 0; i < d; ++i)
      for (gaussmix::Index j = 0; j < d; ++j)
        covariances.push_back((i == j ? 1.0 : 0.0) + 1.0 / static_cast<double>(1 + i + j + c));
  }
  return {weights, gaussmix::MatrixView<const double>(means.data(), k, d), covariances, gaussmix::CovarianceType::full};
}
