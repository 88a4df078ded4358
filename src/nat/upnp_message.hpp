// What UPnP says on the wire: SSDP searches (UPnP Device Architecture 1.1, section 1.3), HTTP replies, SOAP calls
// (section 3).
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/ip_address.hpp"

namespace chuantou::nat {

inline constexpr const char* kSsdpGroup = "239.255.255.250";
inline constexpr std::uint16_t kSsdpPort = 1900;
/// What a gateway calls itself; one of version 2 answers to 1 as well.
inline constexpr std::string_view kIgdDevice = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
/// Some answer only to a search for all root devices.
inline constexpr std::string_view kRootDevice = "upnp:rootdevice";
/// Descriptions of gateways have 5 to 20 KB.
inline constexpr std::size_t kMaxHttpReply = 128 * 1024;

std::string ssdpSearch(std::string_view target);
/// The description's URL; nothing for what is no answer to a search.
std::optional<std::string> parseSsdpReply(std::string_view datagram);

/// "http://ADDRESS[:PORT]/PATH": a gateway is spoken to by its address, never by a name.
struct HttpUrl {
  IpAddress host;
  std::uint16_t port = 80;
  std::string path = "/";  ///< with the query
  bool operator==(const HttpUrl&) const = default;

  static std::optional<HttpUrl> parse(std::string_view text);
};

/// Requests that end with their connection.
std::string httpGet(const HttpUrl& url);
/// Arguments are not quoted for XML: they are numbers, addresses and names of ours.
std::string soapCall(const HttpUrl& url, std::string_view service, std::string_view action,
                     std::initializer_list<std::pair<const char*, std::string>> arguments);

struct HttpReply {
  int status = 0;
  std::string body;
};
/// Takes an answer out of all that came so far. `ended`: no more will come, which is the end of a body without a
/// length. Nothing: more is needed, or (if ended) it is no answer. Chunks are put together (RFC 9112, section 7.1).
std::optional<HttpReply> parseHttpReply(std::string_view bytes, bool ended);

}  // namespace chuantou::nat
