#pragma once

#include <gaussmix/export.h>
#include <gaussmix/mixture.hpp>
#include <gaussmix/views.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// Model files: a mixture where it is fitted becomes the same mixture, bit for bit, where it scores.
///
/// The layout is that of safetensors, so that every reader of those opens them: the length of the header as 8 bytes, the
/// header as JSON padded with spaces to a multiple of 8, then the arrays as they stand in memory; all little-endian.
///   tensors   "weights" (K,), "means" (K, D), "covariances" in the shape of their type; dtype F64; no others
///   metadata  "format" = "gaussmix", "version" = "1", "covariance_type"; optional "allow_singular" = "true" or "false"
///             (the default), "feature_names" = a JSON array of D strings, and the user's own strings
///   checksum  "checksum_type" = "crc32" and "checksum" = 8 hexadecimal digits, both or neither: zlib's CRC-32 of the
///             bytes of weights, means and covariances, then of name, NUL, value, NUL for each other metadata entry in
///             the order of their names. `save` always writes both; files of other writers may do without
namespace gaussmix {

/// What a model file holds beside the mixture; both optional, all text UTF-8.
struct ModelInfo {
  std::vector<std::string> feature_names;       ///< empty or (D,)
  std::map<std::string, std::string> metadata;  ///< the user's own, by names that the format does not use itself
};

/// What a model file holds.
struct Model {
  Mixture mixture;
  ModelInfo info;
};

/// Saves the mixture: whoever opens `path` at any time, also after a crash, finds the old file or the new one, whole. A new
/// file is written beside the old one, flushed to the disk, and given its name, its permissions and, where the process may, its
/// owner and group; links are followed. What a crash may leave is a hidden file .gaussmix-….
/// @throws InvalidArgument    for feature names that are not D, a metadata name that the format uses, text that is not UTF-8,
///                            a header above 16 MiB, a `path` that names no regular file
/// @throws std::system_error  with `path` in its message, when the system refuses; the old file is then as it was
GAUSSMIX_API void save(const Mixture& mixture, const std::string& path, const ModelInfo& info = {});

/// Loads what `save` wrote, or another writer of the format. Safe for bytes from a stranger: sizes are checked before
/// anything is allocated, then the checksum, then the meaning as by the constructor of Mixture. Large models are prepared on
/// get_num_threads() threads.
/// @throws FormatError        with `path` in its message, for anything else
/// @throws std::system_error  with `path` in its message, when the system refuses
GAUSSMIX_API Model load(const std::string& path);

/// The bytes that `save` writes. @throws InvalidArgument as `save`
GAUSSMIX_API std::vector<std::uint8_t> to_bytes(const Mixture& mixture, const ModelInfo& info = {});

/// The model in the bytes of a model file. @throws FormatError as `load`
GAUSSMIX_API Model model_from_bytes(VectorView<const std::uint8_t> bytes);

}  // namespace gaussmix
