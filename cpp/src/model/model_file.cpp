#include "base/message.hpp"
#include "io/crc32.hpp"
#include "io/files.hpp"
#include "io/model_header.hpp"
#include "model/mixture_data.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/model_file.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace gaussmix {
namespace {

using detail::covariances_id;
using detail::in_quotes;
using detail::means_id;
using detail::Piece;
using detail::Read;
using detail::Shape;
using detail::shape_text;
using detail::tensor_names;
using detail::throw_format;
using detail::weights_id;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they stand in memory");

using Entries = std::map<std::string, std::string>;
using Arrays = std::array<Piece, tensor_names.size()>;

constexpr const char* format_name = "gaussmix";
constexpr const char* format_version = "1";
constexpr const char* checksum_type = "crc32";
constexpr std::uint64_t max_header = 1 << 24;
constexpr std::uint64_t word = 8;

/// The metadata names of the format itself.
bool is_own_name(const std::string& name) {
  constexpr const char* names[] = {"format",        "version",  "covariance_type", "allow_singular",
                                   "checksum_type", "checksum", "feature_names"};
  return std::any_of(std::begin(names), std::end(names), [&](const char* own) { return name == own; });
}

/// Eight digits.
std::string hexadecimal(std::uint32_t value) {
  std::string digits(8, '0');
  for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 0xF];
  return digits;
}

/// The checksum of what a file says: the arrays, and all metadata but the checksum itself.
std::string checksum_of(const Arrays& arrays, const Entries& metadata) {
  std::uint32_t sum = 0;
  for (const Piece& array : arrays) sum = detail::crc32(array.data, array.size, sum);
  for (const auto& [name, value] : metadata) {
    if (name == "checksum") continue;
    for (const std::string* text : {&name, &value}) sum = detail::crc32(text->c_str(), text->size() + 1, sum);
  }
  return hexadecimal(sum);
}

/// The shapes of the three arrays, in their order.
std::array<Shape, 3> shapes_of(CovarianceType type, std::uint64_t k, std::uint64_t d) {
  const std::vector<Index> dims = covariance_shape(type, static_cast<Index>(k), static_cast<Index>(d));
  return {Shape{k}, Shape{k, d}, Shape(dims.begin(), dims.end())};
}

Arrays arrays_of(const Mixture& mixture) {
  const auto piece = [](const double* values, Index n) { return Piece{values, static_cast<std::size_t>(n) * word}; };
  return {piece(mixture.weights().data(), mixture.n_components()),
          piece(mixture.means().data(), mixture.n_components() * mixture.n_features()),
          piece(mixture.covariances().data(), mixture.covariances().size())};
}

void check_info(const Mixture& mixture, const ModelInfo& info) {
  const auto n_names = static_cast<Index>(info.feature_names.size());
  if (n_names != 0 && n_names != mixture.n_features())
    detail::throw_invalid("feature_names must have " + std::to_string(mixture.n_features()) +
                          " names (features), but has " + std::to_string(n_names));
  for (const auto& [name, value] : info.metadata)
    if (is_own_name(name))
      detail::throw_invalid("metadata must not hold the name " + in_quotes(name) + ", which the format uses itself");
}

Entries metadata_of(const Mixture& mixture, const ModelInfo& info) {
  Entries entries = info.metadata;
  entries["format"] = format_name;
  entries["version"] = format_version;
  entries["covariance_type"] = to_string(mixture.covariance_type());
  entries["allow_singular"] = mixture.allow_singular() ? "true" : "false";
  entries["checksum_type"] = checksum_type;
  if (!info.feature_names.empty()) entries["feature_names"] = detail::to_json(info.feature_names);
  entries["checksum"] = checksum_of(arrays_of(mixture), entries);
  return entries;
}

detail::Header header_of(const Mixture& mixture, ModelInfo info) {
  if (info.feature_names.empty()) info.feature_names = mixture.feature_names();
  check_info(mixture, info);
  detail::Header header{metadata_of(mixture, info), {}};
  const auto shapes = shapes_of(mixture.covariance_type(), static_cast<std::uint64_t>(mixture.n_components()),
                                static_cast<std::uint64_t>(mixture.n_features()));
  const Arrays arrays = arrays_of(mixture);
  std::uint64_t begin = 0;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    header.tensors[i] = {"F64", shapes[i], {begin, begin + arrays[i].size}};
    begin += arrays[i].size;
  }
  return header;
}

/// All that stands before the arrays: the header, padded so that they are aligned, after its length.
std::string opening_of(const Mixture& mixture, const ModelInfo& info) {
  std::string text = to_json(header_of(mixture, info));
  text.resize((text.size() + word - 1) / word * word, ' ');
  if (text.size() > max_header)
    detail::throw_invalid("feature_names and metadata must fit a header of " + std::to_string(max_header) +
                          " bytes, but need " + std::to_string(text.size()));
  const std::uint64_t size = text.size();
  std::string length(word, '\0');
  std::memcpy(length.data(), &size, word);
  return length + text;
}

/// The value of a metadata entry. @throws FormatError when it is not there
const std::string& entry(const Entries& metadata, const char* name) {
  const auto found = metadata.find(name);
  if (found == metadata.end()) throw_format(std::string("have metadata '") + name + "', but has none");
  return found->second;
}

void check_kind(const Entries& metadata) {
  if (const std::string& name = entry(metadata, "format"); name != format_name)
    throw_format(std::string("be of format '") + format_name + "', but is of format " + in_quotes(name));
  if (const std::string& version = entry(metadata, "version"); version != format_version)
    throw_format(std::string("be of version ") + format_version + ", but is of version " + in_quotes(version));
}

/// Whether there is a checksum. One of its two entries alone is what is left of both.
bool has_checksum(const Entries& metadata) {
  const bool has_type = metadata.count("checksum_type") != 0;
  if (has_type != (metadata.count("checksum") != 0))
    throw_format("have both checksum and checksum_type or neither, but has one of them");
  if (has_type && metadata.at("checksum_type") != checksum_type)
    throw_format(std::string("have the checksum_type '") + checksum_type + "', but has " +
                 in_quotes(metadata.at("checksum_type")));
  return has_type;
}

CovarianceType covariance_type_of(const Entries& metadata) {
  try {
    return covariance_type_from_string(entry(metadata, "covariance_type"));
  } catch (const InvalidArgument&) {
    throw_format("have the covariance_type " + detail::covariance_type_names() + ", but has " +
                 in_quotes(metadata.at("covariance_type")));
  }
}

bool allow_singular_of(const Entries& metadata) {
  const auto found = metadata.find("allow_singular");
  if (found == metadata.end() || found->second == "false") return false;
  if (found->second != "true")
    throw_format("have allow_singular 'true' or 'false', but has " + in_quotes(found->second));
  return true;
}

/// The bytes that a tensor of this shape takes; `limit + 1` when they exceed the limit.
std::uint64_t bytes_of(const Shape& shape, std::uint64_t limit) {
  std::uint64_t bytes = word;
  for (const std::uint64_t size : shape)
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > limit) return limit + 1;
  return bytes;
}

/// The tensors in the order of their bytes. Checks that these are exactly the `data_size` bytes there are.
std::array<std::size_t, 3> order_of(const detail::Tensors& tensors, std::uint64_t data_size) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [dtype, shape, offsets] = tensors[i];
    const std::string name = tensor_names[i];
    if (dtype != "F64") throw_format("have " + name + " of dtype F64, but has " + in_quotes(dtype));
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_size)
      throw_format("have data_offsets of " + name + " within its " + std::to_string(data_size) +
                   " bytes of data, but has " + shape_text(offsets));
    if (bytes_of(shape, data_size) != offsets[1] - offsets[0])
      throw_format("give " + name + " of shape " + shape_text(shape) + " 8 bytes a value, but gives it the bytes " +
                   shape_text(offsets));
  }
  std::array<std::size_t, 3> order{weights_id, means_id, covariances_id};
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return tensors[a].data_offsets < tensors[b].data_offsets; });
  std::uint64_t end = 0;
  for (const std::size_t i : order) {
    if (tensors[i].data_offsets[0] != end)
      throw_format(std::string("have no gaps and no overlaps between its tensors, but ") + tensor_names[i] +
                   " begins at " + std::to_string(tensors[i].data_offsets[0]) + " after " + std::to_string(end));
    end = tensors[i].data_offsets[1];
  }
  if (end != data_size)
    throw_format("end with its last tensor, but has " + std::to_string(data_size - end) + " bytes more");
  return order;
}

void check_shapes(const detail::Tensors& tensors, CovarianceType type) {
  const Shape& means = tensors[means_id].shape;
  if (means.size() != 2) throw_format("have means of shape [K, D], but has " + shape_text(means));
  const auto expected = shapes_of(type, means[0], means[1]);
  for (const std::size_t i : {weights_id, covariances_id})
    if (tensors[i].shape != expected[i])
      throw_format(std::string("have ") + tensor_names[i] + " of shape " + shape_text(expected[i]) + " for '" +
                   to_string(type) + "' and means of shape " + shape_text(means) + ", but has " +
                   shape_text(tensors[i].shape));
}

ModelInfo info_of(const Entries& metadata, std::uint64_t n_features) {
  ModelInfo info;
  for (const auto& [name, value] : metadata)
    if (!is_own_name(name)) info.metadata.emplace(name, value);
  const auto found = metadata.find("feature_names");
  if (found == metadata.end()) return info;
  info.feature_names = detail::feature_names_from_json(found->second);
  if (info.feature_names.size() != n_features)
    throw_format("have " + std::to_string(n_features) + " feature names, but has " +
                 std::to_string(info.feature_names.size()));
  return info;
}

/// The header of a file of `size` bytes, read from its beginning, and how many bytes are left.
std::pair<detail::Header, std::uint64_t> read_header(std::uint64_t size, const Read& read) {
  if (size < word) throw_format("be at least 8 bytes long, but is " + std::to_string(size));
  std::uint64_t length = 0;
  read(&length, word);
  const std::uint64_t limit = std::min(max_header, size - word);
  if (length > limit)
    throw_format("have a header of at most " + std::to_string(limit) + " bytes, but says that it has " +
                 std::to_string(length));
  std::string text(length, '\0');
  read(text.data(), length);
  if (text.empty() || text[0] != '{') throw_format("have a header that begins with '{', but does not");
  return {detail::header_from_json(text), size - word - length};
}

/// The values of the tensors, which follow one another in this order.
detail::Parameters read_values(const detail::Tensors& tensors, const std::array<std::size_t, 3>& order,
                               const Read& read) {
  const auto bytes = [&tensors](std::size_t i) { return tensors[i].data_offsets[1] - tensors[i].data_offsets[0]; };
  detail::Parameters values;
  values.weights.resize(bytes(weights_id) / word);
  values.means.resize(bytes(means_id) / word);
  values.covariances.resize(static_cast<Index>(bytes(covariances_id) / word));
  double* const out[] = {values.weights.data(), values.means.data(), values.covariances.data()};
  for (const std::size_t i : order) read(out[i], bytes(i));
  return values;
}

void check_sum(const detail::Parameters& values, const Entries& metadata) {
  const Arrays arrays{Piece{values.weights.data(), values.weights.size() * word},
                      {values.means.data(), values.means.size() * word},
                      {values.covariances.data(), static_cast<std::size_t>(values.covariances.size()) * word}};
  const std::string& stated = metadata.at("checksum");
  if (const std::string sum = checksum_of(arrays, metadata); sum != stated)
    throw_format("match its checksum " + in_quotes(stated) + ", but comes to " + in_quotes(sum));
}

Mixture mixture_of(detail::Parameters parameters, const Shape& means, CovarianceType type, bool allow_singular,
                   const Execution& execution) {
  try {
    return Mixture(std::make_shared<const detail::MixtureData>(std::move(parameters), static_cast<Index>(means[0]),
                                                               static_cast<Index>(means[1]), type, allow_singular,
                                                               detail::ParameterNames{}, execution));
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    throw_format(std::string("hold a valid mixture, but: ") + error.what());
  }
}

Model read_model(std::uint64_t size, const Read& read, const Execution& execution) {
  detail::check_num_threads(execution.num_threads);
  const auto [header, data_size] = read_header(size, read);
  const Entries& metadata = header.metadata;
  check_kind(metadata);
  const bool is_summed = has_checksum(metadata);
  const CovarianceType type = covariance_type_of(metadata);
  const bool allow_singular = allow_singular_of(metadata);
  const auto order = order_of(header.tensors, data_size);
  check_shapes(header.tensors, type);
  const Shape& means = header.tensors[means_id].shape;
  ModelInfo info = info_of(metadata, means[1]);
  detail::Parameters values = read_values(header.tensors, order, read);
  if (is_summed) check_sum(values, metadata);
  const Mixture mixture = mixture_of(std::move(values), means, type, allow_singular, execution);
  return {mixture.with_feature_names(info.feature_names), std::move(info)};
}

}  // namespace

std::vector<std::uint8_t> Mixture::to_bytes(const ModelInfo& info) const {
  const std::string opening = opening_of(*this, info);
  std::vector<std::uint8_t> bytes(opening.begin(), opening.end());
  for (const Piece& array : arrays_of(*this)) {
    const auto* begin = static_cast<const std::uint8_t*>(array.data);
    bytes.insert(bytes.end(), begin, begin + array.size);
  }
  return bytes;
}

void Mixture::save(const std::string& path, const ModelInfo& info) const {
  const std::string opening = opening_of(*this, info);
  std::vector<Piece> pieces{{opening.data(), opening.size()}};
  for (const Piece& array : arrays_of(*this)) pieces.push_back(array);
  detail::replace_file(path, pieces);
}

Mixture Mixture::from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution) {
  return model_from_bytes(bytes, execution).mixture;
}

Mixture Mixture::load(const std::string& path, const Execution& execution) {
  return load_model(path, execution).mixture;
}

Model model_from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution) {
  const Read read = detail::reader_of(bytes);
  return read_model(static_cast<std::uint64_t>(bytes.size()), read, execution);
}

Model load_model(const std::string& path, const Execution& execution) {
  return detail::parse_file(path,
                            [&](std::uint64_t size, const Read& read) { return read_model(size, read, execution); });
}

}  // namespace gaussmix
