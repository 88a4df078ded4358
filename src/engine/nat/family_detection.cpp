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
    : context_(context), v6_(v6), done_(std::move(done)), codec_(random), timer_(context) {}

FamilyDetection::~FamilyDetection() { close(); }

void FamilyDetection::close() {
  told_ = true;
  done_ = nullptr;
  timer_.cancel();
  for (const auto& socket : sockets_) socket->close();
}

bool FamilyDetection::openSockets() {
  for (std::size_t i = 0; i < nat::NatDetection::kSockets; ++i) {
    sockets_.push_back(std::make_shared<net::ProbeSocket>(context_, i, static_cast<net::ProbeSocket::User&>(*this)));
    if (sockets_.back()->open(v6_)) return false;
  }
  return true;
}

std::optional<IpAddress> FamilyDetection::sourceFor(const UdpAddress& to) {
  const auto [it, isNew] = sources_.try_emplace(to.ip);
  if (isNew) it->second = net::sourceAddressFor(context_, to);
  return it->second;
}

bool FamilyDetection::addServer(const UdpAddress& address) {
  if (told_ || !sourceFor(address)) return false;
  if (!detection_) {
    if (!openSockets()) return false;
    // A second NAT is a thing of IPv4.
    nat::NatDetection::Options options;
    options.hops = kHearsIcmp && !v6_;
    detection_.emplace(Clock::now(), options);
  }
  detection_->addServer(Clock::now(), address);
  pump();
  return true;
}

void FamilyDetection::noMoreServers() {
  if (told_) return;
  if (!detection_) return tell();
  detection_->noMoreServers(Clock::now());
  pump();
}

std::optional<nat::Findings> FamilyDetection::findings() const {
  return detection_ ? std::optional{detection_->findings()} : std::nullopt;
}

void FamilyDetection::onProbeDatagram(std::size_t index, const UdpAddress& from, std::span<const std::uint8_t> bytes) {
  if (told_) return;
  const TimePoint now = Clock::now();
  const auto meaning = codec_.decode(index, from, bytes);
  if (const auto* answered = std::get_if<nat::ProbeCodec::Answered>(&meaning)) {
    nat::ProbeAnswer answer = answered->answer;
    answer.local = {sourceFor(from).value_or(IpAddress{}), sockets_[index]->port()};
    detection_->handleAnswer(now, answer);
  }
  if (const auto* refused = std::get_if<nat::ProbeCodec::Refused>(&meaning)) detection_->handleErrorResponse(now, refused->id);
  if (const auto* arrived = std::get_if<nat::ProbeCodec::Arrived>(&meaning)) {
    detection_->handleArrival(now, arrived->id, arrived->socket);
  }
  pump();
}

void FamilyDetection::onProbeError(const nat::ProbeError& error) {
  if (told_) return;
  detection_->handleError(Clock::now(), error);
  pump();
}

void FamilyDetection::pump() {
  while (const auto probe = detection_->pollSend()) {
    sockets_[probe->socket]->send(probe->to, codec_.encode(*probe), probe->ttl);
  }
  if (detection_->done()) return tell();
  timer_.expires_at(detection_->pollTimeout());
  timer_.async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (ec || !self || self->told_) return;
    self->detection_->handleTimeout(Clock::now());
    self->pump();
  });
}

void FamilyDetection::tell() {
  if (told_) return;
  told_ = true;
  timer_.cancel();
  for (const auto& socket : sockets_) socket->close();
  asio::post(context_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && self->done_) std::exchange(self->done_, nullptr)();
  });
}

}  // namespace chuantou::engine
