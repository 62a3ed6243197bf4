#include "em/statistics_version_1.hpp"

#include "io/tensor_header.hpp"
#include "model/covariance_type.hpp"

#include <algorithm>
#include <cstring>
#include <string>

// Version 1, little-endian: magic, version, covariance type, allow_singular, K, D as u64; then as f64 the mixture's
// weights, means, covariances; the sums' pivots, weights, deltas, scatters (matrices whole), log-likelihood, total
// weight; last an FNV-1a checksum as u64.

namespace gaussmix::detail {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they stand in memory");

constexpr std::uint64_t word = 8;
constexpr std::uint64_t header_words = 6;
constexpr std::uint64_t trailer_words = 3;

std::uint64_t fnv_1a(const std::vector<std::uint8_t>& bytes, std::size_t size) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

/// Whether `words` f64 values after the header are those of K components in D features.
bool holds(std::uint64_t words, std::uint64_t k, std::uint64_t d, const CovarianceLayout& layout) {
  // Beyond these K and D alone exceed what is there, so no product below can overflow.
  if (k < 1 || d < 1 || k > words || d > words / k) return false;
  if (layout.is_matrix() && d > words / d) return false;
  const auto each = static_cast<std::uint64_t>(layout.values_each(static_cast<Index>(d)));
  const std::uint64_t n = layout.shared ? 1 : k;
  if (n > words / each) return false;
  return words == 2 * k + 3 * k * d + n * each + (layout.is_matrix() ? n * each : k * d);
}

}  // namespace

StatisticsContent read_version_1(std::uint64_t size, const Read& read, const char* noun) {
  if (size < (header_words + trailer_words) * word || size % word != 0)
    throw_format(noun, "be a multiple of 8 and at least " + std::to_string((header_words + trailer_words) * word) +
                           " bytes long, but is " + std::to_string(size));
  std::uint64_t header[header_words] = {version_1_magic};
  read(header + 1, sizeof header - word);
  const auto [magic, version, type_number, allow_singular, k, d] = header;
  if (version != 1) throw_format(noun, "be of version 1 or 2, but is of version " + std::to_string(version));
  const CovarianceTypeInfo* type = find_covariance_type(type_number);
  if (type == nullptr)
    throw_format(noun, "have a covariance type of number 0 to 5, but has " + std::to_string(type_number));
  if (allow_singular > 1)
    throw_format(noun, "have 0 or 1 for allow_singular, but has " + std::to_string(allow_singular));
  const std::uint64_t words = size / word - header_words - trailer_words;
  if (!holds(words, k, d, type->layout))
    throw_format(noun, "hold the values of " + std::to_string(k) + " components of " + std::to_string(d) +
                           " features, but is " + std::to_string(size) + " bytes long");

  std::vector<std::uint8_t> bytes(size);
  std::memcpy(bytes.data(), header, sizeof header);
  read(bytes.data() + sizeof header, size - sizeof header);
  std::uint64_t stored;
  std::memcpy(&stored, bytes.data() + size - word, word);
  if (stored != fnv_1a(bytes, size - word)) throw_format(noun, "match its checksum, but does not");

  const std::uint8_t* next = bytes.data() + sizeof header;
  const auto take = [&next](double* out, std::size_t n) {
    std::memcpy(out, next, n * word);
    next += n * word;
  };
  const auto ki = static_cast<Index>(k), di = static_cast<Index>(d);
  Parameters parameters{std::vector<double>(k), std::vector<double>(k * d),
                        Buffer<double>(type->layout.count(ki) * type->layout.values_each(di))};
  take(parameters.weights.data(), k);
  take(parameters.means.data(), k * d);
  take(parameters.covariances.data(), static_cast<std::size_t>(parameters.covariances.size()));
  SufficientStatistics sums(ki, di, type->type, parameters.means.data());
  for (std::vector<double>* values : {&sums.pivot, &sums.weight, &sums.delta, &sums.scatter})
    take(values->data(), values->size());
  if (sums.full)  // what stands above the diagonals is none of the sums
    for (std::size_t row = 0; row < sums.scatter.size() / d; ++row)
      std::fill_n(sums.scatter.begin() + static_cast<Index>(row * d + row % d + 1), d - 1 - row % d, 0.0);
  take(&sums.log_likelihood, 1);
  take(&sums.total_weight, 1);
  return {type->type, allow_singular == 1, std::move(parameters), {}, {}, std::move(sums)};
}

}  // namespace gaussmix::detail
