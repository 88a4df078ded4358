// What a gateway may say: PCP and NAT-PMP datagrams, SSDP and HTTP replies, UPnP's XML. The first byte chooses.
#include "base/bytes.hpp"
#include "fuzz_input.hpp"
#include "nat/nat_pmp_message.hpp"
#include "nat/pcp_message.hpp"
#include "net/upnp_description.hpp"

using namespace chuantou;
using fuzz::expect;

namespace {

void pcp(std::span<const std::uint8_t> datagram) {
  const auto reply = nat::decodePcpReply(datagram);
  if (!reply) return;
  expect(datagram.size() >= 24 && datagram[0] == 2, "a PCP reply that is none");
  if (!reply->map) return;
  // What was read is what would be written at the same place of a request.
  const auto again = nat::encodePcpMap(*reply->map, reply->lifetime, {});
  expect(std::equal(again.begin() + 24, again.begin() + 37, datagram.begin() + 24), "a nonce or protocol that changed");
  expect(loadU16(&again[40]) == loadU16(&datagram[40]) && loadU16(&again[42]) == loadU16(&datagram[42]),
         "ports that changed");
  expect(std::equal(again.begin() + 44, again.end(), datagram.begin() + 44), "an address that changed");
}

void natPmp(std::span<const std::uint8_t> datagram) {
  const auto reply = nat::decodeNatPmpReply(datagram);
  if (!reply) return;
  expect(datagram.size() >= 8 && datagram.size() <= 16, "a NAT-PMP reply of a wrong size");
  expect(!reply->address || !reply->map, "an answer to two questions");
  if (!reply->map) return;
  const auto again = nat::encodeNatPmpMap(*reply->map);
  expect(std::equal(again.begin() + 4, again.end(), datagram.begin() + 8), "a mapping that changed");
}

void http(std::string_view text, bool ended) {
  const auto reply = nat::parseHttpReply(text, ended);
  if (!reply) return;
  expect(reply->status >= 200 && reply->status <= 999, "a status that is none");
  expect(reply->body.size() <= text.size(), "more body than there was");
}

void description(std::string_view text) {
  const nat::HttpUrl url{*IpAddress::parse("192.168.1.1"), 5000, "/d.xml"};
  for (const net::UpnpService& service : net::servicesOf(text, url)) {
    expect(service.control.host == url.host, "a service elsewhere");
    const std::string call = nat::soapCall(service.control, service.type, "X", {});
    const std::string head = call.substr(0, call.find("\r\n\r\n"));
    expect(std::count(head.begin(), head.end(), '\n') == 5, "a header that was smuggled in");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  switch (input.below(6)) {
    case 0:
      pcp(input.rest());
      break;
    case 1:
      natPmp(input.rest());
      break;
    case 2:
      if (const auto location = nat::parseSsdpReply(input.restAsText())) nat::HttpUrl::parse(*location);
      break;
    case 3:
      http(input.restAsText(), true);
      http(input.restAsText(), false);
      break;
    case 4:
      description(input.restAsText());
      break;
    default:
      net::soapValue(input.restAsText(), "errorCode");
  }
  return 0;
}
