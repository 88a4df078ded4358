#include "nat/upnp_message.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::nat;

TEST_CASE("an SSDP search", "[nat][upnp]") {
  CHECK(ssdpSearch(kIgdDevice) ==
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
        "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n");
}

TEST_CASE("SSDP replies", "[nat][upnp]") {
  CHECK(parseSsdpReply(
            "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nlocation:http://192.168.1.1:5000/rootDesc.xml \r\n"
            "EXT:\r\n\r\n") == "http://192.168.1.1:5000/rootDesc.xml");
  CHECK(parseSsdpReply("HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1/") == "http://192.168.1.1/");  // no empty line
  for (const char* bad :
       {"", "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found\r\nLOCATION: http://a/\r\n\r\n", "NOTIFY * HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nLOCATION:\r\n\r\n", "HTTP/1.1 200 OK\r\nST: x\r\n\r\nLOCATION: http://a/"}) {
    INFO(bad);
    CHECK_FALSE(parseSsdpReply(bad));
  }
}

TEST_CASE("URLs of gateways", "[nat][upnp]") {
  const IpAddress gateway = *IpAddress::parse("192.168.1.1");
  CHECK(HttpUrl::parse("http://192.168.1.1:5000/d.xml?x=1") == HttpUrl{gateway, 5000, "/d.xml?x=1"});
  CHECK(HttpUrl::parse("HTTP://192.168.1.1") == HttpUrl{gateway, 80, "/"});
  CHECK(HttpUrl::parse("http://[fe80::1]:80/") == HttpUrl{*IpAddress::parse("fe80::1"), 80, "/"});
  for (const char* bad : {"", "http://", "https://192.168.1.1/", "http://router.local/", "http://192.168.1.1:0/",
                          "http://192.168.1.1:99999/", "http://192.168.1.1/a b", "http://192.168.1.1/\r\nX: y",
                          "192.168.1.1", "http://user@192.168.1.1/", "http://192.168.1.1/\x80", "http://[fe80::1/"}) {
    INFO(bad);
    CHECK_FALSE(HttpUrl::parse(bad));
  }
}

TEST_CASE("HTTP requests to a gateway", "[nat][upnp]") {
  const HttpUrl url{*IpAddress::parse("192.168.1.1"), 5000, "/ctl"};
  CHECK(httpGet(url) == "GET /ctl HTTP/1.1\r\nHost: 192.168.1.1:5000\r\nConnection: close\r\n\r\n");
  const std::string call =
      soapCall(url, "urn:x:service:WANIPConnection:1", "DeletePortMapping", {{"NewExternalPort", "7001"}});
  const std::string body = call.substr(call.find("\r\n\r\n") + 4);
  CHECK(call.find("POST /ctl HTTP/1.1\r\nHost: 192.168.1.1:5000\r\n") == 0);
  CHECK(call.find("SOAPAction: \"urn:x:service:WANIPConnection:1#DeletePortMapping\"\r\n") != std::string::npos);
  CHECK(call.find("Content-Length: " + std::to_string(body.size()) + "\r\n") != std::string::npos);
  CHECK(body.find(
            "<u:DeletePortMapping xmlns:u=\"urn:x:service:WANIPConnection:1\"><NewExternalPort>7001</NewExternalPort>"
            "</u:DeletePortMapping>") != std::string::npos);
}

TEST_CASE("HTTP replies", "[nat][upnp]") {
  struct Row {
    std::string bytes;
    bool ended;
    int status;  ///< 0: more is needed, or it is none
    std::string body;
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, 200, "hi"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi there", false, 200, "hi"},
      {"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nh", false, 0, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", true, 0, ""},
      {"HTTP/1.0 500 Internal Server Error\r\n\r\n<x/>", true, 500, "<x/>"},
      {"HTTP/1.0 500 Internal Server Error\r\n\r\n<x/>", false, 0, ""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, ""},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", false, 200,
       "abc0123456789"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n", false, 0, ""},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n", true, 0, ""},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\nabcd\r\n0\r\n", true, 0, ""},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabcd\r\n0\r\n", true, 0, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", true, 0, ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", true, 0, ""},
      {"HTTP/1.1 200 OK\r\n", true, 0, ""},
      {"HTTP/2 200\r\n\r\n", true, 0, ""},
      {"SSH-2.0-x\r\n\r\n", true, 0, ""},
      {"", true, 0, ""},
  };
  for (const Row& row : rows) {
    INFO(row.bytes);
    const auto reply = parseHttpReply(row.bytes, row.ended);
    REQUIRE(reply.has_value() == (row.status != 0));
    if (!reply) continue;
    CHECK(reply->status == row.status);
    CHECK(reply->body == row.body);
  }
}
