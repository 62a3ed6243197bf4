#pragma once

/// gaussmix: Gaussian mixture models. This header brings the whole C++ API.

#include <gaussmix/em.hpp>
#include <gaussmix/error.hpp>
#include <gaussmix/fit.hpp>
#include <gaussmix/init.hpp>
#include <gaussmix/mixture.hpp>
#include <gaussmix/model_file.hpp>
#include <gaussmix/prior.hpp>
#include <gaussmix/sample.hpp>
#include <gaussmix/simd.hpp>
#include <gaussmix/statistics.hpp>
#include <gaussmix/threads.hpp>
#include <gaussmix/version.hpp>
#include <gaussmix/views.hpp>
