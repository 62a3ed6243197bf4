#pragma once

#include <gaussmix/error.hpp>

#include <string>

namespace gaussmix::detail {

/// A component of an M-step that OnDegenerate::raise does not go on with. Callers of the library meet it as a NumericalError.
class DegenerateComponent : public NumericalError {
 public:
  enum class Kind { empty, collapsed };
  DegenerateComponent(Kind kind, const std::string& message) : NumericalError(message), kind_(kind) {}
  Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

}  // namespace gaussmix::detail
