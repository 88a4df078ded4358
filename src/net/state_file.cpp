#include "net/state_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace chuantou::net {

namespace {

[[noreturn]] void fail(const std::string& path, int error = errno) {
  throw std::system_error(error, std::generic_category(), path);
}

/// A descriptor that closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

void writeAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      fail(path);
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string folderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

void writeFileAtomically(const std::string& path, std::string_view content) {
  std::string temporary = path + ".XXXXXX";
  const File file{::mkostemp(temporary.data(), O_CLOEXEC)};  // mode 0600
  if (file.get() < 0) fail(path);
  try {
    writeAll(file.get(), content, path);
    if (::fsync(file.get()) != 0) fail(path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // Without this the new name may be lost in a power cut. Some file systems cannot; the content is whole all the same.
  const File folder{::open(folderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.get() >= 0) (void)::fsync(folder.get());
}

std::optional<std::string> readFile(const std::string& path, std::size_t limit) {
  const File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.get() < 0) {
    if (errno == ENOENT) return std::nullopt;
    fail(path);
  }
  std::string content;
  std::vector<char> buffer(4096);
  while (true) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n == 0) return content;
    if (n < 0) {
      if (errno == EINTR) continue;
      fail(path);
    }
    content.append(buffer.data(), static_cast<std::size_t>(n));
    if (content.size() > limit) fail(path, EFBIG);
  }
}

}  // namespace chuantou::net
