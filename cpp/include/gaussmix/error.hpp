#pragma once

#include <gaussmix/export.h>

#include <stdexcept>

namespace gaussmix {

/// What every error of this library derives from. The message names the argument, the place, the rule and the value
/// met.
class GAUSSMIX_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument breaks a rule that can be read in its documentation: shape, range, finiteness.
class GAUSSMIX_API InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// The arguments are well formed, but what is asked of them has no finite answer: a singular covariance, a collapsed
/// component.
class GAUSSMIX_API NumericalError : public Error {
 public:
  using Error::Error;
};

/// Bytes that are not what this library wrote: truncated, corrupt, of another version.
class GAUSSMIX_API FormatError : public Error {
 public:
  using Error::Error;
};

/// The caller's stop function ended the call (see Execution).
class GAUSSMIX_API Interrupted : public Error {
 public:
  using Error::Error;
};

}  // namespace gaussmix
