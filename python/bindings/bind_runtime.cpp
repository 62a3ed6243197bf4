#include "arguments.hpp"
#include "bindings.hpp"

#include <gaussmix/simd.hpp>
#include <gaussmix/threads.hpp>
#include <gaussmix/version.hpp>

namespace gaussmix::bindings {

namespace {

constexpr const char* get_num_threads_doc = R"doc(get_num_threads()
--

The threads that a call uses when it names none.

Returns
-------
int
    The last `set_num_threads`, else ``OMP_NUM_THREADS``, else the number of processors that affinity and the cgroup
    quota leave to this process; in [1, 1024], and 1 in a build without OpenMP.
)doc";

constexpr const char* set_num_threads_doc = R"doc(set_num_threads(num_threads)
--

Set the threads that calls use when they name none, for the whole process.

Parameters
----------
num_threads : int or None
    In [1, 1024]; 0 or None returns to the rule of `get_num_threads`.

Raises
------
InvalidArgumentError
    When `num_threads` is out of range.
)doc";

constexpr const char* simd_level_doc = R"doc(simd_level()
--

The instruction-set level in use: "baseline" (SSE2 on x86-64, NEON on arm64), "avx2" or "avx512".

Chosen at first use: what the environment variable ``GAUSSMIX_SIMD`` names, else the best of `simd_levels`.

Raises
------
InvalidArgumentError
    When ``GAUSSMIX_SIMD`` names a level that is unknown or absent.
)doc";

constexpr const char* set_simd_level_doc = R"doc(set_simd_level(level)
--

Force an instruction-set level for all later calls.

Parameters
----------
level : str
    One of `simd_levels`.

Raises
------
InvalidArgumentError
    When the level is unknown, not in this build, or not run by this processor.
)doc";

constexpr const char* simd_levels_doc = R"doc(simd_levels()
--

The instruction-set levels of this build that this processor runs, from the least to the best, as a list of str.
)doc";

constexpr const char* build_info_doc = R"doc(build_info()
--

What this binary was built with, as a dict of str: version, compiler, eigen, nlohmann_json, openmp, simd_levels,
build_type and assertions.
)doc";

void set_threads(py::handle num_threads) { set_num_threads(num_threads_argument(num_threads, 0)); }

py::list levels() {
  py::list names;
  for (const std::string& level : simd_levels()) names.append(level);
  return names;
}

py::dict build() {
  py::dict info;
  for (const auto& [name, value] : build_info()) info[py::str(name)] = value;
  return info;
}

}  // namespace

void bind_runtime(py::module_& m) {
  m.attr("__version__") = version();
  m.def("get_num_threads", &get_num_threads, get_num_threads_doc);
  m.def("set_num_threads", &set_threads, py::arg("num_threads"), set_num_threads_doc);
  m.def("simd_level", &simd_level, simd_level_doc);
  m.def(
      "set_simd_level", [](py::handle level) { set_simd_level(text_argument(level, "level")); }, py::arg("level"),
      set_simd_level_doc);
  m.def("simd_levels", &levels, simd_levels_doc);
  m.def("build_info", &build, build_info_doc);
}

}  // namespace gaussmix::bindings
