#include "io/tensor_header.hpp"

#include "base/message.hpp"

#include <gaussmix/error.hpp>

#define JSON_ASSERT(condition) static_cast<void>(0)  // a library does not abort
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace gaussmix::detail {
namespace {

using Json = nlohmann::json;

/// `text` as JSON. @throws InvalidArgument naming `what` unless it is UTF-8
std::string json_string(const std::string& text, const std::string& what) {
  try {
    return Json(text).dump();
  } catch (const Json::exception&) {
    throw_invalid(what + " must be UTF-8, but is not");
  }
}

std::string metadata_json(const Metadata& metadata) {
  std::string text;
  for (const auto& [name, value] : metadata)
    text += (text.empty() ? "" : ",") + json_string(name, "a name in metadata") + ":" +
            json_string(value, "metadata[" + in_quotes(name) + "]");
  return "{" + text + "}";
}

/// Takes the events of a JSON parser and refuses them all; a reader names those that it takes. The parser does not call
/// itself, and ends with the first refusal, so that no text is too deep for it.
class Refuser {
 public:
  Refuser(const char* noun, std::string what) : noun_(noun), what_(std::move(what)) {}
  bool null() { refuse(); }
  bool boolean(bool) { refuse(); }
  bool number_integer(Json::number_integer_t) { refuse(); }
  bool number_unsigned(Json::number_unsigned_t) { refuse(); }
  bool number_float(Json::number_float_t, const std::string&) { refuse(); }
  bool string(std::string&) { refuse(); }
  bool binary(Json::binary_t&) { refuse(); }
  bool start_object(std::size_t) { refuse(); }
  bool key(std::string&) { refuse(); }
  bool end_object() { refuse(); }
  bool start_array(std::size_t) { refuse(); }
  bool end_array() { refuse(); }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    throw_format("have " + what_ + " in JSON, but it is not from its byte " + std::to_string(position) + " on");
  }

 protected:
  [[noreturn]] void throw_format(const std::string& what) const { detail::throw_format(noun_, what); }

 private:
  [[noreturn]] void refuse() const { throw_format("have " + what_ + ", but its JSON has another structure"); }

  const char* noun_;
  std::string what_;
};

/// An array of strings.
class NamesReader : public Refuser {
 public:
  explicit NamesReader(const char* noun) : Refuser(noun, "feature names as an array of strings") {}
  std::vector<std::string> names;

  bool start_array(std::size_t size) {
    if (is_open_) return Refuser::start_array(size);
    return is_open_ = true;
  }
  bool end_array() { return true; }
  bool string(std::string& text) {
    if (!is_open_) return Refuser::string(text);
    names.push_back(std::move(text));
    return true;
  }

 private:
  bool is_open_ = false;
};

/// {"__metadata__": {NAME: VALUE, …}, TENSOR: {"dtype": …, "shape": […], "data_offsets": […]}, …}
class HeaderReader : public Refuser {
 public:
  HeaderReader(const char* noun, VectorView<const char* const> names)
      : Refuser(noun, "a header of tensors and metadata"), names_(names) {}
  Header header;

  bool start_object(std::size_t size) {
    if (depth_ > 1 || (depth_ == 1) != (entry_ != Entry::none)) return Refuser::start_object(size);
    ++depth_;
    return true;
  }
  bool end_object() {
    if (--depth_ == 1) entry_ = Entry::none;
    return true;
  }
  bool key(std::string& name) {
    if (depth_ == 1)
      begin_entry(name);
    else if (entry_ == Entry::tensor)
      begin_value(name);
    else
      key_ = name;
    return true;
  }
  bool string(std::string& text) {
    if (depth_ == 2 && entry_ == Entry::metadata)
      require_first(header.metadata.emplace(key_, std::move(text)).second, key_);
    else if (depth_ == 2 && key_ == "dtype")
      header.tensors.back().dtype = std::move(text);
    else
      return Refuser::string(text);
    return true;
  }
  bool start_array(std::size_t size) {
    if (list_ == nullptr || depth_ != 2) return Refuser::start_array(size);
    ++depth_;
    return true;
  }
  bool end_array() {
    --depth_;
    list_ = nullptr;
    return true;
  }
  bool number_unsigned(std::uint64_t value) {
    constexpr std::size_t longest = 3;  // a shape (K, D, D)
    if (depth_ != 3 || list_->size() == longest) return Refuser::number_unsigned(value);
    list_->push_back(value);
    return true;
  }

 private:
  enum class Entry { none, metadata, tensor };

  void begin_entry(const std::string& name) {
    require_first(entries_.insert(name).second, name);
    entry_ = name == "__metadata__" ? Entry::metadata : Entry::tensor;
    if (entry_ == Entry::metadata) return;
    if (!is_known(name)) throw_format("hold the tensors " + known_names() + " alone, but holds " + in_quotes(name));
    header.tensors.push_back({name, {}, {}, {}});
    said_.clear();
  }
  bool is_known(const std::string& name) const {
    for (Index i = 0; i < names_.size(); ++i)
      if (name == names_[i]) return true;
    return false;
  }
  std::string known_names() const {
    std::string text;
    for (Index i = 0; i < names_.size(); ++i)
      text += std::string(i == 0 ? "" : i + 1 < names_.size() ? ", " : " and ") + names_[i];
    return text;
  }
  void begin_value(const std::string& name) {
    require_first(said_.insert(name).second, name);
    key_ = name;
    TensorEntry& tensor = header.tensors.back();
    list_ = name == "shape" ? &tensor.shape : name == "data_offsets" ? &tensor.data_offsets : nullptr;
    if (list_ == nullptr && name != "dtype")
      throw_format("say dtype, shape and data_offsets of a tensor, but says " + in_quotes(name));
  }
  void require_first(bool is_first, const std::string& name) const {
    if (!is_first) throw_format("say each thing once, but says " + in_quotes(name) + " twice");
  }

  VectorView<const char* const> names_;  ///< of the tensors that there may be
  int depth_ = 0;                        ///< 1 in the header, 2 in an entry, 3 in a list of numbers
  Entry entry_ = Entry::none;
  std::string key_;
  Shape* list_ = nullptr;          ///< what the next numbers belong to, in the last tensor
  std::set<std::string> entries_;  ///< the names of those begun
  std::set<std::string> said_;     ///< what has been said of the tensor
};

}  // namespace

std::string to_json(const Header& header) {
  std::string text = R"({"__metadata__":)" + metadata_json(header.metadata);
  for (const auto& [name, dtype, shape, data_offsets] : header.tensors)
    text += "," + json_string(name, "a name of a tensor") + R"(:{"dtype":)" + json_string(dtype, "dtype") +
            R"(,"shape":)" + shape_text(shape) + R"(,"data_offsets":)" + shape_text(data_offsets) + "}";
  return text + "}";
}

Header header_from_json(const std::string& text, const char* noun, VectorView<const char* const> names) {
  // The parser takes a null for the end of the text.
  if (text.find('\0') != std::string::npos) throw_format(noun, "have a header without null bytes, but has one");
  HeaderReader reader(noun, names);
  Json::sax_parse(text, &reader);
  return std::move(reader.header);
}

std::string to_json(const std::vector<std::string>& feature_names) {
  std::string text;
  for (std::size_t j = 0; j < feature_names.size(); ++j)
    text += (j > 0 ? "," : "") + json_string(feature_names[j], "feature_names[" + std::to_string(j) + "]");
  return "[" + text + "]";
}

std::vector<std::string> feature_names_from_json(const std::string& text, const char* noun) {
  NamesReader reader(noun);
  Json::sax_parse(text, &reader);
  return std::move(reader.names);
}

void throw_format(const char* noun, const std::string& what) { throw FormatError(std::string(noun) + " must " + what); }

std::string in_quotes(const std::string& text) {
  std::size_t end = std::min<std::size_t>(text.size(), 60);
  if (end < text.size())
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a character
  std::string readable = "'";
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F)
      readable += c;
    else  // a terminal, or a log, may take it for an order
      (readable += "\\x") += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 0xF]};
  }
  return readable + (end < text.size() ? "…'" : "'");
}

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const std::uint64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

}  // namespace gaussmix::detail
