#include "net/io_thread.hpp"

namespace chuantou::net {

namespace {
constexpr int kMaxLastHandlers = 1'000'000;
}

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
  if (!thread_.joinable()) return;
  thread_.join();
  // What was cancelled last may not have been told yet. Its handlers run here: the objects that they speak of still live,
  // which cannot be said of the time when the context goes.
  context_.restart();
  for (int i = 0; i < kMaxLastHandlers && context_.poll_one() > 0; ++i) {
  }
}

std::span<std::uint8_t> IoThread::scratch() {
  if (!scratch_) scratch_.reset(new std::uint8_t[kScratchSize]);
  return {scratch_.get(), kScratchSize};
}

std::span<std::uint8_t> IoThread::sealScratch() {
  if (!sealScratch_) sealScratch_.reset(new std::uint8_t[kSealScratchSize]);
  return {sealScratch_.get(), kSealScratchSize};
}

}  // namespace chuantou::net
