#include "net/append_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace chuantou::net {

namespace {

constexpr std::chrono::seconds kSyncEvery{1};

[[noreturn]] void fail(const std::string& path, int error) {
  throw std::system_error(error, std::generic_category(), path);
}

}  // namespace

AppendFile::AppendFile(std::string path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
  if (fd_ < 0) fail(path_, errno);
  struct stat info {};
  if (::fstat(fd_, &info) != 0) {
    const int error = errno;
    ::close(fd_);
    fail(path_, error);
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
  thread_ = std::thread([this] { syncNowAndThen(); });
}

AppendFile::~AppendFile() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  ::close(fd_);
}

void AppendFile::append(std::string_view text) {
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      // Half a line would spoil the next one.
      if (left.size() != text.size()) (void)!::ftruncate(fd_, static_cast<off_t>(size_));
      fail(path_, error);
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  size_ += text.size();
  {
    const std::lock_guard lock{mutex_};
    dirty_ = true;
  }
  wake_.notify_one();
}

void AppendFile::syncNowAndThen() {
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return dirty_ || stopping_; });
    if (dirty_) {
      dirty_ = false;
      lock.unlock();
      (void)::fdatasync(fd_);  // an error of the disk: nobody is left to be told, the file is in use all the same
      lock.lock();
    } else if (stopping_) {
      return;
    }
    wake_.wait_for(lock, kSyncEvery, [this] { return stopping_; });
  }
}

}  // namespace chuantou::net
