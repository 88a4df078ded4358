// A NAT detection whose servers, routers and strangers do what the input says: it ends in time, sends little, and only where it may.
#include <map>
#include <set>

#include "fuzz_input.hpp"
#include "nat/detection.hpp"
#include "nat/probe_codec.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {

class InputRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(state_ = state_ * 75 + 74);
  }

 private:
  unsigned state_ = 1;
};

/// Of all kinds, so that none of them is rare.
const char* const kAddresses[] = {"198.51.100.1", "198.51.100.2",    "203.0.113.1", "192.168.1.10", "192.168.1.1", "127.0.0.1",   "10.0.0.1",
                                  "100.64.0.1",   "169.254.169.254", "224.0.0.1",   "0.0.0.0",      "2001:db8::1", "2001:db8::2", "fe80::1",
                                  "::1",          "255.255.255.255", "fd00::1",     "ff02::1"};

UdpAddress takeAddress(Input& input) {
  const IpAddress ip = *IpAddress::parse(kAddresses[input.below(std::size(kAddresses))]);
  return {ip, static_cast<std::uint16_t>(input.byte() % 4 == 0 ? input.word() : 3478 + input.byte() % 2)};
}

class Run {
 public:
  explicit Run(Input input) : input_(input), detection_(now_, optionsOf(input_)), codec_(random_) {}

  void all() {
    while (!input_.empty() && !detection_.done()) step();
    // Left alone it comes to its end, without standing still.
    detection_.noMoreServers(now_);
    for (int i = 0; !detection_.done(); ++i) {
      expect(i < 5000, "it does not end");
      drain();
      if (detection_.done()) break;
      now_ = std::max(now_, detection_.pollTimeout());
      detection_.handleTimeout(now_);
    }
    expect(now_ - TimePoint{} <= std::chrono::seconds{10} + std::chrono::milliseconds{3'800}, "it took too long");
    judge(detection_.findings());
    expect(!detection_.pollSend(), "it sends after its end");
    expect(detection_.pollTimeout() == nat::kNever, "it waits after its end");
  }

 private:
  static nat::NatDetection::Options optionsOf(Input& input) {
    nat::NatDetection::Options options;
    options.hops = input.byte() % 2 == 0;
    return options;
  }

  void step() {
    switch (input_.below(9)) {
      case 0: {
        const UdpAddress server = takeAddress(input_);
        known_.insert(server.ip);
        detection_.addServer(now_, server);
        break;
      }
      case 1:
        if (now_ - TimePoint{} < std::chrono::seconds{10}) now_ += Millis{input_.byte()};
        detection_.handleTimeout(now_);
        break;
      case 2:
        if (now_ - TimePoint{} < std::chrono::seconds{10}) now_ = std::max(now_, detection_.pollTimeout());
        detection_.handleTimeout(now_);
        break;
      case 3:
        datagram();
        break;
      case 4: {
        const auto kind = input_.byte() % 2 == 0 ? nat::ProbeError::Kind::unreachable : nat::ProbeError::Kind::hopsUsedUp;
        const nat::Probe probe = someProbe();
        detection_.handleError(now_, {kind, probe.socket, input_.byte() % 4 == 0 ? takeAddress(input_) : probe.to, takeAddress(input_).ip});
        break;
      }
      case 5:
        detection_.handleArrival(now_, someProbe().id, input_.below(nat::NatDetection::kSockets + 1));
        break;
      case 6:
        detection_.handleErrorResponse(now_, someProbe().id);
        break;
      case 7:
        detection_.noMoreServers(now_);
        break;
      default:
        answer();
    }
    drain();
  }

  nat::Probe someProbe() {
    if (sent_.empty() || input_.byte() % 32 == 0) {
      nat::Probe none;
      none.id = static_cast<std::uint32_t>(input_.word());
      none.socket = input_.below(nat::NatDetection::kSockets);
      none.to = takeAddress(input_);
      return none;
    }
    return sent_[sent_.size() - 1 - input_.below(std::min<std::size_t>(sent_.size(), 32))];
  }

  void answer() {
    const nat::Probe probe = someProbe();
    nat::ProbeAnswer answer;
    answer.id = probe.id;
    answer.socket = input_.byte() % 16 == 0 ? input_.below(nat::NatDetection::kSockets) : probe.socket;
    answer.from = input_.byte() % 4 == 0 ? takeAddress(input_) : probe.to;
    answer.mapped = takeAddress(input_);
    if (input_.byte() % 2 == 0) answer.other = takeAddress(input_);
    tell(answer);
  }

  void tell(nat::ProbeAnswer answer) {
    answer.local = {answer.from.ip.isV6() ? *IpAddress::parse("fd00::10") : *IpAddress::parse("192.168.1.10"), 4000};
    answer.local.port = static_cast<std::uint16_t>(answer.local.port + answer.socket);
    known_.insert(answer.mapped.ip);
    if (answer.other) known_.insert(answer.other->ip);
    detection_.handleAnswer(now_, answer);
  }

  /// Bytes from the network, some with the transaction id of a probe.
  void datagram() {
    const nat::Probe probe = someProbe();
    const auto taken = input_.take(input_.byte() % 100);
    std::vector<std::uint8_t> bytes{taken.begin(), taken.end()};
    if (bytes.size() >= 20 && encoded_.count(probe.id) != 0) {
      std::copy_n(encoded_[probe.id].begin() + 4, 16, bytes.begin() + 4);  // cookie and id
      bytes[2] = 0;
      bytes[3] = static_cast<std::uint8_t>(bytes.size() - 20);
    }
    const auto meaning = codec_.decode(probe.socket, probe.to, bytes);
    if (const auto* answered = std::get_if<nat::ProbeCodec::Answered>(&meaning)) {
      expect(answered->answer.id == probe.id, "another probe's answer");
      tell(answered->answer);
    }
    if (const auto* arrived = std::get_if<nat::ProbeCodec::Arrived>(&meaning)) {
      detection_.handleArrival(now_, arrived->id, arrived->socket);
    }
  }

  void drain() {
    while (const auto probe = detection_.pollSend()) {
      expect(probe->socket < nat::NatDetection::kSockets, "a socket that there is not");
      expect(probe->to.port != 0, "port 0");
      expect(known_.count(probe->to.ip) != 0, "an address that nobody named");
      const AddressKind kind = kindOf(probe->to.ip);
      expect(!isForbidden(kind) || kind == AddressKind::linkLocal, "an address that must not be sent to");
      expect(probe->id == sent_.size(), "ids are not in order");
      sent_.push_back(*probe);
      encoded_[probe->id] = codec_.encode(*probe);
    }
    expect(sent_.size() <= 600, "it sends too much");
  }

  void judge(const nat::Findings& findings) {
    const NatFamilyReport& r = findings.report;
    const auto sure = [&](const char* field) { return std::find(r.uncertain.begin(), r.uncertain.end(), field) == r.uncertain.end(); };
    expect(findings.servers.size() <= nat::NatDetection::kMaxServers, "too many servers");
    expect(r.udp == (r.type != NatType::udp_blocked), "blocked, or not");
    if (!r.udp) return;
    expect(!r.publicAddress.empty(), "no public address");
    if (r.mapping == NatBehavior::unknown) expect(!sure("mapping"), "an unknown mapping is certain");
    if (r.filtering == NatBehavior::unknown) expect(!sure("filtering"), "an unknown filter is certain");
    if (r.type == NatType::unknown) expect(!sure("type"), "an unknown type is certain");
    if (!r.hairpin) expect(!sure("hairpin"), "an unknown hairpin is certain");
    expect(!r.firewall || r.type == NatType::none, "a firewall and a NAT");
    expect(std::set<std::string>(r.uncertain.begin(), r.uncertain.end()).size() == r.uncertain.size(), "a doubt twice");
  }

  Input input_;
  TimePoint now_{};
  InputRandom random_;
  nat::NatDetection detection_;
  nat::ProbeCodec codec_;
  std::vector<nat::Probe> sent_;
  std::map<std::uint32_t, std::vector<std::uint8_t>> encoded_;
  std::set<IpAddress> known_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run{Input{data, size}}.all();
  return 0;
}
