#pragma once

#include <gaussmix/error.hpp>
#include <gaussmix/views.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// Files by their path. What the system refuses is a std::system_error that says what could not be done, and names the
// path.

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

/// Takes the next `size` bytes of what is read; there must be so many.
using Read = std::function<void(void* out, std::size_t size)>;

/// Reads a view from its beginning on. The view must outlive it.
Read reader_of(VectorView<const std::uint8_t> bytes);
/// Reads a file, which must outlive it. Throws FormatError when the file has become shorter.
Read reader_of(InputFile& file);

/// parse(size, read) over a file; what a FormatError says then begins with the path.
template <class Parse>
auto parse_file(const std::string& path, const Parse& parse) {
  InputFile file(path);
  try {
    return parse(file.size(), reader_of(file));
  } catch (const FormatError& error) {
    throw FormatError("'" + path + "': " + error.what());
  }
}

/// Bytes that somebody else owns.
struct Piece {
  const void* data;
  std::size_t size;
};

/// Makes the pieces, one after another, the content of the file. Whoever opens the file at any time finds the old
/// content or the new one: the new one is written to a new file in the same folder and flushed to the disk, and only
/// then takes the name. Links are followed; permissions are kept, and owner and group where the process may. On any
/// error nothing has changed.
/// @throws InvalidArgument for a path that holds a NUL, or names a device, pipe or socket
void replace_file(const std::string& path, const std::vector<Piece>& pieces);

}  // namespace gaussmix::detail
