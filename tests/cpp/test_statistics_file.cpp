#include "bad_input.hpp"
#include "em/sufficient_statistics.hpp"
#include "io/crc32.hpp"
#include "messages.hpp"
#include "model_files.hpp"
#include "problems.hpp"

#include <gaussmix/statistics.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>

using namespace gaussmix;
using bad_input::quiet_nan;
using messages::message_of;
using model_files::Bytes;
using problems::all_types;
using problems::Problem;
using problems::random_problem;

namespace {

using Doubles = std::vector<double>;

/// A mixture with names and its sums of some rows.
Statistics named_sums(CovarianceType type, Index k = 2, Index d = 3) {
  const Problem p = random_problem(k, d, 60, type, 113);
  std::vector<std::string> names;
  for (Index j = 0; j < d; ++j) names.push_back("feature " + std::to_string(j));
  Statistics sums(p.mixture().with_feature_names(names));
  sums.accumulate(p.rows());
  return sums;
}

/// The sums that tests/data/statistics_1.bin holds.
Statistics stored_sums() {
  const Doubles pi = {0.25, 0.75}, mu = {0, 1, 2, -3}, sigma = {2, 0.5, 0.5, 1, 1, 0, 0, 4};
  Statistics sums(Mixture(pi, {mu.data(), 2, 2}, sigma, CovarianceType::full));
  detail::SufficientStatistics& s = sums.sums();
  s.weight = {3.5, 4.5};
  s.delta = {0.5, -0.25, 0.125, 2};
  s.scatter = {7, 0, 1.5, 3, 9, 0, -2, 8};
  s.log_likelihood = -12.75;
  s.total_weight = 8;
  return sums;
}

/// Bytes of version 1 as its writer laid them out: u64 magic, version, type, allow_singular, K, D; the f64 of the mixture and of the
/// sums; the checksum.
Bytes version_1(const Statistics& statistics) {
  const Mixture& mixture = statistics.mixture();
  const detail::SufficientStatistics& sums = statistics.sums();
  Bytes bytes;
  const auto put = [&bytes](const auto& value) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
    bytes.insert(bytes.end(), begin, begin + 8);
  };
  for (const char c : std::string("GMX_STAT")) bytes.push_back(static_cast<std::uint8_t>(c));
  put(std::uint64_t{1});
  put(static_cast<std::uint64_t>(mixture.covariance_type()));
  put(static_cast<std::uint64_t>(mixture.allow_singular()));
  put(sums.k);
  put(sums.d);
  for (Index i = 0; i < sums.k; ++i) put(mixture.weights()[i]);
  for (Index i = 0; i < sums.k * sums.d; ++i) put(mixture.means().data()[i]);
  for (Index i = 0; i < mixture.covariances().size(); ++i) put(mixture.covariances()[i]);
  for (const Doubles* values : {&sums.pivot, &sums.weight, &sums.delta, &sums.scatter})
    for (const double value : *values) put(value);
  put(sums.log_likelihood);
  put(sums.total_weight);
  put(std::uint64_t{0});
  return bytes;
}

/// Bytes of version 1 with their last 8 made what they should be: the FNV-1a hash of the others.
Bytes sealed_1(Bytes bytes) {
  const std::size_t body = bytes.size() - 8;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::size_t i = 0; i < body; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  for (std::size_t i = 0; i < 8; ++i) bytes[body + i] = static_cast<std::uint8_t>(hash >> (8 * i));
  return bytes;
}

/// Bytes of version 2 whose metadata, without names of features, say the checksum that they should, as far as their header can
/// be read: its first object holds NAME, VALUE, NAME, … between quotation marks.
Bytes sealed(Bytes bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > bytes.size() - 8) return bytes;
  const std::string header(bytes.begin() + 8, bytes.begin() + 8 + static_cast<Index>(length));
  std::map<std::string, std::string> metadata;
  std::size_t at = header.find(":{");
  const std::size_t end = header.find('}');
  const auto next_text = [&] {
    const std::size_t begin = std::min(header.find('"', at), header.size() - 1) + 1;
    at = std::min(header.find('"', begin), header.size() - 1) + 1;
    return header.substr(begin, at - 1 - begin);
  };
  while (at < end && header.find('"', at) < end) {
    const std::string name = next_text();
    metadata[name] = next_text();
  }
  std::uint32_t crc = detail::crc32(bytes.data() + 8 + length, bytes.size() - 8 - length);
  for (const auto& [name, value] : metadata)
    if (name != "checksum")
      for (const std::string* text : {&name, &value}) crc = detail::crc32(text->c_str(), text->size() + 1, crc);
  const std::string entry = "\"checksum\":\"";
  const std::size_t place = header.find(entry);
  if (place == std::string::npos || place + entry.size() + 8 > header.size()) return bytes;
  const std::string digits = detail::hexadecimal(crc);
  std::copy(digits.begin(), digits.end(), bytes.begin() + static_cast<Index>(8 + place + entry.size()));
  return bytes;
}

/// The first `from` in the header replaced by `to`, of the same length, under a right checksum.
Bytes changed(Bytes bytes, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  const auto found = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
  REQUIRE(found != bytes.end());
  std::copy(to.begin(), to.end(), found);
  return sealed(bytes);
}

/// The message of the FormatError that reading these bytes ends in.
std::string refusal(const Bytes& bytes) {
  return message_of<FormatError>([&] { Statistics::from_bytes(bytes); });
}

/// Nothing when the bytes are a format error; any other error fails the test.
std::optional<Statistics> restored_from(const Bytes& bytes) {
  try {
    return Statistics::from_bytes(bytes);
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()).size() > 20);
    return std::nullopt;
  }
}

}  // namespace

TEST_CASE("statistics_file: sums go with their mixture or to it, names and all") {
  const model_files::TemporaryFolder folder;
  const std::string path = folder.path("sums");
  for (const CovarianceType type : all_types)
    for (const Index d : {1, 2, 19}) {
      CAPTURE(to_string(type));
      CAPTURE(d);
      const Statistics sums = named_sums(type, 3, d);
      const Mixture mixture = sums.mixture().with_feature_names({});
      for (const bool with_mixture : {true, false}) {
        const Bytes bytes = sums.to_bytes(with_mixture);
        sums.save(path, with_mixture);
        CHECK(folder.content("sums") == bytes);
        for (const Statistics& read : {Statistics::from_bytes(bytes, mixture), Statistics::load(path, mixture)}) {
          CHECK(read == sums);
          CHECK(&read.mixture().data() == &mixture.data());
          CHECK(read.mixture().feature_names() == sums.mixture().feature_names());
          CHECK(read.to_bytes(with_mixture) == bytes);
        }
      }
      const Statistics read = Statistics::from_bytes(sums.to_bytes());
      CHECK(read == sums);
      CHECK(read.mixture().feature_names() == sums.mixture().feature_names());
      CHECK(read.maximize({0.1, OnDegenerate::floor, false}) == sums.maximize({0.1, OnDegenerate::floor, false}));
    }
}

TEST_CASE("statistics_file: names of the mixture that is given stay where the bytes have none") {
  const Statistics sums = stored_sums();
  const Mixture named = sums.mixture().with_feature_names({"a", "b"});
  CHECK(Statistics::from_bytes(sums.to_bytes(false), named).mixture().feature_names() == named.feature_names());
}

TEST_CASE("statistics_file: names that are not UTF-8 are not saved") {
  const Statistics sums(stored_sums().mixture().with_feature_names({"a", "\xff"}));
  const std::string message = message_of<InvalidArgument>([&] { (void)sums.to_bytes(); });
  CHECK(message.find("feature_names[1] must be UTF-8") != std::string::npos);
}

TEST_CASE("statistics_file: another mixture, or none where the bytes have none, is refused by what differs") {
  const Statistics sums = stored_sums();
  const Doubles pi = {0.25, 0.75}, mu = {0, 1, 2, -3}, sigma = {2, 0.5, 0.5, 1, 1, 0, 0, 4};
  const auto mixture = [&](const Doubles& means, bool allow_singular = false) {
    return Mixture(pi, {means.data(), 2, 2}, sigma, CovarianceType::full, allow_singular);
  };
  const std::string named = "be read with the mixture of its sums, 'full', of 2 components in 2 features and digest '";
  for (const bool with_mixture : {true, false}) {
    const Bytes bytes = sums.to_bytes(with_mixture);
    const auto reading = [&](const Mixture& given) {
      return [&bytes, given] { (void)Statistics::from_bytes(bytes, given); };
    };
    bad_input::check_all<FormatError>({
        {"other means", reading(mixture({0, 1, 2, -3.5})), {named, "but is read with 'full', of 2 components"}},
        {"allow_singular", reading(mixture(mu, true)), {named, "but is read with 'full', allow_singular, of 2"}},
        {"another type",
         reading(Mixture(pi, {mu.data(), 2, 2}, pi, CovarianceType::spherical)),
         {named, "but is read with 'spherical'"}},
        {"D = 1",
         reading(Mixture(pi, {mu.data(), 2, 1}, pi, CovarianceType::full)),
         {named, "of 2 components in 1 features"}},
    });
    CHECK(Statistics::from_bytes(bytes, mixture(mu)) == sums);
  }
  const std::string message = refusal(sums.to_bytes(false));
  CHECK(message.find(named) != std::string::npos);
  CHECK(message.find("but is read with none") != std::string::npos);
}

TEST_CASE("statistics_file: bytes of version 1 load for ever") {
  const Statistics expected = stored_sums();
  const std::string path = model_files::data_path("statistics_1.bin");
  CHECK(Statistics::load(path) == expected);
  CHECK(Statistics::load(path, expected.mixture()) == expected);
  CHECK(sealed_1(version_1(expected)) == model_files::read(path));
  for (const CovarianceType type : all_types) {
    const Statistics sums = named_sums(type);
    const Statistics read = Statistics::from_bytes(sealed_1(version_1(sums)));
    CHECK(read == sums);
    CHECK(Statistics::from_bytes(read.to_bytes()) == sums);
  }
}

TEST_CASE("statistics_file: every truncation and every change of a byte is refused, in both versions") {
  const Statistics sums = stored_sums();
  for (const Bytes& bytes : {sums.to_bytes(), sums.to_bytes(false), sealed_1(version_1(sums))}) {
    const auto is_refused = [&](const Bytes& b) {
      try {
        Statistics::from_bytes(b, sums.mixture());
      } catch (const FormatError&) {
        return true;
      }
      return false;
    };
    CHECK_FALSE(is_refused(bytes));
    Index accepted = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size)
      accepted += !is_refused(Bytes(bytes.begin(), bytes.begin() + static_cast<Index>(size)));
    for (std::size_t place = 0; place < bytes.size(); ++place)
      for (const unsigned flip : {0x01u, 0x10u, 0x20u, 0x80u, 0xFFu}) {
        Bytes corrupt = bytes;
        corrupt[place] = static_cast<std::uint8_t>(corrupt[place] ^ flip);
        accepted += !is_refused(corrupt);
      }
    for (const std::size_t more : {1u, 8u}) {
      Bytes longer = bytes;
      longer.resize(bytes.size() + more);
      accepted += !is_refused(longer);
    }
    CHECK(accepted == 0);
  }
}

TEST_CASE("statistics_file: under a right checksum a changed byte is a format error or gives another valid value") {
  const Statistics sums = stored_sums();
  CHECK(sealed(sums.to_bytes()) == sums.to_bytes());
  const auto check = [](const Bytes& bytes, const auto& seal) {
    Index restored_ones = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at)
      for (const unsigned flip : {0x01u, 0x10u, 0x80u, 0xFFu}) {
        CAPTURE(at);
        CAPTURE(flip);
        Bytes corrupt = bytes;
        corrupt[at] = static_cast<std::uint8_t>(corrupt[at] ^ flip);
        const std::optional<Statistics> restored = restored_from(seal(corrupt));
        if (!restored) continue;
        ++restored_ones;
        CHECK(Statistics::from_bytes(restored->to_bytes()) == *restored);
        CHECK(restored->total_weight() >= 0.0);
      }
    CHECK(restored_ones > 0);
  };
  check(sums.to_bytes(), sealed);
  check(sealed_1(version_1(sums)), sealed_1);
}

TEST_CASE("statistics_file: what is wrong is said") {
  const Statistics sums = stored_sums();
  const Bytes bytes = sums.to_bytes();
  const auto says = [](const Bytes& b, const std::string& part) {
    const std::string message = refusal(b);
    CAPTURE(message);
    CHECK(message.find("a statistics file must ") == 0);
    CHECK(message.find(part) != std::string::npos);
  };
  says({}, "be at least 8 bytes long, but is 0");
  says(model_files::file("{}", {}), "hold the tensor pivots, but does not");
  says(sums.mixture().to_bytes(), "hold the tensor pivots, but does not");
  says(changed(bytes, "\"format\"", "\"Format\""), "have metadata 'format', but has none");
  says(changed(bytes, "gaussmix-statistics", "gaussmix-statistica"), "be of format 'gaussmix-statistics', but is of");
  says(changed(bytes, "\"version\":\"2\"", "\"version\":\"3\""), "be of version 2, but is of version '3'");
  says(changed(bytes, "\"full\"", "\"flat\""), "have the covariance_type 'full', 'tied'");
  says(changed(bytes, "\"full\"", "\"tied\""), "have scatters of shape [1, 3] for 'tied' and deltas of shape [2, 2]");
  says(changed(bytes, "\"full\"", "\"diag\""), "have scatters of shape [2, 2] for 'diag' and deltas of shape [2, 2]");
  says(changed(bytes, "\"allow_singular\":\"false\"", "\"allow_singular\":\"maybe\""), "but has 'maybe'");
  says(changed(bytes, "\"crc32\"", "\"crc64\""), "have the checksum_type 'crc32', but has 'crc64'");
  says(changed(changed(bytes, "\"checksum\"", "\"checksun\""), "\"checksum_type\"", "\"checksun_type\""),
       "have metadata 'checksum', but has none");
  says(changed(bytes, "\"weights\"", "\"heights\""),
       "hold the tensors pivots, component_weights, deltas, scatters, total_weight, log_likelihood, weights, means and "
       "covariances alone, but holds 'heights'");
  says(changed(bytes, "\"deltas\":{\"dtype\":\"F64\",\"shape\":[2, 2]",
               "\"deltas\":{\"dtype\":\"F64\",\"shape\":[1, 4]"),
       "have pivots of shape [1, 4] for 'full' and deltas of shape [1, 4], but has [2, 2]");
  says(changed(bytes, "\"deltas\":{\"dtype\":\"F64\",\"shape\":[2, 2]",
               "\"deltas\":{\"dtype\":\"F64\",\"shape\":[   4]"),
       "have deltas of shape [K, D], both at least 1, but has [4]");
  Bytes corrupt = bytes;
  corrupt.back() ^= 1;
  says(corrupt, "match its checksum");
}

TEST_CASE("statistics_file: sums without a meaning are refused by their place") {
  const auto says = [](const char* part, const auto& change) {
    Statistics sums = stored_sums();
    change(sums.sums());
    for (const Bytes& bytes : {sums.to_bytes(), sealed_1(version_1(sums))}) {
      const std::string message = refusal(bytes);
      CAPTURE(message);
      CHECK(message.find(part) != std::string::npos);
    }
  };
  using Sums = detail::SufficientStatistics;
  says("hold finite pivots, but pivots[1, 0] is inf", [](Sums& s) { s.pivot[2] = bad_input::inf; });
  says("hold finite weights ≥ 0, but component_weights[1] is -1", [](Sums& s) { s.weight[1] = -1; });
  says("hold finite weights ≥ 0, but component_weights[0] is nan", [](Sums& s) { s.weight[0] = quiet_nan; });
  says("hold finite deltas, but deltas[0, 1] is nan", [](Sums& s) { s.delta[1] = quiet_nan; });
  says("hold finite scatters, but scatters[1, 1, 0] is nan", [](Sums& s) { s.scatter[6] = quiet_nan; });
  says("hold a finite weight ≥ 0, but total_weight[0] is -8", [](Sums& s) { s.total_weight = -8; });
  says("hold a number, but log_likelihood[0] is nan", [](Sums& s) { s.log_likelihood = quiet_nan; });
  Statistics impossible = stored_sums();  // a row without density
  impossible.sums().log_likelihood = -bad_input::inf;
  CHECK(Statistics::from_bytes(impossible.to_bytes()) == impossible);
  const std::string name = "hold a valid mixture, but: ";
  Bytes bytes = sealed_1(version_1(stored_sums()));
  bytes[55] = 0x7F;  // the first weight
  CHECK(refusal(sealed_1(bytes)).find(name) != std::string::npos);
  bytes = stored_sums().to_bytes();
  bytes[bytes.size() - (2 + 4 + 8) * 8 + 7] = 0x7F;  // likewise; weights, means and covariances stand at the end
  CHECK(refusal(sealed(bytes)).find(name) != std::string::npos);
}

TEST_CASE("statistics_file: sizes that no bytes have are refused before anything is allocated") {
  const Statistics sums = stored_sums();
  Bytes old = sealed_1(version_1(sums));
  for (const std::uint64_t huge : {std::uint64_t{0}, std::uint64_t{1} << 31, std::uint64_t{1} << 40, ~std::uint64_t{0}})
    for (const std::size_t place : {32u, 40u}) {
      Bytes bytes = old;
      std::memcpy(bytes.data() + place, &huge, 8);
      CHECK(refusal(sealed_1(bytes)).find("hold the values of") != std::string::npos);
    }
  for (const std::uint64_t k : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 32, ~std::uint64_t{0} >> 1})
    for (std::uint64_t type = 0; type < 6; ++type) {  // a file without any values
      Bytes bytes(old.begin(), old.begin() + 72);
      const std::uint64_t fields[] = {type, 0, k, 0};
      std::memcpy(bytes.data() + 16, fields, sizeof fields);
      CHECK(refusal(sealed_1(bytes)).find("hold the values of") != std::string::npos);
    }
  const std::string header =
      R"({"__metadata__":{"checksum":"00000000","checksum_type":"crc32","covariance_type":"full",)"
      R"("format":"gaussmix-statistics","version":"2"})";
  const auto tensor = [](const std::string& name, const std::string& shape) {
    return ",\"" + name + "\":{\"dtype\":\"F64\",\"shape\":[" + shape + "],\"data_offsets\":[0,0]}";
  };
  // K = 0 takes no bytes, whatever D is.
  const std::string wide = "0,18446744073709551615";
  const std::string text = header + tensor("pivots", wide) + tensor("deltas", wide) + tensor("component_weights", "0") +
                           tensor("scatters", wide) + tensor("total_weight", "0") + tensor("log_likelihood", "0") + "}";
  CHECK(refusal(model_files::file(text, {})).find("both at least 1, but has [0, 18446744073709551615]") !=
        std::string::npos);
}
