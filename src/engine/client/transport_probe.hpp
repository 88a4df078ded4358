// All ways to the server at once, each to its end: which of them work from here, and how fast.
#pragma once

#include <array>

#include "engine/client/way_dial.hpp"
#include "net/name_lookup.hpp"
#include "net/system_random.hpp"

namespace chuantou::engine {

/// On the thread of its context, which `done` ends. Registers nowhere: a way is good when the server answers on it as a control
/// channel. UDP is good when the server answers a STUN binding request (RFC 8489).
class TransportProbe : public std::enable_shared_from_this<TransportProbe> {
 public:
  /// Throws Error(invalid_argument).
  TransportProbe(net::IoThread& thread, const ClientConfig& config);

  /// `done` runs once: when everything has ended, or at the deadline.
  void start(Duration deadline, std::function<void(std::vector<TransportInfo>)> done);

 private:
  void dialWay(const ServerWay& way);
  void resolveUdp();
  void askByUdp();
  void readUdp();
  void endOne();
  void finish();

  net::IoThread& thread_;
  ServerUrl url_;
  ClientConfig config_;
  ServerTls tls_;
  std::vector<ServerWay> ways_;
  TransportLog log_;
  net::SystemRandom random_;
  std::function<void(std::vector<TransportInfo>)> done_;
  Duration deadline_{};
  std::size_t running_ = 0;
  std::vector<std::shared_ptr<WayDial>> dials_;
  std::vector<std::shared_ptr<net::MessageChannel>> channels_;
  net::Timer timer_;

  // UDP.
  std::string udpWhere_;
  net::NameLookup names_;
  net::UdpSocket udp_;
  net::Timer udpTimer_;
  std::array<std::uint8_t, 20> question_{};
  TimePoint askedAt_{};
  int asked_ = 0;
  bool udpEnded_ = false;
};

}  // namespace chuantou::engine
