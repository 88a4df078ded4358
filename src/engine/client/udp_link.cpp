#include "engine/client/udp_link.hpp"

#include "base/endpoint_text.hpp"
#include "net/socket_options.hpp"

namespace chuantou::engine {

namespace {
constexpr int kBatchesPerTurn = 8;
constexpr Millis kTimerTick{100};
constexpr Millis kFirstRetry{200};
constexpr int kTries = 5;
/// NAT mappings of UDP live 30 s and more (RFC 4787, REQ-5 asks for 2 min; many give 30 s).
constexpr std::chrono::seconds kKeepAlive{20};
constexpr std::size_t kSealRoom = 256 * 1024;
}  // namespace

UdpLink::UdpLink(ClientContext& context)
    : context_(context), socket_(context.thread.context()), timer_(context.thread.context()) {}

bool UdpLink::open() {
  if (socket_.is_open()) return true;
  const auto server = context_.link.udpServer();
  if (!server) {
    context_.log.log(LogLevel::warn, "udp", "UDP does not pass through the proxy {}", context_.link.way().proxy->str());
    context_.link.transports().failed("udp", where(), "UDP does not pass through a proxy");
    return false;
  }
  net::ErrorCode ec;
  socket_.open(server->protocol(), ec);
  if (!ec) socket_.connect(*server, ec);
  if (!ec) socket_.non_blocking(true, ec);
  if (ec) {
    context_.log.log(LogLevel::warn, "udp", "no socket to the server: {}", ec.message());
    close();
    return false;
  }
  net::enlargeUdpBuffers(socket_);
  net::UdpReceiver::enableTrains(socket_);
  ++generation_;
  wait();
  return true;
}

std::string UdpLink::where() const {
  const auto server = context_.link.udpServer();
  if (server) return formatHostPort(server->address().to_string(), server->port());
  const auto& at = context_.link.way().url.at;
  return formatHostPort(at.host, at.port);
}

void UdpLink::close() {
  ++generation_;
  bindings_.clear();
  timer_.cancel();
  timerArmed_ = false;
  net::ErrorCode ignored;
  socket_.close(ignored);
}

void UdpLink::wait() {
  socket_.async_wait(net::UdpSocket::wait_read, [this, generation = generation_](const net::ErrorCode& ec) {
    if (!ec && generation == generation_) receive();
  });
}

void UdpLink::receive() {
  const std::uint64_t generation = generation_;
  for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
    const auto datagrams = context_.receiver().receive(socket_);
    if (datagrams.empty()) break;
    for (const net::Datagram& datagram : datagrams) handle(datagram.bytes);
    context_.udpSender.flush();
    if (generation != generation_) return;
  }
  wait();
}

void UdpLink::deliver(Binding& binding, std::span<std::uint8_t> bytes) {
  if (!binding.sealed) return binding.user->onDatagram(bytes);
  const auto datagram = binding.seal ? binding.seal->opener.open(bytes) : std::nullopt;
  if (datagram) binding.user->onDatagram(*datagram);
}

void UdpLink::handle(std::span<std::uint8_t> bytes) {
  const auto packet = wire::decodeUdpPacket(bytes);
  if (!packet) return;
  const bool control = packet->session == wire::kUdpControl;
  const auto session = control ? wire::decodeBound(packet->payload) : packet->session;
  const auto it = session ? bindings_.find(static_cast<std::uint32_t>(*session)) : bindings_.end();
  if (it == bindings_.end()) return;
  Binding& binding = it->second;
  if (control) {
    const TimePoint now = Clock::now();
    // Only an answer to the only question says how long it took.
    if (binding.tries == 1) context_.link.transports().succeeded("udp", where(), now - binding.askedAt);
    binding.tries = 0;
    binding.nextAt = now + kKeepAlive;
    if (!std::exchange(binding.bound, true)) binding.user->onBound();
    return;
  }
  if (!packet->fragment) return deliver(binding, bytes.subspan(bytes.size() - packet->payload.size()));
  if (const auto whole = binding.reassembly.add(packet->payload)) {
    deliver(binding, *whole);
    context_.udpSender.flush();  // the next fragment overwrites it
  }
}

void UdpLink::bind(UdpSession session, const DataKey& key, UdpSessionUser& user, bool sealed) {
  if (!open()) return user.onBindFailed();
  Binding& binding = bindings_[static_cast<std::uint32_t>(session)];
  binding.key = key;
  binding.user = &user;
  binding.sealed = sealed;
  sendBind(session, binding);
  armTimer();
}

void UdpLink::seal(UdpSession session, const crypto::SealKey& ours, const crypto::SealKey& theirs) {
  const auto it = bindings_.find(static_cast<std::uint32_t>(session));
  if (it == bindings_.end()) return;
  it->second.seal.emplace(Seal{crypto::DatagramSealer{ours}, crypto::DatagramOpener{theirs}});
}

/// Valid until the sender is flushed.
std::span<std::uint8_t> UdpLink::takeSealRoom(std::size_t size) {
  if (!sealRoom_) sealRoom_.reset(new std::uint8_t[kSealRoom]);
  if (sealRoomUsed_ + size > kSealRoom) {
    context_.udpSender.flush();
    sealRoomUsed_ = 0;
  }
  return {sealRoom_.get() + std::exchange(sealRoomUsed_, sealRoomUsed_ + size), size};
}

void UdpLink::unbind(UdpSession session) { bindings_.erase(static_cast<std::uint32_t>(session)); }

void UdpLink::rebind() {
  for (auto& [number, binding] : bindings_) {
    binding.tries = 0;
    binding.nextAt = TimePoint{};
  }
  if (!bindings_.empty()) onTimer();
}

void UdpLink::sendBind(UdpSession session, Binding& binding) {
  const auto packet = wire::encodeBind(wire::Bind{session, binding.key});
  context_.udpSender.flush();
  context_.udpSender.add(socket_, nullptr, {}, packet);
  context_.udpSender.flush();
  binding.askedAt = Clock::now();
  binding.nextAt = binding.askedAt + kFirstRetry * (1 << binding.tries);
  ++binding.tries;
}

void UdpLink::armTimer() {
  if (timerArmed_) return;
  timerArmed_ = true;
  timer_.expires_after(kTimerTick);
  timer_.async_wait([this, generation = generation_](const net::ErrorCode& ec) {
    if (ec || generation != generation_) return;
    timerArmed_ = false;
    onTimer();
  });
}

void UdpLink::onTimer() {
  const TimePoint now = Clock::now();
  std::vector<UdpSession> failed;
  for (auto& [number, binding] : bindings_) {
    if (binding.nextAt > now) continue;
    if (binding.tries < kTries) {
      sendBind(UdpSession{number}, binding);
    } else {
      failed.push_back(UdpSession{number});
    }
  }
  for (const UdpSession session : failed) {
    const auto it = bindings_.find(static_cast<std::uint32_t>(session));
    if (it == bindings_.end()) continue;
    UdpSessionUser* user = it->second.user;
    bindings_.erase(it);
    context_.link.transports().failed("udp", where(), "the server does not answer");
    user->onBindFailed();
  }
  if (!bindings_.empty()) armTimer();
}

void UdpLink::send(UdpSession session, std::span<const std::uint8_t> datagram) {
  const auto it = bindings_.find(static_cast<std::uint32_t>(session));
  if (it == bindings_.end() || !socket_.is_open()) return;
  if (it->second.sealed) {
    if (!it->second.seal) return;
    const auto sealed = takeSealRoom(datagram.size() + crypto::kSealOverhead);
    it->second.seal->sealer.seal(datagram, sealed);
    datagram = sealed;
  }
  std::array<std::uint8_t, wire::kUdpHeaderSize> header;
  if (datagram.size() <= wire::kMaxWholePayload) {
    wire::encodeUdpHeader(header, session, false, datagram.size());
    return context_.udpSender.add(socket_, nullptr, header, datagram);
  }
  for (const auto& fragment : wire::splitDatagram(datagram, nextFragmentId_)) {
    wire::encodeUdpHeader(header, session, true, fragment.size());
    context_.udpSender.add(socket_, nullptr, header, fragment);
    context_.udpSender.flush();
  }
  ++nextFragmentId_;
}

}  // namespace chuantou::engine
