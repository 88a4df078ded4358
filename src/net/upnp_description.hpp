// The XML of UPnP gateways, read by miniupnpc's parsers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nat/upnp_message.hpp"

namespace chuantou::net {

/// What makes port mappings: WANIPConnection or WANPPPConnection.
struct UpnpService {
  nat::HttpUrl control;
  std::string type;  ///< "urn:schemas-upnp-org:service:WANIPConnection:1"
};

/// The services of a description that came from `url`, at most two. What does not lie on the host that described itself
/// is left out.
std::vector<UpnpService> servicesOf(std::string_view description, const nat::HttpUrl& url);
/// The value of an element, "NewExternalIPAddress", "errorCode"; at most 127 bytes of it.
std::optional<std::string> soapValue(std::string_view body, const char* name);

}  // namespace chuantou::net
