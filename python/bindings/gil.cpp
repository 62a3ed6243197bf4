#include "gil.hpp"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace gaussmix::bindings {

namespace {

/// PyGILState_Check says yes to every thread once there has been a sub-interpreter.
bool has_gil() noexcept {
  const PyThreadState* state = PyGILState_GetThisThreadState();
  return state != nullptr && state == py::detail::get_thread_state_unchecked();
}

std::atomic<unsigned long> main_thread{0};

}  // namespace

void find_main_thread() {
  const py::object thread = py::module_::import("threading").attr("main_thread")();
  main_thread = py::cast<unsigned long>(thread.attr("ident"));
  pthread_atfork(nullptr, nullptr, [] { main_thread = PyThread_get_thread_ident(); });  // the one that forks
}

bool is_main_thread() noexcept { return PyThread_get_thread_ident() == main_thread; }

// Py_FinalizeEx says from the moment on when it lets no other thread have the GIL that Python is not initialized.
bool ends_elsewhere() noexcept { return Py_IsInitialized() == 0 && !has_gil(); }

void sleep_for_ever() noexcept {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

bool is_true(py::handle callable, const py::tuple& arguments) {
  const int truth = call_python([&] {
    PyObject* result = PyObject_CallObject(callable.ptr(), arguments.ptr());
    const int value = result != nullptr ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    return value;
  });
  if (truth < 0) throw py::error_already_set();
  return truth == 1;
}

}  // namespace gaussmix::bindings
