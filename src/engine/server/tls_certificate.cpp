#include "engine/server/tls_certificate.hpp"

#include <fmt/chrono.h>
#include <sys/stat.h>

#include <system_error>

#include "net/state_file.hpp"

namespace chuantou::engine {

namespace {

/// Long chains are a few kilobytes.
constexpr std::size_t kMaxFile = 256 * 1024;

Result<crypto::PemFile> readPem(const std::string& name) {
  std::string why;
  try {
    if (auto content = net::readFile(name, kMaxFile)) return crypto::PemFile{name, std::move(*content)};
    why = "there is no such file";
  } catch (const std::system_error& error) {
    why = error.code().message();
  }
  return Error{Errc::bad_config, name, why};
}

std::string describe(const crypto::CertificateInfo& info) {
  const std::time_t expires = std::chrono::system_clock::to_time_t(info.expires);
  return fmt::format("{}, good until {:%Y-%m-%d}", info.fingerprint.str(), fmt::gmtime(expires));
}

}  // namespace

TlsCertificate::TlsCertificate(std::string certificateFile, std::string keyFile, std::vector<std::string> names, const Logger& log)
    : certificateFile_(std::move(certificateFile)), keyFile_(std::move(keyFile)), names_(std::move(names)), log_(log) {}

TlsCertificate::Mark TlsCertificate::markOf(const std::string& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return {};
#ifdef __APPLE__
  const timespec modified = info.st_mtimespec;
#else
  const timespec modified = info.st_mtim;
#endif
  return {info.st_ino, info.st_size, std::int64_t{modified.tv_sec} * 1'000'000'000 + modified.tv_nsec};
}

Result<TlsCertificate::Pair> TlsCertificate::read() const {
  auto certificate = readPem(certificateFile_);
  if (!certificate) return certificate.error();
  auto key = readPem(keyFile_);
  if (!key) return key.error();
  Pair pair{std::move(*certificate), std::move(*key)};
  const auto good = crypto::readCertificate(pair.certificate, pair.key, std::chrono::system_clock::now());
  if (!good) return good.error();
  return pair;
}

/// A good one.
void TlsCertificate::use(Pair pair) {
  const auto info = crypto::inspectCertificate(pair.certificate);
  if (!info) throw info.error();
  pair_ = std::move(pair);
  info_ = info.value();
  context_.reset();
}

void TlsCertificate::make() {
  Pair pair{{"the server's certificate", {}}, {"the server's key", crypto::makeServerKey()}};
  auto certificate = crypto::makeServerCertificate(pair.key, names_);
  if (!certificate) throw certificate.error();
  pair.certificate.content = std::move(*certificate);
  use(std::move(pair));
}

void TlsCertificate::load() {
  if (certificateFile_.empty()) return;
  seen_ = marks();
  auto pair = read();
  if (!pair) throw pair.error();
  use(std::move(*pair));
  log_.log(LogLevel::info, "tls", "certificate {}: {}", certificateFile_, describe(*info_));
}

const crypto::CertificateInfo& TlsCertificate::info() {
  if (!info_) make();
  return *info_;
}

const crypto::TlsContext& TlsCertificate::context() {
  if (!context_) {
    if (!info_) make();
    // Whether it was good was asked when it came; one that has expired since is for the clients to judge.
    const auto parsed = crypto::readCertificate(pair_.certificate, pair_.key, {});
    if (!parsed) throw parsed.error();
    context_ = crypto::makeServerContext(parsed.value());
  }
  return *context_;
}

void TlsCertificate::look(TimePoint now) {
  if (certificateFile_.empty() || now - lookedAt_ < kLookEvery) return;
  lookedAt_ = now;
  const Marks present = marks();
  if (present == seen_ || (present == failed_ && told_)) return;
  auto pair = read();
  if (!pair) {
    // Two files are never replaced at the same moment: what is wrong now may be right at the next look.
    told_ = present == failed_;
    failed_ = present;
    if (!told_) return;
    log_.error(LogLevel::error, "tls", pair.error());
    log_.log(LogLevel::error, "tls", "the certificate from before stays in use: {}", describe(*info_));
    return;
  }
  seen_ = present;
  use(std::move(*pair));
  log_.log(LogLevel::info, "tls", "certificate {} is in use from now on: {}", certificateFile_, describe(*info_));
}

}  // namespace chuantou::engine
