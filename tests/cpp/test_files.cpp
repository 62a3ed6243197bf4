#include "io/files.hpp"

#include "bad_input.hpp"
#include "model_files.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <system_error>

using namespace gaussmix;
using model_files::Bytes;
using model_files::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

const std::string old_text = "old", new_text = "the new text";

Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }

void write(const std::string& path, const std::string& text) {
  detail::replace_file(path, {{text.data(), 3}, {text.data() + 3, text.size() - 3}});
}

/// The code of the system_error that `call` ends in; its message must name the path.
int error_of(const std::function<void()>& call, const std::string& path) {
  try {
    call();
  } catch (const std::system_error& error) {
    CHECK(std::string(error.what()).find("'" + path + "'") != std::string::npos);
    return error.code().value();
  }
  FAIL_CHECK("no error");
  return 0;
}

mode_t permissions(const std::string& path) {
  struct stat status{};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

/// Limits files to `size` bytes, as a full disk would, while it lives.
class FullDisk {
 public:
  explicit FullDisk(rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{size, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit old_{};
  void (*handler_)(int);
};

/// Takes the rights of the superuser away, who may do everything, while it lives.
class Nobody {
 public:
  Nobody() : is_root_(::geteuid() == 0) {
    if (is_root_ && ::seteuid(65534) != 0) throw std::runtime_error("cannot become nobody");
  }
  ~Nobody() {
    if (is_root_ && ::seteuid(0) != 0) std::terminate();
  }

 private:
  bool is_root_;
};

}  // namespace

TEST_CASE("files: what is written is read, by new files and old ones") {
  const TemporaryFolder folder;
  for (const std::string& text : {old_text, new_text, old_text}) {
    write(folder.path("a"), text);
    CHECK(folder.content("a") == bytes(text));
    detail::InputFile file(folder.path("a"));
    std::string found(text.size() + 5, '?');
    CHECK(file.size() == text.size());
    CHECK(file.read(found.data(), 2) == 2);
    CHECK(file.read(found.data() + 2, text.size()) == text.size() - 2);
    CHECK(found == text + "?????");
    CHECK(folder.names() == std::set<std::string>{"a"});
  }
}

TEST_CASE("files: a path is relative to the working folder") {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write("a", new_text);
  fs::current_path(before);
  CHECK(folder.content("a") == bytes(new_text));
}

TEST_CASE("files: permissions are those of other new files, then those of the old file") {
  const TemporaryFolder folder;
  const mode_t mask = ::umask(027);
  write(folder.path("a"), old_text);
  CHECK(permissions(folder.path("a")) == 0640);
  fs::permissions(folder.path("a"), fs::perms(0604));
  write(folder.path("a"), new_text);
  CHECK(permissions(folder.path("a")) == 0604);
  ::umask(mask);
}

TEST_CASE("files: owner and group are those of the old file, where the process may give files away") {
  if (::geteuid() != 0) return;
  const TemporaryFolder folder;
  write(folder.path("a"), old_text);
  REQUIRE(::chown(folder.path("a").c_str(), 65534, 65533) == 0);
  write(folder.path("a"), new_text);
  struct stat status;
  REQUIRE(::stat(folder.path("a").c_str(), &status) == 0);
  CHECK(status.st_uid == 65534);
  CHECK(status.st_gid == 65533);
  CHECK(folder.content("a") == bytes(new_text));
}

TEST_CASE("files: a link stays one, and its file is replaced") {
  const TemporaryFolder folder;
  fs::create_directory(folder.path("there"));
  write(folder.path("there/a"), old_text);
  fs::create_symlink("there/a", folder.path("link"));
  write(folder.path("link"), new_text);
  CHECK(fs::is_symlink(folder.path("link")));
  CHECK(folder.content("there/a") == bytes(new_text));
  fs::create_symlink("nowhere", folder.path("broken"));
  CHECK(error_of([&] { write(folder.path("broken"), new_text); }, folder.path("broken")) == ENOENT);
}

TEST_CASE("files: on a full disk the old file stays, and nothing else") {
  const TemporaryFolder folder;
  const std::string path = folder.path("a");
  write(path, old_text);
  for (const rlim_t size : {0u, 1u, 3u, 11u}) {
    const FullDisk disk(size);
    CHECK(error_of([&] { write(path, new_text); }, path) == EFBIG);
    CHECK(error_of([&] { write(folder.path("b"), new_text); }, folder.path("b")) == EFBIG);
    CHECK(folder.content("a") == bytes(old_text));
    CHECK(folder.names() == std::set<std::string>{"a"});
  }
}

TEST_CASE("files: what may not be written stays as it was") {
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms(0777));
  write(folder.path("read-only"), old_text);
  fs::permissions(folder.path("read-only"), fs::perms(0444));
  fs::create_directory(folder.path("closed"));
  write(folder.path("closed/a"), old_text);
  fs::permissions(folder.path("closed/a"), fs::perms(0666));
  fs::permissions(folder.path("closed"), fs::perms(0555));
  {
    const Nobody nobody;
    for (const char* name : {"read-only", "closed/a", "closed/new"})
      CHECK(error_of([&] { write(folder.path(name), new_text); }, folder.path(name)) == EACCES);
  }
  fs::permissions(folder.path("closed"), fs::perms(0755));
  CHECK(folder.content("read-only") == bytes(old_text));
  CHECK(folder.content("closed/a") == bytes(old_text));
  CHECK(folder.names() == std::set<std::string>{"read-only", "closed"});
}

TEST_CASE("files: paths that name no file") {
  const TemporaryFolder folder;
  const auto opening = [](const std::string& path) { return [path] { detail::InputFile{path}; }; };
  const auto writing = [](const std::string& path) { return [path] { write(path, new_text); }; };
  CHECK(error_of(opening(folder.path("none")), folder.path("none")) == ENOENT);
  CHECK(error_of(opening(folder.path()), folder.path()) == EISDIR);
  CHECK(error_of(opening(""), "") == ENOENT);
  CHECK(error_of(writing(folder.path("none/a")), folder.path("none/a")) == ENOENT);
  CHECK(error_of(writing(folder.path()), folder.path()) == EISDIR);
  CHECK(error_of(writing(""), "") == ENOENT);
  ::mkfifo(folder.path("pipe").c_str(), 0600);
  const std::string nul("a\0b", 3);
  bad_input::check_all<FormatError>({{"pipe", opening(folder.path("pipe")), {"pipe", "regular file"}},
                                     {"device", opening("/dev/zero"), {"/dev/zero", "regular file"}}});
  bad_input::check_all<InvalidArgument>({{"pipe", writing(folder.path("pipe")), {"path", "pipe", "regular file"}},
                                         {"NUL", writing(nul), {"path", "NUL", "1"}},
                                         {"NUL", opening(nul), {"path", "NUL", "1"}}});
  CHECK(folder.names() == std::set<std::string>{"pipe"});
}
