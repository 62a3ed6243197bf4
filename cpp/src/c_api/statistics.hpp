#pragma once

#include "c_api/border.hpp"

#include <gaussmix/statistics.hpp>

struct gaussmix_statistics : gaussmix::c_api::Handle<gaussmix::Statistics, 0x474D582053544154> {  // "GMX STAT"
  using Handle::Handle;
};
