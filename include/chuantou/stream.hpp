// A byte stream to a service of another client: what Client::connect returns and what a Client::listen handler gets.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace chuantou {

namespace detail {
class StreamImpl;
}

/// One connection between two clients, ordered and reliable, half-closable like TCP.
///
/// Lifetime: a handle; copies share one stream. The stream is closed when the last handle goes, or when its client stops.
/// Threads: safe from any thread. One read and one write may be outstanding at a time; a second of the same kind fails
///   with Errc::invalid_argument.
/// Blocking forms must not be called on the client's own thread, that is, from a callback of this library; use the
///   callback forms there.
/// Cancellation: close() ends outstanding operations with Errc::stopped.
class Stream {
 public:
  using Duration = std::chrono::milliseconds;
  /// Called once on the client's thread.
  using Callback = std::function<void(std::error_code error, std::size_t bytes)>;
  static constexpr Duration kDefaultDeadline{60'000};

  Stream() = default;  ///< an empty handle; every operation fails with Errc::not_running
  explicit Stream(std::shared_ptr<detail::StreamImpl> impl) : impl_(std::move(impl)) {}

  /// Reads at least one byte, at most `size`. Returns 0 at the peer's end of stream (its shutdown()).
  /// Throws Error: timed_out (nothing is lost; read again), connection_lost, stopped.
  std::size_t read(void* data, std::size_t size, Duration deadline = kDefaultDeadline);
  /// Writes everything, blocking while the peer does not read (back-pressure).
  /// Throws Error: timed_out (a part may have been sent; the stream is unusable and closed), connection_lost, stopped.
  void write(const void* data, std::size_t size, Duration deadline = kDefaultDeadline);
  void write(std::string_view text, Duration deadline = kDefaultDeadline) { write(text.data(), text.size(), deadline); }

  /// The callback forms. The buffer must stay valid until the callback has run.
  void asyncRead(void* data, std::size_t size, Callback done);
  void asyncWrite(const void* data, std::size_t size, Callback done);

  /// Says that no more will be written; the peer reads to the end and may still write. Idempotent.
  void shutdown();
  /// Ends the stream in both directions. What was written and not yet sent is still sent. Idempotent, never throws.
  void close() noexcept;

  bool isOpen() const noexcept;
  explicit operator bool() const noexcept { return impl_ != nullptr; }
  /// The other client's id, and the port at the target.
  std::string peer() const;
  std::uint16_t port() const noexcept;

 private:
  std::shared_ptr<detail::StreamImpl> impl_;
};

}  // namespace chuantou
