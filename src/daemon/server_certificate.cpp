#include "daemon/server_certificate.hpp"

#include <unistd.h>

#include <array>
#include <chrono>

#include "crypto/certificate.hpp"
#include "net/state_file.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::size_t kMaxFile = 64 * 1024;
constexpr std::chrono::hours kRenewBefore{30 * 24};

std::vector<std::string> namesOf(const std::string& host) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  std::array<char, 256> own{};
  if (::gethostname(own.data(), own.size() - 1) == 0 && own[0] != '\0') names.emplace_back(own.data());
  if (!host.empty() && host != "0.0.0.0" && host != "::" && host != "*") names.push_back(host);
  return names;
}

}  // namespace

void keepServerCertificate(const std::string& certificateFile, const std::string& keyFile, const std::string& host) {
  crypto::PemFile key{keyFile, net::readFile(keyFile, kMaxFile).value_or("")};
  if (key.content.empty()) {
    key.content = crypto::makeServerKey();
    net::writeFileAtomically(keyFile, key.content);
  }
  const crypto::PemFile certificate{certificateFile, net::readFile(certificateFile, kMaxFile).value_or("")};
  const auto soon = std::chrono::system_clock::now() + kRenewBefore;
  if (!certificate.content.empty() && crypto::readCertificate(certificate, key, soon)) return;
  const auto made = crypto::makeServerCertificate(key, namesOf(host));
  if (!made) throw made.error();
  net::writeFileAtomically(certificateFile, made.value());
}

}  // namespace chuantou::daemon
