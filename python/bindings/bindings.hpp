#pragma once

#include <gaussmix/mixture.hpp>

#include <pybind11/pybind11.h>

namespace gaussmix::bindings {

void bind_errors(pybind11::module_& m);
void bind_warnings(pybind11::module_& m);
void bind_runtime(pybind11::module_& m);
void bind_samples(pybind11::module_& m);
void bind_mixture(pybind11::module_& m);
/// The scoring verbs of Mixture.
void bind_score(pybind11::class_<Mixture>& mixture);
/// The files of Mixture.
void bind_model_file(pybind11::module_& m, pybind11::class_<Mixture>& mixture);
void bind_row_scorer(pybind11::module_& m);
void bind_statistics(pybind11::module_& m);
void bind_init(pybind11::module_& m);
void bind_fit(pybind11::module_& m);
/// After bind_fit, whose FitProgress a step returns.
void bind_em(pybind11::module_& m);
/// For the classes bound before it.
void bind_pickles(pybind11::module_& m);

}  // namespace gaussmix::bindings
