#include "daemon/identity_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "daemon/admin_file.hpp"
#include "daemon/data_dir.hpp"
#include "daemon/failure.hpp"
#include "daemon/phrases.hpp"
#include "net/state_file.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::size_t kMaxIdentityFile = 16 * 1024;

Failure cannotWrite(const std::string& file, const std::error_code& code, Language language) {
  return Failure{say(language, kCannotWrite, file, code.message())};
}

/// Takes a name that nobody has, so that two who export to it cannot both succeed. Throws Failure.
void claim(const std::string& file, Language language) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
    return;
  }
  if (errno == EEXIST) throw Failure{say(language, kExportExists, file)};
  throw cannotWrite(file, {errno, std::generic_category()}, language);
}

}  // namespace

std::optional<crypto::Identity> readIdentity(const std::string& file, Language language) {
  std::optional<std::string> pem;
  try {
    pem = net::readFile(file, kMaxIdentityFile);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::not_a_directory) return std::nullopt;
    if (error.code() == std::errc::file_too_large) throw Failure{say(language, kBadIdentity, file)};
    throw Failure{say(language, kCannotRead, file, error.code().message())};
  }
  if (!pem) return std::nullopt;
  auto identity = crypto::Identity::fromPem(*pem);
  if (!identity) throw Failure{say(language, kBadIdentity, file)};
  return std::move(*identity);
}

void exportIdentity(const crypto::Identity& identity, const std::string& file, bool force, Language language) {
  if (!force) claim(file, language);
  try {
    net::writeFileAtomically(file, identity.pem());
  } catch (const std::system_error& error) {
    if (!force) ::unlink(file.c_str());
    throw cannotWrite(file, error.code(), language);
  }
}

void importIdentity(const crypto::Identity& identity, const std::string& dataDir, bool force, Language language) {
  try {
    DataDir dir{dataDir};
    if (!dir.lock()) {
      const auto other = readAdminFile(dir.path());
      throw Failure{say(language, kImportInUse, other ? std::to_string(other->pid) : "?", dir.path())};
    }
    const std::string file = dir.file(kIdentityFileName);
    if (!force) {
      const auto present = readIdentity(file, language);
      if (present && present->publicKey() == identity.publicKey()) return;
      if (present) throw Failure{say(language, kImportExists, file, present->publicKey().str())};
    }
    net::writeFileAtomically(file, identity.pem());
  } catch (const std::system_error& error) {
    throw cannotWrite(dataDir, error.code(), language);
  }
}

}  // namespace chuantou::daemon
