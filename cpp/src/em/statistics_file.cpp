#include "base/message.hpp"
#include "em/covariance_model.hpp"
#include "em/statistics_version_1.hpp"
#include "em/sufficient_statistics.hpp"
#include "io/crc32.hpp"
#include "model/mixture_tensors.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/simd.hpp>
#include <gaussmix/version.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>

namespace gaussmix {
namespace {

using detail::Metadata;
using detail::Read;
using detail::Shape;
using detail::StatisticsContent;
using detail::SufficientStatistics;
using detail::Tensor;
using detail::TensorFile;
using detail::throw_format;

constexpr const char* tensor_names[] = {"pivots",         "component_weights", "deltas", "scatters",   "total_weight",
                                        "log_likelihood", "weights",           "means",  "covariances"};
constexpr detail::TensorFormat format{"a statistics file", "gaussmix-statistics", "2", {tensor_names, 9}, 6};

/// Values of the lower triangle of a (d, d) matrix, D (D + 1) / 2; more than there can be where that is no number of 64
/// bits.
constexpr std::uint64_t triangle_size(std::uint64_t d) {
  return d >> 32 ? std::numeric_limits<std::uint64_t>::max() : d % 2 ? (d + 1) / 2 * d : d / 2 * (d + 1);
}

/// The shape of the scatters: a row for each, or the one that all components share.
Shape scatters_shape(bool pooled, bool full, std::uint64_t k, std::uint64_t d) {
  return {pooled ? 1 : k, full ? triangle_size(d) : d};
}

/// Copies the scatters to `packed`, of triangles the lower ones alone, row by row.
void pack(const SufficientStatistics& sums, double* packed) {
  if (!sums.full) {
    std::copy(sums.scatter.begin(), sums.scatter.end(), packed);
    return;
  }
  const double* const end = sums.scatter.data() + sums.scatter.size();
  for (const double* matrix = sums.scatter.data(); matrix != end; matrix += sums.d * sums.d)
    for (Index i = 0; i < sums.d; ++i) packed = std::copy_n(matrix + i * sums.d, i + 1, packed);
}

/// The inverse, over zeros.
void unpack(const double* packed, SufficientStatistics& sums) {
  if (!sums.full) {
    std::copy_n(packed, sums.scatter.size(), sums.scatter.begin());
    return;
  }
  double* const end = sums.scatter.data() + sums.scatter.size();
  for (double* matrix = sums.scatter.data(); matrix != end; matrix += sums.d * sums.d)
    for (Index i = 0; i < sums.d; ++i) {
      std::copy_n(packed, i + 1, matrix + i * sums.d);
      packed += i + 1;
    }
}

/// zlib's CRC-32 of the bytes of the weights, of the means and of the covariances: what tells mixtures apart.
std::string digest_of(const std::vector<Tensor>& parameters) {
  std::string text;
  for (const auto& [name, shape, values] : parameters) {
    std::size_t size = sizeof(double);
    for (const std::uint64_t dim : shape) size *= dim;
    text += (text.empty() ? "" : "-") + detail::hexadecimal(detail::crc32(values, size));
  }
  return text;
}

/// What must be equal of two mixtures for the sums of one to be those of the other, as text.
std::string description(CovarianceType type, bool allow_singular, Index k, Index d, const std::string& digest) {
  return std::string("'") + to_string(type) + "'" + (allow_singular ? ", allow_singular" : "") + ", of " +
         std::to_string(k) + " components in " + std::to_string(d) + " features and digest " +
         detail::in_quotes(digest);
}

Metadata metadata_of(const Mixture& mixture, bool with_mixture) {
  Metadata metadata = detail::metadata_of(mixture, mixture.feature_names());
  metadata["library_version"] = version();
  metadata["simd_level"] = simd_level();
  if (!with_mixture) metadata["mixture_digest"] = digest_of(detail::tensors_of(mixture));
  return metadata;
}

/// `write` of the tensors of sums and of their mixture.
template <class Write>
auto write_tensors(const SufficientStatistics& sums, const Mixture& mixture, bool with_mixture, const Write& write) {
  const auto k = static_cast<std::uint64_t>(sums.k), d = static_cast<std::uint64_t>(sums.d);
  const Shape scatters = scatters_shape(sums.pooled, sums.full, k, d);
  detail::Buffer<double> packed(static_cast<Index>(scatters[0] * scatters[1]));
  pack(sums, packed.data());
  std::vector<Tensor> tensors{{"pivots", {k, d}, sums.pivot.data()},     {"component_weights", {k}, sums.weight.data()},
                              {"deltas", {k, d}, sums.delta.data()},     {"scatters", scatters, packed.data()},
                              {"total_weight", {1}, &sums.total_weight}, {"log_likelihood", {1}, &sums.log_likelihood}};
  if (with_mixture)
    for (const Tensor& tensor : detail::tensors_of(mixture)) tensors.push_back(tensor);
  return write(metadata_of(mixture, with_mixture), tensors);
}

/// @throws FormatError that names the first value that is no such sum
void check_sums(const SufficientStatistics& sums) {
  using detail::CovarianceShape;
  const auto check = [&sums](const char* name, const detail::CovarianceLayout& layout, const double* values,
                             std::size_t n, const char* rule, auto is_right) {
    const double* const wrong = std::find_if_not(values, values + n, is_right);
    if (wrong != values + n)
      throw_format(format.noun, std::string("hold ") + rule + ", but " + layout.place(name, sums.d, wrong - values) +
                                    " is " + detail::format(*wrong));
  };
  const auto is_finite = [](double x) { return std::isfinite(x); };
  const auto is_weight = [](double x) { return std::isfinite(x) && x >= 0.0; };
  constexpr detail::CovarianceLayout one{CovarianceShape::spherical, true}, each{CovarianceShape::spherical, false},
      vectors{CovarianceShape::diagonal, false};
  const detail::CovarianceLayout scatters{sums.full ? CovarianceShape::matrix : CovarianceShape::diagonal, sums.pooled};
  check("pivots", vectors, sums.pivot.data(), sums.pivot.size(), "finite pivots", is_finite);
  check("component_weights", each, sums.weight.data(), sums.weight.size(), "finite weights ≥ 0", is_weight);
  check("deltas", vectors, sums.delta.data(), sums.delta.size(), "finite deltas", is_finite);
  check("scatters", scatters, sums.scatter.data(), sums.scatter.size(), "finite scatters", is_finite);
  check("total_weight", one, &sums.total_weight, 1, "a finite weight ≥ 0", is_weight);
  check("log_likelihood", one, &sums.log_likelihood, 1, "a number", [](double x) { return !std::isnan(x); });
}

/// What is in a file of version 2, but for the meaning of the values.
StatisticsContent read_version_2(const TensorFile& file, const Read& read) {
  file.entry("checksum");  // without one there are models alone
  const CovarianceType type = detail::covariance_type_of(file);
  const bool allow_singular = detail::allow_singular_of(file);
  const Shape& deltas = file.shape("deltas");
  if (deltas.size() != 2 || deltas[0] < 1 || deltas[1] < 1)
    file.refuse("have deltas of shape [K, D], both at least 1, but has " + detail::shape_text(deltas));
  const std::string reason = std::string("'") + to_string(type) + "' and deltas of shape " + detail::shape_text(deltas);
  const detail::ScatterShape scatter = detail::covariance_model(type).scatter();
  const Shape scatters = scatters_shape(scatter.pooled, scatter.full, deltas[0], deltas[1]);
  file.require_shape("pivots", deltas, reason);
  file.require_shape("component_weights", {deltas[0]}, reason);
  file.require_shape("scatters", scatters, reason);
  for (const char* total : {"total_weight", "log_likelihood"}) file.require_shape(total, {1}, reason);
  const bool has_mixture = file.has("weights") || file.has("means") || file.has("covariances");
  detail::Parameters parameters;
  if (has_mixture) {
    parameters = detail::room_for_parameters(file, type);
    file.require_shape("means", deltas, reason);
  }
  std::string digest = has_mixture ? "" : file.entry("mixture_digest");
  std::vector<std::string> names = detail::feature_names_of(file, deltas[1]);

  const auto k = static_cast<Index>(deltas[0]), d = static_cast<Index>(deltas[1]);
  SufficientStatistics sums(k, d, scatter, std::vector<double>(deltas[0] * deltas[1]).data());
  detail::Buffer<double> packed(static_cast<Index>(scatters[0] * scatters[1]));
  std::map<std::string, double*> places = detail::places_of(parameters);
  places.insert({{"pivots", sums.pivot.data()},
                 {"component_weights", sums.weight.data()},
                 {"deltas", sums.delta.data()},
                 {"scatters", packed.data()},
                 {"total_weight", &sums.total_weight},
                 {"log_likelihood", &sums.log_likelihood}});
  file.read_values(read, places);
  unpack(packed.data(), sums);
  return {type, allow_singular, std::move(parameters), std::move(digest), std::move(names), std::move(sums)};
}

/// Throws FormatError unless `given` is the mixture that the bytes hold or name; null is for bytes that hold one.
void check_given(const StatisticsContent& content, const Mixture* given) {
  const auto& [type, allow_singular, parameters, digest, names, sums] = content;
  const bool has_mixture = !parameters.weights.empty();
  if (has_mixture && given == nullptr) return;
  const std::string named =
      description(type, allow_singular, sums.k, sums.d,
                  has_mixture ? digest_of(detail::tensors_of(parameters, type, sums.k, sums.d)) : digest);
  const std::string rule = "be read with the mixture of its sums, " + named + ", but is read with ";
  if (given == nullptr) throw_format(format.noun, rule + "none");
  const std::string met = description(given->covariance_type(), given->allow_singular(), given->n_components(),
                                      given->n_features(), digest_of(detail::tensors_of(*given)));
  if (met != named) throw_format(format.noun, rule + met);
}

/// The statistics in `size` bytes; `given` is their mixture, or null for the one that they hold.
Statistics read_statistics(std::uint64_t size, const Read& read, const Mixture* given, const Execution& execution) {
  detail::check_num_threads(execution.num_threads);
  const std::uint64_t first = TensorFile::read_length(format, size, read);
  StatisticsContent content = first == detail::version_1_magic
                                  ? detail::read_version_1(size, read, format.noun)
                                  : read_version_2(TensorFile(format, first, size, read), read);
  check_given(content, given);
  auto sums = std::make_unique<SufficientStatistics>(std::move(content.sums));
  Mixture mixture = given != nullptr ? *given
                                     : detail::mixture_of(format.noun, std::move(content.parameters), content.type,
                                                          content.allow_singular, sums->k, sums->d, execution);
  check_sums(*sums);
  if (!content.feature_names.empty()) mixture = mixture.with_feature_names(std::move(content.feature_names));
  return Statistics(mixture, std::move(sums));
}

Statistics statistics_from_bytes(VectorView<const std::uint8_t> bytes, const Mixture* given,
                                 const Execution& execution) {
  const Read read = detail::reader_of(bytes);
  return read_statistics(static_cast<std::uint64_t>(bytes.size()), read, given, execution);
}

Statistics load_statistics(const std::string& path, const Mixture* given, const Execution& execution) {
  return detail::parse_file(
      path, [&](std::uint64_t size, const Read& read) { return read_statistics(size, read, given, execution); });
}

}  // namespace

std::vector<std::uint8_t> Statistics::to_bytes(bool with_mixture) const {
  return write_tensors(*sums_, mixture_, with_mixture, [](Metadata metadata, const std::vector<Tensor>& tensors) {
    return detail::tensor_bytes(format, std::move(metadata), tensors);
  });
}

void Statistics::save(const std::string& path, bool with_mixture) const {
  write_tensors(*sums_, mixture_, with_mixture, [&path](Metadata metadata, const std::vector<Tensor>& tensors) {
    detail::save_tensors(path, format, std::move(metadata), tensors);
  });
}

Statistics Statistics::from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution) {
  return statistics_from_bytes(bytes, nullptr, execution);
}

Statistics Statistics::from_bytes(VectorView<const std::uint8_t> bytes, const Mixture& mixture,
                                  const Execution& execution) {
  return statistics_from_bytes(bytes, &mixture, execution);
}

Statistics Statistics::load(const std::string& path, const Execution& execution) {
  return load_statistics(path, nullptr, execution);
}

Statistics Statistics::load(const std::string& path, const Mixture& mixture, const Execution& execution) {
  return load_statistics(path, &mixture, execution);
}

}  // namespace gaussmix
