// The client's UDP socket to the server: proves addresses, carries all flows of both roles.
#pragma once

#include <unordered_map>

#include "crypto/datagram_seal.hpp"
#include "engine/client/client_context.hpp"
#include "wire/udp_fragment.hpp"
#include "wire/udp_packet.hpp"

namespace chuantou::engine {

class UdpSessionUser {
 public:
  virtual ~UdpSessionUser() = default;
  /// The server has believed our address.
  virtual void onBound() = 0;
  /// It never answered: UDP does not pass to the server.
  virtual void onBindFailed() = 0;
  /// A datagram of the peer; the bytes are valid until the end of the batch (onBatchEnd of the link).
  virtual void onDatagram(std::span<const std::uint8_t> datagram) = 0;
};

class UdpLink {
 public:
  explicit UdpLink(ClientContext& context);

  /// Begins to prove our address for this session, and keeps it proved. With `sealed` nothing passes until seal().
  void bind(UdpSession session, const DataKey& key, UdpSessionUser& user, bool sealed);
  void seal(UdpSession session, const crypto::SealKey& ours, const crypto::SealKey& theirs);
  void unbind(UdpSession session);
  /// Proves our address of all sessions now: it may be another one.
  void rebind();
  /// The datagram must stay valid until the sender is flushed.
  void send(UdpSession session, std::span<const std::uint8_t> datagram);
  /// The control channel was lost; sessions are gone, and the server may have another address next time.
  void close();
  /// The server, for diagnostics: its address, or its name where there is no way to it.
  std::string where() const;

 private:
  struct Seal {
    crypto::DatagramSealer sealer;
    crypto::DatagramOpener opener;
  };
  struct Binding {
    DataKey key;
    bool sealed = false;
    std::optional<Seal> seal;
    UdpSessionUser* user = nullptr;
    TimePoint askedAt{};
    TimePoint nextAt{};
    int tries = 0;
    bool bound = false;
    wire::Reassembly reassembly;
  };

  bool open();
  void wait();
  void receive();
  void handle(std::span<std::uint8_t> bytes);
  void deliver(Binding& binding, std::span<std::uint8_t> bytes);
  std::span<std::uint8_t> takeSealRoom(std::size_t size);
  void sendBind(UdpSession session, Binding& binding);
  void armTimer();
  void onTimer();

  ClientContext& context_;
  net::UdpSocket socket_;
  net::Timer timer_;
  bool timerArmed_ = false;
  std::uint16_t nextFragmentId_ = 0;
  std::unique_ptr<std::uint8_t[]> sealRoom_;  ///< for datagrams that have been sealed and not yet sent
  std::size_t sealRoomUsed_ = 0;
  std::uint64_t generation_ = 0;  ///< of the socket: late completions of an older one do nothing
  std::unordered_map<std::uint32_t, Binding> bindings_;
};

}  // namespace chuantou::engine
