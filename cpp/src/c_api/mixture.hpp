#pragma once

#include "c_api/border.hpp"

#include <gaussmix/mixture.hpp>

#include <memory>

namespace gaussmix::c_api {

/// What a model file held beside the mixture, as C strings.
class LoadedInfo;

}  // namespace gaussmix::c_api

struct gaussmix_mixture : gaussmix::c_api::Handle<gaussmix::Mixture, 0x474D58204D495854> {  // "GMX MIXT"
  using Handle::Handle;

  std::shared_ptr<const gaussmix::c_api::LoadedInfo> info;  ///< of a mixture that was loaded; else null
};
