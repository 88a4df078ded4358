#include "net/http_server.hpp"

#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/read.hpp>
#include <asio/thread_pool.hpp>
#include <asio/write.hpp>
#include <unordered_set>

#include "base/endpoint_text.hpp"
#include "net/accept_loop.hpp"
#include "net/deadline_queue.hpp"
#include "net/listener.hpp"
#include "net/message_channel.hpp"

namespace chuantou::net {

namespace {
constexpr std::size_t kMaxConnections = 64;
constexpr Millis kRequestDeadline{10'000};
}  // namespace

struct HttpServer::Impl final : MessageChannel::Owner {
  class Patience final : public DeadlineQueue::Waiter {
   public:
    explicit Patience(std::weak_ptr<MessageChannel> channel) : channel_(std::move(channel)) {}
    void onDeadline() override {
      if (const auto channel = channel_.lock()) channel->abort("no request came in time");
    }

   private:
    std::weak_ptr<MessageChannel> channel_;
  };
  struct Connection {
    std::shared_ptr<MessageChannel> channel;
    std::shared_ptr<Patience> patience;
  };

  HttpHandler handler;
  IoThread thread;
  DeadlineQueue deadlines{thread.executor(), kRequestDeadline};
  std::vector<AcceptLoop> acceptors;
  std::uint16_t port = 0;
  std::unordered_map<MessageChannel*, Connection> connections;
  asio::thread_pool workers{1};  // handlers may block

  void onAccepted(TcpSocket socket) {
    if (connections.size() >= kMaxConnections) return;
    auto channel = std::make_shared<MessageChannel>(thread, std::move(socket), WebSocketCodec::server(kMaxHttpBody), this);
    auto patience = std::make_shared<Patience>(channel);
    deadlines.add(patience);
    connections[channel.get()] = Connection{channel, patience};
    channel->start();
  }

  void onOpen(MessageChannel& channel) override { channel.close(1008, "no WebSocket here"); }
  void onText(MessageChannel&, std::string) override {}
  void onHeard(MessageChannel&) override {}
  void onRequest(MessageChannel& channel, HttpRequest request) override {
    connections[&channel].patience.reset();  // the handler's time is its own
    asio::post(workers, [this, target = channel.weak_from_this(), request = std::move(request)] {
      HttpResponse response = handler(request);
      asio::post(thread.context(), [target, response = std::move(response)] {
        if (const auto asker = target.lock()) asker->respond(response);
      });
    });
  }
  void onClosed(MessageChannel& channel, const std::string&) override { connections.erase(&channel); }
};

HttpServer::HttpServer(const std::string& host, std::uint16_t port, HttpHandler handler) : impl_(std::make_unique<Impl>()) {
  impl_->handler = std::move(handler);
  ListenOptions options;
  options.hosts = {host};
  options.port = port;
  options.udp = false;
  options.backlog = 64;
  auto listening = listenOn(impl_->thread.context(), options);
  if (!listening) throw listening.error();
  impl_->port = listening->port;
  for (Acceptor& acceptor : listening->tcp) {
    impl_->acceptors.emplace_back(
        std::move(acceptor), [impl = impl_.get()](TcpSocket socket) { impl->onAccepted(std::move(socket)); },
        [](const ErrorCode&) {});
    impl_->acceptors.back().start();
  }
  impl_->thread.start();
}

HttpServer::~HttpServer() {
  impl_->workers.stop();
  impl_->workers.join();
  impl_->thread.stop();
}

std::uint16_t HttpServer::port() const noexcept {
  return impl_->port;
}

namespace {

struct CallState {
  ErrorCode error = asio::error::timed_out;
  std::string answer;
};

std::string requestText(const std::string& host, std::uint16_t port, const HttpRequest& request) {
  std::string text = request.method + " " + request.path + (request.query.empty() ? "" : "?" + request.query) + " HTTP/1.1\r\n";
  text += "Host: " + formatHostPort(host, port) + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : request.headers) text += name + ": " + value + "\r\n";
  text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
  return text;
}

HttpResponse parseAnswer(const std::string& answer) {
  const std::size_t head = answer.find("\r\n\r\n");
  HttpResponse out;
  // "HTTP/1.1 200 …": our own server answers with exactly this, and closes after the body.
  if (answer.compare(0, 9, "HTTP/1.1 ") != 0 || head == std::string::npos) {
    throw Error{Errc::protocol_error, "the admin API", "no HTTP answer"};
  }
  out.status = std::atoi(answer.c_str() + 9);
  out.body = answer.substr(head + 4);
  return out;
}

}  // namespace

HttpResponse httpCall(const std::string& host, std::uint16_t port, const HttpRequest& request,
                      std::chrono::milliseconds deadline) {
  asio::io_context context{1};
  CallState state;
  ErrorCode ec;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
  if (ec) throw Error{Errc::invalid_argument, host, ec.message()};
  TcpSocket socket{context};
  const std::string text = requestText(host, port, request);
  socket.async_connect(TcpEndpoint{address, port}, [&](const ErrorCode& connected) {
    state.error = connected;
    if (connected) return;
    state.error = asio::error::timed_out;
    asio::async_write(socket, asio::buffer(text), [&](const ErrorCode& written, std::size_t) {
      if (written) {
        state.error = written;
        return;
      }
      asio::async_read(socket, asio::dynamic_buffer(state.answer, 64 * 1024 * 1024), [&](const ErrorCode& read, std::size_t) {
        state.error = read == asio::error::eof ? ErrorCode{} : read;
      });
    });
  });
  context.run_for(deadline);
  const std::string at = formatHostPort(host, port);
  if (state.error == asio::error::connection_refused) throw Error{Errc::not_running, at};
  if (state.error == asio::error::timed_out) throw Error{Errc::timed_out, at};
  if (state.error) throw Error{Errc::connection_lost, at, state.error.message()};
  return parseAnswer(state.answer);
}

}  // namespace chuantou::net
