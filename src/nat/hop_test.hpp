// Whether there is a second NAT behind this network's: the public address then is not the first router's own.
#pragma once

#include "nat/pace.hpp"
#include "nat/probe.hpp"

namespace chuantou::nat {

/// A datagram to the public address that may go one hop ends at the first router: silently, when the address is its own, else
/// with ICMP's "time exceeded", which a router sends instead of passing it on. One to a server tells whether it does so at
/// all, and one of two hops who comes next.
class HopTest {
 public:
  /// `port` may be any that no mapping has. `near` and `far` are sockets that send to the server with one and two hops.
  HopTest(const IpAddress& publicAddress, const UdpAddress& server, std::size_t near, std::size_t far, TimePoint now);

  void advance(TimePoint now, Drafts& out);
  TimePoint due() const { return settled_ ? kNever : next_; }
  void handleError(const ProbeError& error);
  void giveUp() { settled_ = true; }
  bool settled() const noexcept { return settled_; }

  struct Verdict {
    std::optional<bool> secondNat;
    bool certain = false;
  };
  Verdict verdict() const;

 private:
  UdpAddress self_;
  UdpAddress server_;
  std::size_t near_;
  std::size_t far_;
  TimePoint next_;
  std::uint32_t rounds_ = 0;
  bool selfExceeded_ = false;
  std::uint32_t nearExceeded_ = 0;
  std::optional<IpAddress> second_;  ///< the second hop
  bool settled_ = false;
};

}  // namespace chuantou::nat
