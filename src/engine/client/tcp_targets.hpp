// What this client offers to its peers over TCP.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_set>

#include "crypto/datagram_seal.hpp"
#include "engine/client/inbound_carrier.hpp"
#include "engine/client/inbound_stream.hpp"
#include "engine/client/stream_impl.hpp"

namespace chuantou::engine {

class TcpTargets {
 public:
  using StreamKey = std::pair<PublicKey, StreamId>;
  using StreamListener = std::function<void(std::shared_ptr<detail::StreamImpl> stream)>;

  TcpTargets(ClientContext& context, PortRules rules, std::shared_ptr<net::IoThread> thread)
      : context_(context), rules_(std::move(rules)), thread_(std::move(thread)) {}
  ~TcpTargets();

  /// False: the port is taken.
  bool listen(std::uint16_t port, StreamListener listener) { return listeners_.emplace(port, std::move(listener)).second; }
  void unlisten(std::uint16_t port) { listeners_.erase(port); }
  bool offers(const ClientId& peer, bool sameGroup, const std::string& host, std::uint16_t port) const;
  /// A peer's session: takes part in it.
  void join(Visitor visitor, const DataKey& key);
  const PortRules& rules() const noexcept { return rules_; }
  /// What a connection wants, and who is told what became of it: one of the three calls, now or later.
  struct Wish {
    const ClientId& peer;
    bool sameGroup;
    const std::string& host;
    std::uint16_t port;
    std::function<void()> inProcess;  ///< a listener of this program: serve()
    std::function<void(net::TcpSocket service)> connected;
    std::function<void(const Error& error)> refused;
  };
  void reach(Wish wish);
  void serve(std::uint16_t port, const ClientId& peer, std::unique_ptr<StreamTransport> transport);
  /// A stream that this peer, and nobody else, may go on with.
  std::shared_ptr<InboundStream> find(const PublicKey& peer, const StreamId& id) const;
  /// It would know of a stream that was opened so long ago.
  bool hasBeenThereFor(Duration age) const { return Clock::now() - madeAt_ > age; }
  /// It was given up, or has changed carriers: what still comes of it is late.
  bool hasEnded(const PublicKey& peer, const StreamId& id) const { return ended_.count(StreamKey{peer, id}) != 0; }

  /// A peer opens a UDP flow over one of the carriers. `answer` runs once, now or later.
  std::function<void(const ClientId& peer, const wire::SealFrame& seal, const crypto::SealKeys& keys,
                     std::function<void(const Error* error)> answer)>
      onSeal;

 private:
  friend class InboundCarrier;
  friend class InboundStream;
  void rememberEnd(const StreamKey& key);

  ClientContext& context_;
  PortRules rules_;
  std::shared_ptr<net::IoThread> thread_;
  std::map<std::uint16_t, StreamListener> listeners_;
  std::unordered_set<InboundCarrier*> carriers_;
  std::map<StreamKey, std::shared_ptr<InboundStream>> streams_;
  std::set<StreamKey> ended_;
  std::deque<StreamKey> endedOrder_;
  const TimePoint madeAt_ = Clock::now();
};

}  // namespace chuantou::engine
