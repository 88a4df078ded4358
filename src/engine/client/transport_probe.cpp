#include "engine/client/transport_probe.hpp"

#include <asio/buffer.hpp>

#include <algorithm>

namespace chuantou::engine {

namespace {

/// Between two questions by UDP; after the last one the deadline ends the wait.
constexpr Millis kAskAgain{500};
constexpr int kMostQuestions = 4;

// RFC 8489, section 5: type (2), length (2), cookie (4), transaction (12).
constexpr std::array<std::uint8_t, 8> kBindingRequest{0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42};
constexpr std::uint8_t kBindingAnswer = 0x01;  ///< first byte; the second says whether it is a good one

ServerUrl urlOf(const ClientConfig& config) {
  auto url = parseServerUrl(config.serverUrl);
  if (!url) throw url.error();
  return std::move(*url);
}

std::string udpAt(const ServerUrl& url) { return formatHostPort(url.at.host, url.at.port); }

}  // namespace

TransportProbe::TransportProbe(net::IoThread& thread, const ClientConfig& config)
    : thread_(thread), url_(urlOf(config)), config_(config), tls_(config_, url_), timer_(thread.context()), names_(thread.context()), udp_(thread.context()), udpTimer_(thread.context()) {
  ways_ = waysTo(url_, config_);
  // Where TLS is not asked for it may be worth asking for: some firewalls let nothing else pass.
  if (!url_.tls) {
    ServerWay secure = ways_.front();
    secure.url.tls = true;
    ways_.push_back(std::move(secure));
  }
}

void TransportProbe::start(Duration deadline, std::function<void(std::vector<TransportInfo>)> done) {
  done_ = std::move(done);
  deadline_ = deadline;
  timer_.expires_after(deadline);
  timer_.async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self) self->finish();
  });
  running_ = ways_.size() + 1;
  for (const ServerWay& way : ways_) dialWay(way);
  resolveUdp();
}

void TransportProbe::dialWay(const ServerWay& way) {
  dials_.push_back(std::make_shared<WayDial>(thread_, way, tls_, log_,
                                             [weak = weak_from_this()](const Error*, std::shared_ptr<net::MessageChannel> channel) {
                                               const auto self = weak.lock();
                                               if (!self) return;
                                               // Kept until the end: it is in the middle of its own call.
                                               if (channel) {
                                                 channel->disown();
                                                 channel->close(1000, "a probe");
                                                 self->channels_.push_back(std::move(channel));
                                               }
                                               self->endOne();
                                             }));
  dials_.back()->start(deadline_);
}

void TransportProbe::resolveUdp() {
  udpWhere_ = udpAt(url_);
  names_.find(url_.at.host, [weak = weak_from_this()](const net::ErrorCode& ec, const std::vector<asio::ip::address>& found) {
    const auto self = weak.lock();
    if (!self || !self->done_) return;
    net::ErrorCode failed = ec;
    if (!failed) {
      const net::UdpEndpoint server{found.front(), self->url_.at.port};
      self->udp_.open(server.protocol(), failed);
      if (!failed) self->udp_.connect(server, failed);
      if (!failed) self->udp_.non_blocking(true, failed);
    }
    if (failed) {
      self->udpEnded_ = true;
      self->log_.failed("udp", self->udpWhere_, failed.message());
      return self->endOne();
    }
    std::copy(kBindingRequest.begin(), kBindingRequest.end(), self->question_.begin());
    self->random_.fill(std::span{self->question_}.subspan(kBindingRequest.size()));
    self->readUdp();
    self->askByUdp();
  });
}

void TransportProbe::askByUdp() {
  if (!done_ || udpEnded_ || asked_ == kMostQuestions) return;
  ++asked_;
  askedAt_ = Clock::now();
  net::ErrorCode ignored;
  udp_.send(asio::buffer(question_), 0, ignored);
  udpTimer_.expires_after(kAskAgain);
  udpTimer_.async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self) self->askByUdp();
  });
}

void TransportProbe::readUdp() {
  udp_.async_wait(net::UdpSocket::wait_read, [self = shared_from_this()](const net::ErrorCode& ec) {
    if (ec || !self->done_) return;
    std::array<std::uint8_t, 1500> bytes;
    net::ErrorCode failed;
    const std::size_t size = self->udp_.receive(asio::buffer(bytes), 0, failed);
    const bool answer = !failed && size >= self->question_.size() && bytes[0] == kBindingAnswer &&
                        std::equal(self->question_.begin() + 4, self->question_.end(), bytes.begin() + 4);
    // A port that nobody has says so; the next question may be in time for somebody.
    if (!answer) return self->readUdp();
    self->udpEnded_ = true;
    self->log_.succeeded("udp", self->udpWhere_, Clock::now() - self->askedAt_);
    self->endOne();
  });
}

void TransportProbe::endOne() {
  if (--running_ == 0) finish();
}

void TransportProbe::finish() {
  const auto self = shared_from_this();
  const auto done = std::exchange(done_, nullptr);
  if (!done) return;
  if (!udpEnded_) log_.failed("udp", udpWhere_, "no answer");
  timer_.cancel();
  udpTimer_.cancel();
  net::ErrorCode ignored;
  udp_.close(ignored);
  for (const auto& dial : dials_) dial->expire();
  done(log_.all());
}

}  // namespace chuantou::engine
