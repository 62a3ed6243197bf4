#include "em/sufficient_statistics.hpp"
#include "io/files.hpp"
#include "model/covariance_type.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

// Layout, little-endian: magic, version, covariance type, allow_singular, K, D as u64; then as f64 the mixture's weights, means,
// covariances; the sums' pivots, weights, deltas, scatter, log-likelihood, total weight; last an FNV-1a checksum as u64.

namespace gaussmix {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they stand in memory");

constexpr std::uint64_t magic = 0x544154535F584D47;  // "GMX_STAT"
constexpr std::uint64_t version = 1;
constexpr Index header_words = 6;
constexpr Index trailer_words = 3;
constexpr Index word = 8;

std::uint64_t checksum(const std::uint8_t* data, Index size) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (Index i = 0; i < size; ++i) hash = (hash ^ data[i]) * 0x100000001b3;
  return hash;
}

class Writer {
 public:
  template <class T>
  void value(T v) {
    const auto* p = reinterpret_cast<const std::uint8_t*>(&v);
    bytes_.insert(bytes_.end(), p, p + sizeof v);
  }
  void values(const double* p, Index n) {
    for (Index i = 0; i < n; ++i) value(p[i]);
  }
  void values(const std::vector<double>& v) { values(v.data(), static_cast<Index>(v.size())); }
  std::vector<std::uint8_t> finish() {
    value(checksum(bytes_.data(), static_cast<Index>(bytes_.size())));
    return std::move(bytes_);
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

class Reader {
 public:
  explicit Reader(const std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}
  template <class T>
  T value() {
    T v;
    std::memcpy(&v, bytes_.data() + at_, sizeof v);
    at_ += sizeof v;
    return v;
  }
  std::vector<double> values(Index n) {
    std::vector<double> v(static_cast<std::size_t>(n));
    for (double& x : v) x = value<double>();
    return v;
  }

 private:
  const std::vector<std::uint8_t>& bytes_;
  std::size_t at_ = 0;
};

[[noreturn]] void throw_format(const std::string& what) { throw FormatError("bytes of Statistics " + what); }

/// f64 values after the header; 0 when K and D do not fit `words` values.
Index n_values(std::uint64_t k, std::uint64_t d, const detail::CovarianceLayout& layout, Index words) {
  // Beyond these K and D alone exceed what is there, so no product below can overflow.
  const auto limit = static_cast<std::uint64_t>(words);
  if (k < 1 || d < 1 || k > limit || d > limit / k) return 0;
  if (layout.is_matrix() && d > limit / d) return 0;
  const auto ki = static_cast<Index>(k), di = static_cast<Index>(d);
  const Index n = layout.count(ki), each = layout.values_each(di);
  if (n > words / each) return 0;
  return 2 * ki + 3 * ki * di + n * each + (layout.is_matrix() ? n * each : ki * di);
}

void check_sums(const detail::SufficientStatistics& sums) {
  const auto finite = [](const std::vector<double>& v) {
    return std::all_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); });
  };
  if (!finite(sums.weight) || !finite(sums.delta) || !finite(sums.scatter) || !finite(sums.pivot) ||
      !std::isfinite(sums.total_weight) || std::isnan(sums.log_likelihood))
    throw_format("hold a sum that is not finite");
  if (sums.total_weight < 0.0 || std::any_of(sums.weight.begin(), sums.weight.end(), [](double n) { return n < 0.0; }))
    throw_format("hold a negative weight");
}

/// The statistics in `size` bytes.
Statistics read_statistics(Index size, const detail::Read& read, const Execution& execution) {
  detail::check_num_threads(execution.num_threads);
  if (size < (header_words + trailer_words) * word || size % word != 0)
    throw_format("must be a multiple of 8 and at least " + std::to_string((header_words + trailer_words) * word) +
                 " long, but are " + std::to_string(size));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(header_words * word));
  read(bytes.data(), bytes.size());
  Reader in(bytes);
  if (in.value<std::uint64_t>() != magic) throw_format("must begin with 'GMX_STAT', but do not");
  if (const auto found = in.value<std::uint64_t>(); found != version)
    throw_format("must be of version " + std::to_string(version) + ", but are of version " + std::to_string(found));
  const auto type_code = in.value<std::uint64_t>();
  const auto allow_singular = in.value<std::uint64_t>();
  const auto k = in.value<std::uint64_t>();
  const auto d = in.value<std::uint64_t>();
  const detail::CovarianceTypeInfo* type = detail::find_covariance_type(type_code);
  if (!type) throw_format("hold the unknown covariance type " + std::to_string(type_code));
  if (allow_singular > 1)
    throw_format("must hold 0 or 1 for allow_singular, but hold " + std::to_string(allow_singular));
  const Index words = size / word - header_words - trailer_words;
  if (n_values(k, d, type->layout, words) != words)
    throw_format("must hold the values of " + std::to_string(k) + " components of " + std::to_string(d) +
                 " features, but are " + std::to_string(size) + " long");
  bytes.resize(static_cast<std::size_t>(size));
  read(bytes.data() + header_words * word, static_cast<std::size_t>(size - header_words * word));
  std::uint64_t stored;
  std::memcpy(&stored, bytes.data() + size - word, word);
  if (stored != checksum(bytes.data(), size - word)) throw_format("do not match their checksum");
  const auto ki = static_cast<Index>(k), di = static_cast<Index>(d);
  const Index n_covariances = type->layout.count(ki) * type->layout.values_each(di);
  const std::vector<double> weights = in.values(ki), means = in.values(ki * di), covariances = in.values(n_covariances);
  try {
    Statistics out(Mixture(weights, {means.data(), ki, di}, covariances, type->type, allow_singular != 0, execution));
    detail::SufficientStatistics& sums = out.sums();
    for (std::vector<double>* v : {&sums.pivot, &sums.weight, &sums.delta, &sums.scatter})
      *v = in.values(static_cast<Index>(v->size()));
    sums.log_likelihood = in.value<double>();
    sums.total_weight = in.value<double>();
    check_sums(sums);
    return out;
  } catch (const FormatError&) {
    throw;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    throw_format(std::string("hold no valid mixture: ") + error.what());
  }
}

}  // namespace

std::vector<std::uint8_t> Statistics::to_bytes() const {
  Writer out;
  out.value(magic);
  out.value(version);
  out.value(std::uint64_t{detail::find_covariance_type(mixture_.covariance_type())->number});
  out.value(static_cast<std::uint64_t>(mixture_.allow_singular()));
  out.value(static_cast<std::uint64_t>(sums_->k));
  out.value(static_cast<std::uint64_t>(sums_->d));
  out.values(mixture_.weights().data(), sums_->k);
  out.values(mixture_.means().data(), sums_->k * sums_->d);
  out.values(mixture_.covariances().data(), mixture_.covariances().size());
  for (const std::vector<double>* v : {&sums_->pivot, &sums_->weight, &sums_->delta, &sums_->scatter}) out.values(*v);
  out.value(sums_->log_likelihood);
  out.value(sums_->total_weight);
  return out.finish();
}

Statistics Statistics::from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution) {
  const detail::Read read = detail::reader_of(bytes);
  return read_statistics(bytes.size(), read, execution);
}

void Statistics::save(const std::string& path) const {
  const std::vector<std::uint8_t> bytes = to_bytes();
  detail::replace_file(path, {{bytes.data(), bytes.size()}});
}

Statistics Statistics::load(const std::string& path, const Execution& execution) {
  return detail::parse_file(path, [&](std::uint64_t size, const detail::Read& read) {
    return read_statistics(static_cast<Index>(size), read, execution);
  });
}

}  // namespace gaussmix
