// A Stream's other half: a carrier read and written by this program itself.
#pragma once

#include <optional>

#include "chuantou/stream.hpp"
#include "engine/client/stream_transport.hpp"

namespace chuantou::detail {

/// The transport is touched on the client's thread only; the public calls post there.
class StreamImpl : public std::enable_shared_from_this<StreamImpl> {
 public:
  StreamImpl(std::shared_ptr<net::IoThread> thread, std::unique_ptr<engine::StreamTransport> transport, std::string peer,
             std::uint16_t port);
  ~StreamImpl();

  void asyncRead(void* data, std::size_t size, Stream::Callback done);
  void asyncWrite(const void* data, std::size_t size, Stream::Callback done);
  std::size_t read(void* data, std::size_t size, Stream::Duration deadline);
  void write(const void* data, std::size_t size, Stream::Duration deadline);
  void shutdown();
  void close();
  bool isOpen() const noexcept { return open_.load(); }
  const std::string& peer() const noexcept { return peer_; }
  std::uint16_t port() const noexcept { return port_; }
  /// On the client's thread: the client stops.
  void abort();

  /// Once, on the client's thread, when the stream has ended for this side.
  std::function<void()> onEnd;

 private:
  struct Operation {
    std::uint8_t* data = nullptr;
    std::size_t size = 0;
    std::size_t done = 0;
    Stream::Callback callback;
  };
  void tryRead();
  void tryWrite();
  void finish(std::optional<Operation>& operation, std::error_code error, std::size_t bytes);
  void fail(std::error_code error);
  void cancelRead();
  void end();
  void linger();
  void leaveWhenFlushed();
  void drain(int budget);
  template <class F>
  void post(F f);

  std::shared_ptr<net::IoThread> thread_;
  std::unique_ptr<engine::StreamTransport> transport_;
  net::Timer lingerTimer_;
  std::string peer_;
  std::uint16_t port_;
  std::atomic<bool> open_{true};
  std::optional<Operation> reading_;
  std::optional<Operation> writing_;
  bool waitingRead_ = false;
  bool waitingWrite_ = false;
  bool shutdown_ = false;
  bool closing_ = false;
};

}  // namespace chuantou::detail
