#include <doctest/doctest.h>
#include <gaussmix/error.hpp>
#include <gaussmix/threads.hpp>

#include "parallel/parallel.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#ifdef __linux__
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace gaussmix;

namespace {

constexpr int no_quota = std::numeric_limits<int>::max();

/// The file system below a directory of its own, as far as a test writes it.
class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "gaussmix_cgroup_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + name).parent_path());
    std::ofstream(path_ + name) << text;
  }
  int processors() const { return detail::cgroup_processors(path_); }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("threads: set_num_threads holds until it is taken back") {
  const int by_rule = get_num_threads();
  CHECK(by_rule >= 1);
  CHECK(by_rule <= detail::openmp_max_threads());
  set_num_threads(7);
  CHECK(get_num_threads() == (detail::openmp_version() == 0 ? 1 : 7));
  CHECK_THROWS_WITH_AS(set_num_threads(-2), "num_threads must be in [0, 1024], but is -2", InvalidArgument);
  CHECK(get_num_threads() == (detail::openmp_version() == 0 ? 1 : 7));
  set_num_threads(0);
  CHECK(get_num_threads() == by_rule);
}

TEST_CASE("threads: the number is one for the whole process") {
  if (detail::openmp_version() == 0) return;
  std::thread([] { set_num_threads(5); }).join();
  CHECK(get_num_threads() == 5);
  set_num_threads(0);
}

TEST_CASE("threads: a cgroup of version 2, and its ancestors") {
  const FakeRoot root;
  CHECK(root.processors() == no_quota);
  root.write("/proc/self/cgroup", "0::/a/b\n");
  CHECK(root.processors() == no_quota);
  root.write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK(root.processors() == no_quota);
  root.write("/sys/fs/cgroup/a/b/cpu.max", "450000 100000\n");
  CHECK(root.processors() == 4);
  root.write("/sys/fs/cgroup/a/cpu.max", "600000 200000\n");
  CHECK(root.processors() == 3);
  root.write("/sys/fs/cgroup/cpu.max", "10000 100000\n");
  CHECK(root.processors() == 1);
}

TEST_CASE("threads: a container sees its own cgroup as the root") {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/\n");
  root.write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  CHECK(root.processors() == 2);
}

TEST_CASE("threads: a cgroup of version 1") {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "9:name=systemd:/x\n4:memory:/job\n2:cpu,cpuacct:/job/1\n0::/\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/job/1/cpu.cfs_quota_us", "-1\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/job/1/cpu.cfs_period_us", "100000\n");
  CHECK(root.processors() == no_quota);
  root.write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  CHECK(root.processors() == 2);
  root.write("/sys/fs/cgroup/memory/job/cpu.cfs_quota_us", "100000\n");  // not of the cpu controller
  root.write("/sys/fs/cgroup/memory/job/cpu.cfs_period_us", "100000\n");
  CHECK(root.processors() == 2);
}

TEST_CASE("threads: cgroup files that make no sense limit nothing") {
  const FakeRoot root;
  for (const char* text : {"", "0", "x y", "100000", "0 100000", "-5 100000", "100000 0"}) {
    CAPTURE(text);
    root.write("/proc/self/cgroup", "no colons\n0::relative\n");
    root.write("/sys/fs/cgroup/cpu.max", text);
    CHECK(root.processors() == no_quota);
  }
}

#ifdef __linux__

namespace {

/// Leaves this process the first processor that it has.
void keep_one_processor() {
  cpu_set_t mask;
  sched_getaffinity(0, sizeof mask, &mask);
  int first = 0;
  while (!CPU_ISSET(first, &mask)) ++first;
  CPU_ZERO(&mask);
  CPU_SET(first, &mask);
  sched_setaffinity(0, sizeof mask, &mask);
}

/// Runs the test below in a new process on one processor, where OMP_NUM_THREADS is `omp_num_threads` (null: unset).
/// @returns whether it passed
bool threads_of_new_process_are(int expected, const char* omp_num_threads) {
  const pid_t child = fork();
  if (child == 0) {
    keep_one_processor();
    setenv("GAUSSMIX_TEST_EXPECTED_THREADS", std::to_string(expected).c_str(), 1);
    unsetenv("OMP_NUM_THREADS");
    if (omp_num_threads != nullptr) setenv("OMP_NUM_THREADS", omp_num_threads, 1);
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);  // GNU's OpenMP runtime remarks on an empty OMP_NUM_THREADS
    const char* test_case = "--test-case=threads: in a new process";
    execl("/proc/self/exe", "gaussmix_tests", "--no-skip", "--out=/dev/null", test_case, nullptr);
    _exit(2);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("threads: in a new process" * doctest::skip()) {
  const char* expected = std::getenv("GAUSSMIX_TEST_EXPECTED_THREADS");
  if (expected != nullptr) CHECK(get_num_threads() == std::atoi(expected));
}

TEST_CASE("threads: OMP_NUM_THREADS, else affinity") {
  const bool openmp = detail::openmp_version() != 0;
  CHECK(threads_of_new_process_are(1, nullptr));
#ifndef __clang__  // LLVM's OpenMP runtime aborts on an empty OMP_NUM_THREADS
  CHECK(threads_of_new_process_are(1, ""));
#endif
  CHECK(threads_of_new_process_are(openmp ? 5 : 1, "5"));
  CHECK_FALSE(threads_of_new_process_are(openmp ? 4 : 2, "5"));
}

TEST_CASE("threads: an affinity that changes while the process runs is seen") {
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  const pid_t child = fork();
  if (child == 0) {
    keep_one_processor();
    _exit(get_num_threads());
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 1);
}

#endif
