#include "engine/client/way_race.hpp"

namespace chuantou::engine {

WayRace::WayRace(net::IoThread& thread, const std::vector<ServerWay>& ways, ServerTls& tls, TransportLog& log, Done done)
    : thread_(thread),
      ways_(ways),
      tls_(tls),
      log_(log),
      done_(std::move(done)),
      timer_(thread.context()),
      dials_(ways.size()),
      errors_(ways.size()) {}

void WayRace::start(std::size_t first, Duration deadline) {
  deadline_ = Clock::now() + deadline;
  order_.push_back(first);
  for (std::size_t way = 0; way < ways_.size(); ++way) {
    if (way != first) order_.push_back(way);
  }
  next();
}

void WayRace::next() {
  if (!done_ || order_.empty()) return;
  const std::size_t way = order_.front();
  order_.erase(order_.begin());
  ++running_;
  dials_[way] = std::make_shared<WayDial>(thread_, ways_[way], tls_, log_,
                                          [weak = weak_from_this(), way](const Error* error, std::shared_ptr<net::MessageChannel> channel) {
                                            if (const auto self = weak.lock()) self->onEnd(way, error, std::move(channel));
                                          });
  timer_.expires_after(kHeadStart);
  timer_.async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self) self->next();
  });
  const auto dial = dials_[way];
  dial->start(deadline_ - Clock::now());
}

void WayRace::onEnd(std::size_t way, const Error* error, std::shared_ptr<net::MessageChannel> channel) {
  --running_;
  if (!done_) return;
  if (channel) {
    Result won;
    won.way = way;
    won.channel = std::move(channel);
    return finish(std::move(won));
  }
  errors_[way] = *error;
  // Whom the URL names is not whom it should be: that is no firewall's doing, and no other way makes it good.
  const bool impostor = error->errc() == Errc::certificate_rejected && !ways_[way].guessed;
  if (impostor || (order_.empty() && running_ == 0)) return finish(standing());
  next();
}

WayRace::Result WayRace::standing() const {
  Result out;
  for (std::size_t way = 0; way < ways_.size(); ++way) {
    const bool rejected = errors_[way] && errors_[way]->errc() == Errc::certificate_rejected;
    if (errors_[way] && !ways_[way].guessed && (!out.error || rejected)) out.error = errors_[way];
  }
  return out;
}

void WayRace::finish(Result result) {
  const auto self = shared_from_this();
  const Done done = std::exchange(done_, nullptr);
  timer_.cancel();
  for (const auto& dial : dials_) {
    if (dial) dial->cancel();
  }
  done(std::move(result));
}

void WayRace::cancel() {
  if (!std::exchange(done_, nullptr)) return;
  timer_.cancel();
  for (const auto& dial : dials_) {
    if (dial) dial->cancel();
  }
}

}  // namespace chuantou::engine
