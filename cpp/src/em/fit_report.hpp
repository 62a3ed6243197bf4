#pragma once

#include <gaussmix/fit.hpp>

#include <vector>

namespace gaussmix::detail {

/// 0, …, k − 1: the numbers of the components of a start.
std::vector<Index> numbers_of_start(Index k);

/// Adds what one M-step treated to the counts and lists of `report`. `numbers` are those of the components before the
/// step, and become those of the components after it.
void add_step(const MaximizeReport& treated, std::vector<Index>& numbers, FitReport& report);

/// Adds the counts and lists of the steps that went on from components with these `numbers`.
void add_steps(const FitReport& steps, const std::vector<Index>& numbers, FitReport& report);

}  // namespace gaussmix::detail
