// The report's two forms: JSON for programs, plain words for people.
#include <algorithm>
#include <catch2/catch.hpp>

#include "daemon/json_reader.hpp"
#include "daemon/nat_report_json.hpp"
#include "daemon/nat_report_text.hpp"

using namespace chuantou;
using namespace chuantou::daemon;

namespace {

NatReport makeReport(NatType type, NatBehavior mapping, NatBehavior filtering) {
  NatFamilyReport family;
  family.udp = true;
  family.type = type;
  family.mapping = mapping;
  family.filtering = filtering;
  family.publicAddress = "203.0.113.1:4000";
  family.localAddress = "192.168.1.10:4000";
  family.publicAddresses = {"203.0.113.1"};
  NatReport report;
  static_cast<NatFamilyReport&>(report) = family;
  report.ipv4 = family;
  return report;
}

std::string outlook(const NatReport& report) { return directOutlook(report, Language::english); }

bool has(const std::string& text, const char* what) { return text.find(what) != std::string::npos; }

constexpr auto kIndependent = NatBehavior::endpoint_independent;
constexpr auto kByAddress = NatBehavior::address_dependent;
constexpr auto kByPort = NatBehavior::address_and_port_dependent;

}  // namespace

TEST_CASE("what a NAT means for direct connections", "[daemon][nat_report]") {
  CHECK(has(outlook(makeReport(NatType::none, NatBehavior::none, kIndependent)), "every peer reaches this machine"));
  CHECK(has(outlook(makeReport(NatType::full_cone, kIndependent, kIndependent)), "every peer reaches this machine"));
  CHECK(has(outlook(makeReport(NatType::restricted, kIndependent, kByAddress)), "every peer that is told"));
  CHECK(has(outlook(makeReport(NatType::port_restricted, kIndependent, kByPort)), "most peers"));
  CHECK(has(outlook(makeReport(NatType::symmetric, kByPort, kByPort)), "others are mostly reached through a server"));
  CHECK(has(outlook(makeReport(NatType::unknown, NatBehavior::unknown, NatBehavior::unknown)), "when they are tried"));

  NatReport firewall = makeReport(NatType::none, NatBehavior::none, kByPort);
  firewall.firewall = true;
  CHECK(has(outlook(firewall), "most peers"));
  NatReport counting = makeReport(NatType::symmetric, kByPort, kByPort);
  counting.portAllocation = PortAllocation::sequential;
  CHECK(has(outlook(counting), "can be guessed"));
  CHECK(has(outlook(NatReport{}), "through a server"));

  // What helps beside it.
  NatReport mapped = makeReport(NatType::port_restricted, kIndependent, kByPort);
  mapped.portMapping = PortMappingReport{true, {"pcp"}, "192.168.1.1", ""};
  CHECK(has(outlook(mapped), "opens ports on demand (pcp)"));
  mapped.portMapping->available = false;
  CHECK_FALSE(has(outlook(mapped), "opens ports"));
  NatReport both = makeReport(NatType::symmetric, kByPort, kByPort);
  both.ipv6 = NatFamilyReport{};
  both.ipv6->udp = true;
  both.ipv6->mapping = NatBehavior::none;
  CHECK(has(outlook(both), "IPv6 needs no NAT"));
}

TEST_CASE("a NAT report as JSON", "[daemon][nat_report]") {
  NatReport report = makeReport(NatType::symmetric, kByPort, kByPort);
  report.portAllocation = PortAllocation::sequential;
  report.portStep = -2;
  report.hairpin = false;
  report.uncertain = {"doubleNat"};
  StunServerReport answered{"stun.example:3478", "198.51.100.1:3478"};
  answered.answered = true;
  answered.rtt = std::chrono::microseconds{1500};
  report.servers = {answered, {"dead.example", ""}};
  report.relays = {{"ws://a:8200", true, std::chrono::microseconds{20'250}}, {"ws://b:8200", false, {}}};
  report.mappingLifetime = NatReport::Lifetime{std::chrono::seconds{30}, std::chrono::seconds{35}};
  report.duration = std::chrono::milliseconds{412};

  const std::string text = natReportJson(report, Language::english);
  const JsonDocument document{text, 100'000, Language::english};
  const JsonObject json = document.root();
  CHECK(json.textOr("type") == "symmetric");
  CHECK(json.textOr("mapping") == "address-and-port-dependent");
  CHECK(json.textOr("portAllocation") == "sequential");
  CHECK(json.numberOr("portStep") == -2);
  CHECK(json.textOr("publicAddress") == "203.0.113.1:4000");
  CHECK(json.flag("hairpin") == false);
  CHECK_FALSE(json.has("doubleNat"));  // null
  CHECK(json.boolean("udp"));
  REQUIRE(json.object("ipv4"));
  CHECK(json.object("ipv4")->textOr("type") == "symmetric");
  CHECK_FALSE(json.object("ipv6"));
  CHECK_FALSE(json.object("portMapping"));
  REQUIRE(json.object("mappingLifetime"));
  CHECK(json.object("mappingLifetime")->numberOr("atLeastSeconds") == 30);
  CHECK(json.object("mappingLifetime")->numberOr("belowSeconds") == 35);
  CHECK(json.objects("servers").size() == 2);
  CHECK(json.objects("servers")[0].boolean("answered"));
  CHECK(has(text, "\"rttMs\":1.5,"));
  CHECK(has(text, "\"latencyMs\":20.25}"));
  CHECK(has(text, "\"latencyMs\":null}"));
  CHECK(has(text, "\"uncertain\":[\"doubleNat\"]"));
  CHECK(json.numberOr("durationMs") == 412);
  CHECK_FALSE(json.textOr("direct").empty());
  REQUIRE(json.objects("words").size() > 8);
  CHECK(json.objects("words").front().textOr("name") == "UDP");
  CHECK(json.objects("words").back().textOr("name") == "direct connections");
  CHECK(has(natReportText(report, Language::english, false), json.objects("words").back().textOr("text").c_str()));
}

TEST_CASE("a NAT report in plain words", "[daemon][nat_report]") {
  for (const Language language : {Language::english, Language::chinese}) {
    for (const NatType type : {NatType::unknown, NatType::none, NatType::full_cone, NatType::restricted, NatType::port_restricted,
                               NatType::symmetric, NatType::udp_blocked}) {
      for (const NatBehavior behavior : {NatBehavior::unknown, NatBehavior::none, kIndependent, kByAddress, kByPort}) {
        NatReport report = makeReport(type, behavior, behavior);
        report.servers = {{"198.51.100.1:3478", "198.51.100.1:3478"}};
        const std::string text = natReportText(report, language, false);
        CHECK(has(text, "203.0.113.1:4000"));
        CHECK(has(text, "198.51.100.1:3478"));
        CHECK_FALSE(has(text, "{0}"));
        CHECK(std::count(text.begin(), text.end(), '\n') >= 8);
      }
    }
    CHECK_FALSE(natReportText(NatReport{}, language, true).empty());
  }
  NatReport wide = makeReport(NatType::port_restricted, kIndependent, kByPort);
  wide.publicAddresses = {"203.0.113.1", "203.0.113.2"};
  wide.mappingLifetime = NatReport::Lifetime{std::chrono::seconds{60}, {}};
  wide.portMapping = PortMappingReport{true, {"pcp", "upnp-igd"}, "192.168.1.1", "203.0.113.1"};
  const std::string text = natReportText(wide, Language::english, false);
  CHECK(has(text, "203.0.113.1, 203.0.113.2"));
  CHECK(has(text, "longer than 60 s"));
  CHECK(has(text, "pcp, upnp-igd; the router's address is 203.0.113.1"));
}
