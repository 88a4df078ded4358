// DATA_DIR/proxies.json: the proxies made by `ctc proxy create`, which come back at the next run.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "chuantou/proxy.hpp"
#include "daemon/language.hpp"

namespace chuantou::daemon {

inline constexpr const char* kProxyFileName = "proxies.json";

/// Threads: safe from any.
class ProxyStore {
 public:
  /// Reads what is there. Throws Failure: a file that is damaged is not overwritten.
  ProxyStore(std::string path, Language language);

  std::vector<ProxyOptions> list() const;
  /// With its real port. Both write the file before they return and throw std::system_error with nothing changed.
  void add(const ProxyOptions& options);
  /// The one of the same address, port and protocol; nothing where there is none.
  void remove(const ProxyOptions& options);

 private:
  void save(const std::vector<ProxyOptions>& proxies) const;

  std::string path_;
  mutable std::mutex mutex_;
  std::vector<ProxyOptions> proxies_;
};

}  // namespace chuantou::daemon
