#include "net/http_exchange.hpp"

#include <array>
#include <asio/buffer.hpp>
#include <asio/write.hpp>

namespace chuantou::net {

namespace {

struct Exchange : std::enable_shared_from_this<Exchange> {
  Exchange(asio::io_context& context, std::string text, HttpReplyDone whenDone)
      : socket(context), deadline(context), request(std::move(text)), done(std::move(whenDone)) {}

  void start(const TcpEndpoint& to, Duration after) {
    deadline.expires_after(after);
    deadline.async_wait([self = shared_from_this()](const ErrorCode& ec) {
      if (!ec) self->finish(std::nullopt);
    });
    socket.async_connect(to, [self = shared_from_this()](const ErrorCode& ec) {
      if (ec) return self->finish(std::nullopt);
      asio::async_write(self->socket, asio::buffer(self->request), [self](const ErrorCode& failed, std::size_t) {
        if (failed) return self->finish(std::nullopt);
        self->read();
      });
    });
  }

  void read() {
    socket.async_read_some(asio::buffer(room), [self = shared_from_this()](const ErrorCode& ec, std::size_t size) {
      self->answer.append(self->room.data(), size);
      if (self->answer.size() > nat::kMaxHttpReply) return self->finish(std::nullopt);
      auto reply = nat::parseHttpReply(self->answer, static_cast<bool>(ec));
      if (reply || ec) return self->finish(std::move(reply));
      self->read();
    });
  }

  void finish(std::optional<nat::HttpReply> reply) {
    if (!done) return;
    const HttpReplyDone tell = std::exchange(done, nullptr);
    deadline.cancel();
    ErrorCode ignored;
    socket.close(ignored);
    tell(std::move(reply));
  }

  TcpSocket socket;
  Timer deadline;
  std::string request;
  std::string answer;
  std::array<char, 4096> room;
  HttpReplyDone done;
};

}  // namespace

void exchangeHttp(asio::io_context& context, const TcpEndpoint& to, std::string request, Duration deadline,
                  HttpReplyDone done) {
  std::make_shared<Exchange>(context, std::move(request), std::move(done))->start(to, deadline);
}

}  // namespace chuantou::net
