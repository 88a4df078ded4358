// One gateway, spoken to in PCP, NAT-PMP and UPnP: what it speaks, and requests for mappings.
#pragma once

#include <compare>
#include <map>
#include <vector>

#include "nat/gateway_epoch.hpp"
#include "nat/nat_pmp_message.hpp"
#include "nat/pcp_message.hpp"
#include "net/gateway_socket.hpp"
#include "net/upnp_gateway.hpp"

namespace chuantou::net {

/// A port of this machine.
struct MapKey {
  nat::Transport transport = nat::Transport::udp;
  std::uint16_t port = 0;
  auto operator<=>(const MapKey&) const = default;
};

struct MapAnswer {
  nat::MapProtocol protocol = nat::MapProtocol::pcp;
  MapKey key;
  bool granted = false;
  nat::ExternalEndpoint external;    ///< of a grant
  std::chrono::seconds lifetime{0};  ///< of a grant, 0: it is removed; of a refusal: how long it stands
};

struct GatewaySkills {
  std::vector<nat::MapProtocol> protocols;  ///< best first
  std::optional<IpAddress> externalAddress;
};

/// Own one by shared_ptr, on one thread. Requests are sent once: who wants an answer asks again.
class GatewayLink final : public GatewaySocket::User, public std::enable_shared_from_this<GatewayLink> {
 public:
  class User {
   public:
    virtual ~User() = default;
    virtual void onMapAnswer(const MapAnswer& answer) = 0;
    /// It has lost its mappings, or speaks for the first time.
    virtual void onGatewayRestarted() = 0;
    /// A protocol turned out to be spoken, while discover() goes on.
    virtual void onSpoken(nat::MapProtocol protocol) = 0;
  };

  /// `nonce` is what PCP knows us by: who does not know it cannot end our mappings (RFC 6887, section 11.2).
  GatewayLink(asio::io_context& context, const DefaultGateway& gateway, const nat::PcpNonce& nonce, User& user);
  void start(std::uint16_t port);

  const DefaultGateway& gateway() const noexcept { return gateway_; }
  /// One at a time. `done` runs by the deadline at the latest, with what was found until then.
  void discover(std::vector<nat::MapProtocol> protocols, Duration deadline,
                std::function<void(const GatewaySkills&)> done);
  void request(nat::MapProtocol protocol, const MapKey& key, const std::optional<nat::ExternalEndpoint>& wanted,
               std::chrono::seconds lifetime);
  /// The user hears nothing more.
  void close();

 private:
  struct UpnpMapping {
    std::uint16_t externalPort = 0;
    std::uint32_t conflicts = 0;
    bool permanent = false;  ///< the gateway knows only leases without an end
    bool busy = false;
  };

  void onGatewayDatagram(std::span<const std::uint8_t> datagram) override;
  void onGatewayRefused() override;
  void onPcp(const nat::PcpReply& reply);
  void onNatPmp(const nat::NatPmpReply& reply);
  void onEpoch(nat::MapProtocol protocol, std::uint32_t epoch);

  void askAgain(std::size_t round);
  void searchUpnp(Duration deadline);
  void setKnown(nat::MapProtocol protocol, bool spoken);
  bool isUnknown(nat::MapProtocol protocol) const;
  void finishDiscovery();

  void requestByUpnp(const MapKey& key, const std::optional<nat::ExternalEndpoint>& wanted,
                     std::chrono::seconds lifetime);
  void onUpnpAdded(const MapKey& key, const UpnpGateway::Answer& answer, std::chrono::seconds lifetime);
  void onUpnpAddress(const MapKey& key, const std::optional<IpAddress>& address, std::chrono::seconds lifetime);
  void tell(const MapAnswer& answer);

  DefaultGateway gateway_;
  nat::PcpNonce nonce_;
  User* user_;
  std::shared_ptr<GatewaySocket> socket_;
  std::shared_ptr<UpnpGateway> upnp_;
  std::map<nat::MapProtocol, nat::GatewayEpoch> epochs_;
  std::optional<IpAddress> natPmpAddress_;  ///< NAT-PMP's grants do not name it
  std::map<MapKey, UpnpMapping> upnpMappings_;
  TimePoint upnpSearchedAt_{};

  Timer askTimer_;
  Timer discoveryTimer_;
  TimePoint discoveryEnd_{};
  std::vector<nat::MapProtocol> unknown_;
  GatewaySkills skills_;
  std::function<void(const GatewaySkills&)> discovered_;
};

}  // namespace chuantou::net
