#include <gaussmix/threads.hpp>

#include "base/message.hpp"
#include "parallel/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace gaussmix {

namespace detail {

namespace {

constexpr int unlimited = std::numeric_limits<int>::max();
constexpr int by_environment = -1;  // OMP_NUM_THREADS decides

std::atomic<int> chosen_threads{0};  // the last set_num_threads(); 0: the rule
std::atomic<int> process_limit{0};   // see fixed_limit(); 0: not read yet

/// A positive quota in µs of processor time per period, as whole processors, at least 1.
int processors_of(double quota, double period) {
  if (!(quota > 0.0 && period > 0.0)) return unlimited;
  return static_cast<int>(std::clamp(quota / period, 1.0, static_cast<double>(unlimited)));
}

/// cgroup v2: "max 100000" or "150000 100000".
int read_cpu_max(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  double quota = 0.0, period = 0.0;
  return file >> quota >> period ? processors_of(quota, period) : unlimited;  // "max" is no number
}

/// cgroup v1: a quota of -1 means none.
int read_cfs_quota(const std::string& directory) {
  std::ifstream quota_file(directory + "/cpu.cfs_quota_us");
  std::ifstream period_file(directory + "/cpu.cfs_period_us");
  double quota = 0.0, period = 0.0;
  return quota_file >> quota && period_file >> period ? processors_of(quota, period) : unlimited;
}

/// The least of what `read` finds in the cgroup `path` under `mount` and its ancestors: each limits its children.
int least_up_to_root(const std::string& mount, std::string path, int (*read)(const std::string&)) {
  int processors = unlimited;
  while (true) {
    processors = std::min(processors, read(mount + path));
    if (path.empty()) return processors;
    const std::size_t parent = path.rfind('/');
    path.erase(parent == std::string::npos ? 0 : parent);
  }
}

/// Whether a list like "cpu,cpuacct" holds the cpu controller.
bool names_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

/// Processors that this process may be scheduled on.
int affinity_processors() {
#ifdef __linux__
  // One cpu_set_t holds 1024 processors; a mask smaller than the machine is refused.
  for (std::size_t sets = 1; sets <= 256; sets *= 4) {
    std::vector<cpu_set_t> mask(sets);
    const std::size_t bytes = sets * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return std::max(1, CPU_COUNT_S(bytes, mask.data()));
  }
#endif
  return unlimited;
}

bool omp_num_threads_is_set() {
  const char* value = std::getenv("OMP_NUM_THREADS");
  return value != nullptr && *value != '\0';
}

/// What the cgroups allow, or by_environment. Neither is asked again: both belong to the start of the process.
int fixed_limit() {
  int limit = process_limit.load(std::memory_order_relaxed);
  if (limit == 0) {
    limit = omp_num_threads_is_set() ? by_environment : cgroup_processors("");
    process_limit.store(limit, std::memory_order_relaxed);
  }
  return limit;
}

int default_threads() {
  const int limit = fixed_limit();
  if (limit == by_environment) return openmp_max_threads();
  return std::min({openmp_max_threads(), affinity_processors(), limit});
}

}  // namespace

int cgroup_processors(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  int processors = unlimited;
  // Each line is hierarchy:controllers:path, for version 2 with hierarchy 0 and no controllers.
  for (std::string hierarchy, controllers, path;
       std::getline(file, hierarchy, ':') && std::getline(file, controllers, ':') && std::getline(file, path);) {
    if (path == "/") path.clear();
    const std::string mounts = root + "/sys/fs/cgroup";
    if (controllers.empty()) {
      processors = std::min({processors, least_up_to_root(mounts, path, read_cpu_max),
                             least_up_to_root(mounts + "/unified", path, read_cpu_max)});
    } else if (names_cpu(controllers)) {
      processors = std::min({processors, least_up_to_root(mounts + "/" + controllers, path, read_cfs_quota),
                             least_up_to_root(mounts + "/cpu", path, read_cfs_quota)});
    }
  }
  return processors;
}

void check_num_threads(int num_threads) {
  if (num_threads < 0 || num_threads > max_num_threads)
    throw_invalid("num_threads must be in [0, " + std::to_string(max_num_threads) + "], but is " +
                  std::to_string(num_threads));
}

}  // namespace detail

int get_num_threads() {
  if (detail::openmp_version() == 0) return 1;
  const int chosen = detail::chosen_threads.load(std::memory_order_relaxed);
  return chosen != 0 ? chosen : std::min(detail::default_threads(), max_num_threads);
}

void set_num_threads(int num_threads) {
  detail::check_num_threads(num_threads);
  detail::chosen_threads.store(num_threads, std::memory_order_relaxed);
}

}  // namespace gaussmix
