#pragma once

#include "simd/kernel_table.hpp"

#include <string>
#include <vector>

namespace gaussmix::simd {

/// The table in use: chosen once, at first use, or forced by set_simd_level().
/// @throws InvalidArgument when GAUSSMIX_SIMD names a level that is unknown or absent
const KernelTable& active_kernels();

/// Those of `tables` whose features a processor with `features` has, in the same order.
/// @throws Error when there is none
std::vector<const KernelTable*> runnable_tables(const std::vector<const KernelTable*>& tables, std::uint32_t features);

/// The table called `level`. @throws InvalidArgument naming `argument`, the level and the levels that there are
const KernelTable& table_named(const std::vector<const KernelTable*>& tables, const std::string& level,
                               const char* argument);

/// The table to begin with: the one called `forced`, the value of GAUSSMIX_SIMD, or the last when that is null
/// or empty.
/// @throws InvalidArgument as table_named
const KernelTable& first_table(const std::vector<const KernelTable*>& tables, const char* forced);

}  // namespace gaussmix::simd
