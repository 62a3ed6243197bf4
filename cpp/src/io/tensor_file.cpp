#include "io/tensor_file.hpp"

#include "base/message.hpp"
#include "io/crc32.hpp"

#include <algorithm>
#include <cstring>

namespace gaussmix::detail {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they stand in memory");

constexpr const char* dtype = "F64";
constexpr const char* checksum_type = "crc32";
constexpr std::uint64_t max_header = 1 << 24;
constexpr std::uint64_t word = 8;

/// The bytes that a tensor of this shape takes; `limit + 1` when they exceed the limit.
std::uint64_t bytes_of(const Shape& shape, std::uint64_t limit) {
  std::uint64_t bytes = word;
  for (const std::uint64_t size : shape)
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > limit) return limit + 1;
  return bytes;
}

Piece piece_of(const Tensor& tensor) {
  std::uint64_t bytes = word;
  for (const std::uint64_t size : tensor.shape) bytes *= size;
  return {tensor.values, bytes};
}

/// The checksum of what a file says: the tensors, and all metadata but the checksum itself.
std::string checksum_of(const std::vector<Piece>& tensors, const Metadata& metadata) {
  std::uint32_t sum = 0;
  for (const Piece& tensor : tensors) sum = crc32(tensor.data, tensor.size, sum);
  for (const auto& [name, value] : metadata) {
    if (name == "checksum") continue;
    for (const std::string* text : {&name, &value}) sum = crc32(text->c_str(), text->size() + 1, sum);
  }
  return hexadecimal(sum);
}

/// All that stands before the values: the header, padded so that they are aligned, after its length.
std::string opening_of(const TensorFormat& format, Metadata metadata, const std::vector<Tensor>& tensors,
                       const std::vector<Piece>& pieces) {
  metadata["format"] = format.name;
  metadata["version"] = format.version;
  metadata["checksum_type"] = checksum_type;
  metadata["checksum"] = checksum_of(pieces, metadata);
  Header header{std::move(metadata), {}};
  std::uint64_t begin = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    header.tensors.push_back({tensors[i].name, dtype, tensors[i].shape, {begin, begin + pieces[i].size}});
    begin += pieces[i].size;
  }
  std::string text = to_json(header);
  text.resize((text.size() + word - 1) / word * word, ' ');
  if (text.size() > max_header)
    throw_invalid("feature_names and metadata must fit a header of " + std::to_string(max_header) +
                  " bytes, but need " + std::to_string(text.size()));
  const std::uint64_t size = text.size();
  std::string length(word, '\0');
  std::memcpy(length.data(), &size, word);
  return length + text;
}

std::vector<Piece> pieces_of(const std::vector<Tensor>& tensors) {
  std::vector<Piece> pieces;
  for (const Tensor& tensor : tensors) pieces.push_back(piece_of(tensor));
  return pieces;
}

}  // namespace

std::vector<std::uint8_t> tensor_bytes(const TensorFormat& format, Metadata metadata,
                                       const std::vector<Tensor>& tensors) {
  const std::vector<Piece> pieces = pieces_of(tensors);
  const std::string opening = opening_of(format, std::move(metadata), tensors, pieces);
  std::size_t size = opening.size();
  for (const Piece& piece : pieces) size += piece.size;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(size);
  bytes.assign(opening.begin(), opening.end());
  for (const Piece& piece : pieces) {
    const auto* begin = static_cast<const std::uint8_t*>(piece.data);
    bytes.insert(bytes.end(), begin, begin + piece.size);
  }
  return bytes;
}

void save_tensors(const std::string& path, const TensorFormat& format, Metadata metadata,
                  const std::vector<Tensor>& tensors) {
  std::vector<Piece> pieces = pieces_of(tensors);
  const std::string opening = opening_of(format, std::move(metadata), tensors, pieces);
  pieces.insert(pieces.begin(), Piece{opening.data(), opening.size()});
  replace_file(path, pieces);
}

std::uint64_t TensorFile::read_length(const TensorFormat& format, std::uint64_t size, const Read& read) {
  if (size < word) throw_format(format.noun, "be at least 8 bytes long, but is " + std::to_string(size));
  std::uint64_t length = 0;
  read(&length, word);
  return length;
}

TensorFile::TensorFile(const TensorFormat& format, std::uint64_t length, std::uint64_t size, const Read& read)
    : format_(format) {
  const std::uint64_t limit = std::min(max_header, size - word);
  if (length > limit)
    refuse("have a header of at most " + std::to_string(limit) + " bytes, but says that it has " +
           std::to_string(length));
  std::string text(length, '\0');
  read(text.data(), length);
  if (text.empty() || text[0] != '{') refuse("have a header that begins with '{', but does not");
  header_ = header_from_json(text, noun(), format.tensors);
  for (Index i = 0; i < format.n_required; ++i) shape(format.tensors[i]);
  check_kind();
  check_checksum_entries();
  check_places(size - word - length);
}

const std::string& TensorFile::entry(const char* name) const {
  const auto found = metadata().find(name);
  if (found == metadata().end()) refuse(std::string("have metadata '") + name + "', but has none");
  return found->second;
}

const TensorEntry* TensorFile::find(const std::string& name) const noexcept {
  for (const TensorEntry& tensor : header_.tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

const Shape& TensorFile::shape(const char* name) const {
  const TensorEntry* tensor = find(name);
  if (tensor == nullptr) refuse(std::string("hold the tensor ") + name + ", but does not");
  return tensor->shape;
}

void TensorFile::require_shape(const char* name, const Shape& expected, const std::string& reason) const {
  if (shape(name) != expected)
    refuse(std::string("have ") + name + " of shape " + shape_text(expected) + " for " + reason + ", but has " +
           shape_text(shape(name)));
}

void TensorFile::check_kind() const {
  if (const std::string& name = entry("format"); name != format_.name)
    refuse(std::string("be of format '") + format_.name + "', but is of format " + in_quotes(name));
  if (const std::string& version = entry("version"); version != format_.version)
    refuse(std::string("be of version ") + format_.version + ", but is of version " + in_quotes(version));
}

/// One of the two entries alone is what is left of both.
void TensorFile::check_checksum_entries() const {
  const bool has_type = metadata().count("checksum_type") != 0;
  if (has_type != (metadata().count("checksum") != 0))
    refuse("have both checksum and checksum_type or neither, but has one of them");
  if (has_type && entry("checksum_type") != checksum_type)
    refuse(std::string("have the checksum_type '") + checksum_type + "', but has " + in_quotes(entry("checksum_type")));
}

/// Puts the tensors in the order of their bytes. Checks that these are exactly the `data_size` bytes there are.
void TensorFile::check_places(std::uint64_t data_size) {
  for (const auto& [name, type, shape, offsets] : header_.tensors) {
    if (type != dtype) refuse("have " + name + " of dtype F64, but has " + in_quotes(type));
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_size)
      refuse("have data_offsets of " + name + " within its " + std::to_string(data_size) + " bytes of data, but has " +
             shape_text(offsets));
    if (bytes_of(shape, data_size) != offsets[1] - offsets[0])
      refuse("give " + name + " of shape " + shape_text(shape) + " 8 bytes a value, but gives it the bytes " +
             shape_text(offsets));
  }
  std::sort(header_.tensors.begin(), header_.tensors.end(),
            [](const TensorEntry& a, const TensorEntry& b) { return a.data_offsets < b.data_offsets; });
  std::uint64_t end = 0;
  for (const TensorEntry& tensor : header_.tensors) {
    if (tensor.data_offsets[0] != end)
      refuse("have no gaps and no overlaps between its tensors, but " + tensor.name + " begins at " +
             std::to_string(tensor.data_offsets[0]) + " after " + std::to_string(end));
    end = tensor.data_offsets[1];
  }
  if (end != data_size) refuse("end with its last tensor, but has " + std::to_string(data_size - end) + " bytes more");
}

void TensorFile::read_values(const Read& read, const std::map<std::string, double*>& out) const {
  std::vector<Piece> pieces;
  for (const TensorEntry& tensor : header_.tensors)
    read(out.at(tensor.name), tensor.data_offsets[1] - tensor.data_offsets[0]);
  for (Index i = 0; i < format_.tensors.size(); ++i)
    if (const TensorEntry* tensor = find(format_.tensors[i]))
      pieces.push_back({out.at(tensor->name), tensor->data_offsets[1] - tensor->data_offsets[0]});
  if (metadata().count("checksum") == 0) return;
  const std::string& stated = entry("checksum");
  if (const std::string sum = checksum_of(pieces, metadata()); sum != stated)
    refuse("match its checksum " + in_quotes(stated) + ", but comes to " + in_quotes(sum));
}

}  // namespace gaussmix::detail
