// The certificate that the server shows: the operator's files, looked at again and again, or one of its own making.
#pragma once

#include <optional>

#include "base/log.hpp"
#include "base/time.hpp"
#include "crypto/server_tls.hpp"

namespace chuantou::engine {

/// On the front thread, but for load().
class TlsCertificate {
 public:
  /// Both file names or neither; without them a certificate for `names` is made when somebody asks for it, and goes with
  /// this object.
  TlsCertificate(std::string certificateFile, std::string keyFile, std::vector<std::string> names, const Logger& log);

  /// Reads the files, if there are any. Throws Error(bad_config).
  void load();
  /// For new connections: made when the first one comes. Throws Error.
  const crypto::TlsContext& context();
  /// Throws Error.
  const crypto::CertificateInfo& info();
  /// Looks at the files if kLookEvery has passed; a good new pair is for connections from now on, a bad one changes
  /// nothing.
  void look(TimePoint now);

  static constexpr std::chrono::seconds kLookEvery{2};

 private:
  /// What tells a file from the one before: enough also where it is renamed over or written twice a second.
  struct Mark {
    std::uint64_t inode = 0;
    std::int64_t size = -1;
    std::int64_t modifiedNs = 0;
    bool operator==(const Mark&) const = default;
  };
  struct Marks {
    Mark certificate;
    Mark key;
    bool operator==(const Marks&) const = default;
  };

  struct Pair {
    crypto::PemFile certificate;
    crypto::PemFile key;
  };

  static Mark markOf(const std::string& file);
  Marks marks() const { return {markOf(certificateFile_), markOf(keyFile_)}; }
  /// Reads the files and checks that they are good now.
  Result<Pair> read() const;
  void use(Pair pair);
  void make();

  std::string certificateFile_;
  std::string keyFile_;
  std::vector<std::string> names_;
  const Logger& log_;
  Pair pair_;  ///< in use; the key of files that are no good any more must still be there for the first connection
  std::optional<crypto::CertificateInfo> info_;
  std::optional<crypto::TlsContext> context_;
  Marks seen_;    ///< of the files in use
  Marks failed_;  ///< of files that were no good
  bool told_ = false;  ///< and that has been said
  TimePoint lookedAt_{};
};

}  // namespace chuantou::engine
