#include "daemon/data_dir.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "daemon/failure.hpp"
#include "daemon/phrases.hpp"

namespace chuantou::daemon {

namespace {

[[noreturn]] void fail(const std::string& path, int error = errno) {
  throw std::system_error(error, std::generic_category(), path);
}

std::string folderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void makeFolders(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return;
  if (errno == ENOENT) {
    const std::string parent = folderOf(path);
    if (parent == path) fail(path, ENOENT);
    makeFolders(parent);
    if (::mkdir(path.c_str(), 0700) == 0) return;
  }
  const int error = errno;
  struct stat info {};
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return;
  fail(path, error == EEXIST ? ENOTDIR : error);
}

std::string homeFolder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') return home;
  if (const passwd* entry = ::getpwuid(::getuid());
      entry != nullptr && entry->pw_dir != nullptr && entry->pw_dir[0] == '/') {
    return entry->pw_dir;
  }
  return {};
}

}  // namespace

std::string defaultDataDir(std::string_view program, Language language) {
  std::string base;
  // The XDG specification: a relative path is invalid and ignored.
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && state[0] == '/') {
    base = state;
  } else {
    base = homeFolder();
    if (base.empty()) throw Failure(say(language, kNoHome));
    base += "/.local/state";
  }
  return base + "/chuantou/" + std::string{program};
}

DataDir::DataDir(std::string path) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  makeFolders(path_);
}

DataDir::~DataDir() {
  if (lockFd_ >= 0) ::close(lockFd_);
}

bool DataDir::lock() {
  if (lockFd_ >= 0) return true;
  const int fd = ::open(file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) fail(file("lock"));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    lockFd_ = fd;
    return true;
  }
  const int error = errno;
  ::close(fd);
  if (error == EWOULDBLOCK) return false;
  fail(file("lock"), error);
}

std::string DataDir::file(std::string_view name) const { return path_ + "/" + std::string{name}; }

}  // namespace chuantou::daemon
