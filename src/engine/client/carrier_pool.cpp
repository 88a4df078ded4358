#include "engine/client/carrier_pool.hpp"

#include <algorithm>

namespace chuantou::engine {

namespace {
constexpr Millis kPeriod{500};
/// Carriers for this share of a period's connections: making one takes a few round trips, far less than a period.
constexpr std::size_t kPeriodShare = 16;
constexpr std::size_t kFewest = 2;
/// A crowd of short connections needs more carriers than it has connections at a time: some are on their way back.
constexpr std::size_t kKeptForEachMade = 4;
/// Targets of connect() whose carriers are kept; beyond that those go that are not in use.
constexpr std::size_t kMostPools = 256;
/// An idle carrier is a TCP connection that NATs on the way may forget.
constexpr std::chrono::seconds kMaxAge{45};
}  // namespace

std::shared_ptr<CarrierPool> ClientContext::poolOf(const Target& target) {
  auto& pool = pools[target];
  if (pool) return pool;
  if (pools.size() > kMostPools) {
    std::erase_if(pools, [](const auto& entry) { return entry.second && entry.second->warm() == 0 && entry.second.use_count() == 1; });
  }
  return pools[target] = std::make_shared<CarrierPool>(*this, target, std::uint16_t{0}, config.warmCarriers);
}

CarrierPool::CarrierPool(ClientContext& context, Target target, std::uint16_t localPort, std::size_t most)
    : context_(context), target_(std::move(target)), localPort_(localPort), most_(most), timer_(context.thread.context()) {}

CarrierPool::~CarrierPool() { clear(); }

void CarrierPool::clear() {
  for (const auto& carrier : std::exchange(warm_, {})) carrier->drop();
  wanted_ = 0;
}

std::shared_ptr<OutboundCarrier> CarrierPool::make() {
  auto carrier = std::make_shared<OutboundCarrier>(context_, target_, weak_from_this());
  carrier->start(localPort_);
  return carrier;
}

std::shared_ptr<OutboundCarrier> CarrierPool::takeWarm() {
  // An encrypted one comes back after use: the one that was used last is taken first, so that those in excess grow old.
  // Of those that cannot be used twice the oldest goes first.
  while (!warm_.empty()) {
    auto at = warm_.begin();
    if (!target_.plain) {
      const auto last = std::find_if(warm_.rbegin(), warm_.rend(), [](const auto& carrier) { return carrier->ready(); });
      if (last != warm_.rend()) at = std::prev(last.base());
    }
    auto carrier = std::move(*at);
    warm_.erase(at);
    if (carrier->stillGood()) return carrier;
    carrier->drop();
  }
  return nullptr;
}

void CarrierPool::prepare() {
  if (warm_.empty() && most_ > 0) warm_.push_back(make());
  armTimer();
}

void CarrierPool::open(wire::FrameBytes first, std::shared_ptr<OutboundCarrier::User> user) {
  ++taken_;
  auto carrier = takeWarm();
  if (!carrier || !carrier->hasServed()) ++opened_;
  if (!carrier) {
    // The pool was too small for this rate: grow at once, shrink slowly.
    if (opened_ > 1) wanted_ = std::min(most_, std::max(kFewest, wanted_ * 2));
    carrier = make();
  }
  wanted_ = std::min(most_, std::max(wanted_, kFewest));
  carrier->open(std::move(first), std::move(user));
  if (!refillScheduled_ && warm_.size() <= wanted_ / 2 && wanted_ > 0) {
    refillScheduled_ = true;
    // After this turn's connections, so that the requests leave together and the user's go first.
    asio::post(context_.thread.context(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->refill();
    });
  }
  armTimer();
}

void CarrierPool::giveBack(std::shared_ptr<OutboundCarrier> carrier) {
  if (warm_.size() >= kKeptForEachMade * most_ || !context_.link.registered()) return carrier->drop();
  carrier->release();
  warm_.push_back(std::move(carrier));
  armTimer();
}

void CarrierPool::refill() {
  refillScheduled_ = false;
  if (!context_.link.registered()) return;
  // The first one's ticket spares all others the full handshake: until it is there, nothing is made in advance.
  if (!target_.plain && !context_.trust.ticketFor(target_.peer)) return;
  while (warm_.size() < wanted_) warm_.push_back(make());
}

void CarrierPool::armTimer() {
  if (timerArmed_) return;
  timerArmed_ = true;
  timer_.expires_after(kPeriod);
  timer_.async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->timerArmed_ = false;
    self->adjust();
  });
}

void CarrierPool::adjust() {
  const auto fitting = std::min<std::size_t>(most_, static_cast<std::size_t>(opened_) / kPeriodShare);
  if (fitting < wanted_) wanted_ = std::max(std::min(kFewest, most_), std::max(fitting, wanted_ - (wanted_ + 3) / 4));
  opened_ = 0;
  // What a crowd left behind goes when it has gone.
  const std::size_t served = std::max<std::size_t>(most_, static_cast<std::size_t>(std::exchange(taken_, 0)));
  const TimePoint tooOld = Clock::now() - kMaxAge;
  std::deque<std::shared_ptr<OutboundCarrier>> kept;
  std::vector<std::shared_ptr<OutboundCarrier>> dropped;
  for (auto& carrier : warm_) {
    const bool wanted = kept.size() < (carrier->hasServed() ? served : wanted_);
    if (wanted && carrier->idleSince() > tooOld && carrier->stillGood()) {
      kept.push_back(std::move(carrier));
    } else {
      dropped.push_back(std::move(carrier));
    }
  }
  warm_.swap(kept);
  for (const auto& carrier : dropped) carrier->drop();  // a stream that it has left behind may ask for another one
  if (warm_.empty()) {
    wanted_ = 0;  // nobody came for as long as a carrier lives: rest until somebody does
  } else {
    armTimer();
  }
}

}  // namespace chuantou::engine
