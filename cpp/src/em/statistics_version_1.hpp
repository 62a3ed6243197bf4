#pragma once

#include "em/sufficient_statistics.hpp"
#include "io/files.hpp"
#include "model/component_terms.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gaussmix::detail {

/// What bytes of statistics hold, before it is known to be a mixture and its sums.
struct StatisticsContent {
  CovarianceType type;
  bool allow_singular;
  Parameters parameters;                   ///< empty where the bytes hold no mixture
  std::string mixture_digest;              ///< what then names it
  std::vector<std::string> feature_names;  ///< (D,) or none
  SufficientStatistics sums;
};

/// The first 8 bytes of version 1, "GMX_STAT".
inline constexpr std::uint64_t version_1_magic = 0x544154535F584D47;

/// What is in `size` bytes of version 1, the first 8 of which have been read: sizes and the checksum are right, the
/// values are not looked at. @throws FormatError, which calls the bytes `noun`, for anything else
StatisticsContent read_version_1(std::uint64_t size, const Read& read, const char* noun);

}  // namespace gaussmix::detail
