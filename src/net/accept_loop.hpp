// Accepts for as long as it lives, also through a shortage of descriptors.
#pragma once

#include "net/types.hpp"

namespace chuantou::net {

class AcceptLoop {
 public:
  using OnSocket = std::function<void(TcpSocket socket)>;
  /// The system could not accept (descriptors, memory); it is tried again by and by, and told each time.
  using OnTrouble = std::function<void(const ErrorCode& ec)>;

  AcceptLoop(Acceptor acceptor, OnSocket onSocket, OnTrouble onTrouble);
  ~AcceptLoop();
  AcceptLoop(AcceptLoop&&) noexcept = default;
  AcceptLoop& operator=(AcceptLoop&&) = delete;
  void start();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace chuantou::net
