// A file that only grows, for a journal.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace chuantou::net {

/// What was appended survives the end of this program at once, and that of the machine a second or so later: a thread
/// of its own asks the disk. Members on one thread. Errors are std::system_error.
class AppendFile {
 public:
  /// Opens, or makes with mode 0600.
  explicit AppendFile(std::string path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// All of it, or after an error none.
  void append(std::string_view text);

 private:
  void syncNowAndThen();

  std::string path_;
  int fd_;
  std::uint64_t size_ = 0;
  std::mutex mutex_;  ///< of the next three
  std::condition_variable wake_;
  bool dirty_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace chuantou::net
