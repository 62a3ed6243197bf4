#pragma once

#include <gaussmix/views.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The header of a file of tensors (see io/tensor_file.hpp) and its JSON, which stays behind this file.

namespace gaussmix::detail {

using Shape = std::vector<std::uint64_t>;
using Metadata = std::map<std::string, std::string>;

/// What the header says of a tensor.
struct TensorEntry {
  std::string name;
  std::string dtype;
  Shape shape;
  Shape data_offsets;  ///< begin and end of its bytes, from the end of the header on
};

struct Header {
  Metadata metadata;
  std::vector<TensorEntry> tensors;  ///< in the order of the text
};

/// The header as JSON. @throws InvalidArgument for metadata that are not UTF-8
std::string to_json(const Header& header);
/// The header in a JSON text, which must hold no tensors but those of these names, and nothing twice; what it says of
/// them is not looked at. @throws FormatError, which calls the file `noun`, for anything else
Header header_from_json(const std::string& text, const char* noun, VectorView<const char* const> names);

/// ["first","second"]: feature names as one text. @throws InvalidArgument for names that are not UTF-8
std::string to_json(const std::vector<std::string>& feature_names);
/// The inverse of to_json. @throws FormatError, which calls the file `noun`, for anything else
std::vector<std::string> feature_names_from_json(const std::string& text, const char* noun);

/// "NOUN must RULE, but VALUE", as "a model file must …". @throws FormatError always
[[noreturn]] void throw_format(const char* noun, const std::string& what);
/// 'text', cut to one readable line, control characters as \x1b.
std::string in_quotes(const std::string& text);
/// "[3, 2]".
std::string shape_text(const Shape& shape);

}  // namespace gaussmix::detail
