// What a NAT lets in: a server is asked to answer from its other address, and from its other port (RFC 5780, section 4.4).
#pragma once

#include "nat/behavior.hpp"
#include "nat/pace.hpp"
#include "nat/probe.hpp"

namespace chuantou::nat {

/// Each round asks three things from one socket, which sends to nobody else: a plain question, and the two changed ones. No answer to a
/// changed one counts only where the plain one of the same round was answered: a filter and a lossy line then look different.
class FilterTest {
 public:
  FilterTest(std::size_t socket, const UdpAddress& server, const UdpAddress& other, const Pace& pace, TimePoint now);

  void advance(TimePoint now, Drafts& out);
  TimePoint due() const { return settled_ ? kNever : next_; }
  /// An answer to the draft of that slot.
  void handleAnswer(TimePoint now, std::uint32_t slot, const UdpAddress& from);
  /// The server does not do what that draft asked.
  void handleRefusal(std::uint32_t slot);
  void giveUp() { settled_ = true; }
  bool settled() const noexcept { return settled_; }

  Passed fromOtherAddress() const noexcept { return address_.passed; }
  Passed fromOtherPort() const noexcept { return port_.passed; }
  const UdpAddress& server() const noexcept { return server_; }
  const UdpAddress& other() const noexcept { return other_; }

 private:
  struct Question {
    bool open = false;
    Passed passed = Passed::unknown;
  };
  enum Kind : std::uint32_t { plain, changedAddress, changedPort, kKinds };

  void sendRound(TimePoint now, Drafts& out);
  std::uint32_t wanted() const;
  void close(Passed verdict);
  void settleIfAnswered() { settled_ = settled_ || (!address_.open && !port_.open); }

  std::size_t socket_;
  UdpAddress server_;
  UdpAddress other_;
  Pace pace_;
  Question address_;
  Question port_;
  std::vector<bool> heard_;  ///< of each round: the plain question was answered
  std::uint32_t controls_ = 0;
  std::uint32_t judged_ = 0;  ///< rounds whose plain answer is there, or must be counted as lost
  std::vector<TimePoint> sentAt_;
  TimePoint lastControl_{};
  TimePoint next_;
  bool settled_ = false;
};

}  // namespace chuantou::nat
