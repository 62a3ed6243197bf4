#include "bad_input.hpp"
#include "messages.hpp"
#include "model_files.hpp"
#include "problems.hpp"

#include <gaussmix/model_file.hpp>
#include <gaussmix/simd.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace gaussmix;
using namespace model_files;
using problems::all_types;
using problems::random_problem;

namespace {

/// Names and strings that JSON has to escape.
ModelInfo info_of(Index n_features) {
  ModelInfo info;
  for (Index j = 0; j < n_features; ++j) info.feature_names.push_back("x\"" + std::to_string(j) + "\\ µm");
  info.metadata = {{"author", "K. F. Gauß"}, {"", ""}, {"note", std::string("a\0b\n\x7f", 5)}};
  return info;
}

/// log p of the same rows, whatever mixture they are scored by.
Doubles scores(const Mixture& mixture, const problems::Problem& p) {
  Doubles out(static_cast<std::size_t>(p.n));
  log_prob<double>(mixture, p.rows(), out);
  return out;
}

/// The message of the FormatError that reading these bytes ends in.
std::string refusal(const Bytes& bytes) {
  return messages::message_of<FormatError>([&] { model_from_bytes(bytes); });
}

/// Whether they are read as `model`, or refused.
bool is_same_or_refused(const Bytes& bytes, const Model& model) {
  try {
    return model_from_bytes(bytes) == model;
  } catch (const FormatError&) {
    return true;
  }
}

/// A file of another writer: K = 1, D = 1, diagonal, without a checksum.
const std::string plain_metadata = R"({"format":"gaussmix","version":"1","covariance_type":"diag"})";
const std::string weights = R"("weights":{"dtype":"F64","shape":[1],"data_offsets":[0,8]})";
const std::string means = R"("means":{"dtype":"F64","shape":[1,1],"data_offsets":[8,16]})";
const std::string covariances = R"("covariances":{"dtype":"F64","shape":[1,1],"data_offsets":[16,24]})";

std::string header(const std::string& metadata, const std::string& tensors) {
  return "{\"__metadata__\":" + metadata + "," + tensors + "}";
}
const std::string all_tensors = weights + "," + means + "," + covariances;

/// The plain file with the first `from` in its header replaced.
Bytes changed(const std::string& from, const std::string& to, const Doubles& data = {1, 0, 1}) {
  std::string text = header(plain_metadata, all_tensors);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return file(text.replace(at, from.size(), to), data);
}

}  // namespace

TEST_CASE("model_file: what is saved is loaded, and scores with the same bits") {
  const TemporaryFolder folder;
  for (const CovarianceType type : all_types)
    for (const bool has_info : {false, true}) {
      CAPTURE(to_string(type));
      const problems::Problem p = random_problem(4, 3, 100, type, 71);
      const Model model{p.mixture(), has_info ? info_of(3) : ModelInfo{}};
      model.mixture.save(folder.path("m.safetensors"), model.info);
      const Model loaded = load_model(folder.path("m.safetensors"));
      CHECK(loaded == model);
      CHECK(scores(loaded.mixture, p) == scores(model.mixture, p));
      CHECK(folder.content("m.safetensors") == model.mixture.to_bytes(model.info));
      CHECK(model_from_bytes(model.mixture.to_bytes(model.info)) == model);
      CHECK(folder.names() == std::set<std::string>{"m.safetensors"});
    }
}

TEST_CASE("model_file: singular covariances stay allowed") {
  const Doubles pi = {1}, mu = {0, 0}, sigma = {1, 2, 2, 4};
  const Mixture line(pi, MatrixView<const double>(mu.data(), 1, 2), sigma, CovarianceType::full, true);
  CHECK(Mixture::from_bytes(line.to_bytes()) == line);
}

TEST_CASE("model_file: bytes are read at any stride") {
  const Model model{bad_input::two_components(), info_of(2)};
  const Bytes bytes = model.mixture.to_bytes(model.info);
  Bytes backwards(3 * bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) backwards[3 * (bytes.size() - 1 - i)] = bytes[i];
  const auto size = static_cast<Index>(bytes.size());
  CHECK(model_from_bytes({backwards.data() + 3 * (size - 1), size, -3}) == model);
}

TEST_CASE("model_file: the files of version 1 load for ever") {
  for (const GoldenFile& golden : golden_files()) {
    CAPTURE(golden.name);
    const Model model = load_model(data_path(golden.name));
    CHECK(model == golden.model);
    CHECK(read(data_path(golden.name)) == golden.model.mixture.to_bytes(golden.model.info));
  }
}

TEST_CASE("model_file: a golden file with one byte changed gives an equal model or a FormatError") {
  for (const GoldenFile& golden : golden_files()) {
    CAPTURE(golden.name);
    // All other bytes in place of each for the richest file, once: the reader knows no instruction sets. Else each bit.
    const bool every_byte = golden.name == "model_full.safetensors" && simd_level() == "baseline";
    Bytes bytes = read(data_path(golden.name));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint8_t right = bytes[i];
      bool is_right = true;
      for (int change = 1; change < 256; change = every_byte ? change + 1 : 2 * change) {
        bytes[i] = static_cast<std::uint8_t>(right ^ change);
        is_right = is_right && is_same_or_refused(bytes, golden.model);
      }
      bytes[i] = right;
      CAPTURE(i);
      CHECK(is_right);
    }
  }
}

TEST_CASE("model_file: every truncation of a golden file, and any byte more, is refused") {
  for (const GoldenFile& golden : golden_files()) {
    CAPTURE(golden.name);
    Bytes bytes = read(data_path(golden.name));
    for (std::size_t size = 0; size < bytes.size(); ++size)
      refusal(Bytes(bytes.begin(), bytes.begin() + static_cast<Index>(size)));
    bytes.push_back(0);
    CHECK(refusal(bytes).find("end with its last tensor, but has 1 bytes more") != std::string::npos);
  }
}

TEST_CASE("model_file: a file of another writer is read without a checksum, its tensors in any order, unpadded") {
  const Doubles pi = {0.25, 0.75}, mu = {1, 2}, sigma = {4};
  const Mixture mixture(pi, MatrixView<const double>(mu.data(), 2, 1), sigma, CovarianceType::tied);
  const std::string text =
      R"({"means":{"shape":[2,1],"data_offsets":[8,24],"dtype":"F64"},"covariances":{"dtype":"F64","shape":[1,1],)"
      R"("data_offsets":[0,8]},"weights":{"dtype":"F64","shape":[2],"data_offsets":[24,40]},"__metadata__":)"
      R"({"covariance_type":"tied","format":"gaussmix","version":"1","n\u006fte":"\ud83d\ude00"}})";
  const Bytes bytes = file(text, {4, 1, 2, 0.25, 0.75});
  CHECK(model_from_bytes(bytes) == Model{mixture, {{}, {{"note", "😀"}}}});
}

TEST_CASE("model_file: foreign headers are refused by their reason") {
  const auto says = [](const Bytes& bytes, const std::string& part) {
    const std::string message = refusal(bytes);
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
  };
  CHECK_NOTHROW(model_from_bytes(changed("{", "{")));
  says({}, "be at least 8 bytes long, but is 0");
  says(Bytes(8, 0xFF), "have a header of at most 0 bytes, but says that it has 18446744073709551615");
  says(file("", {}), "begins with '{'");
  says(file("[]", {}), "begins with '{'");
  says(file("{", {}), "in JSON, but it is not from its byte");
  says(file("{}", {}), "hold the tensor weights, but does not");
  says(file(header(plain_metadata, weights + "," + means), {1, 0}), "hold the tensor covariances, but does not");
  says(changed("\"weights\"", "\"bias\""), "tensors weights, means and covariances alone, but holds 'bias'");
  says(changed("gaussmix", "pt"), "be of format 'gaussmix', but is of format 'pt'");
  says(changed("\"format\"", "\"Format\""), "have metadata 'format', but has none");
  says(changed("\"version\":\"1\"", "\"version\":\"2\""), "be of version 1, but is of version '2'");
  says(changed("\"diag\"", "\"banded\""),
       "have the covariance_type 'full', 'tied', 'diag', 'spherical', 'tied_diag' or 'tied_spherical', but has "
       "'banded'");
  says(changed("\"version\"", "\"allow_singular\":\"yes\",\"version\""),
       "allow_singular 'true' or 'false', but has 'yes'");
  says(changed("\"version\"", "\"checksum\":\"00000000\",\"version\""), "both checksum and checksum_type or neither");
  says(changed("\"version\"", "\"checksum_type\":\"crc32\",\"version\""), "both checksum and checksum_type or neither");
  says(changed("\"version\"", "\"checksum_type\":\"md5\",\"checksum\":\"0\",\"version\""), "'crc32', but has 'md5'");
  says(changed("\"version\"", "\"checksum_type\":\"crc32\",\"checksum\":\"00000000\",\"version\""),
       "match its checksum '00000000'");
  says(changed("\"version\"", "\"format\":\"gaussmix\",\"version\""), "say each thing once, but says 'format' twice");
  says(changed(",\"means\"", "," + weights + ",\"means\""), "say each thing once, but says 'weights' twice");
  says(changed("\"shape\"", "\"dtype\":\"F64\",\"shape\""), "say each thing once, but says 'dtype' twice");
  says(changed("\"dtype\"", "\"type\""), "say dtype, shape and data_offsets of a tensor, but says 'type'");
  says(changed("F64", "F32"), "have weights of dtype F64, but has 'F32'");
  for (const char* size : {"-1", "1.0", "1e0", "[1]", "{}", "\"1\"", "null", "true", "1,1,1,1", "99999999999999999999"})
    says(changed("\"shape\":[1]", std::string("\"shape\":[") + size + "]"), "JSON has another structure");
  says(changed("\"1\"", "1"), "JSON has another structure");
  says(changed("[0,8]", "0"), "JSON has another structure");
  says(changed("[0,8]", "[0]"), "have data_offsets of weights within its 24 bytes of data, but has [0]");
  says(changed("[0,8]", "[8,0]"), "but has [8, 0]");
  says(changed("[16,24]", "[16,32]"), "have data_offsets of covariances within its 24 bytes of data, but has [16, 32]");
  says(changed("[8,16]", "[0,8]"), "have no gaps and no overlaps between its tensors");
  says(changed("[1]", "[2]"), "give weights of shape [2] 8 bytes a value, but gives it the bytes [0, 8]");
  says(changed("[1,1]", "[4294967296,4294967296]"), "give means of shape [4294967296, 4294967296] 8 bytes a value");
  says(changed("[1,1]", "[1]"), "have means of shape [K, D], but has [1]");
  says(changed("diag", "spherical"),
       "have covariances of shape [1] for 'spherical' and means of shape [1, 1], but has [1, 1]");
  says(changed("{", "{", {1, 0, 1, 0}), "end with its last tensor, but has 8 bytes more");
  says(changed("{", "{", {0.5, 0, 1}), "hold a valid mixture, but: weights must sum to 1");
  says(changed("{", "{", {1, 0, 0}), "hold a valid mixture, but: covariances of component 0 must be positive definite");
  says(changed("{", "{", {1, 0, bad_input::quiet_nan}), "covariances[0, 0] must be finite, but is nan");
  says(changed("\"version\"", R"("feature_names":"[\"a\",\"b\"]","version")"), "have 1 feature names, but has 2");
  for (const char* names : {"x", "{}", R"([[\"a\"]])", "[1]", R"(\"a\")"})
    says(changed("\"version\"", "\"feature_names\":\"" + std::string(names) + "\",\"version\""),
         "feature names as an array");
}

TEST_CASE("model_file: a tensor without values is no mixture") {
  std::string text = header(plain_metadata, all_tensors);
  for (const char* part : {"\"shape\":[1]", "\"shape\":[1,1]", "\"shape\":[1,1]"})
    text.replace(text.find(part), std::string(part).size(),
                 std::string(part).size() == 11 ? "\"shape\":[0]" : "\"shape\":[0,9]");
  for (const char* part : {"[0,8]", "[8,16]", "[16,24]"})
    text.replace(text.find(part), std::string(part).size(), "[0,0]");
  CHECK(refusal(file(text, {})).find("both at least 1, but has shape (0, 9)") != std::string::npos);
}

TEST_CASE("model_file: no nesting is too deep and no length too great for the reader of the header") {
  constexpr std::size_t deep = 1'000'000;
  CHECK(refusal(file("{\"__metadata__\":" + std::string(deep, '['), {})).find("another structure") !=
        std::string::npos);
  CHECK(refusal(file(std::string(deep, '{'), {})).find("in JSON") != std::string::npos);
  std::string nested;
  for (std::size_t i = 0; i < deep; ++i) nested += "{\"a\":";
  CHECK(refusal(file(nested, {})).find("alone, but holds 'a'") != std::string::npos);
  const Bytes long_header = file("{" + std::string((1 << 24), ' '), {});
  CHECK(refusal(long_header).find("at most 16777216 bytes") != std::string::npos);
}

TEST_CASE("model_file: what the format cannot hold is not saved") {
  const Mixture mixture = bad_input::two_components();
  const auto saving = [&](const ModelInfo& info) { return [&mixture, info] { (void)mixture.to_bytes(info); }; };
  bad_input::check_all<InvalidArgument>({
      {"one name", saving({{"a"}, {}}), {"feature_names", "2", "1"}},
      {"a name that is not UTF-8", saving({{"a", "\xff"}, {}}), {"feature_names[1]", "UTF-8"}},
      {"a name of the format's", saving({{}, {{"checksum", "0"}}}), {"metadata", "'checksum'"}},
      {"a value that is not UTF-8", saving({{}, {{"note", "\xc3"}}}), {"metadata['note']", "UTF-8"}},
      {"a metadata name that is not UTF-8", saving({{}, {{"\xc3", ""}}}), {"a name in metadata", "UTF-8"}},
      {"too much", saving({{}, {{"note", std::string(1 << 24, 'x')}}}), {"16777216"}},
      {"null bytes", [] { model_from_bytes({nullptr, 8}); }, {"bytes", "null"}},
      {"negative size", [] { model_from_bytes({nullptr, -1}); }, {"bytes", "-1"}},
  });
}
