#pragma once

#include "io/files.hpp"
#include "io/tensor_header.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// Files of named arrays of float64, the container of models and of statistics, in the layout of safetensors, so that
// every reader of those opens them: the length of the header as 8 bytes, the header as JSON padded with spaces to a
// multiple of 8, then the tensors as they stand in memory, without gaps; all little-endian.
//   metadata  "format" and "version" say which kind of file it is, further entries are the kind's own
//   checksum  "checksum_type" = "crc32" and "checksum" = 8 hexadecimal digits: zlib's CRC-32 of the bytes of the
//             tensors in the order that the kind lists them in, then of name, NUL, value, NUL for each other metadata
//             entry in the order of their names

namespace gaussmix::detail {

/// A kind of tensor file.
struct TensorFormat {
  const char* noun;                       ///< what messages call such a file, "a model file"
  const char* name;                       ///< its "format"
  const char* version;                    ///< its "version"
  VectorView<const char* const> tensors;  ///< the names that it may hold, in the order of the checksum
  Index n_required;                       ///< how many of them, from the first on, it must hold
};

/// A tensor to be written, of values that somebody else owns.
struct Tensor {
  const char* name;
  Shape shape;
  const double* values;
};

/// The bytes of a file of these tensors, which stand in the order of their format, and of `metadata`, to which the
/// format, its version and the checksum are added. @throws InvalidArgument for metadata that are not UTF-8, or too many
/// for a header
std::vector<std::uint8_t> tensor_bytes(const TensorFormat& format, Metadata metadata,
                                       const std::vector<Tensor>& tensors);
/// Makes these bytes the content of a file, as replace_file() does. @throws as both
void save_tensors(const std::string& path, const TensorFormat& format, Metadata metadata,
                  const std::vector<Tensor>& tensors);

/// A file of tensors that is being read: the header first, checked as far as a format goes, then the values. What is
/// not of the format is a FormatError.
class TensorFile {
 public:
  /// The first 8 bytes of a file of `size` bytes. @throws FormatError when it has fewer
  static std::uint64_t read_length(const TensorFormat& format, std::uint64_t size, const Read& read);

  /// Reads the header of a file of `size` bytes whose first 8 bytes are its `length`. Afterwards the format, its
  /// version and the kind of checksum are right, the required tensors are there, all are F64, and their shapes and
  /// places are those of the bytes that follow.
  TensorFile(const TensorFormat& format, std::uint64_t length, std::uint64_t size, const Read& read);

  /// "NOUN must RULE, but VALUE". @throws FormatError always
  [[noreturn]] void refuse(const std::string& what) const { throw_format(format_.noun, what); }
  const char* noun() const noexcept { return format_.noun; }

  const Metadata& metadata() const noexcept { return header_.metadata; }
  /// The value of a metadata entry. @throws FormatError when it is not there
  const std::string& entry(const char* name) const;

  bool has(const char* name) const noexcept { return find(name) != nullptr; }
  /// The shape of a tensor. @throws FormatError when it is not there
  const Shape& shape(const char* name) const;
  /// @throws FormatError unless a tensor has this shape: "have NAME of shape EXPECTED for REASON, but has …"
  void require_shape(const char* name, const Shape& expected, const std::string& reason) const;

  /// Reads the values of each tensor to the place that `out` names for it, and compares the checksum, where the file
  /// has one.
  void read_values(const Read& read, const std::map<std::string, double*>& out) const;

 private:
  const TensorEntry* find(const std::string& name) const noexcept;
  void check_kind() const;
  void check_checksum_entries() const;
  void check_places(std::uint64_t data_size);

  TensorFormat format_;
  Header header_;  ///< its tensors in the order of their bytes
};

}  // namespace gaussmix::detail
