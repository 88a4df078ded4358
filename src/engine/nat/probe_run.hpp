// A NAT test with real sockets and a real clock.
#pragma once

#include "base/random.hpp"
#include "nat/probe_codec.hpp"
#include "net/probe_socket.hpp"

namespace chuantou::engine {

/// On the context's thread. Own one by shared_ptr; the machine belongs to the user and lives until close().
class ProbeRun : public std::enable_shared_from_this<ProbeRun>, private net::ProbeSocket::User {
 public:
  /// `done` runs once, never before a call returns.
  ProbeRun(asio::io_context& context, RandomSource& random, std::function<void()> done);
  ~ProbeRun() override;

  /// False: the system gives no more sockets.
  bool open(bool v6, std::size_t sockets);
  void run(nat::ProbeMachine& machine);
  /// After every call of the machine by its user.
  void pump();
  /// Nothing is sent or told any more.
  void close();
  /// Which address of this machine leads there; nothing: none does.
  std::optional<IpAddress> sourceFor(const UdpAddress& to);

 private:
  void onProbeDatagram(std::size_t index, const UdpAddress& from, std::span<const std::uint8_t> bytes) override;
  void onProbeError(const nat::ProbeError& error) override;

  asio::io_context& context_;
  std::function<void()> done_;
  nat::ProbeCodec codec_;
  nat::ProbeMachine* machine_ = nullptr;
  std::vector<std::shared_ptr<net::ProbeSocket>> sockets_;
  std::map<IpAddress, std::optional<IpAddress>> sources_;
  net::Timer timer_;
};

}  // namespace chuantou::engine
