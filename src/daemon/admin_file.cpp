#include "daemon/admin_file.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/api_error.hpp"
#include "daemon/data_dir.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"
#include "net/state_file.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::size_t kMaxAdminFile = 4096;

std::string pathOf(const std::string& dataDir) { return dataDir + "/" + kAdminFileName; }

}  // namespace

std::optional<AdminInfo> readAdminFile(const std::string& dataDir) {
  const auto content = net::readFile(pathOf(dataDir), kMaxAdminFile);
  if (!content) return std::nullopt;
  try {
    const JsonDocument document{*content, kMaxAdminFile, Language::english};
    AdminInfo info;
    info.url = document.root().requiredText("url", 512);
    info.token = document.root().requiredText("token", 128);
    info.pid = static_cast<long>(document.root().requiredNumber("pid", 1, 0x7fffffff));
    return info;
  } catch (const ApiError&) {
    return std::nullopt;
  }
}

bool isStale(const AdminInfo& info) {
  if (info.pid <= 0) return true;
  return ::kill(static_cast<pid_t>(info.pid), 0) != 0 && errno == ESRCH;
}

AdminFile::AdminFile(std::string dataDir, AdminInfo info) : dataDir_(std::move(dataDir)), info_(std::move(info)) {
  JsonWriter json;
  json.field("url", info_.url);
  json.field("token", info_.token);
  json.field("pid", static_cast<std::int64_t>(info_.pid));
  net::writeFileAtomically(pathOf(dataDir_), json.finish() + "\n");
}

AdminFile::~AdminFile() {
  try {
    const auto present = readAdminFile(dataDir_);
    if (present && present->token == info_.token) ::unlink(pathOf(dataDir_).c_str());
  } catch (const std::exception&) {
    // It stays behind; the next reader sees that its process is gone.
  }
}

}  // namespace chuantou::daemon
