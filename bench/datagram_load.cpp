#include "datagram_load.hpp"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "datagram_batch.hpp"
#include "protocol.hpp"

namespace chuantou::bench {
namespace {

constexpr Milliseconds kPatience{10000};
constexpr double kMostLoss = 0.01;
constexpr double kHighestRate = 1'280'000;
constexpr double kLowestRate = 1000;
constexpr int kBisections = 3;
constexpr std::chrono::microseconds kPace{200};  // between two looks at what is due
constexpr double kMostCatchUp = 0.05;            // seconds' worth of datagrams sent in one burst after a stall

// Asks the service how many datagrams of one flow it has counted.
class ArrivalCounter {
 public:
  ArrivalCounter(Port service, std::uint32_t flow) : fd_(connectTcp(service, kPatience)), flow_(flow) {
    if (!sendAll(fd_.get(), &protocol::kCount, 1)) throw systemFailure("ask the service for its count");
  }

  std::uint64_t read() const {
    std::uint64_t count = 0;
    if (!sendAll(fd_.get(), &flow_, sizeof flow_) || !receiveAll(fd_.get(), &count, sizeof count))
      throw systemFailure("ask the service for its count");
    return count;
  }

  // The count once it has stood still for 100 ms.
  std::uint64_t readSettled() const {
    std::uint64_t last = read();
    const Time deadline = after(Seconds(2));
    for (int still = 0; still < 4 && Clock::now() < deadline;) {
      ::poll(nullptr, 0, 25);
      const std::uint64_t now = read();
      still = now == last ? still + 1 : 0;
      last = now;
    }
    return last;
  }

 private:
  Fd fd_;
  std::uint32_t flow_;
};

std::uint32_t nextFlow() {
  static std::uint32_t flow = 0;
  return ++flow;
}

}  // namespace

FloodResult runFlood(Port at, Port service, std::size_t size, double perSecond, Seconds span) {
  const std::uint32_t flow = nextFlow();
  const ArrivalCounter counter(service, flow);
  const Fd fd = connectUdp(at, kPatience);
  DatagramBatch batch(size);
  for (std::size_t i = 0; i < DatagramBatch::kCapacity; ++i) {
    batch.bytes(i)[0] = protocol::kCountDatagram;
    std::memcpy(batch.bytes(i) + 1, &flow, sizeof flow);
    batch.setSize(i, size);
  }
  double offered = 0;
  std::uint64_t sent = 0;
  const Time begun = Clock::now();
  const Time deadline = after(span);
  for (Time now = begun; now < deadline; now = Clock::now()) {
    double due = std::min(perSecond * secondsBetween(begun, now) - offered, perSecond * kMostCatchUp);
    while (due >= 1 && Clock::now() < deadline) {
      const auto n = std::min(static_cast<std::size_t>(due), DatagramBatch::kCapacity);
      sent += batch.send(fd.get(), 0, n);
      offered += static_cast<double>(n);
      due -= static_cast<double>(n);
    }
    const timespec pace{0, std::chrono::nanoseconds(kPace).count()};
    ::ppoll(nullptr, 0, &pace, nullptr);
  }
  const double took = secondsBetween(begun, Clock::now());
  const auto arrived = static_cast<double>(counter.readSettled());
  FloodResult result;
  result.sentPerSecond = static_cast<double>(sent) / took;
  result.arrivedPerSecond = arrived / took;
  if (sent > 0) result.loss = 1 - arrived / static_cast<double>(sent);
  return result;
}

double findHighestRate(Port at, Port service, std::size_t size, double startAt, Seconds span) {
  double good = 0;
  double bad = 0;
  double best = 0;
  bool senderLimit = false;
  const auto passes = [&](double rate) {
    const FloodResult result = runFlood(at, service, size, rate, span);
    if (result.loss > kMostLoss) return false;
    good = rate;
    best = std::max(best, result.arrivedPerSecond);
    senderLimit = result.sentPerSecond < 0.85 * rate;
    return true;
  };
  for (double rate = startAt; rate <= kHighestRate && !senderLimit && bad == 0; rate *= 2)
    if (!passes(rate) && !passes(rate)) bad = rate;  // a second chance, against a passing stall
  while (good == 0 && bad > kLowestRate)             // the start was too high
    if (!passes(bad / 2)) bad /= 2;
  for (int i = 0; i < kBisections && good > 0 && bad > 0; ++i) {
    const double middle = (good + bad) / 2;
    if (!passes(middle)) bad = middle;
  }
  return best;
}

}  // namespace chuantou::bench
