// What a client says to a proxy before the tunnel is open: HTTP CONNECT (RFC 9110, section 9.3.6), SOCKS5 (RFC 1928, 1929).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/proxy_url.hpp"

namespace chuantou::wire {

class ProxyHandshake {
 public:
  enum class State { going, open, failed };

  virtual ~ProxyHandshake() = default;

  /// Takes as many of the bytes as belong to the handshake, and returns their number: what follows is the tunnel's. The caller
  /// keeps the others. Takes nothing once it has ended.
  std::size_t handle(std::span<const std::uint8_t> bytes);
  /// What is to be sent, at the beginning and after each handle().
  std::string takeOutput() { return std::exchange(output_, {}); }

  State state() const noexcept { return state_; }
  /// Why it failed, for people: printable, at most kMaxWords long and a little.
  const std::string& failure() const noexcept { return failure_; }

  static constexpr std::size_t kMaxWords = 100;

 protected:
  /// The next byte.
  virtual void take(std::uint8_t byte) = 0;
  void send(std::string_view bytes) { output_ += bytes; }
  void open() { state_ = State::open; }
  void fail(std::string why);

 private:
  State state_ = State::going;
  std::string output_;
  std::string failure_;
};

/// `target`: its host is resolved by the proxy; at most 255 bytes long.
std::unique_ptr<ProxyHandshake> makeProxyHandshake(const ProxyUrl& proxy, const HostPort& target);

}  // namespace chuantou::wire
