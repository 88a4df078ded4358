#include "net/upnp_description.hpp"

#include <miniupnpc/igd_desc_parse.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpreplyparse.h>

#include <algorithm>

namespace chuantou::net {

namespace {

/// Its text becomes a part of an HTTP header.
bool isWanConnection(std::string_view type) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.";
  return (type.starts_with("urn:schemas-upnp-org:service:WANIPConnection:") ||
          type.starts_with("urn:schemas-upnp-org:service:WANPPPConnection:")) &&
         type.find_first_not_of(kAlphabet) == std::string_view::npos;
}

/// A control URL, absolute or a path of the base.
std::optional<nat::HttpUrl> resolve(const nat::HttpUrl& base, std::string_view control) {
  if (control.empty()) return std::nullopt;
  if (const auto absolute = nat::HttpUrl::parse(control)) return absolute;
  if (control.find("://") != std::string_view::npos) return std::nullopt;
  const std::string root =
      "http://" + (base.host.isV6() ? "[" + base.host.str() + "]" : base.host.str()) + ":" + std::to_string(base.port);
  return nat::HttpUrl::parse(root + (control.front() == '/' ? "" : "/") + std::string{control});
}

}  // namespace

std::vector<UpnpService> servicesOf(std::string_view description, const nat::HttpUrl& url) {
  IGDdatas data{};
  parserootdesc(description.data(), static_cast<int>(description.size()), &data);
  auto base = nat::HttpUrl::parse(data.urlbase);
  if (!base || base->host != url.host) base = url;
  std::vector<UpnpService> out;
  for (const IGDdatas_service* service : {&data.first, &data.second}) {
    if (!isWanConnection(service->servicetype)) continue;
    const auto control = resolve(*base, service->controlurl);
    if (control && control->host == url.host) out.push_back({*control, service->servicetype});
  }
  return out;
}

std::optional<std::string> soapValue(std::string_view body, const char* name) {
  NameValueParserData data{};
  ParseNameValue(body.data(), static_cast<int>(body.size()), &data);
  const char* value = GetValueFromNameValueList(&data, name);
  std::optional<std::string> out;
  if (value != nullptr) out = value;
  ClearNameValueList(&data);
  return out;
}

}  // namespace chuantou::net
