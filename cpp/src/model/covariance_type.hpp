#pragma once

#include "model/covariance_layout.hpp"

#include <gaussmix/mixture.hpp>

#include <cstdint>
#include <string>

namespace gaussmix::detail {

/// One row of the table of covariance types: all that distinguishes them stands in it.
struct CovarianceTypeInfo {
  CovarianceType type;
  std::uint32_t number;  ///< in files and in the C ABI; never changes
  const char* name;
  CovarianceLayout layout;
};

/// The row of a type; null for a value outside the enumeration.
const CovarianceTypeInfo* find_covariance_type(CovarianceType type) noexcept;
/// The row with this number; null when no type has it.
const CovarianceTypeInfo* find_covariance_type(std::uint64_t number) noexcept;
/// "'full', 'tied', … or 'tied_spherical'": all names, for messages.
std::string covariance_type_names();
/// @throws InvalidArgument for a value outside the enumeration
const CovarianceLayout& layout_of(CovarianceType type);

}  // namespace gaussmix::detail
