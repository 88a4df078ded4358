// One thread with one io_context, and what the connections that live on it share.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "net/pipe_pool.hpp"
#include "net/types.hpp"

namespace chuantou::net {

class IoThread {
 public:
  IoThread();
  ~IoThread();  ///< stops and joins
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();
  /// Lets what was posted run, then ends the thread. What is ready after that runs on the caller's thread; handlers that
  /// still wait are destroyed with the object. Not to be called on the thread itself.
  void stop() noexcept;
  bool onThread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

  asio::io_context& context() noexcept { return context_; }
  Executor executor() noexcept { return context_.get_executor(); }
  PipePool& pipes() noexcept { return pipes_; }
  /// A buffer for the duration of one handler: kScratchSize bytes, made at its first use.
  std::span<std::uint8_t> scratch();
  /// Another one, where TlsSocket gathers the records of one call.
  std::span<std::uint8_t> sealScratch();

  /// From any thread: false when the thread has been stopped, and `f` will not run; else it will.
  template <class F>
  bool tryPost(F f) {
    const std::lock_guard lock{mutex_};
    if (stopped_) return false;
    asio::post(context_, std::move(f));
    return true;
  }
  /// Runs `f` on the thread and waits for its result; nothing when the thread has been stopped. On the thread itself it
  /// simply runs.
  template <class F>
  auto tryCall(F f) -> std::optional<decltype(f())> {
    if (onThread()) return f();
    std::packaged_task<decltype(f())()> task{std::move(f)};
    auto result = task.get_future();
    if (!tryPost([&task] { task(); })) return std::nullopt;
    return result.get();
  }

  static constexpr std::size_t kScratchSize = 256 * 1024;
  static constexpr std::size_t kSealScratchSize = 160 * 1024;

 private:
  // In this order: what the handlers refer to must outlive the context that owns the handlers.
  PipePool pipes_;
  std::unique_ptr<std::uint8_t[]> scratch_;
  std::unique_ptr<std::uint8_t[]> sealScratch_;
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_{context_.get_executor()};
  std::thread thread_;
  std::mutex mutex_;
  bool stopped_ = false;
};

}  // namespace chuantou::net
