// The server's gate: counts where connections come from, and closes some that have not proved themselves for others.
#pragma once

#include <functional>
#include <unordered_map>

#include "chuantou/server.hpp"
#include "net/types.hpp"
#include "relay/admission.hpp"
#include "wire/control_message.hpp"

namespace chuantou::engine {

/// relay::Admission at work. On the front thread.
///
/// A connection keeps its PeerId through all that it turns out to be; each of these kinds tells once how it is dropped.
class Gate {
 public:
  /// Closes the connection at once. Called at most once, and within handleAccepted() or handleShortage() only.
  using Drop = std::function<void()>;

  Gate(const ServerConfig& config, RandomSource& random);

  /// A new connection; others may be dropped for it before this returns.
  relay::PeerId handleAccepted(const net::TcpEndpoint& from);
  /// What the connection has become, while it is unproved; nothing for one that has proved itself already.
  void becomes(relay::PeerId peer, Drop drop);
  /// Connections take what the system, or the limit of them all, has no more of: unproved ones make room.
  void handleShortage();
  void handleProved(relay::PeerId peer);
  void handleClosed(relay::PeerId peer);
  void handleTick();

  /// Null when it may try; else why not.
  const char* handleRegister(relay::PeerId peer, bool again);
  /// Before it is sent.
  void handleRegisterResponse(relay::PeerId peer, const wire::RegisterResponse& response);

  std::size_t pending() const noexcept { return admission_.pending(); }
  const relay::AdmissionStats& stats() const noexcept { return admission_.stats(); }
  relay::Admission::Most most() { return admission_.most(Clock::now()); }

 private:
  void drain();

  relay::Admission admission_;
  std::unordered_map<std::uint64_t, Drop> drops_;  ///< of the unproved
  std::uint64_t last_ = 0;
};

}  // namespace chuantou::engine
