#include "engine/server/tcp_relay.hpp"

#include <asio/post.hpp>
#include <thread>

namespace chuantou::engine {

namespace {
/// Moves a socket to another thread's context.
net::TcpSocket moveTo(net::IoThread& thread, net::TcpSocket socket) {
  net::ErrorCode ec;
  const auto protocol = socket.local_endpoint(ec).protocol();
  const auto handle = socket.release(ec);
  net::TcpSocket out{thread.context()};
  if (!ec) out.assign(protocol, handle, ec);
  if (!ec) out.non_blocking(true, ec);
  return out;
}
}  // namespace

TcpRelay::TcpRelay(net::IoThread& front, unsigned threads, Ended ended) : front_(front), ended_(std::move(ended)) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency() / 2);
  if (threads == 1) return;
  for (unsigned i = 0; i < threads; ++i) threads_.push_back(std::make_unique<net::IoThread>());
}

void TcpRelay::start() {
  for (const auto& thread : threads_) thread->start();
}

void TcpRelay::stop() noexcept {
  for (const auto& thread : threads_) thread->stop();
}

net::IoThread& TcpRelay::nextThread() {
  if (threads_.empty()) return front_;
  return *threads_[next_++ % threads_.size()];
}

void TcpRelay::add(SessionId session, net::TcpSocket initiator, net::TcpSocket target) {
  net::IoThread& thread = nextThread();
  if (&thread != &front_) {
    initiator = moveTo(thread, std::move(initiator));
    target = moveTo(thread, std::move(target));
  }
  auto pump = std::make_shared<net::Pump>(thread, std::move(initiator), std::move(target), [this, session](const net::PumpResult& result) {
    onEnd(session, result.bytesAtoB + result.bytesBtoA);
  });
  relays_.emplace(static_cast<std::uint64_t>(session), Relay{pump, &thread});
  if (&thread == &front_) return pump->start();
  asio::post(thread.context(), [pump] { pump->start(); });
}

/// On the pump's thread.
void TcpRelay::onEnd(SessionId session, std::uint64_t bytes) {
  asio::post(front_.context(), [this, session, bytes] {
    if (relays_.erase(static_cast<std::uint64_t>(session)) != 0) ended_(session, bytes);
  });
}

void TcpRelay::end(SessionId session) {
  const auto it = relays_.find(static_cast<std::uint64_t>(session));
  if (it == relays_.end()) return;
  asio::post(it->second.thread->context(), [pump = it->second.pump] { pump->abort(); });
}

}  // namespace chuantou::engine
