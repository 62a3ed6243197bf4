#include "c_api/border.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/version.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>

namespace gaussmix::c_api {
namespace {

/// A fixed place, so that telling of a lack of memory needs none.
thread_local char last_error[1024] = "";

gaussmix_status fail(gaussmix_status status, const char* message) noexcept {
  std::size_t size = std::strlen(message);
  if (size >= sizeof last_error) {
    size = sizeof last_error - 1;
    while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xC0u) == 0x80u) --size;  // no half character
  }
  std::memcpy(last_error, message, size);
  last_error[size] = '\0';
  return status;
}

}  // namespace

gaussmix_status report_exception() noexcept {
  try {
    throw;
  } catch (const InvalidArgument& error) {
    return fail(GAUSSMIX_ERROR_INVALID_ARGUMENT, error.what());
  } catch (const NumericalError& error) {
    return fail(GAUSSMIX_ERROR_NUMERICAL, error.what());
  } catch (const FormatError& error) {
    return fail(GAUSSMIX_ERROR_FORMAT, error.what());
  } catch (const Interrupted& error) {
    return fail(GAUSSMIX_ERROR_INTERRUPTED, error.what());
  } catch (const std::bad_alloc&) {
    return fail(GAUSSMIX_ERROR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::length_error&) {  // of a container: more than any memory holds
    return fail(GAUSSMIX_ERROR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::system_error& error) {
    return fail(GAUSSMIX_ERROR_IO, error.what());
  } catch (const std::exception& error) {
    return fail(GAUSSMIX_ERROR_INTERNAL, error.what());
  } catch (...) {
    return fail(GAUSSMIX_ERROR_INTERNAL, "an exception of an unknown type");
  }
}

void check_struct_size(std::size_t size, std::size_t least, const char* name) {
  constexpr std::size_t most = 4096;
  if (size < least || size > most)
    detail::throw_invalid(std::string(name) + ".struct_size must be in [" + std::to_string(least) + ", " +
                          std::to_string(most) + "], but is " + std::to_string(size) +
                          "; set it to the struct's sizeof");
}

void check_unknown_members(const void* given, std::size_t size, std::size_t known, const char* name) {
  const auto* bytes = static_cast<const unsigned char*>(given);
  if (std::any_of(bytes + known, bytes + size, [](unsigned char byte) { return byte != 0; }))
    detail::throw_invalid(std::string(name) + " must be 0 beyond the " + std::to_string(known) +
                          " bytes that version " + version() + " knows, but is not");
}

namespace {

template <class T>
Samples samples_of(const gaussmix_samples& x) {
  if (x.read == nullptr)
    return MatrixView<const T>(static_cast<const T*>(x.data), x.n_samples, x.n_features, x.row_stride, x.col_stride);
  const auto read = [read = x.read, context = x.context](Index begin, Index end, double* out) {
    read(begin, end, out, context);
  };
  return Samples(x.n_samples, x.n_features, read, sizeof(T) == sizeof(float));
}

}  // namespace

Samples samples_argument(const gaussmix_samples* given) {
  const gaussmix_samples x = input(given, "X");
  if (x.read != nullptr && x.data != nullptr) detail::throw_invalid("X.data must be null beside X.read, but is not");
  switch (x.dtype) {
    case GAUSSMIX_DTYPE_FLOAT32: return samples_of<float>(x);
    case GAUSSMIX_DTYPE_FLOAT64: return samples_of<double>(x);
  }
  detail::throw_invalid("X.dtype must be GAUSSMIX_DTYPE_FLOAT32 or GAUSSMIX_DTYPE_FLOAT64, but is " +
                        std::to_string(x.dtype));
}

void check_apart_from(const char* name, const detail::Elements& output, const Samples& x) {
  if (x.reader()) return;
  const detail::Elements elements = detail::elements_of(x);
  detail::check_input("X", elements);
  detail::check_apart(name, output, "X", elements);
}

VectorView<const double> weight_argument(const double* sample_weight, std::int64_t stride, const Samples& x) {
  if (sample_weight == nullptr) return {};
  return {sample_weight, x.rows(), stride};
}

Execution execution_argument(const gaussmix_execution* given) {
  Execution out;
  if (given == nullptr) return out;
  const gaussmix_execution execution = input(given, "execution");
  out.num_threads = execution.num_threads;
  if (execution.stop != nullptr)
    out.stop = [stop = execution.stop, context = execution.context] { return stop(context) != 0; };
  return out;
}

void write_bytes(const std::vector<std::uint8_t>& bytes, std::uint8_t* out, std::int64_t capacity, std::int64_t* size) {
  const auto n = static_cast<std::int64_t>(bytes.size());
  required(size, "size") = n;
  if (out == nullptr && capacity == 0) return;
  if (capacity < n)
    detail::throw_invalid("capacity must be at least " + std::to_string(n) + ", but is " + std::to_string(capacity));
  std::copy(bytes.begin(), bytes.end(), &required(out, "out"));
}

}  // namespace gaussmix::c_api

const char* gaussmix_last_error() { return gaussmix::c_api::last_error; }
