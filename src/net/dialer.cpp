#include "net/dialer.hpp"

#include <asio/error.hpp>
#include <optional>

#include "net/name_lookup.hpp"
#include "net/socket_options.hpp"

namespace chuantou::net {

std::vector<TcpEndpoint> interleave(const std::vector<TcpEndpoint>& resolved) {
  std::vector<TcpEndpoint> first;
  std::vector<TcpEndpoint> second;
  for (const TcpEndpoint& endpoint : resolved) {
    const bool likeFirst = endpoint.address().is_v6() == resolved.front().address().is_v6();
    (likeFirst ? first : second).push_back(endpoint);
  }
  std::vector<TcpEndpoint> out;
  for (std::size_t i = 0; i < first.size() || i < second.size(); ++i) {
    if (i < first.size()) out.push_back(first[i]);
    if (i < second.size()) out.push_back(second[i]);
  }
  return out;
}

class Dial : public std::enable_shared_from_this<Dial> {
 public:
  Dial(asio::io_context& context, DialDone done)
      : context_(context), done_(std::move(done)), stagger_(context.get_executor()), deadline_(context.get_executor()) {}

  void resolve(const std::string& host, std::uint16_t port, Duration deadline) {
    armDeadline(deadline);
    names_.emplace(context_);
    names_->find(host, [weak = weak_from_this(), port](const ErrorCode& ec, const std::vector<asio::ip::address>& addresses) {
      const auto self = weak.lock();
      if (!self) return;
      if (ec) return self->finish(ec);
      std::vector<TcpEndpoint> endpoints;
      for (const asio::ip::address& address : addresses) endpoints.emplace_back(address, port);
      self->start(interleave(endpoints));
    });
  }

  void connect(std::vector<TcpEndpoint> endpoints, Duration deadline) {
    armDeadline(deadline);
    start(std::move(endpoints));
  }

  void cancel() { finish(asio::error::operation_aborted); }

 private:
  /// It also keeps the dial until it has finished.
  void armDeadline(Duration deadline) {
    deadline_.expires_after(deadline);
    deadline_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
      if (!ec) self->finish(asio::error::timed_out);
    });
  }

  void start(std::vector<TcpEndpoint> endpoints) {
    if (!done_) return;
    endpoints_ = std::move(endpoints);
    sockets_.reserve(endpoints_.size());
    if (endpoints_.empty()) return finish(asio::error::host_not_found);
    attempt();
  }

  void attempt() {
    if (!done_ || next_ >= endpoints_.size()) return;
    const std::size_t index = next_++;
    ++running_;
    sockets_.push_back(std::make_unique<TcpSocket>(context_));
    openForDial(*sockets_[index], endpoints_[index]);
    sockets_[index]->async_connect(endpoints_[index], [self = shared_from_this(), index](const ErrorCode& ec) {
      --self->running_;
      if (!self->done_) return;
      if (!ec) return self->finish({}, index);
      self->lastError_ = ec;
      if (self->next_ < self->endpoints_.size()) return self->attempt();
      if (self->running_ == 0) self->finish(ec);
    });
    if (next_ >= endpoints_.size()) return;
    stagger_.expires_after(kConnectionAttemptDelay);
    stagger_.async_wait([weak = weak_from_this()](const ErrorCode& ec) {
      const auto self = weak.lock();
      if (!ec && self) self->attempt();
    });
  }

  void finish(const ErrorCode& ec, std::size_t winner = 0) {
    if (!done_) return;
    const DialDone done = std::exchange(done_, nullptr);
    ErrorCode ignored;
    stagger_.cancel();
    deadline_.cancel();
    names_.reset();
    TcpSocket socket{context_};
    if (!ec) socket = std::move(*sockets_[winner]);
    for (const auto& other : sockets_) other->close(ignored);
    // A deadline hides why the attempts failed; what they said before is the better reason.
    done(ec == asio::error::timed_out && lastError_ ? lastError_ : ec, std::move(socket));
  }

  asio::io_context& context_;
  DialDone done_;
  Timer stagger_;
  Timer deadline_;
  std::optional<NameLookup> names_;
  std::vector<TcpEndpoint> endpoints_;
  std::vector<std::unique_ptr<TcpSocket>> sockets_;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  ErrorCode lastError_;
};

DialHandle dial(asio::io_context& context, const std::string& host, std::uint16_t port, Duration deadline, DialDone done) {
  auto handle = std::make_shared<Dial>(context, std::move(done));
  handle->resolve(host, port, deadline);
  return handle;
}

DialHandle dialAny(asio::io_context& context, std::vector<TcpEndpoint> endpoints, Duration deadline, DialDone done) {
  auto handle = std::make_shared<Dial>(context, std::move(done));
  handle->connect(std::move(endpoints), deadline);
  return handle;
}

void cancelDial(const DialHandle& handle) {
  if (handle) handle->cancel();
}

}  // namespace chuantou::net
