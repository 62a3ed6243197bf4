#include "prior.hpp"

#include "numpy.hpp"

#include <gaussmix/error.hpp>

namespace gaussmix::bindings {

namespace {

/// None as nothing, else the values of an array of this shape, row-major.
std::vector<double> values_of(py::handle value, const char* name, const Shape& shape) {
  if (value.is_none()) return {};
  const py::array array = float64_array(value, name, true);
  check_shape(array, name, shape);
  const auto* data = static_cast<const double*>(array.data());
  return {data, data + array.size()};
}

/// (D, D), (D,) or (1,).
Shape shape_of_one(CovarianceType type, Index n_features) {
  std::vector<Index> dims = covariance_shape(type, 1, n_features);
  if (dims != covariance_shape(type, 2, n_features) && dims.size() > 1) dims.erase(dims.begin());  // one of several
  return Shape(dims.begin(), dims.end());
}

}  // namespace

std::optional<Prior> prior_argument(py::handle prior, CovarianceType type, Index n_features) {
  if (prior.is_none()) return std::nullopt;
  if (!py::isinstance(prior, py::module_::import("gaussmix.prior").attr("Prior")))
    throw py::type_error("prior must be None or a gaussmix.Prior, but is " + described(prior));
  Prior out;
  out.weight_concentration = real_argument(prior.attr("weight_concentration"), "prior.weight_concentration");
  out.mean_precision = real_argument(prior.attr("mean_precision"), "prior.mean_precision");
  out.mean = values_of(prior.attr("mean"), "prior.mean", {n_features});
  out.degrees_of_freedom = real_argument(prior.attr("degrees_of_freedom"), "prior.degrees_of_freedom");
  out.scale = values_of(prior.attr("scale"), "prior.scale", shape_of_one(type, n_features));
  return out;
}

}  // namespace gaussmix::bindings
