// DATA_DIR/admin.json: where the daemon's admin API is, and the secret that opens it. Mode 0600: who can read it is the
// daemon's own user.
#pragma once

#include <optional>
#include <string>

#include "chuantou/error.hpp"

namespace chuantou::daemon {

inline constexpr const char* kAdminFileName = "admin.json";

struct AdminInfo {
  std::string url;    ///< "http://127.0.0.1:8201"
  std::string token;  ///< 32 hexadecimal digits
  long pid = 0;
};

/// Nothing where there is no such file, or one that is not ours to understand. Throws std::system_error (no right to
/// read).
std::optional<AdminInfo> readAdminFile(const std::string& dataDir);
/// True when the process that wrote it is gone (killed, or the machine restarted).
bool isStale(const AdminInfo& info);

/// The file while this process runs; removed at the end unless another process has replaced it.
class AdminFile {
 public:
  /// Throws std::system_error.
  AdminFile(std::string dataDir, AdminInfo info);
  ~AdminFile();
  AdminFile(const AdminFile&) = delete;
  AdminFile& operator=(const AdminFile&) = delete;

 private:
  std::string dataDir_;
  AdminInfo info_;
};

}  // namespace chuantou::daemon
