// How the commands talk to the running daemon of a data dir.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "chuantou/error.hpp"
#include "daemon/admin_file.hpp"

namespace chuantou::daemon {

/// Every failure is a Failure with the sentence for the person: the daemon is not running, does not answer, or says no.
class AdminClient {
 public:
  /// `program` is "cts" or "ctc". Throws where no daemon uses `dataDir`.
  AdminClient(std::string program, std::string dataDir, Language language);

  // The body of an answer that is not an error.
  std::string get(const std::string& path);
  std::string post(const std::string& path, const std::string& json);
  std::string remove(const std::string& path);

  /// What opens the page in a browser. The token stands after a '#', so that no request, log or Referer has it.
  std::string pageLink() const { return info_.url + "/#token=" + info_.token; }

 private:
  std::string call(const std::string& method, const std::string& path, const std::string& body);
  [[noreturn]] void notRunning() const;

  std::string program_;
  std::string dataDir_;
  Language language_;
  AdminInfo info_;
  std::string host_;
  std::uint16_t port_ = 0;
};

}  // namespace chuantou::daemon
