// Tells the person or script that runs ctc how it stands with the server.
#pragma once

#include <atomic>
#include <system_error>

#include "chuantou/client.hpp"
#include "ctc/options.hpp"
#include "daemon/process.hpp"

namespace chuantou::apps {

/// "registered as ID" on stdout at each registration; on stderr once for each new reason why there is none, however
/// often the client tries; a reason that trying again cannot mend ends the program.
class StateReporter {
 public:
  StateReporter(const Client& client, const ClientOptions& options, daemon::StopSignal& stop)
      : client_(client), options_(options), stop_(stop) {}

  /// On the client's thread only.
  void report(ClientState state, std::error_code reason);
  bool failed() const noexcept { return failed_; }

 private:
  std::string sentence(std::error_code reason) const;

  const Client& client_;
  const ClientOptions& options_;
  daemon::StopSignal& stop_;
  std::error_code lastSaid_;
  std::atomic<bool> failed_{false};
};

}  // namespace chuantou::apps
