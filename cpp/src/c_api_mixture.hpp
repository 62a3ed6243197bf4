#pragma once

#include "c_api.hpp"

#include <gaussmix/mixture.hpp>

struct gaussmix_mixture : gaussmix::c_api::Handle<gaussmix::Mixture, 0x474D58204D495854> {  // "GMX MIXT"
  using Handle::Handle;
};
