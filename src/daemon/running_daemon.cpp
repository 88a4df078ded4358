#include "daemon/running_daemon.hpp"

#include <unistd.h>

#include <system_error>

#include "daemon/failure.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"
#include "daemon/random_token.hpp"
#include "net/state_file.hpp"

namespace chuantou::daemon {

namespace {

constexpr const char* kTokenFileName = "admin-token";

}  // namespace

RunningDaemon::RunningDaemon(std::string program, const std::string& dataDir, Language language)
    : program_(std::move(program)), language_(language), token_(randomToken()) {
  std::string path = dataDir;
  try {
    if (path.empty()) path = defaultDataDir(program_, language_);
    auto dir = std::make_unique<DataDir>(path);
    if (dir->lock()) {
      dir_ = std::move(dir);
      return;
    }
    const auto other = readAdminFile(path);
    printError(say(language_, kDataDirShared, program_, other ? std::to_string(other->pid) : "?", path));
  } catch (const std::system_error& error) {
    const Failure failure{say(language_, kCannotWrite, path, error.code().message())};
    if (!dataDir.empty()) throw failure;
    printError(failure.what());
  } catch (const Failure& failure) {
    if (!dataDir.empty()) throw;
    printError(failure.what());
  }
}

void RunningDaemon::keepToken() {
  if (!dir_) return;
  const std::string path = file(kTokenFileName);
  try {
    const std::string kept = net::readFile(path, 2 * token_.size()).value_or("");
    // As we wrote it; anything else is replaced.
    if (kept.size() == token_.size() && kept.find_first_not_of("0123456789abcdef") == std::string::npos) {
      token_ = kept;
    } else {
      net::writeFileAtomically(path, token_);
    }
  } catch (const std::system_error& error) {
    throw Failure{say(language_, kCannotWrite, path, error.code().message())};
  }
}

void RunningDaemon::publish(const std::string& url) {
  if (!dir_) return;
  try {
    adminFile_.emplace(dir_->path(), AdminInfo{url, token_, static_cast<long>(::getpid())});
  } catch (const std::system_error& error) {
    throw Failure{say(language_, kCannotWrite, dir_->file(kAdminFileName), error.code().message())};
  }
}

}  // namespace chuantou::daemon
