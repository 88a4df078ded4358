#include "net/upnp_gateway.hpp"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/ip/multicast.hpp>
#include <charconv>

#include "net/http_exchange.hpp"

namespace chuantou::net {

namespace {
/// A search is sent this often: datagrams get lost.
constexpr int kSearchRounds = 3;
constexpr Millis kSearchInterval{250};
/// Devices wait up to MX = 1 s before they answer; those that have not begun by now are too slow for us.
constexpr Millis kSearchPatience{1300};
/// A gateway has one description, at most a few.
constexpr std::size_t kMaxLocations = 4;
constexpr const char* kDescription = "chuantou";

const char* nameOf(nat::Transport transport) { return transport == nat::Transport::tcp ? "TCP" : "UDP"; }
IpAddress ofAsio(const asio::ip::address_v4& address) { return IpAddress{address.to_bytes()}; }
}  // namespace

UpnpGateway::UpnpGateway(asio::io_context& context, const DefaultGateway& gateway)
    : context_(context), gateway_(gateway), socket_(context), searchTimer_(context), deadline_(context) {}

void UpnpGateway::discover(Duration deadline, std::function<void(bool)> done) {
  searchDone_ = std::move(done);
  service_.reset();
  locations_.clear();
  searchEnd_ = Clock::now() + deadline;
  deadline_.expires_at(searchEnd_);
  deadline_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->finishSearch();
  });
  ErrorCode ec;
  socket_.close(ec);
  socket_.open(asio::ip::udp::v4(), ec);
  if (!ec) socket_.bind({gateway_.local, 0}, ec);
  if (!ec) socket_.set_option(asio::ip::multicast::outbound_interface{gateway_.local}, ec);
  if (!ec) socket_.set_option(asio::ip::multicast::hops{2}, ec);
  if (!ec) socket_.non_blocking(true, ec);
  if (ec) {
    asio::post(context_, [self = shared_from_this()] { self->finishSearch(); });
    return;
  }
  receive();
  search(0);
}

void UpnpGateway::search(int round) {
  // To the group as UPnP wants it, and to the gateway alone (UPnP 1.1), which some answer better.
  const asio::ip::address targets[] = {asio::ip::make_address(nat::kSsdpGroup), gateway_.address};
  for (const auto& target : targets) {
    for (const auto what : {nat::kIgdDevice, nat::kRootDevice}) {
      ErrorCode ignored;
      socket_.send_to(asio::buffer(nat::ssdpSearch(what)), UdpEndpoint{target, nat::kSsdpPort}, 0, ignored);
    }
  }
  const bool last = round + 1 == kSearchRounds;
  searchTimer_.expires_after(last ? kSearchPatience - kSearchInterval * (kSearchRounds - 1) : kSearchInterval);
  searchTimer_.async_wait([self = shared_from_this(), round, last](const ErrorCode& ec) {
    if (ec || !self->searchDone_) return;
    if (!last) return self->search(round + 1);
    if (self->locations_.empty()) self->finishSearch();  // else a description is on its way
  });
}

void UpnpGateway::receive() {
  socket_.async_receive_from(asio::buffer(room_), from_,
                             [self = shared_from_this()](const ErrorCode& ec, std::size_t size) {
                               if (ec == asio::error::operation_aborted || !self->searchDone_) return;
                               if (!ec && self->from_.address() == self->gateway_.address)
                                 self->onReply({self->room_.data(), size});
                               if (self->socket_.is_open()) self->receive();
                             });
}

void UpnpGateway::onReply(std::string_view datagram) {
  const auto location = nat::parseSsdpReply(datagram);
  const auto url = location ? nat::HttpUrl::parse(*location) : std::nullopt;
  if (!url || url->host != ofAsio(gateway_.address) || locations_.size() >= kMaxLocations) return;
  if (std::find(locations_.begin(), locations_.end(), *location) != locations_.end()) return;
  locations_.push_back(*location);
  exchangeHttp(context_, {gateway_.address, url->port}, nat::httpGet(*url), searchEnd_ - Clock::now(),
               [self = shared_from_this(), url = *url](const std::optional<nat::HttpReply>& reply) {
                 self->onDescription(url, reply);
               });
}

void UpnpGateway::onDescription(const nat::HttpUrl& url, const std::optional<nat::HttpReply>& reply) {
  if (!searchDone_ || !reply || reply->status != 200) return;
  const auto services = servicesOf(reply->body, url);
  if (services.empty()) return;
  service_ = services.front();
  finishSearch();
}

void UpnpGateway::finishSearch() {
  if (!searchDone_) return;
  const auto tell = std::exchange(searchDone_, nullptr);
  close();
  tell(found());
}

void UpnpGateway::close() {
  searchDone_ = nullptr;
  searchTimer_.cancel();
  deadline_.cancel();
  ErrorCode ignored;
  socket_.close(ignored);
}

void UpnpGateway::call(const std::string& action, std::initializer_list<std::pair<const char*, std::string>> arguments,
                       const char* valueName, Duration deadline, AnswerDone done) {
  if (!service_) {
    asio::post(context_, [done = std::move(done)] { done({}); });
    return;
  }
  exchangeHttp(context_, {gateway_.address, service_->control.port},
               nat::soapCall(service_->control, service_->type, action, arguments), deadline,
               [done = std::move(done), valueName](const std::optional<nat::HttpReply>& reply) {
                 Answer answer;
                 answer.reached = reply.has_value();
                 if (reply && reply->status == 200) {
                   if (valueName != nullptr) answer.value = soapValue(reply->body, valueName);
                 } else if (reply) {
                   answer.error = -1;
                   const std::string code = soapValue(reply->body, "errorCode").value_or("");
                   std::from_chars(code.data(), code.data() + code.size(), answer.error);
                 }
                 done(answer);
               });
}

void UpnpGateway::externalAddress(Duration deadline, std::function<void(std::optional<IpAddress>)> done) {
  call("GetExternalIPAddress", {}, "NewExternalIPAddress", deadline, [done = std::move(done)](const Answer& answer) {
    done(answer.value ? IpAddress::parse(*answer.value) : std::nullopt);
  });
}

void UpnpGateway::add(nat::Transport transport, std::uint16_t internalPort, std::uint16_t externalPort,
                      std::chrono::seconds lifetime, Duration deadline, AnswerDone done) {
  call("AddPortMapping",
       {{"NewRemoteHost", ""},
        {"NewExternalPort", std::to_string(externalPort)},
        {"NewProtocol", nameOf(transport)},
        {"NewInternalPort", std::to_string(internalPort)},
        {"NewInternalClient", gateway_.local.to_string()},
        {"NewEnabled", "1"},
        {"NewPortMappingDescription", kDescription},
        {"NewLeaseDuration", std::to_string(lifetime.count())}},
       nullptr, deadline, std::move(done));
}

void UpnpGateway::remove(nat::Transport transport, std::uint16_t externalPort, Duration deadline, AnswerDone done) {
  call("DeletePortMapping",
       {{"NewRemoteHost", ""}, {"NewExternalPort", std::to_string(externalPort)}, {"NewProtocol", nameOf(transport)}},
       nullptr, deadline, std::move(done));
}

}  // namespace chuantou::net
