// Asks the server for sessions and hands its answers to whoever asked. Requests of one turn of the loop for the same
// target leave in one message.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "net/io_thread.hpp"
#include "wire/control_message.hpp"

namespace chuantou::engine {

/// What a session leads to.
struct Target {
  ClientId peer;
  std::string host;  ///< empty: the peer's loopback
  std::uint16_t port = 0;
  bool plain = false;  ///< without encryption between the two clients
  auto operator<=>(const Target&) const = default;
};

/// "B:3000", "B:db.lan:5432".
std::string toString(const Target& target);

class SessionHandler {
 public:
  virtual ~SessionHandler() = default;
  /// `peer`: by which key the server knows it.
  virtual void onCreated(SessionId, std::optional<UdpSession>, const wire::PeerKey& peer) { (void)peer; }
  virtual void onAccepted() {}
  /// The last call: refused, closed by the other side, or the control channel was lost before an answer.
  virtual void onSessionFailed(const Error& error) = 0;
};

class SessionDesk {
 public:
  using SendFunction = std::function<void(const wire::MessageToServer& message)>;

  SessionDesk(net::IoThread& thread, RandomSource& random, SendFunction send)
      : thread_(thread), random_(random), send_(std::move(send)), entries_(16, DataKeyHash{random}) {}

  /// Returns the key with which the session's data channel begins.
  DataKey request(const Target& target, wire::Transport transport, std::uint16_t localPort,
                  std::weak_ptr<SessionHandler> handler);
  /// The handler wants to hear no more; with `tellServer` the session ends.
  void forget(const DataKey& key, const char* tellServer = nullptr);

  void handle(const wire::CreateSession& message);
  void handle(const wire::AcceptSession& message);
  void handle(const wire::RejectSession& message);
  void handle(const wire::SessionClosed& message);
  /// The control channel ended: what has had no answer, and all of UDP, has failed.
  void handleLost(const Error& error);
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::weak_ptr<SessionHandler> handler;
    std::optional<SessionId> id;
    wire::Transport transport{};
    Target target;
  };
  using Batch = std::tuple<Target, wire::Transport, std::uint16_t>;
  void flush();
  void fail(const DataKey& key, Errc code, const std::string& reason);
  std::optional<DataKey> keyOf(const wire::SessionRef& ref) const;
  void erase(const DataKey& key);

  net::IoThread& thread_;
  RandomSource& random_;
  SendFunction send_;
  std::unordered_map<DataKey, Entry, DataKeyHash> entries_;
  std::unordered_map<std::uint64_t, DataKey> keys_;  ///< by session id
  std::map<Batch, std::vector<DataKey>> waiting_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool flushScheduled_ = false;
};

}  // namespace chuantou::engine
