// How long a NAT keeps a mapping that nothing goes through (RFC 4787, section 4.3; RFC 5780, section 4.6). Takes as long as it says.
#pragma once

#include "nat/query.hpp"

namespace chuantou::nat {

/// A ladder of sockets, each with a mapping made at the beginning. When a socket's time has come, socket 0 asks the server to answer to
/// that mapping (RESPONSE-PORT): what arrives shows that it lives. From a server that does not do so the socket asks once more itself: another
/// public port shows that the mapping had ended; the same one shows nothing, since many NATs give the same port again.
class LifetimeTest final : public ProbeMachine {
 public:
  static constexpr std::size_t kMaxRungs = 16;

  /// Waits up to `longest`, 1 s at least.
  LifetimeTest(TimePoint now, const UdpAddress& server, std::chrono::seconds longest);
  std::size_t sockets() const noexcept { return rungs_.size() + 1; }

  struct Lifetime {
    std::chrono::seconds atLeast{0};
    std::chrono::seconds below{0};  ///< 0: it was longer than was waited for
  };
  /// Nothing: it could not be told.
  std::optional<Lifetime> lifetime() const;

  void handleAnswer(TimePoint now, const ProbeAnswer& answer) override;
  void handleErrorResponse(TimePoint now, std::uint32_t id) override;
  void handleTimeout(TimePoint now) override { advance(now); }
  std::optional<Probe> pollSend() override;
  TimePoint pollTimeout() const override;
  bool done() const noexcept override { return done_; }

 private:
  enum class State {
    opening,  ///< waits for the answer that tells its public port
    resting,
    asking,
    alive,
    dead,
    unknown,
  };
  struct Rung {
    explicit Rung(std::chrono::seconds after) : wait(after) {}
    std::chrono::seconds wait;
    State state = State::opening;
    std::optional<Query> query;  ///< of the beginning; where the server has no RESPONSE-PORT also of the end
    UdpAddress mapped;
    TimePoint restedSince{};
    TimePoint next{};
    std::uint32_t attempts = 0;
    std::uint32_t controls = 0;
    bool over() const { return state == State::alive || state == State::dead || state == State::unknown; }
  };
  enum class Kind : std::uint8_t { query, plain, toPort };
  struct Sent {
    Kind kind = Kind::query;
    std::size_t rung = 0;
    TimePoint at;
  };
  enum class Method { unknown, responsePort, again };

  void advance(TimePoint now);
  void advanceRung(TimePoint now, std::size_t index);
  void ask(TimePoint now, std::size_t index);
  void send(TimePoint now, Kind kind, std::size_t rung, Probe probe);
  void noResponsePort(TimePoint now);
  void finishIfKnown();

  UdpAddress server_;
  std::vector<Rung> rungs_;  ///< the first one waits for nothing: it shows whether the server does as it is asked
  Method method_ = Method::unknown;
  std::vector<Sent> sent_;
  std::vector<Probe> outgoing_;
  std::size_t nextOut_ = 0;
  bool done_ = false;
};

}  // namespace chuantou::nat
