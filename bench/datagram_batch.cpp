#include "datagram_batch.hpp"

namespace chuantou::bench {

DatagramBatch::DatagramBatch(std::size_t largest) : largest_(largest), bytes_(kCapacity * largest) {
  for (std::size_t i = 0; i < kCapacity; ++i) {
    parts_[i] = {bytes(i), largest};
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

std::size_t DatagramBatch::receive(int fd) {
  for (std::size_t i = 0; i < kCapacity; ++i) {
    parts_[i].iov_len = largest_;
    headers_[i].msg_hdr.msg_name = &senders_[i];
    headers_[i].msg_hdr.msg_namelen = sizeof senders_[i];
  }
  const int n = ::recvmmsg(fd, headers_.data(), kCapacity, MSG_DONTWAIT, nullptr);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

bool DatagramBatch::sameSender(std::size_t i, std::size_t j) const {
  return senders_[i].sin_port == senders_[j].sin_port && senders_[i].sin_addr.s_addr == senders_[j].sin_addr.s_addr;
}

std::size_t DatagramBatch::send(int fd, std::size_t from, std::size_t to, const sockaddr_in* where) {
  for (std::size_t i = from; i < to; ++i) {
    parts_[i].iov_len = headers_[i].msg_len;
    headers_[i].msg_hdr.msg_name = const_cast<sockaddr_in*>(where);  // sendmmsg only reads it
    headers_[i].msg_hdr.msg_namelen = where ? sizeof *where : 0;
  }
  std::size_t sent = 0;
  while (from + sent < to) {
    const int n = ::sendmmsg(fd, headers_.data() + from + sent, static_cast<unsigned>(to - from - sent), 0);
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  return sent;
}

}  // namespace chuantou::bench
