// One question to one server from one socket, asked again until there is an answer or no hope.
#pragma once

#include "nat/pace.hpp"
#include "nat/probe.hpp"

namespace chuantou::nat {

class Query {
 public:
  /// Without a pace it goes on until giveUp(): nothing is known of the network yet, the first answer may take long.
  Query(std::size_t socket, const UdpAddress& to, std::optional<Pace> pace, TimePoint now)
      : socket_(socket), to_(to), began_(now), next_(now), pace_(pace) {}

  void advance(TimePoint now, Drafts& out);
  TimePoint due() const { return closed() ? kNever : next_; }
  void answered(TimePoint now, TimePoint sentAt);
  void refused() { refused_ = true; }
  void giveUp() { gaveUp_ = true; }

  std::size_t socket() const noexcept { return socket_; }
  const UdpAddress& to() const noexcept { return to_; }
  TimePoint began() const noexcept { return began_; }
  bool hasAnswer() const noexcept { return answered_; }
  bool wasRefused() const noexcept { return refused_; }
  Duration rtt() const noexcept { return rtt_; }
  bool paced() const noexcept { return pace_.has_value(); }
  bool closed() const noexcept { return answered_ || refused_ || gaveUp_; }

 private:
  std::size_t socket_;
  UdpAddress to_;
  TimePoint began_;
  TimePoint next_;
  std::optional<Pace> pace_;
  std::uint32_t sent_ = 0;
  bool answered_ = false;
  bool refused_ = false;
  bool gaveUp_ = false;
  Duration rtt_{0};
};

}  // namespace chuantou::nat
