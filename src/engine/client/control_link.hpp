// The client's control channel: connects, registers, beats, and comes back by itself.
#pragma once

#include <optional>

#include "base/backoff.hpp"
#include "base/endpoint_text.hpp"
#include "base/heartbeat.hpp"
#include "base/log.hpp"
#include "chuantou/client.hpp"
#include "crypto/identity.hpp"
#include "engine/client/way_race.hpp"
#include "wire/control_message.hpp"

namespace chuantou::engine {

class ControlLink final : private net::MessageChannel::Owner {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void onRegistered(const wire::RegisterResponse& response) = 0;
    virtual void onMessage(wire::MessageToClient message) = 0;
    /// It was registered, and is no more.
    virtual void onLost(const Error& error) = 0;
    /// An attempt failed; with `fatal` there will be no other.
    virtual void onAttemptFailed(const Error& error, bool fatal) = 0;
  };

  ControlLink(net::IoThread& thread, const ClientConfig& config, ServerUrl url, const crypto::Identity& identity,
              RandomSource& random, const Logger& log, Listener& listener);
  ~ControlLink() override;

  void start();
  /// Says goodbye (best effort) and never tries again.
  void stop();
  void send(const wire::MessageToServer& message);
  /// The network changed, or this program did not run for a while: what stands is asked at once whether it lives, what waits
  /// to try again does so now, and what is being tried is begun anew.
  void doubt();
  bool registered() const noexcept { return stage_ == Stage::registered; }
  /// While registered: where data channels go, the server or a proxy, and on which way.
  const net::TcpEndpoint& server() const noexcept { return server_; }
  const ServerWay& way() const noexcept { return ways_[way_]; }
  /// Where datagrams go; nothing: nowhere, as they do not pass through a proxy.
  std::optional<net::UdpEndpoint> udpServer() const;
  TransportLog& transports() noexcept { return transports_; }
  /// How the server proves itself on any connection of this client.
  ServerTls& tls() noexcept { return tls_; }
  const std::string& id() const noexcept { return id_; }
  std::chrono::microseconds rtt() const noexcept { return rtt_; }
  TimePoint registeredAt() const noexcept { return registeredAt_; }
  /// It had been registered before, and lost the server.
  bool reconnected() const noexcept { return registrations_ > 1; }

 private:
  enum class Stage { idle, dialing, registering, registered, waiting, stopped };

  void attempt();
  void attemptIn(Duration wait);
  void onRaceEnd(WayRace::Result result);
  void cancelAttempt();
  void handleRegisterResponse(const wire::RegisterResponse& response);
  void sendRegister(const std::vector<std::uint8_t>& challenge);
  void beat();
  void ask();
  void armBeat();
  void fail(const Error& error, bool fatal);
  void dropChannel(const std::string& reason);

  void onOpen(net::MessageChannel& channel) override;
  void onText(net::MessageChannel& channel, std::string text) override;
  void onHeard(net::MessageChannel& channel) override;
  void onRequest(net::MessageChannel& channel, net::HttpRequest request) override;
  void onClosed(net::MessageChannel& channel, const std::string& reason) override;

  net::IoThread& thread_;
  const ClientConfig& config_;
  ServerUrl url_;
  const crypto::Identity& identity_;
  ServerTls tls_;
  RandomSource& random_;
  const Logger& log_;
  Listener& listener_;
  Stage stage_ = Stage::idle;
  std::string id_;
  Backoff backoff_;
  net::Timer timer_;  ///< the attempt's deadline, the heartbeat, or the wait for the next attempt
  std::vector<ServerWay> ways_;
  std::size_t way_ = 0;    ///< of the present or last registration, and the first of the next attempt
  TransportLog transports_;
  std::shared_ptr<WayRace> race_;
  std::shared_ptr<net::MessageChannel> channel_;
  std::optional<Error> farewell_;  ///< what the server said before it closed
  net::TcpEndpoint server_;
  std::optional<Heartbeat> heartbeat_;  ///< while registered
  TimePoint registeredAt_{};
  std::uint64_t registrations_ = 0;
  TimePoint awaySince_{};  ///< when it was registered last, or began to try
  bool answered_ = false;  ///< and said something in the server's language
  bool newNetwork_ = false;  ///< maybe: what was found out about ways does not hold
  bool hurry_ = false;     ///< the next attempt does not wait
  int restarts_ = 0;       ///< of the present attempt, by doubts
  std::chrono::microseconds rtt_{0};
};

}  // namespace chuantou::engine
