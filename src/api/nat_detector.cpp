#include "chuantou/nat_detector.hpp"

#include <future>

#include "engine/nat/nat_monitor.hpp"

namespace chuantou {

namespace detail {
class NatDetectorImpl : public engine::NatMonitor {
 public:
  using NatMonitor::NatMonitor;
};
}  // namespace detail

std::vector<std::string> defaultStunServers() {
  // Of different operators and regions; the last one has two addresses (RFC 5780).
  return {"stun.l.google.com:19302", "stun.cloudflare.com:3478", "stun.miwifi.com:3478", "stunserver2025.stunprotocol.org:3478"};
}

NatDetector::NatDetector(NatDetectorConfig config) : impl_(std::make_shared<detail::NatDetectorImpl>(config)) {}
NatDetector::~NatDetector() { impl_->stop(); }

NatReport NatDetector::detect() {
  const auto answer = std::make_shared<std::promise<Result<NatReport>>>();
  auto future = answer->get_future();
  impl_->asyncDetect([answer](std::error_code error, const NatReport& report) {
    if (error) return answer->set_value(Error{static_cast<Errc>(error.value()), "the NAT detector"});
    answer->set_value(report);
  });
  auto result = future.get();  // a detection ends by itself
  if (!result) throw result.error();
  return std::move(result.value());
}

void NatDetector::asyncDetect(std::function<void(std::error_code, const NatReport&)> done) { impl_->asyncDetect(std::move(done)); }
std::optional<NatReport> NatDetector::cached() const { return impl_->cached(); }
void NatDetector::invalidateCache() { impl_->invalidate(); }
void NatDetector::onReport(ReportHandler handler) { impl_->onReport = std::move(handler); }
void NatDetector::start() { impl_->start(); }
void NatDetector::stop() noexcept { impl_->stop(); }

}  // namespace chuantou
