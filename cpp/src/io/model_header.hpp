#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The header of a model file (see gaussmix/model_file.hpp) and its JSON, which stays behind this file.

namespace gaussmix::detail {

using Shape = std::vector<std::uint64_t>;

/// What the header says of a tensor.
struct Tensor {
  std::string dtype;
  Shape shape;
  Shape data_offsets;  ///< begin and end of its bytes, from the end of the header on
};

enum TensorId : std::size_t { weights_id, means_id, covariances_id };
inline constexpr std::array<const char*, 3> tensor_names{"weights", "means", "covariances"};
using Tensors = std::array<Tensor, tensor_names.size()>;

struct Header {
  std::map<std::string, std::string> metadata;
  Tensors tensors;
};

/// The header as JSON. @throws InvalidArgument for metadata that are not UTF-8
std::string to_json(const Header& header);
/// The header in a JSON text, which must hold all tensors and no others, and nothing twice; what it says of them is not
/// looked at. @throws FormatError for anything else
Header header_from_json(const std::string& text);

/// ["first","second"]: feature names as one text. @throws InvalidArgument for names that are not UTF-8
std::string to_json(const std::vector<std::string>& feature_names);
/// The inverse of to_json. @throws FormatError for anything else
std::vector<std::string> feature_names_from_json(const std::string& text);

/// "a model file must RULE, but VALUE". @throws FormatError always
[[noreturn]] void throw_format(const std::string& what);
/// 'text', cut to one readable line, control characters as \x1b.
std::string in_quotes(const std::string& text);
/// "[3, 2]".
std::string shape_text(const Shape& shape);

}  // namespace gaussmix::detail
