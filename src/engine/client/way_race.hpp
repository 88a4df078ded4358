// An attempt to reach the server: its ways one shortly after the other, until one of them answers.
#pragma once

#include <optional>

#include "engine/client/way_dial.hpp"

namespace chuantou::engine {

/// As Happy Eyeballs (RFC 8305) does it with addresses: a way that is slow, because a firewall drops what it does not like, does
/// not hold up the next one, and a way that fails starts it at once. On the client's thread.
class WayRace final : public std::enable_shared_from_this<WayRace> {
 public:
  /// Once, unless cancelled: the way that won, with its channel; or why there is none. `fatal`: trying again does not help.
  struct Result {
    std::size_t way = 0;
    std::shared_ptr<net::MessageChannel> channel;  ///< null: all failed
    std::optional<Error> error;                    ///< of the first way in `ways` that is not guessed
  };
  using Done = std::function<void(Result result)>;

  WayRace(net::IoThread& thread, const std::vector<ServerWay>& ways, ServerTls& tls, TransportLog& log, Done done);

  /// Begins with the way of this number.
  void start(std::size_t first, Duration deadline);
  void cancel();
  /// What is known until now, for an attempt whose time is up.
  Result standing() const;

  /// Several round trips of a slow path, and short enough for four ways in less than 5 s.
  static constexpr Millis kHeadStart{700};

 private:
  void next();
  void onEnd(std::size_t way, const Error* error, std::shared_ptr<net::MessageChannel> channel);
  void finish(Result result);

  net::IoThread& thread_;
  const std::vector<ServerWay>& ways_;
  ServerTls& tls_;
  TransportLog& log_;
  Done done_;
  net::Timer timer_;
  TimePoint deadline_{};
  std::vector<std::size_t> order_;  ///< of those that have not been started
  std::vector<std::shared_ptr<WayDial>> dials_;  ///< by way
  std::vector<std::optional<Error>> errors_;     ///< by way
  std::size_t running_ = 0;
};

}  // namespace chuantou::engine
