#include "engine/nat/nat_monitor.hpp"

namespace chuantou::engine {

namespace {

NatCheckConfig checked(const NatDetectorConfig& config) {
  if (config.cacheFor < Millis{0} || config.redetectEvery < Millis{0}) {
    throw Error{Errc::invalid_argument, "a time", "it must not be negative"};
  }
  auto out = NatCheckConfig::from(config);
  if (!out) throw out.error();
  return std::move(out.value());
}

}  // namespace

NatMonitor::NatMonitor(const NatDetectorConfig& config)
    : config_(config), checkConfig_(checked(config)), log_(config.log, config.logLevel, config.language) {}

NatMonitor::~NatMonitor() { stop(); }

void NatMonitor::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(stopped_, true)) return;
    if (!running_) return thread_.stop();
  }
  thread_.tryCall([this] {
    if (check_) check_->cancel();
    check_.reset();
    watch_.reset();
    repeat_.reset();
    for (const Done& done : std::exchange(waiters_, {})) done(Errc::stopped, {});
    return true;
  });
  thread_.stop();
}

std::optional<NatReport> NatMonitor::cached() const {
  const std::lock_guard lock{mutex_};
  if (!cached_ || Clock::now() - cachedAt_ >= config_.cacheFor) return std::nullopt;
  return cached_;
}

/// The thread begins with its first work: a program may have a detector and never ask it.
bool NatMonitor::post(std::function<void(NatMonitor&)> what) {
  const std::lock_guard lock{mutex_};
  if (stopped_) return false;
  if (!std::exchange(running_, true)) thread_.start();
  return thread_.tryPost([weak = weak_from_this(), what = std::move(what)] {
    if (const auto self = weak.lock()) what(*self);
  });
}

void NatMonitor::asyncDetect(Done done) {
  const auto shared = std::make_shared<Done>(std::move(done));
  if (!post([shared](NatMonitor& self) { self.detect(std::move(*shared)); })) (*shared)(Errc::stopped, {});
}

void NatMonitor::detect(Done done) {
  {
    const std::lock_guard lock{mutex_};
    if (stopped_) return done(Errc::stopped, {});
  }
  if (const auto report = cached()) return done({}, *report);
  waiters_.push_back(std::move(done));
  if (!check_) startCheck();
}

void NatMonitor::startCheck() {
  if (config_.watchNetwork && !watch_) {
    watch_ = std::make_unique<net::NetworkWatch>(thread_, [this] { onNetworkChanged(); });
    watch_->start();
  }
  check_ = std::make_shared<NatCheck>(thread_.context(), random_, log_, checkConfig_, [weak = weak_from_this()](NatReport report) {
    if (const auto self = weak.lock()) self->onReportReady(std::move(report));
  });
  check_->start();
}

void NatMonitor::onReportReady(NatReport report) {
  if (!check_) return;
  check_.reset();
  {
    const std::lock_guard lock{mutex_};
    cached_ = report;
    cachedAt_ = Clock::now();
  }
  for (const Done& done : std::exchange(waiters_, {})) done({}, report);
  if (onReport) onReport(report);
  schedule();
}

void NatMonitor::invalidate() {
  {
    const std::lock_guard lock{mutex_};
    cached_.reset();
  }
  post([](NatMonitor& self) {
    if (!self.check_) return;
    // What it has seen so far may be of the network that was.
    self.check_->cancel();
    self.startCheck();
  });
}

void NatMonitor::onNetworkChanged() {
  log_.log(LogLevel::debug, "nat", "the network has changed");
  invalidate();
  if (watching_ && !check_) startCheck();
}

void NatMonitor::start() {
  post([](NatMonitor& self) {
    if (!std::exchange(self.watching_, true) && !self.check_) self.startCheck();
  });
}

void NatMonitor::schedule() {
  if (!watching_ || config_.redetectEvery == Millis{0}) return;
  if (!repeat_) repeat_ = std::make_unique<net::Timer>(thread_.context());
  repeat_->expires_after(config_.redetectEvery);
  repeat_->async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self && !self->check_) self->startCheck();
  });
}

}  // namespace chuantou::engine
