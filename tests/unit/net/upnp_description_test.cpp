#include "net/upnp_description.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::net;

namespace {

const nat::HttpUrl kFrom{*IpAddress::parse("192.168.1.1"), 5000, "/rootDesc.xml"};

std::string service(const std::string& type, const std::string& control) {
  return "<service><serviceType>" + type +
         "</serviceType><serviceId>x</serviceId><SCPDURL>/s.xml</SCPDURL><controlURL>" + control +
         "</controlURL><eventSubURL>/e</eventSubURL></service>";
}

std::string description(const std::string& services, const std::string& base = "") {
  return "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">" + base +
         "<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><deviceList><device>"
         "<deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><serviceList>" +
         service("urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1", "/ctl/CmnIfCfg") +
         "</serviceList><deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</"
         "deviceType><serviceList>" +
         services + "</serviceList></device></deviceList></device></deviceList></device></root>";
}

const std::string kWanIp = "urn:schemas-upnp-org:service:WANIPConnection:1";

}  // namespace

TEST_CASE("the service of a gateway that makes mappings", "[net][upnp]") {
  struct Row {
    std::string control;
    std::string base;
    std::string expected;  ///< port and path; empty: no service
  };
  const Row rows[] = {
      {"/ctl/IPConn", "", "5000 /ctl/IPConn"},
      {"ctl/IPConn", "", "5000 /ctl/IPConn"},
      {"http://192.168.1.1:6000/x", "", "6000 /x"},
      {"/x", "<URLBase>http://192.168.1.1:7000/</URLBase>", "7000 /x"},
      {"/x", "<URLBase>http://192.0.2.1:7000/</URLBase>", "5000 /x"},
      // Elsewhere, or nowhere.
      {"http://192.0.2.1/x", "", ""},
      {"http://router.local/x", "", ""},
      {"https://192.168.1.1/x", "", ""},
      {"/x y", "", ""},
      {"/x\r\nX: y", "", ""},
      {"", "", ""},
  };
  for (const Row& row : rows) {
    INFO(row.control << " " << row.base);
    const auto services = servicesOf(description(service(kWanIp, row.control), row.base), kFrom);
    REQUIRE(services.size() == (row.expected.empty() ? 0 : 1));
    if (services.empty()) continue;
    CHECK(services[0].type == kWanIp);
    CHECK(services[0].control.host == kFrom.host);
    CHECK(std::to_string(services[0].control.port) + " " + services[0].control.path == row.expected);
  }
}

TEST_CASE("services that make no mappings", "[net][upnp]") {
  for (const char* type :
       {"urn:schemas-upnp-org:service:Layer3Forwarding:1", "urn:schemas-upnp-org:service:WANIPConnection:1\r\nX: y",
        "urn:evil:WANIPConnection:1", ""}) {
    INFO(type);
    CHECK(servicesOf(description(service(type, "/x")), kFrom).empty());
  }
  CHECK(servicesOf("", kFrom).empty());
  CHECK(servicesOf("<", kFrom).empty());
  CHECK(servicesOf(std::string(10'000, '<'), kFrom).empty());
  const std::string whole = description(service(kWanIp, "/x"));
  for (std::size_t size = 0; size < whole.size(); ++size) servicesOf(std::string_view{whole}.substr(0, size), kFrom);
  const std::string ppp = "urn:schemas-upnp-org:service:WANPPPConnection:1";
  CHECK(servicesOf(description(service(kWanIp, "/a") + service(ppp, "/b")), kFrom).size() == 2);
}

TEST_CASE("values of SOAP answers", "[net][upnp]") {
  const std::string answer =
      "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>"
      "<u:GetExternalIPAddressResponse><NewExternalIPAddress>198.51.100.1</NewExternalIPAddress>"
      "</u:GetExternalIPAddressResponse></s:Body></s:Envelope>";
  CHECK(soapValue(answer, "NewExternalIPAddress") == "198.51.100.1");
  CHECK_FALSE(soapValue(answer, "errorCode"));
  CHECK_FALSE(soapValue("", "errorCode"));
  const std::string fault = "<s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></s:Fault>";
  CHECK(soapValue(fault, "errorCode") == "718");
  CHECK(soapValue("<a>" + std::string(5000, 'x') + "</a>", "a")->size() < 128);
}
