#include "net/io_thread.hpp"

namespace chuantou::net {

IoThread::IoThread() = default;
IoThread::~IoThread() { stop(); }

void IoThread::start() {
  thread_ = std::thread{[this] { context_.run(); }};
}

void IoThread::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    if (stopped_) return;
    stopped_ = true;
    asio::post(context_, [this] { context_.stop(); });  // after all that was posted before
  }
  if (thread_.joinable()) thread_.join();
}

std::span<std::uint8_t> IoThread::scratch() {
  if (!scratch_) scratch_.reset(new std::uint8_t[kScratchSize]);
  return {scratch_.get(), kScratchSize};
}

}  // namespace chuantou::net
