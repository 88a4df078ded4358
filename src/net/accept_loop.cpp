#include "net/accept_loop.hpp"

#include <asio/error.hpp>
#include <cerrno>

#include "net/sys_error.hpp"

namespace chuantou::net {

namespace {
constexpr Millis kRetry{100};
/// Connections in one turn of the event loop: whoever floods one port must not keep the others, nor those served, waiting.
constexpr int kPerTurn = 8;

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
    acceptor.async_wait(Acceptor::wait_read, [self = shared_from_this()](const ErrorCode& ec) {
      if (self->over || ec == asio::error::operation_aborted) return;
      self->acceptSome();
    });
  }

  void acceptSome() {
    for (int left = kPerTurn; left > 0; --left) {
      TcpSocket socket{acceptor.get_executor()};
      ErrorCode ec;
      acceptor.accept(socket, ec);
      if (ec == asio::error::would_block || ec == asio::error::try_again) break;
      if (isShortage(ec)) return rest(ec);
      if (ec) continue;  // it was gone before we saw it
      onSocket(std::move(socket));
      if (over) return;
    }
    next();
  }

  void rest(const ErrorCode& ec) {
    onTrouble(ec);
    timer.expires_after(kRetry);
    timer.async_wait([self = shared_from_this()](const ErrorCode&) {
      if (!self->over) self->acceptSome();
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

void AcceptLoop::start() {
  ErrorCode ignored;
  state_->acceptor.non_blocking(true, ignored);
  state_->next();
}

}  // namespace chuantou::net
