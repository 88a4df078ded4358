// The default gateway as a UPnP Internet Gateway Device: found by SSDP, spoken to by SOAP, never blocking.
#pragma once

#include "nat/port_mapping.hpp"
#include "net/default_gateway.hpp"
#include "net/upnp_description.hpp"

namespace chuantou::net {

/// Believes only the gateway itself: answers to searches from its address, a description and a control URL on it. Own
/// one by shared_ptr, on one thread; what is under way holds it. `done` handlers run once, never before the call
/// returns.
class UpnpGateway : public std::enable_shared_from_this<UpnpGateway> {
 public:
  struct Answer {
    bool reached = false;  ///< it said something
    int error = 0;         ///< UPnP's own code, 0 for success; -1 for an answer without a code
    std::optional<std::string> value;
  };
  using AnswerDone = std::function<void(const Answer& answer)>;

  /// UPnP's codes for AddPortMapping (WANIPConnection:1, section 2.4.16).
  static constexpr int kConflict = 718;
  static constexpr int kOnlyPermanentLeases = 725;

  UpnpGateway(asio::io_context& context, const DefaultGateway& gateway);

  /// Searches for the gateway's services, within the deadline. `done` is told whether there is one.
  void discover(Duration deadline, std::function<void(bool found)> done);
  bool found() const noexcept { return service_.has_value(); }

  void externalAddress(Duration deadline, std::function<void(std::optional<IpAddress> address)> done);
  /// A lifetime of 0 is "for ever".
  void add(nat::Transport transport, std::uint16_t internalPort, std::uint16_t externalPort,
           std::chrono::seconds lifetime, Duration deadline, AnswerDone done);
  void remove(nat::Transport transport, std::uint16_t externalPort, Duration deadline, AnswerDone done);
  /// Gives up a search; calls under way end by their deadlines.
  void close();

 private:
  void search(int round);
  void receive();
  void onReply(std::string_view datagram);
  void onDescription(const nat::HttpUrl& url, const std::optional<nat::HttpReply>& reply);
  void finishSearch();
  void call(const std::string& action, std::initializer_list<std::pair<const char*, std::string>> arguments,
            const char* valueName, Duration deadline, AnswerDone done);

  asio::io_context& context_;
  DefaultGateway gateway_;
  UdpSocket socket_;
  Timer searchTimer_;
  Timer deadline_;
  TimePoint searchEnd_{};
  std::function<void(bool)> searchDone_;
  std::vector<std::string> locations_;  ///< asked already
  std::array<char, 2048> room_;
  UdpEndpoint from_;
  std::optional<UpnpService> service_;
};

}  // namespace chuantou::net
