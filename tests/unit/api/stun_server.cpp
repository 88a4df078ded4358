#include "api/stun_server.hpp"

#include <asio/buffer.hpp>

#include "net/ip_convert.hpp"

namespace chuantou::test {

namespace {

std::unique_ptr<net::UdpSocket> bound(asio::io_context& context, const char* address, std::uint16_t port) {
  return std::make_unique<net::UdpSocket>(context, net::UdpEndpoint{asio::ip::make_address(address), port});
}

}  // namespace

StunServer::StunServer(Kind kind) : kind_(kind) {
  const std::size_t count = kind == Kind::twoAddresses ? 4 : 1;
  // Two ports that both addresses have.
  while (sockets_.size() != count) {
    sockets_.clear();
    addresses_.clear();
    try {
      sockets_.push_back(bound(context_, "127.0.0.1", 0));
      const std::uint16_t first = sockets_[0]->local_endpoint().port();
      if (count == 1) break;
      sockets_.push_back(bound(context_, "127.0.0.1", 0));
      const std::uint16_t second = sockets_[1]->local_endpoint().port();
      sockets_.push_back(bound(context_, "127.0.0.2", first));
      sockets_.push_back(bound(context_, "127.0.0.2", second));
    } catch (const std::system_error&) {  // one is taken: other ports
    }
  }
  for (const auto& socket : sockets_) addresses_.push_back(net::fromAsio(socket->local_endpoint()));
  stun::ResponderConfig config;
  if (count == 4) config.alternates = {addresses_[0], addresses_[3]};
  responder_ = std::make_unique<stun::Responder>(config, random_);
  rooms_.resize(count);
  froms_.resize(count);
  for (std::size_t i = 0; i < count; ++i) receive(i);
  thread_ = std::thread{[this] { context_.run(); }};
}

StunServer::~StunServer() {
  context_.stop();
  thread_.join();
}

std::string StunServer::address() const { return addresses_[0].str(); }

void StunServer::receive(std::size_t index) {
  sockets_[index]->async_receive_from(
      asio::buffer(rooms_[index]), froms_[index], [this, index](const net::ErrorCode& ec, std::size_t size) {
        if (!ec) {
          ++requests_;
          const auto answer = responder_->handle(Clock::now(), net::fromAsio(froms_[index]), addresses_[index], {rooms_[index].data(), size});
          for (std::size_t i = 0; answer && kind_ != Kind::silent && i < addresses_.size(); ++i) {
            net::ErrorCode ignored;
            if (addresses_[i] == answer->from) sockets_[i]->send_to(asio::buffer(answer->bytes), net::toAsio(answer->to), 0, ignored);
          }
        }
        receive(index);
      });
}

}  // namespace chuantou::test
