#include "crypto/certificate.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "crypto/server_tls.hpp"
#include "crypto/tls_pair.hpp"

using namespace chuantou;
using namespace chuantou::crypto;
using chuantou::test::TlsPair;

namespace {

using Clock = std::chrono::system_clock;

struct Made {
  PemFile key{"key.pem", makeServerKey()};
  PemFile certificate{"cert.pem", make(key)};

  static std::string make(const PemFile& key, const std::vector<std::string>& names = {"example.org", "10.1.2.3", "::1"}) {
    auto made = makeServerCertificate(key, names);
    REQUIRE(made);
    return *made;
  }
  KeyedCertificate read() const {
    auto out = readCertificate(certificate, key, Clock::now());
    REQUIRE(out);
    return *out;
  }
  Fingerprint fingerprint() const { return read().info.fingerprint; }
};

/// What the openssl program says, with `text` as its input.
std::string openssl(const std::string& words, const std::string& text) {
  const auto file = std::filesystem::temp_directory_path() / ("chuantou-certificate-test-" + std::to_string(::getpid()));
  std::ofstream{file} << text;
  const std::string command = "cat " + file.string() + " | " + words + " 2>&1";
  std::string out;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  ::pclose(pipe);
  std::filesystem::remove(file);
  return out;
}

}  // namespace

TEST_CASE("fingerprints as text", "[crypto][certificate]") {
  const std::string digits(64, 'a');
  REQUIRE(Fingerprint::parse("sha256:" + digits));
  CHECK(Fingerprint::parse("sha256:" + digits)->str() == "sha256:" + digits);
  CHECK(Fingerprint::parse("sha256:" + std::string(64, 'A')) == Fingerprint::parse("sha256:" + digits));
  for (const std::string& bad : {std::string{}, digits, "sha1:" + digits, "sha256:" + digits + "0", "sha256:" + digits.substr(1),
                                 "sha256:" + digits.substr(1) + "g", " sha256:" + digits}) {
    INFO(bad);
    CHECK_FALSE(Fingerprint::parse(bad));
  }
}

TEST_CASE("a certificate of ours is what the openssl program wants", "[crypto][certificate]") {
  const Made made;
  const std::string digest = openssl("openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | openssl sha256 -r", made.certificate.content);
  CHECK(made.fingerprint().str() == "sha256:" + digest.substr(0, 64));
  const std::string text = openssl("openssl x509 -noout -text -checkend 315000000", made.certificate.content);
  INFO(text);
  CHECK(text.find("DNS:example.org, IP Address:10.1.2.3, IP Address:0:0:0:0:0:0:0:1") != std::string::npos);
  CHECK(text.find("ASN1 OID: prime256v1") != std::string::npos);
  CHECK(text.find("ecdsa-with-SHA256") != std::string::npos);
  CHECK(text.find("Certificate will not expire") != std::string::npos);
  CHECK(text.find("CA:FALSE") != std::string::npos);
  CHECK(openssl("openssl pkey -noout -check", made.key.content).find("Key is valid") != std::string::npos);
}

TEST_CASE("a renewed certificate of the same key keeps its fingerprint", "[crypto][certificate]") {
  const Made made;
  const PemFile renewed{"new.pem", Made::make(made.key, {"other.example"})};
  CHECK(renewed.content != made.certificate.content);
  REQUIRE(inspectCertificate(renewed));
  CHECK(inspectCertificate(renewed).value().fingerprint == made.fingerprint());
  CHECK_FALSE(Made{}.fingerprint() == made.fingerprint());
}

TEST_CASE("names that would be read as more than a name are left out", "[crypto][certificate]") {
  const Made made;
  const std::string certificate = Made::make(made.key, {"good.example", "a,DNS:evil.example", "", "b c", "dirName:x"});
  const std::string text = openssl("openssl x509 -noout -ext subjectAltName", certificate);
  INFO(text);
  CHECK(text.find("DNS:good.example") != std::string::npos);
  CHECK(text.find("evil") == std::string::npos);
}

TEST_CASE("what is wrong with a pair is said, with the file's name", "[crypto][certificate]") {
  const Made a;
  const Made b;
  struct Row {
    const char* name;
    PemFile certificate, key;
    const char* subject;
    const char* detail;
  };
  std::string broken = b.certificate.content;
  broken.replace(broken.size() / 2, 4, "!!!!");
  const std::vector<Row> rows{
      {"another key", a.certificate, b.key, "key.pem", "not that of the certificate cert.pem"},
      {"no certificate", {"cert.pem", "hello"}, a.key, "cert.pem", "no certificate in PEM"},
      {"empty", {"cert.pem", ""}, a.key, "cert.pem", "no certificate in PEM"},
      {"no key", a.certificate, {"key.pem", "hello"}, "key.pem", "no private key"},
      {"a certificate for a key", a.certificate, {"key.pem", a.certificate.content}, "key.pem", "no private key"},
      {"half a certificate", {"cert.pem", a.certificate.content.substr(0, 200)}, a.key, "cert.pem", "no certificate"},
      {"a broken chain", {"cert.pem", a.certificate.content + broken}, a.key, "cert.pem", "chain"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto result = readCertificate(row.certificate, row.key, Clock::now());
    REQUIRE_FALSE(result);
    CHECK(result.error().errc() == Errc::bad_config);
    CHECK(result.error().subject() == row.subject);
    CHECK(result.error().detail().find(row.detail) != std::string::npos);
  }
  const auto late = readCertificate(a.certificate, a.key, Clock::now() + std::chrono::hours{24 * 365 * 11});
  REQUIRE_FALSE(late);
  CHECK(late.error().detail().find("expired") != std::string::npos);
  // A chain, and both in one file.
  const auto chain = readCertificate({"both.pem", a.key.content + a.certificate.content + b.certificate.content}, a.key, Clock::now());
  REQUIRE(chain);
  CHECK(chain.value().chain.size() == 1);
}

TEST_CASE("a client believes the pinned key and no other", "[crypto][certificate][tls]") {
  const Made server;
  const TlsContext context = makeServerContext(server.read());
  {
    TlsPair pair{makeServerClientContext(server.fingerprint()), context};
    pair.client.expectHost("a-name-that-is-not-in-the-certificate");  // which a pin does not look at
    CHECK(pair.shakeHands());
    CHECK_FALSE(certificateError(pair.client, "wss://host"));
  }
  {
    TlsPair pair{makeServerClientContext(Made{}.fingerprint()), context};
    CHECK_FALSE(pair.shakeHands());
    const auto error = certificateError(pair.client, "wss://host");
    REQUIRE(error);
    CHECK(error->errc() == Errc::certificate_rejected);
    CHECK(error->subject() == "wss://host");
    CHECK(error->detail().find(server.fingerprint().str()) != std::string::npos);
  }
}

TEST_CASE("a client without a pin believes nobody that it does not know", "[crypto][certificate][tls]") {
  const Made server;
  TlsPair pair{makeServerClientContext(std::nullopt), makeServerContext(server.read())};
  pair.client.expectHost("example.org");
  CHECK_FALSE(pair.shakeHands());
  const auto error = certificateError(pair.client, "wss://example.org");
  REQUIRE(error);
  CHECK(error->errc() == Errc::certificate_rejected);
  CHECK(error->detail().find(server.fingerprint().str()) != std::string::npos);
}

TEST_CASE("a handshake that fails for another reason is not the certificate's fault", "[crypto][certificate][tls]") {
  const Made server;
  TlsPair pair{makeServerClientContext(server.fingerprint()), makeServerContext(server.read())};
  REQUIRE(pair.client.handshake() == TlsSession::Status::wantRead);
  const std::string garbage = "HTTP/1.1 400 Bad Request\r\n\r\n";
  pair.clientWire.in.assign(garbage.begin(), garbage.end());
  CHECK(pair.client.handshake() == TlsSession::Status::failed);
  CHECK_FALSE(certificateError(pair.client, "wss://host"));
}
