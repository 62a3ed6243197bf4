#pragma once

#include <gaussmix/fit.hpp>

#include <pybind11/pybind11.h>

namespace gaussmix::bindings {

/// The fields of gaussmix.FitReport.
pybind11::dict report_fields(const FitReport& report);

}  // namespace gaussmix::bindings
