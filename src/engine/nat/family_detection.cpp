#include "engine/nat/family_detection.hpp"

namespace chuantou::engine {

namespace {

#ifdef __linux__
constexpr bool kHearsIcmp = true;
#else
constexpr bool kHearsIcmp = false;
#endif

}  // namespace

FamilyDetection::FamilyDetection(asio::io_context& context, RandomSource& random, bool v6, std::function<void()> done)
    : v6_(v6), run_(std::make_shared<ProbeRun>(context, random, std::move(done))) {}

void FamilyDetection::close() { run_->close(); }

void FamilyDetection::addServer(const UdpAddress& address) {
  if (noMore_ || !run_->sourceFor(address)) return;
  if (!detection_) {
    if (!run_->open(v6_, nat::NatDetection::kSockets)) return;
    // A second NAT is a thing of IPv4.
    nat::NatDetection::Options options;
    options.hops = kHearsIcmp && !v6_;
    detection_.emplace(Clock::now(), options);
    run_->run(*detection_);
  }
  detection_->addServer(Clock::now(), address);
  run_->pump();
}

void FamilyDetection::noMoreServers() {
  noMore_ = true;
  if (!detection_) return;
  detection_->noMoreServers(Clock::now());
  run_->pump();
}

std::optional<nat::Findings> FamilyDetection::findings() const {
  return detection_ ? std::optional{detection_->findings()} : std::nullopt;
}

}  // namespace chuantou::engine
