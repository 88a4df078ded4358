#include "net/default_gateway.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;

namespace {
const std::string kHead = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
}  // namespace

TEST_CASE("the default gateway in the kernel's table of routes", "[net][gateway]") {
  struct Row {
    const char* what;
    std::string routes;
    std::string gateway;  ///< empty: none
  };
  // Addresses as a little-endian machine shows them, which is what this is compiled for.
  const Row rows[] = {
      {"nothing", "", ""},
      {"no route", kHead, ""},
      {"one", kHead + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "192.168.1.1"},
      {"beside a local one",
       kHead + "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\neth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t"
               "00000000\t0\t0\t0\n",
       "192.168.1.1"},
      {"the lower metric",
       kHead + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\neth1\t00000000\t0102A8C0\t0003\t0\t0\t100"
               "\t00000000\t0\t0\t0\n",
       "192.168.2.1"},
      {"down", kHead + "eth0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n", ""},
      {"by interface alone", kHead + "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", ""},
      {"half of everything (0.0.0.0/1)", kHead + "tun0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", ""},
      {"cut off", kHead + "eth0\t00000000\t0101A8C0\t0003\t0", ""},
      {"nonsense", "x\ny z\n\n\xff", ""},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const auto gateway = net::gatewayOf(row.routes);
    CHECK((gateway ? gateway->to_string() : "") == row.gateway);
  }
}
