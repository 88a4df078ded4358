// Ports of this machine that its gateway forwards to the internet: by PCP, NAT-PMP or UPnP, whichever the gateway
// speaks.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/log.hpp"
#include "base/random.hpp"
#include "nat/port_mapping.hpp"
#include "net/default_gateway.hpp"

namespace chuantou::net {

/// What a gateway can do, found by asking.
struct PortMapProbe {
  std::optional<IpAddress> gateway;         ///< nothing: there is no route to the internet
  std::vector<nat::MapProtocol> protocols;  ///< those that it speaks, best first
  std::optional<IpAddress>
      externalAddress;  ///< as the gateway says; PCP alone does not tell it before there is a mapping
  bool available() const noexcept { return !protocols.empty(); }
};

/// A port that is forwarded now.
struct PortMapping {
  nat::MapProtocol protocol = nat::MapProtocol::pcp;
  nat::ExternalEndpoint external;
  bool operator==(const PortMapping&) const = default;
};

struct PortMapperOptions {
  /// For tests: who is asked instead of the default gateway, and at which port PCP and NAT-PMP are.
  std::optional<DefaultGateway> gateway;
  std::uint16_t gatewayPort = nat::kGatewayPort;
  /// Those that are tried.
  std::vector<nat::MapProtocol> protocols{nat::MapProtocol::pcp, nat::MapProtocol::natPmp, nat::MapProtocol::upnpIgd};
};

/// Asks the default gateway for mappings, renews them in time, notices when the gateway or the way to it is another
/// one, and asks again. Mappings are short (kDefaultLifetime), so that the holes of a program that died close soon.
///
/// On the context's thread, except for its making. Never blocks. Handlers run on the thread, never before the call
/// returns, and not after close(), which the destructor calls.
class PortMapper {
 public:
  using ProbeDone = std::function<void(const PortMapProbe& probe)>;
  /// The mapping is another one; nothing: there is none (any more). Told once it is known, then at each change.
  using OnChange = std::function<void(const std::optional<PortMapping>& mapping)>;
  enum class MappingId : std::uint64_t {};

  static constexpr std::chrono::seconds kDefaultLifetime{600};
  /// After this long no answer of a gateway is waited for.
  static constexpr Millis kProbeDeadline{2000};
  /// stop() takes this long at most.
  static constexpr Millis kStopDeadline{1500};
  /// Mappings of one mapper.
  static constexpr std::size_t kMaxMappings = 64;

  PortMapper(asio::io_context& context, RandomSource& random, const Logger& log, PortMapperOptions options = {});
  ~PortMapper();
  PortMapper(const PortMapper&) = delete;
  PortMapper& operator=(const PortMapper&) = delete;

  /// What does the gateway speak? Asked anew each time; those who ask meanwhile share the answer. With less patience
  /// than kProbeDeadline slow gateways may be missed: UPnP ones may take a second.
  void probe(ProbeDone done, Duration patience = kProbeDeadline);
  /// Asks for a mapping of a local port and keeps it, with the same port outside if it is free. Nothing: the port is
  /// mapped already, there are kMaxMappings, or stop() was called.
  std::optional<MappingId> add(std::uint16_t internalPort, nat::Transport transport, OnChange onChange,
                               std::chrono::seconds lifetime = kDefaultLifetime);
  /// Ends a mapping, on the gateway too; its handler is not called any more.
  void remove(MappingId id);
  /// The network may have changed: looks for the gateway, and asks it again, at once. Without this a gateway with
  /// another address is noticed within 15 s, one with the same address at the next renewal.
  void networkChanged();
  /// Removes all mappings from the gateway, then closes. `done` runs within kStopDeadline.
  void stop(std::function<void()> done);
  /// Ends everything at once; mappings stay on the gateway until they expire.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace chuantou::net
