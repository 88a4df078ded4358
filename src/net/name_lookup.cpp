#include "net/name_lookup.hpp"

#include <netdb.h>

#include <algorithm>
#include <asio/ip/address.hpp>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace chuantou::net {

/// Between the looking threads and the one that waits; whoever is left last takes it away.
struct NameLookup::Mailbox {
  std::mutex mutex;
  asio::io_context* context = nullptr;  ///< nothing: nobody waits any more
  // On the context's thread only.
  std::map<std::uint64_t, Done> waiting;
  std::uint64_t last = 0;

  void answer(std::uint64_t id, std::vector<asio::ip::address> addresses, const std::shared_ptr<Mailbox>& self) {
    const std::lock_guard lock{mutex};
    if (context == nullptr) return;
    asio::post(*context, [self, id, addresses = std::move(addresses)] {
      const auto node = self->waiting.extract(id);
      if (!node.empty()) node.mapped()(addresses);
    });
  }
};

namespace {

std::vector<asio::ip::address> lookUp(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* first = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &first) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all{first, &::freeaddrinfo};
  std::vector<asio::ip::address> out;
  for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
    UdpEndpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::copy_n(reinterpret_cast<const char*>(at->ai_addr), at->ai_addrlen, reinterpret_cast<char*>(endpoint.data()));
    out.push_back(endpoint.address());
  }
  return out;
}

}  // namespace

NameLookup::NameLookup(asio::io_context& context) : mailbox_(std::make_shared<Mailbox>()) { mailbox_->context = &context; }

NameLookup::~NameLookup() {
  mailbox_->waiting.clear();
  const std::lock_guard lock{mailbox_->mutex};
  mailbox_->context = nullptr;
}

void NameLookup::find(const std::string& name, Done done) {
  const std::uint64_t id = ++mailbox_->last;
  mailbox_->waiting[id] = std::move(done);
  const auto answer = [mailbox = mailbox_, id](std::vector<asio::ip::address> addresses) {
    mailbox->answer(id, std::move(addresses), mailbox);
  };
  ErrorCode ec;
  const auto literal = asio::ip::make_address(name, ec);
  if (!ec) return answer({literal});
  if (name == "localhost") {  // RFC 6761, section 6.3: always loopback
    return answer({asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()});
  }
  try {
    std::thread{[name, answer] { answer(lookUp(name)); }}.detach();
  } catch (const std::system_error&) {  // no more threads: as good as no answer
    answer({});
  }
}

}  // namespace chuantou::net
