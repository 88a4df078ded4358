#include "daemon/nat_report_text.hpp"

#include <algorithm>

#include "daemon/human_text.hpp"
#include "daemon/language.hpp"
#include "daemon/table.hpp"

namespace chuantou::daemon {

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What it means.
constexpr Phrase kDirectBlocked{"no datagram was answered: connections go through a server, over TCP",
                                "没有任何 UDP 应答：连接将通过服务器以 TCP 中继"};
constexpr Phrase kDirectOpen{"every peer reaches this machine directly, whatever NAT it is behind",
                             "任何对端都能直接连到本机，无论其位于何种 NAT 之后"};
constexpr Phrase kDirectRestricted{"direct connections work with every peer that is told to connect, also behind a symmetric NAT",
                                   "与任何对端都能建立直连，包括位于对称型 NAT 之后的对端"};
constexpr Phrase kDirectPortRestricted{
    "direct connections work with most peers; one behind a symmetric NAT is reached by guessing its port, or through a server",
    "与多数对端能建立直连；位于对称型 NAT 之后的对端需要猜测端口，或通过服务器中继"};
constexpr Phrase kDirectSequential{
    "direct connections work with peers that are open or filter by address only; for others the next port can be guessed, since "
    "ports are counted up, else a server relays",
    "与开放的或仅按地址过滤的对端能建立直连；对其他对端，因端口按顺序分配可以预测，否则通过服务器中继"};
constexpr Phrase kDirectSymmetric{
    "direct connections work with peers that are open or filter by address only; others are mostly reached through a server",
    "与开放的或仅按地址过滤的对端能建立直连；其他对端多数需要通过服务器中继"};
constexpr Phrase kDirectUnknown{"UDP passes; whether direct connections work shows when they are tried",
                                "UDP 可以通过；能否直连要在尝试时才知道"};
constexpr Phrase kDirectMapping{"the router opens ports on demand ({0}): every peer can then reach this machine directly",
                                "路由器可按需开放端口（{0}）：开放后任何对端都能直接连到本机"};
constexpr Phrase kDirectIpv6{"IPv6 needs no NAT here: peers with IPv6 are likely to be reached directly",
                             "IPv6 在此无需 NAT：与有 IPv6 的对端通常可以直连"};
constexpr Phrase kMoreServers{"A STUN server with two addresses could tell more: --stun HOST:PORT",
                              "使用有两个地址的 STUN 服务器可以得到更多信息：--stun 主机:端口"};

// The fields.
constexpr Phrase kUdp{"UDP", "UDP"};
constexpr Phrase kUdpPasses{"passes", "可以通过"};
constexpr Phrase kUdpBlocked{"does not pass", "无法通过"};
constexpr Phrase kUdpMaybeBlocked{"no server answered: it does not pass, or none of them is there", "没有服务器应答：UDP 无法通过，或这些服务器都不可用"};
constexpr Phrase kType{"NAT type", "NAT 类型"};
constexpr Phrase kPublic{"public address", "公网地址"};
constexpr Phrase kLocal{"local address", "本地地址"};
constexpr Phrase kPool{"public addresses", "公网地址池"};
constexpr Phrase kMapping{"mapping", "映射"};
constexpr Phrase kFiltering{"filtering", "过滤"};
constexpr Phrase kPorts{"ports", "端口分配"};
constexpr Phrase kHairpin{"hairpin", "回环（hairpin）"};
constexpr Phrase kSecondNat{"second NAT", "多层 NAT"};
constexpr Phrase kPortMapping{"port mapping", "端口映射"};
constexpr Phrase kServer{"STUN server", "STUN 服务器"};
constexpr Phrase kRelay{"server", "服务器"};
constexpr Phrase kDirect{"direct connections", "直连"};
constexpr Phrase kUnsure{"not sure", "不确定"};
constexpr Phrase kYes{"yes", "是"};
constexpr Phrase kNo{"no", "否"};
constexpr Phrase kUnknown{"unknown", "未知"};
constexpr Phrase kFirewall{"none, with a firewall", "无 NAT，有防火墙"};
constexpr Phrase kNoAnswer{"no answer", "无应答"};
constexpr Phrase kRefused{"nobody listens there", "该端口无人监听"};
constexpr Phrase kNoAddress{"the name has no address", "域名没有地址"};
constexpr Phrase kUnreachable{"cannot be reached", "无法连接"};
constexpr Phrase kServerTime{"{0}  {1}", "{0}  {1}"};
constexpr Phrase kMappingNone{"the router offers none", "路由器不支持"};
constexpr Phrase kMappingOffered{"{0}", "{0}"};
constexpr Phrase kMappingAddress{"{0}; the router's address is {1}", "{0}；路由器地址 {1}"};
constexpr Phrase kLifetime{"idle mappings", "空闲映射"};
constexpr Phrase kLivesBetween{"live {0} s at least, less than {1} s", "至少保留 {0} 秒，不到 {1} 秒"};
constexpr Phrase kLivesLonger{"live longer than {0} s", "保留超过 {0} 秒"};
constexpr Phrase kTook{"took", "用时"};

Phrase typeWords(NatType type) {
  switch (type) {
    case NatType::none:
      return {"none", "无 NAT"};
    case NatType::full_cone:
      return {"full-cone: whoever knows the public address gets through", "full-cone（全锥型）：知道公网地址者皆可到达"};
    case NatType::restricted:
      return {"restricted: only hosts that were sent something get through", "restricted（地址限制型）：只有收到过数据的主机可以到达"};
    case NatType::port_restricted:
      return {"port-restricted: only the port that was sent something gets through", "port-restricted（端口限制型）：只有收到过数据的主机端口可以到达"};
    case NatType::symmetric:
      return {"symmetric: another public port for every destination", "symmetric（对称型）：对每个目标使用不同的公网端口"};
    case NatType::udp_blocked:
      return {"udp-blocked", "udp-blocked（UDP 被阻断）"};
    case NatType::unknown:
      break;
  }
  return kUnknown;
}

Phrase mappingWords(NatBehavior mapping) {
  switch (mapping) {
    case NatBehavior::none:
      return {"none: the local address is the public one", "无：本地地址就是公网地址"};
    case NatBehavior::endpoint_independent:
      return {"endpoint-independent: one public port for all destinations", "endpoint-independent：所有目标使用同一个公网端口"};
    case NatBehavior::address_dependent:
      return {"address-dependent: another public port for every address", "address-dependent：每个目标地址使用不同的公网端口"};
    case NatBehavior::address_and_port_dependent:
      return {"address-and-port-dependent: another public port for every address and port", "address-and-port-dependent：每个目标地址和端口使用不同的公网端口"};
    case NatBehavior::unknown:
      break;
  }
  return kUnknown;
}

Phrase filteringWords(NatBehavior filtering) {
  switch (filtering) {
    case NatBehavior::none:
    case NatBehavior::endpoint_independent:
      return {"endpoint-independent: everybody is let in", "endpoint-independent：允许所有来源"};
    case NatBehavior::address_dependent:
      return {"address-dependent: hosts that were sent something are let in", "address-dependent：仅允许发送过数据的主机"};
    case NatBehavior::address_and_port_dependent:
      return {"address-and-port-dependent: ports that were sent something are let in", "address-and-port-dependent：仅允许发送过数据的主机和端口"};
    case NatBehavior::unknown:
      break;
  }
  return kUnknown;
}

std::string portWords(const NatFamilyReport& r, Language language) {
  constexpr Phrase kPreserving{"preserving: the public port is the local one", "preserving：公网端口与本地端口相同"};
  constexpr Phrase kSequential{"sequential: counted on by {0}", "sequential：按 {0} 递进"};
  constexpr Phrase kRandom{"random", "random：随机"};
  switch (r.portAllocation) {
    case PortAllocation::preserving:
      return say(language, kPreserving);
    case PortAllocation::sequential:
      return say(language, kSequential, r.portStep);
    case PortAllocation::random:
      return say(language, kRandom);
    case PortAllocation::unknown:
      break;
  }
  return say(language, kUnknown);
}

std::string flagWords(const std::optional<bool>& flag, Language language) {
  return say(language, !flag ? kUnknown : *flag ? kYes : kNo);
}

bool isUncertain(const NatFamilyReport& r, const char* field) {
  return std::find(r.uncertain.begin(), r.uncertain.end(), field) != r.uncertain.end();
}

std::string join(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

const Phrase& outlookOf(const NatFamilyReport& r) {
  if (!r.udp) return kDirectBlocked;
  switch (r.type) {
    case NatType::none:
      // A firewall is a filter without a NAT: like one that keeps ports.
      if (r.filtering == NatBehavior::address_dependent) return kDirectRestricted;
      if (r.firewall) return kDirectPortRestricted;
      return r.filtering == NatBehavior::unknown ? kDirectUnknown : kDirectOpen;
    case NatType::full_cone:
      return kDirectOpen;
    case NatType::restricted:
      return kDirectRestricted;
    case NatType::port_restricted:
      return kDirectPortRestricted;
    case NatType::symmetric:
      return r.portAllocation == PortAllocation::sequential ? kDirectSequential : kDirectSymmetric;
    case NatType::udp_blocked:
    case NatType::unknown:
      break;
  }
  return kDirectUnknown;
}

void addFamily(Fields& fields, const NatFamilyReport& r, const std::string& prefix, Language language) {
  const auto add = [&](const Phrase& name, const std::string& value) { fields.emplace_back(prefix + name.in(language), value); };
  const bool sure = !isUncertain(r, "udp");
  add(kUdp, say(language, r.udp ? kUdpPasses : sure ? kUdpBlocked : kUdpMaybeBlocked));
  if (!r.udp) return;
  add(kType, say(language, r.firewall ? kFirewall : typeWords(r.type)));
  add(kPublic, r.publicAddress);
  add(kLocal, r.localAddress);
  if (r.publicAddresses.size() > 1) add(kPool, join(r.publicAddresses));
  add(kMapping, say(language, mappingWords(r.mapping)));
  add(kFiltering, say(language, filteringWords(r.filtering)));
  if (r.mapping != NatBehavior::none) {
    add(kPorts, portWords(r, language));
    add(kHairpin, flagWords(r.hairpin, language));
    add(kSecondNat, flagWords(r.doubleNat, language));
  }
  if (!r.uncertain.empty()) add(kUnsure, join(r.uncertain));
}

void addServers(Fields& fields, const NatReport& report, Language language) {
  for (const StunServerReport& server : report.servers) {
    const std::string name = server.server == server.address || server.address.empty() ? server.server : server.server + " (" + server.address + ")";
    const std::string state = server.address.empty() ? say(language, kNoAddress)
                              : server.answered      ? humanRoundTrip(server.rtt)
                              : server.refused       ? say(language, kRefused)
                                                     : say(language, kNoAnswer);
    fields.emplace_back(kServer.in(language), say(language, kServerTime, name, state));
  }
  for (const RelayReport& relay : report.relays) {
    const std::string state = relay.reachable ? humanRoundTrip(relay.latency) : say(language, kUnreachable);
    fields.emplace_back(kRelay.in(language), say(language, kServerTime, relay.url, state));
  }
}

}  // namespace

std::string directOutlook(const NatReport& report, Language language) {
  std::string out = say(language, outlookOf(report));
  const bool open = report.udp && (report.type == NatType::full_cone || (report.type == NatType::none && !report.firewall));
  const std::string gap = language == Language::chinese ? "。" : ". ";
  const auto add = [&](const std::string& sentence) { out += gap + sentence; };
  if (!open && report.portMapping && report.portMapping->available) add(say(language, kDirectMapping, join(report.portMapping->protocols)));
  const bool second = report.ipv4 && report.ipv4->udp && report.ipv6 && report.ipv6->udp;
  if (second && !open && report.ipv6->mapping == NatBehavior::none) add(say(language, kDirectIpv6));
  return out;
}

std::vector<std::pair<std::string, std::string>> natReportWords(const NatReport& report, Language language) {
  Fields fields;
  addFamily(fields, report, "", language);
  const bool second = report.ipv4 && report.ipv4->udp && report.ipv6 && report.ipv6->udp;
  if (second) addFamily(fields, *report.ipv6, "IPv6 ", language);
  if (!report.portMapping) {
    fields.emplace_back(kPortMapping.in(language), say(language, kNoAnswer));
  } else if (!report.portMapping->gateway.empty()) {
    const PortMappingReport& m = *report.portMapping;
    fields.emplace_back(kPortMapping.in(language), !m.available                ? say(language, kMappingNone)
                                                   : m.externalAddress.empty() ? say(language, kMappingOffered, join(m.protocols))
                                                                               : say(language, kMappingAddress, join(m.protocols), m.externalAddress));
  }
  if (report.mappingLifetime) {
    const auto [atLeast, below] = *report.mappingLifetime;
    fields.emplace_back(kLifetime.in(language), below.count() > 0 ? say(language, kLivesBetween, atLeast.count(), below.count())
                                                                  : say(language, kLivesLonger, atLeast.count()));
  }
  addServers(fields, report, language);
  fields.emplace_back(kTook.in(language), humanDuration(report.duration));
  std::string outlook = directOutlook(report, language);
  const bool discovery = std::any_of(report.servers.begin(), report.servers.end(), [](const StunServerReport& s) { return s.behaviorDiscovery; });
  if (report.udp && !discovery && (isUncertain(report, "type") || isUncertain(report, "filtering"))) {
    outlook += (language == Language::chinese ? "。" : ". ") + say(language, kMoreServers);
  }
  fields.emplace_back(kDirect.in(language), outlook);
  return fields;
}

std::string natReportText(const NatReport& report, Language language, bool colour) {
  return renderFields(natReportWords(report, language), colour);
}

}  // namespace chuantou::daemon
