#include "net/udp_batch.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/udp_source.hpp"

namespace chuantou::net {

namespace {
#if CHUANTOU_FAST_PATHS
constexpr std::size_t kReceiveBatch = UdpReceiver::kBatch;
/// The kernel's limit of segments in one train, and of its bytes.
constexpr std::size_t kTrainSegments = 64;
constexpr std::size_t kTrainBytes = 65'000;
#else
constexpr std::size_t kReceiveBatch = 1;
#endif
constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int)) + kDestinationBytes;
}  // namespace

struct UdpReceiver::Impl {
  std::uint8_t* memory = nullptr;
  std::array<UdpEndpoint, kReceiveBatch> from;
  std::array<iovec, kReceiveBatch> pieces;
  std::array<asio::ip::address, kReceiveBatch> to;
  alignas(cmsghdr) std::uint8_t control[kReceiveBatch][kControlBytes];
#if CHUANTOU_FAST_PATHS
  std::array<mmsghdr, kReceiveBatch> headers;
#endif

  Impl() {
    void* p = ::mmap(nullptr, kReceiveBatch * kSlot, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc{};
    memory = static_cast<std::uint8_t*>(p);
    for (std::size_t i = 0; i < kReceiveBatch; ++i) pieces[i] = iovec{memory + i * kSlot, kSlot};
  }
  ~Impl() { ::munmap(memory, kReceiveBatch * kSlot); }
};

UdpReceiver::UdpReceiver() : impl_(std::make_unique<Impl>()) { datagrams_.reserve(kReceiveBatch); }
UdpReceiver::~UdpReceiver() = default;

void UdpReceiver::enableTrains([[maybe_unused]] UdpSocket& socket) {
#if CHUANTOU_FAST_PATHS && defined(UDP_GRO)
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_UDP, UDP_GRO, &on, sizeof on);
#endif
}

#if CHUANTOU_FAST_PATHS

std::span<const Datagram> UdpReceiver::receive(UdpSocket& socket, bool* refused) {
  datagrams_.clear();
  for (std::size_t i = 0; i < kReceiveBatch; ++i) {
    msghdr& h = impl_->headers[i].msg_hdr;
    std::memset(&h, 0, sizeof h);
    h.msg_name = impl_->from[i].data();
    h.msg_namelen = static_cast<socklen_t>(impl_->from[i].capacity());
    h.msg_iov = &impl_->pieces[i];
    h.msg_iovlen = 1;
    h.msg_control = impl_->control[i];
    h.msg_controllen = kControlBytes;
  }
  const int n = ::recvmmsg(socket.native_handle(), impl_->headers.data(), kReceiveBatch, MSG_DONTWAIT, nullptr);
  if (n < 0) {
    if (refused && errno == ECONNREFUSED) *refused = true;
    return {};
  }
  for (int i = 0; i < n; ++i) {
    const auto slot = static_cast<std::size_t>(i);
    msghdr& h = impl_->headers[slot].msg_hdr;
    if (h.msg_flags & MSG_TRUNC) continue;
    impl_->from[slot].resize(h.msg_namelen);
    const std::size_t total = impl_->headers[slot].msg_len;
    std::size_t segment = total;
    const asio::ip::address* to = nullptr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
      if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
        int size = 0;
        std::memcpy(&size, CMSG_DATA(c), sizeof size);
        if (size > 0) segment = static_cast<std::size_t>(size);
      } else if (const auto destination = destinationOf(*c)) {
        impl_->to[slot] = *destination;
        to = &impl_->to[slot];
      }
    }
    std::uint8_t* at = impl_->memory + slot * kSlot;
    std::size_t offset = 0;
    do {  // an empty datagram is one too
      const std::size_t size = std::min(segment, total - offset);
      datagrams_.push_back(Datagram{{at + offset, size}, &impl_->from[slot], to});
      offset += size;
    } while (offset < total);
  }
  return datagrams_;
}

#else

std::span<const Datagram> UdpReceiver::receive(UdpSocket& socket, bool* refused) {
  datagrams_.clear();
  msghdr h{};
  h.msg_name = impl_->from[0].data();
  h.msg_namelen = static_cast<socklen_t>(impl_->from[0].capacity());
  h.msg_iov = impl_->pieces.data();
  h.msg_iovlen = 1;
  h.msg_control = impl_->control[0];
  h.msg_controllen = kControlBytes;
  const ssize_t n = ::recvmsg(socket.native_handle(), &h, 0);
  if (n < 0) {
    if (refused && errno == ECONNREFUSED) *refused = true;
    return {};
  }
  impl_->from[0].resize(h.msg_namelen);
  const asio::ip::address* to = nullptr;
  for (cmsghdr* c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
    if (const auto destination = destinationOf(*c)) to = &(impl_->to[0] = *destination);
  }
  datagrams_.push_back(Datagram{{impl_->memory, static_cast<std::size_t>(n)}, &impl_->from[0], to});
  return datagrams_;
}

#endif

void UdpSender::add(UdpSocket& socket, const UdpEndpoint* to, std::span<const std::uint8_t> header,
                    std::span<const std::uint8_t> payload) {
  const bool sameTarget = socket_ == &socket && connected_ == (to == nullptr) && (to == nullptr || *to == to_);
  if (count_ > 0 && (!sameTarget || count_ == kBatch)) flush();
  if (count_ == 0) {
    socket_ = &socket;
    connected_ = to == nullptr;
    if (to) to_ = *to;
  }
  Item& item = items_[count_++];
  item.headerSize = static_cast<std::uint8_t>(std::min(header.size(), item.header.size()));
  std::copy_n(header.begin(), item.headerSize, item.header.begin());
  item.payload = payload;
}

void UdpSender::flush() {
  std::size_t first = 0;
  while (first < count_) {
    std::size_t count = 1;
#if CHUANTOU_FAST_PATHS
    // A train: equal datagrams, of which only the last may be shorter.
    const std::size_t size = items_[first].size();
    std::size_t bytes = size;
    while (trains_ && size > 0 && first + count < count_ && count < kTrainSegments) {
      const std::size_t next = items_[first + count].size();
      if (next > size || next == 0 || bytes + next > kTrainBytes) break;
      bytes += next;
      ++count;
      if (next < size) break;
    }
    if (count > 1 && sendTrain(first, count)) {
      first += count;
      continue;
    }
#endif
    sendEach(first, count);
    first += count;
  }
  count_ = 0;
}

namespace {
std::size_t fill(std::array<iovec, 2>& pieces, const std::uint8_t* header, std::size_t headerSize,
                 std::span<const std::uint8_t> payload) {
  std::size_t n = 0;
  if (headerSize > 0) pieces[n++] = iovec{const_cast<std::uint8_t*>(header), headerSize};
  if (!payload.empty()) pieces[n++] = iovec{const_cast<std::uint8_t*>(payload.data()), payload.size()};
  return n;
}
}  // namespace

bool UdpSender::sendTrain([[maybe_unused]] std::size_t first, [[maybe_unused]] std::size_t count) {
#if CHUANTOU_FAST_PATHS
  std::array<iovec, 2 * kBatch> pieces;
  std::size_t n = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    std::array<iovec, 2> two;
    const std::size_t k = fill(two, items_[i].header.data(), items_[i].headerSize, items_[i].payload);
    for (std::size_t j = 0; j < k; ++j) pieces[n++] = two[j];
  }
  alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(std::uint16_t))] = {};
  msghdr h{};
  if (!connected_) {
    h.msg_name = to_.data();
    h.msg_namelen = static_cast<socklen_t>(to_.size());
  }
  h.msg_iov = pieces.data();
  h.msg_iovlen = n;
  h.msg_control = control;
  h.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&h);
  c->cmsg_level = SOL_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto segment = static_cast<std::uint16_t>(items_[first].size());
  std::memcpy(CMSG_DATA(c), &segment, sizeof segment);
  if (::sendmsg(socket_->native_handle(), &h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
    dropped_ += count;
    return true;
  }
  // Too large for the path in one piece (the kernel then wants each segment to fit), or a kernel or device without it.
  if (errno == EIO || errno == ENOPROTOOPT || errno == EOPNOTSUPP) trains_ = false;
#endif
  return false;
}

void UdpSender::sendEach(std::size_t first, std::size_t count) {
  for (std::size_t i = first; i < first + count; ++i) {
    std::array<iovec, 2> pieces;
    msghdr h{};
    if (!connected_) {
      h.msg_name = to_.data();
      h.msg_namelen = static_cast<socklen_t>(to_.size());
    }
    h.msg_iov = pieces.data();
    h.msg_iovlen = fill(pieces, items_[i].header.data(), items_[i].headerSize, items_[i].payload);
    if (::sendmsg(socket_->native_handle(), &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      // A connected socket reports an earlier datagram's ICMP error here, once; this one is still to be sent.
      if (errno != ECONNREFUSED || ::sendmsg(socket_->native_handle(), &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) ++dropped_;
    }
  }
}

}  // namespace chuantou::net
