#include "prior.hpp"

#include "numpy.hpp"

#include <gaussmix/error.hpp>

namespace gaussmix::bindings {

namespace {

/// None as nothing, else an array's values, row-major.
std::vector<double> values_of(py::handle value, const char* name, py::ssize_t most_dimensions) {
  if (value.is_none()) return {};
  const py::array array = float64_array(value, name, true);
  if (array.ndim() > most_dimensions || (array.ndim() == 2 && array.shape(0) != array.shape(1)))
    throw InvalidArgument(std::string(name) + " must have the shape of one " +
                          (most_dimensions == 2 ? "covariance" : "mean") + ", but has shape " +
                          to_string(shape_of(array)));
  const auto* data = static_cast<const double*>(array.data());
  return {data, data + array.size()};
}

}  // namespace

std::optional<Prior> prior_argument(py::handle prior) {
  if (prior.is_none()) return std::nullopt;
  if (!py::isinstance(prior, py::module_::import("gaussmix.prior").attr("Prior")))
    throw py::type_error("prior must be None or a gaussmix.Prior, but is " + described(prior));
  Prior out;
  out.weight_concentration = real_argument(prior.attr("weight_concentration"), "prior.weight_concentration");
  out.mean_precision = real_argument(prior.attr("mean_precision"), "prior.mean_precision");
  out.mean = values_of(prior.attr("mean"), "prior.mean", 1);
  out.degrees_of_freedom = real_argument(prior.attr("degrees_of_freedom"), "prior.degrees_of_freedom");
  out.scale = values_of(prior.attr("scale"), "prior.scale", 2);
  return out;
}

}  // namespace gaussmix::bindings
