#include "gil.hpp"

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
  const py::module_ threading = py::module_::import("threading");
  const py::object main = threading.attr("main_thread")();
  // Of itself a thread knows the number, whatever has been put in the place of those of `threading`.
  main_thread = main.is(threading.attr("current_thread")()) ? PyThread_get_thread_ident()
                                                            : py::cast<unsigned long>(main.attr("ident"));
  const auto after_fork = [] { main_thread = PyThread_get_thread_ident(); };
  py::module_::import("os").attr("register_at_fork")(py::arg("after_in_child") = py::cpp_function(after_fork));
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
