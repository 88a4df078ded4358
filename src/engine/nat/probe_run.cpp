#include "engine/nat/probe_run.hpp"

namespace chuantou::engine {

ProbeRun::ProbeRun(asio::io_context& context, RandomSource& random, std::function<void()> done)
    : context_(context), done_(std::move(done)), codec_(random), timer_(context) {}

ProbeRun::~ProbeRun() { close(); }

void ProbeRun::close() {
  machine_ = nullptr;
  done_ = nullptr;
  timer_.cancel();
  for (const auto& socket : sockets_) socket->close();
}

bool ProbeRun::open(bool v6, std::size_t sockets) {
  for (std::size_t i = 0; i < sockets; ++i) {
    sockets_.push_back(std::make_shared<net::ProbeSocket>(context_, i, static_cast<net::ProbeSocket::User&>(*this)));
    if (!sockets_.back()->open(v6)) continue;
    for (const auto& socket : sockets_) socket->close();
    sockets_.clear();
    return false;
  }
  return true;
}

void ProbeRun::run(nat::ProbeMachine& machine) {
  machine_ = &machine;
  pump();
}

std::optional<IpAddress> ProbeRun::sourceFor(const UdpAddress& to) {
  const auto [it, isNew] = sources_.try_emplace(to.ip);
  if (isNew) it->second = net::sourceAddressFor(context_, to);
  return it->second;
}

void ProbeRun::onProbeDatagram(std::size_t index, const UdpAddress& from, std::span<const std::uint8_t> bytes) {
  if (machine_ == nullptr) return;
  const TimePoint now = Clock::now();
  const auto meaning = codec_.decode(index, from, bytes);
  if (const auto* answered = std::get_if<nat::ProbeCodec::Answered>(&meaning)) {
    nat::ProbeAnswer answer = answered->answer;
    answer.local = {sourceFor(from).value_or(IpAddress{}), sockets_[index]->port()};
    machine_->handleAnswer(now, answer);
  }
  if (const auto* refused = std::get_if<nat::ProbeCodec::Refused>(&meaning)) machine_->handleErrorResponse(now, refused->id);
  if (const auto* arrived = std::get_if<nat::ProbeCodec::Arrived>(&meaning)) {
    machine_->handleArrival(now, arrived->id, arrived->socket);
  }
  pump();
}

void ProbeRun::onProbeError(const nat::ProbeError& error) {
  if (machine_ == nullptr) return;
  machine_->handleError(Clock::now(), error);
  pump();
}

void ProbeRun::pump() {
  if (machine_ == nullptr) return;
  while (const auto probe = machine_->pollSend()) {
    sockets_[probe->socket]->send(probe->to, codec_.encode(*probe), probe->ttl);
  }
  if (machine_->done()) {
    machine_ = nullptr;
    timer_.cancel();
    for (const auto& socket : sockets_) socket->close();
    asio::post(context_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->done_) std::exchange(self->done_, nullptr)();
    });
    return;
  }
  timer_.expires_at(machine_->pollTimeout());
  timer_.async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (ec || !self || self->machine_ == nullptr) return;
    self->machine_->handleTimeout(Clock::now());
    self->pump();
  });
}

}  // namespace chuantou::engine
