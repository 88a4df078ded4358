// A STUN server with two addresses and two ports on this machine's loopback.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "net/types.hpp"
#include "stun/responder.hpp"
#include "support/seeded_random.hpp"

namespace chuantou::test {

class StunServer {
 public:
  enum class Kind {
    twoAddresses,  ///< 127.0.0.1 and 127.0.0.2
    oneAddress,
    silent,  ///< hears everything and says nothing
  };
  explicit StunServer(Kind kind = Kind::twoAddresses);
  ~StunServer();

  std::string address() const;  ///< "127.0.0.1:40000"
  std::size_t requests() const { return requests_; }

 private:
  void receive(std::size_t index);

  Kind kind_;
  asio::io_context context_{1};
  SeededRandom random_{1};
  std::unique_ptr<stun::Responder> responder_;
  std::vector<std::unique_ptr<net::UdpSocket>> sockets_;
  std::vector<UdpAddress> addresses_;
  std::vector<std::array<std::uint8_t, 2048>> rooms_;
  std::vector<net::UdpEndpoint> froms_;
  std::atomic<std::size_t> requests_{0};
  std::thread thread_;
};

}  // namespace chuantou::test
