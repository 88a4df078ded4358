// The ways to other clients that this one has tried, and what came of it.
#pragma once

#include "base/ids.hpp"
#include "chuantou/client.hpp"
#include "engine/client/transport_log.hpp"

namespace chuantou::engine {

/// A way's kind is what StreamInfo::carrier says of it, or one of these.
inline constexpr std::string_view kRelayUdp = "relay udp";

class PeerWayLog {
 public:
  /// `where`: of a way through the server, how that is reached. `took`: until the peer had proved itself there.
  void succeeded(const ClientId& peer, std::string_view way, const std::string& where, Duration took);
  void failed(const ClientId& peer, std::string_view way, const std::string& where, const Error& error);
  /// By the peer's name.
  std::vector<PeerWays> all() const;

  /// Then the peer goes that has not been tried for longest.
  static constexpr std::size_t kMost = 256;

 private:
  struct Entry {
    TransportLog ways;
    std::uint64_t turn = 0;
  };
  TransportLog& waysTo(const ClientId& peer);

  std::map<ClientId, Entry> peers_;
  std::uint64_t turn_ = 0;
};

}  // namespace chuantou::engine
