// One address family's NatDetection with real sockets and a real clock.
#pragma once

#include "base/random.hpp"
#include "nat/detection.hpp"
#include "nat/probe_codec.hpp"
#include "net/probe_socket.hpp"

namespace chuantou::engine {

/// On the context's thread. Own one by shared_ptr.
class FamilyDetection : public std::enable_shared_from_this<FamilyDetection>, private net::ProbeSocket::User {
 public:
  /// `done` runs once, never before a call returns.
  FamilyDetection(asio::io_context& context, RandomSource& random, bool v6, std::function<void()> done);
  ~FamilyDetection() override;

  /// One that there is no way to is left out: false then.
  bool addServer(const UdpAddress& address);
  void noMoreServers();
  /// Nothing is sent or told any more.
  void close();

  bool done() const noexcept { return told_; }
  /// Nothing: no server of this family could be sent to.
  std::optional<nat::Findings> findings() const;

 private:
  void onProbeDatagram(std::size_t index, const UdpAddress& from, std::span<const std::uint8_t> bytes) override;
  void onProbeError(const nat::ProbeError& error) override;
  bool openSockets();
  std::optional<IpAddress> sourceFor(const UdpAddress& to);
  void pump();
  void tell();

  asio::io_context& context_;
  bool v6_;
  std::function<void()> done_;
  nat::ProbeCodec codec_;
  std::optional<nat::NatDetection> detection_;  ///< from the first server on
  std::vector<std::shared_ptr<net::ProbeSocket>> sockets_;
  std::map<IpAddress, std::optional<IpAddress>> sources_;
  net::Timer timer_;
  bool told_ = false;
};

}  // namespace chuantou::engine
