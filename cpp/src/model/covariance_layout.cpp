#include "model/covariance_layout.hpp"

#include "base/message.hpp"

namespace gaussmix::detail {

std::vector<Index> CovarianceLayout::dims(Index k, Index d) const {
  std::vector<Index> out;
  if (!shared) out.push_back(k);
  if (shape != CovarianceShape::spherical) out.push_back(d);
  if (shape == CovarianceShape::matrix) out.push_back(d);
  if (out.empty()) out.push_back(1);
  return out;
}

Index CovarianceLayout::size(Index k, Index d, const char* name) const {
  Index product = 1;
  for (const Index dim : dims(k, d)) product = checked_product(product, dim, name);
  return product;
}

// Position p of a matrix of component k, entry (i, j): p = (k d + i) d + j.
std::string CovarianceLayout::place(const std::string& name, Index d, Index position) const {
  std::string indices;
  const auto put = [&indices](Index i) { indices += (indices.empty() ? "" : ", ") + std::to_string(i); };
  const Index each = values_each(d);
  if (!shared) put(position / each);
  if (shape == CovarianceShape::matrix) put(position % each / d);
  if (shape != CovarianceShape::spherical) put(position % d);
  if (indices.empty()) put(position);
  return name + "[" + indices + "]";
}

}  // namespace gaussmix::detail
