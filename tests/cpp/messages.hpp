#pragma once

// What the errors that calls end in say.

#include <doctest/doctest.h>
#include <gaussmix/error.hpp>

#include <exception>
#include <functional>
#include <string>
#include <typeinfo>

namespace messages {

/// The message of the E that `call` throws, "no error" where it throws none; an exception of any other type fails the test.
template <class E>
std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const E& error) {
    CHECK(typeid(error) == typeid(E));
    return error.what();
  } catch (const std::exception& error) {
    FAIL_CHECK("another error: " << error.what());
    return error.what();
  }
  return "no error";
}

/// The same of what bad arguments are refused with.
inline std::string message_of(const std::function<void()>& call) { return message_of<gaussmix::InvalidArgument>(call); }

}  // namespace messages
