#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace chuantou::bench {

// Many datagrams a system call, in and out (recvmmsg, sendmmsg).
class DatagramBatch {
 public:
  static constexpr std::size_t kCapacity = 128;

  // `largest`: bytes kept of each datagram; the rest of a longer one is lost.
  explicit DatagramBatch(std::size_t largest);
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;

  // Takes what waits at a non-blocking socket; 0 when nothing does.
  std::size_t receive(int fd);

  std::uint8_t* bytes(std::size_t i) { return bytes_.data() + i * largest_; }
  std::size_t size(std::size_t i) const { return headers_[i].msg_len; }
  void setSize(std::size_t i, std::size_t size) { headers_[i].msg_len = static_cast<unsigned>(size); }
  const sockaddr_in& sender(std::size_t i) const { return senders_[i]; }
  bool sameSender(std::size_t i, std::size_t j) const;

  // Sends datagrams [from, to): to `where`, or to the socket's peer when null. Returns how many the socket took.
  std::size_t send(int fd, std::size_t from, std::size_t to, const sockaddr_in* where = nullptr);

 private:
  std::size_t largest_;
  std::vector<std::uint8_t> bytes_;
  std::array<iovec, kCapacity> parts_{};
  std::array<mmsghdr, kCapacity> headers_{};
  std::array<sockaddr_in, kCapacity> senders_{};
};

}  // namespace chuantou::bench
