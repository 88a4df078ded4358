// Whether two machines behind this NAT reach each other at their public addresses (RFC 4787, section 6).
#pragma once

#include "nat/pace.hpp"
#include "nat/probe.hpp"

namespace chuantou::nat {

/// Two sockets send to each other's public address, both, so that a filter between them is open in both directions.
class HairpinTest {
 public:
  struct End {
    std::size_t socket = 0;
    UdpAddress mapped;
  };
  HairpinTest(const End& a, const End& b, const Pace& pace, TimePoint now) : a_(a), b_(b), pace_(pace), next_(now) {}

  void advance(TimePoint now, Drafts& out);
  TimePoint due() const { return settled_ ? kNever : next_; }
  /// One of its probes came to this socket.
  void handleArrival(std::size_t socket);
  bool settled() const noexcept { return settled_; }
  bool passed() const noexcept { return passed_; }
  bool owns(std::size_t socket) const noexcept { return socket == a_.socket || socket == b_.socket; }

 private:
  End a_;
  End b_;
  Pace pace_;
  TimePoint next_;
  std::uint32_t rounds_ = 0;
  bool settled_ = false;
  bool passed_ = false;
};

}  // namespace chuantou::nat
