// A connection that has not said yet what it is.
#pragma once

#include <array>

#include "net/deadline_queue.hpp"
#include "net/io_thread.hpp"
#include "relay/admission.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

/// Reads at most a data channel's preface, so that a carrier's own bytes stay in the kernel.
class FirstBytesReader final : public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<FirstBytesReader> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void onDataChannel(relay::PeerId peer, net::TcpSocket socket, const DataKey& key) = 0;
    /// `first` are the bytes read so far.
    virtual void onHttp(relay::PeerId peer, net::TcpSocket socket, std::span<const std::uint8_t> first) = 0;
    /// Garbage, dropped, gone, or `late`: nothing came in time. The socket is closed.
    virtual void onRefused(relay::PeerId peer, bool late) = 0;
  };

  FirstBytesReader(relay::PeerId peer, net::TcpSocket socket, Owner& owner)
      : peer_(peer), socket_(std::move(socket)), owner_(owner) {}
  void start();
  void onDeadline() override;
  /// Gives up at once, unless it has done its work.
  void drop();

 private:
  void wait();
  void decide();
  void refuse(bool late = false);

  relay::PeerId peer_;
  net::TcpSocket socket_;
  Owner& owner_;
  std::array<std::uint8_t, wire::kPrefaceSize> bytes_{};
  std::size_t have_ = 0;
};

}  // namespace chuantou::engine
