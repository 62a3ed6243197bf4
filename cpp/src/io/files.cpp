#include "io/files.hpp"

#include "base/memory.hpp"
#include "base/message.hpp"

#include <gaussmix/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace gaussmix::detail {
namespace {

constexpr mode_t all_permissions = 07777;

/// The error in errno, or another one. @throws std::system_error always
[[noreturn]] void throw_system(const char* verb, const std::string& path, int error = errno) {
  throw std::system_error(error, std::generic_category(), std::string("cannot ") + verb + " '" + path + "'");
}

void check_path(const std::string& path) {
  if (const std::size_t at = path.find('\0'); at != std::string::npos)
    throw_invalid("path must hold no NUL, but does at its character " + std::to_string(at));
}

/// What the system calls below do when a signal interrupts them: once more.
template <class Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// The folder of a path, with its closing slash.
std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

/// The file that a link stands for in the end; any other path as it is.
std::string followed(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
  const std::unique_ptr<char, void (*)(void*)> target(::realpath(path.c_str(), nullptr), std::free);
  if (target == nullptr) throw_system("save", path);
  return target.get();
}

/// The file that will take the place of another: gone with its object, unless it did.
class NewFile {
 public:
  /// @param name  what messages call it
  /// @param mode  its permissions, less what the process masks
  NewFile(const std::string& target, const std::string& name, mode_t mode) : target_(target), name_(name) {
    static std::atomic<unsigned> counter{0};
    const std::string start = folder_of(target) + ".gaussmix-" + std::to_string(::getpid()) + "-";
    do {  // a name may be taken by a process that crashed, or by one on another machine
      path_ = start + std::to_string(counter++);
      descriptor_ = uninterrupted([&] { return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode); });
    } while (descriptor_ < 0 && errno == EEXIST);
    if (descriptor_ < 0) throw_system("save", name_);
  }
  ~NewFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// Gives it the owner and group of another, as far as the process may, and its permissions; where they differ, since
  /// some file systems refuse to be told what they have.
  void resemble(const struct stat& other) {
    struct stat status;
    if (::fstat(descriptor_, &status) != 0) throw_system("save", name_);
    const bool shared = (status.st_gid == other.st_gid || ::fchown(descriptor_, uid_t(-1), other.st_gid) == 0) &&
                        (status.st_uid == other.st_uid || ::fchown(descriptor_, other.st_uid, gid_t(-1)) == 0);
    static_cast<void>(shared);  // only the administrator may give files away
    const mode_t mode = other.st_mode & all_permissions;
    if (::fstat(descriptor_, &status) != 0) throw_system("save", name_);
    if ((status.st_mode & all_permissions) != mode && ::fchmod(descriptor_, mode) != 0) throw_system("save", name_);
  }

  void append(const Piece& piece) {
    const auto* data = static_cast<const char*>(piece.data);
    for (std::size_t done = 0; done < piece.size;) {
      const ::ssize_t n = uninterrupted(
          [&] { return ::pwrite(descriptor_, data + done, piece.size - done, static_cast<off_t>(size_)); });
      if (n <= 0) throw_system("save", name_, n < 0 ? errno : ENOSPC);
      done += static_cast<std::size_t>(n);
      size_ += static_cast<std::size_t>(n);
    }
  }

  void take_place() {
    if (uninterrupted([&] { return ::fsync(descriptor_); }) != 0) throw_system("save", name_);
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0 && errno != EINTR) throw_system("save", name_);
    if (std::rename(path_.c_str(), target_.c_str()) != 0) throw_system("save", name_);
    path_.clear();
  }

 private:
  std::string target_;
  std::string name_;
  std::string path_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

/// Flushes the folder of a file to the disk, so that the file's new name outlives a crash too. The file is in its place
/// already, so a folder that cannot be flushed is no error.
void flush_folder(const std::string& path) noexcept {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

// O_NONBLOCK: a pipe that nobody writes to would be waited for.
InputFile::InputFile(const std::string& path) : path_(path), descriptor_(-1) {
  check_path(path);
  const int opened = uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (opened < 0) throw_system("open", path);
  struct stat status;
  const int error = ::fstat(opened, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  const bool regular = error == 0 && S_ISREG(status.st_mode);
  if (!regular) ::close(opened);
  if (error != 0) throw_system("open", path, error);
  if (!regular) throw FormatError("'" + path + "' must be a regular file, but is a device, pipe or socket");
  descriptor_ = opened;
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

std::size_t InputFile::read(void* out, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ::ssize_t n = uninterrupted([&] { return ::read(descriptor_, static_cast<char*>(out) + done, size - done); });
    if (n < 0) throw_system("read", path_);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Read reader_of(VectorView<const std::uint8_t> bytes) {
  if (bytes.size() < 0) throw_invalid("bytes must have a size ≥ 0, but have " + std::to_string(bytes.size()));
  check_input("bytes", bytes);
  return [bytes, begin = Index{0}](void* out, std::size_t size) mutable {
    auto* to = static_cast<std::uint8_t*>(out);
    const auto n = static_cast<Index>(size);
    if (bytes.stride() == 1)
      std::copy_n(bytes.data() + begin, n, to);
    else
      for (Index i = 0; i < n; ++i) to[i] = bytes[begin + i];
    begin += n;
  };
}

Read reader_of(InputFile& file) {
  return [&file](void* out, std::size_t size) {
    if (file.read(out, size) != size)
      throw FormatError("the file must be left alone while it is read, but was cut short");
  };
}

void replace_file(const std::string& path, const std::vector<Piece>& pieces) {
  check_path(path);
  const std::string target = followed(path);
  struct stat old;
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (exists && S_ISDIR(old.st_mode)) throw_system("save", path, EISDIR);
  if (exists && !S_ISREG(old.st_mode))
    throw_invalid("path must name a regular file, but '" + path + "' is a device, pipe or socket");
  if (exists && ::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) throw_system("save", path);
  NewFile file(target, path, exists ? 0600 : 0666);
  if (exists) file.resemble(old);
  for (const Piece& piece : pieces) file.append(piece);
  file.take_place();
  flush_folder(folder_of(target));
}

}  // namespace gaussmix::detail
