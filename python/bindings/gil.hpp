#pragma once

// The GIL, given away and taken back. A thread that asks for it when the interpreter ends never gets it: up to Python 3.13 it is
// unwound by pthread_exit, through whatever C++ called Python, whose objects must not be touched on that way. So such a call is
// stopped, and its thread sleeps until the process ends.

#include <pybind11/pybind11.h>

namespace gaussmix::bindings {

namespace py = pybind11;

/// Whether the interpreter ends, or has ended, on another thread.
bool ends_elsewhere() noexcept;

/// Remembers which thread is Python's main one, also after forks. Called once, with the GIL.
void find_main_thread();

/// Whether this is the thread whose code signals interrupt.
bool is_main_thread() noexcept;

/// Until the process ends.
[[noreturn]] void sleep_for_ever() noexcept;

/// What a function of Python's C API returns, which throws nothing: what unwinds it is the end of the interpreter.
template <class F>
auto call_python(const F& function) noexcept {
  try {
    return function();
  } catch (...) {
    sleep_for_ever();
  }
}

/// Lets other threads have the GIL while it lives. The thread that ends the interpreter keeps it, since nobody else may have it.
class ReleasedGIL {
 public:
  ReleasedGIL() : state_(Py_IsInitialized() != 0 ? PyEval_SaveThread() : nullptr) {}
  ReleasedGIL(const ReleasedGIL&) = delete;
  ReleasedGIL& operator=(const ReleasedGIL&) = delete;
  /// Never comes back when the interpreter ends.
  ~ReleasedGIL() {
    if (state_ == nullptr) return;
    if (ends_elsewhere()) sleep_for_ever();
    call_python([this] { PyEval_RestoreThread(state_); });
  }

 private:
  PyThreadState* state_;
};

/// Has the GIL while it lives.
class AcquiredGIL {
 public:
  AcquiredGIL() : state_(call_python(PyGILState_Ensure)) {}
  AcquiredGIL(const AcquiredGIL&) = delete;
  AcquiredGIL& operator=(const AcquiredGIL&) = delete;
  ~AcquiredGIL() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_;
};

/// f() without the GIL: pure C++, which touches no Python object, so all arguments must have been turned into C++ values before.
template <class F>
auto without_gil(F&& f) {
  const ReleasedGIL released;
  return f();
}

/// For callbacks of such an f, by which Python may stop it: question() with the GIL; true when the interpreter ends.
template <class F>
bool ask_python(const F& question) {
  if (ends_elsewhere()) return true;
  const AcquiredGIL acquired;
  return question();
}

/// Whether callable(*arguments) is true. With the GIL.
bool is_true(py::handle callable, const py::tuple& arguments);

}  // namespace gaussmix::bindings
