// A tunnel through a SOCKS5 proxy (RFC 1928), with a user and password where it wants them (RFC 1929).
//
//     client                                   proxy
//     05 | n | n methods                 -->
//                                        <--   05 | method (00 none, 02 password, FF no)
//     01 | len | user | len | password   -->                                      method 02 only
//                                        <--   01 | status (00 good)
//     05 | 01 | 00 | address | port (2)  -->
//                                        <--   05 | reply (00 good) | 00 | address | port (2)
//
//     address: 01 and 4 bytes, 03 and a length and a name, 04 and 16 bytes
#pragma once

#include "wire/proxy_handshake.hpp"

namespace chuantou::wire {

class Socks5 final : public ProxyHandshake {
 public:
  Socks5(const ProxyUrl& proxy, const HostPort& target);

 private:
  enum class Step { method, password, reply };

  void take(std::uint8_t byte) override;
  void takeMethod();
  void takePassword();
  void takeReply();
  void sendRequest();

  Step step_ = Step::method;
  std::string user_;
  Secret password_;
  HostPort target_;
  std::string message_;  ///< of the proxy, as far as it is here
};

}  // namespace chuantou::wire
