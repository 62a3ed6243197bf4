#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Files by their path. What the system refuses is a std::system_error that says what could not be done, and names the path.

namespace gaussmix::detail {

/// A regular file, read from its beginning on.
class InputFile {
 public:
  /// @throws InvalidArgument for a path that holds a NUL @throws FormatError for devices, pipes and sockets
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// In bytes, when it was opened.
  std::uint64_t size() const noexcept { return size_; }
  /// Reads the next `size` bytes. @returns how many there were
  std::size_t read(void* out, std::size_t size);

 private:
  std::string path_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

/// Bytes that somebody else owns.
struct Piece {
  const void* data;
  std::size_t size;
};

/// Makes the pieces, one after another, the content of the file. Whoever opens it at any time finds the old content or the
/// new one: that goes to a new file in the same folder, then to the disk, and only then takes the name. Links are followed,
/// permissions kept, owner and group where the process may; on any error nothing has changed.
/// @throws InvalidArgument for a path that holds a NUL, or names a device, pipe or socket
void replace_file(const std::string& path, const std::vector<Piece>& pieces);

}  // namespace gaussmix::detail
