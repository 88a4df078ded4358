#include "net/accept_loop.hpp"

#include <asio/error.hpp>
#include <cerrno>

#include "net/sys_error.hpp"

namespace chuantou::net {

namespace {
constexpr Millis kRetry{100};

bool isShortage(const ErrorCode& ec) {
  return ec == asio::error::no_descriptors || ec == asio::error::no_memory || ec == asio::error::no_buffer_space ||
         isErrno(ec, ENFILE);
}
}  // namespace

struct AcceptLoop::State : std::enable_shared_from_this<State> {
  Acceptor acceptor;
  Timer timer;
  OnSocket onSocket;
  OnTrouble onTrouble;
  bool over = false;

  State(Acceptor a, OnSocket s, OnTrouble t)
      : acceptor(std::move(a)), timer(acceptor.get_executor()), onSocket(std::move(s)), onTrouble(std::move(t)) {}

  void next() {
    acceptor.async_accept([self = shared_from_this()](const ErrorCode& ec, TcpSocket socket) {
      if (self->over) return;
      if (!isShortage(ec)) {
        if (!ec) self->onSocket(std::move(socket));  // else it was gone before we saw it
        if (!self->over) self->next();
        return;
      }
      self->onTrouble(ec);
      self->timer.expires_after(kRetry);
      self->timer.async_wait([self](const ErrorCode&) {
        if (!self->over) self->next();
      });
    });
  }
};

AcceptLoop::AcceptLoop(Acceptor acceptor, OnSocket onSocket, OnTrouble onTrouble)
    : state_(std::make_shared<State>(std::move(acceptor), std::move(onSocket), std::move(onTrouble))) {}

AcceptLoop::~AcceptLoop() {
  if (!state_) return;
  state_->over = true;
  ErrorCode ignored;
  state_->acceptor.close(ignored);
  state_->timer.cancel();
}

void AcceptLoop::start() { state_->next(); }

}  // namespace chuantou::net
