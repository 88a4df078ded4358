// A tunnel through an HTTP proxy: CONNECT (RFC 9110, section 9.3.6), with Basic authentication (RFC 7617).
#pragma once

#include "wire/proxy_handshake.hpp"

namespace chuantou::wire {

class HttpConnect final : public ProxyHandshake {
 public:
  HttpConnect(const ProxyUrl& proxy, const HostPort& target);

  /// A proxy's answer, all its lines together.
  static constexpr std::size_t kMaxHead = 16 * 1024;

 private:
  void take(std::uint8_t byte) override;
  void endLine();

  bool authenticated_;
  std::size_t size_ = 0;    ///< of the head so far
  std::string line_;        ///< the present one; of later ones only whether they are empty matters
  bool first_ = true;       ///< it is the status line
  unsigned status_ = 0;
  std::string reason_;
};

}  // namespace chuantou::wire
