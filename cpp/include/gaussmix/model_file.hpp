#pragma once

#include <gaussmix/export.h>
#include <gaussmix/mixture.hpp>
#include <gaussmix/views.hpp>

#include <cstdint>
#include <string>

/// Model files: a mixture where it is fitted becomes the same mixture, bit for bit, where it scores.
///
/// The layout is that of safetensors, so that every reader of those opens them: the length of the header as 8 bytes,
/// the header as JSON padded with spaces to a multiple of 8, then the arrays as they stand in memory; all
/// little-endian.
///   tensors   "weights" (K,), "means" (K, D), "covariances" in the shape of their type; dtype F64; no others
///   metadata  "format" = "gaussmix", "version" = "1", "covariance_type"; optional "allow_singular" = "true" or "false"
///             (the default), "feature_names" = a JSON array of D strings, and the user's own strings
///   checksum  "checksum_type" = "crc32" and "checksum" = 8 hexadecimal digits, both or neither: zlib's CRC-32 of the
///             bytes of weights, means and covariances, then of name, NUL, value, NUL for each other metadata entry in
///             the order of their names. Mixture::save always writes both; files of other writers may do without
namespace gaussmix {

/// What a model file holds.
struct Model {
  Mixture mixture;
  ModelInfo info;
};

/// What Mixture::save wrote, with its info. @throws as Mixture::load
GAUSSMIX_API Model load_model(const std::string& path, const Execution& execution = {});

/// What Mixture::to_bytes wrote, with its info. @throws as Mixture::from_bytes
GAUSSMIX_API Model model_from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution = {});

}  // namespace gaussmix
