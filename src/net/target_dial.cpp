#include "net/target_dial.hpp"

#include <asio/error.hpp>

#include "chuantou/error.hpp"
#include "net/ip_convert.hpp"
#include "net/name_lookup.hpp"

namespace chuantou::net {

namespace {

/// One answer of the resolver, or its deadline, which keeps the search until then.
struct Search {
  explicit Search(asio::io_context& context, AddressesDone whenDone)
      : done(std::move(whenDone)), deadline(context.get_executor()) {}

  void finish(const ErrorCode& ec, const std::vector<asio::ip::address>& addresses) {
    if (!done) return;
    const AddressesDone tell = std::exchange(done, nullptr);
    deadline.cancel();
    lookup.reset();
    tell(ec, addresses);
  }

  AddressesDone done;
  Timer deadline;
  std::shared_ptr<void> lookup;
};

std::vector<asio::ip::address> allowedOf(const Decision& decision, const std::vector<asio::ip::address>& resolved) {
  std::vector<TcpEndpoint> endpoints;
  for (const asio::ip::address& address : resolved) {
    // A scope id is lost here: what needs one to be reached is link-local or multicast, and forbidden.
    if (mayDial(decision, fromAsio(address))) endpoints.emplace_back(toAsio(fromAsio(address)), 0);
  }
  std::vector<asio::ip::address> out;
  for (const TcpEndpoint& endpoint : interleave(endpoints)) out.push_back(endpoint.address());
  return out;
}

}  // namespace

std::shared_ptr<void> resolveBySystem(asio::io_context& context, const std::string& name, AddressesDone done) {
  auto names = std::make_shared<NameLookup>(context);
  names->find(name, std::move(done));
  return names;
}

void findTarget(asio::io_context& context, const Decision& decision, Duration deadline, AddressesDone done,
                const Resolve& resolve) {
  const auto judge = [decision](const std::vector<asio::ip::address>& resolved, const AddressesDone& tell) {
    const auto addresses = allowedOf(decision, resolved);
    tell(addresses.empty() ? make_error_code(Errc::not_allowed) : ErrorCode{}, addresses);
  };
  if (decision.kind != Decision::Kind::name) {
    std::vector<asio::ip::address> addresses;
    for (const IpAddress& address : decision.addresses) addresses.push_back(toAsio(address));
    return judge(addresses, done);
  }
  const auto search = std::make_shared<Search>(context, std::move(done));
  search->deadline.expires_after(deadline);
  search->deadline.async_wait([search](const ErrorCode& ec) {
    if (!ec) search->finish(asio::error::timed_out, {});
  });
  search->lookup = resolve(context, decision.name, [weak = std::weak_ptr{search}, judge](const ErrorCode& ec, const std::vector<asio::ip::address>& resolved) {
    const auto self = weak.lock();
    if (!self) return;
    if (ec) return self->finish(ec, {});
    judge(resolved, [&](const ErrorCode& verdict, const std::vector<asio::ip::address>& addresses) { self->finish(verdict, addresses); });
  });
}

void dialTarget(asio::io_context& context, const Decision& decision, std::uint16_t port, Duration deadline,
                DialDone done, const Resolve& resolve) {
  const TimePoint until = Clock::now() + deadline;
  findTarget(
      context, decision, deadline,
      [&context, port, until, done = std::move(done)](const ErrorCode& ec,
                                                      const std::vector<asio::ip::address>& addresses) {
        if (ec) return done(ec, TcpSocket{context});
        std::vector<TcpEndpoint> endpoints;
        for (const asio::ip::address& address : addresses) endpoints.emplace_back(address, port);
        dialAny(context, std::move(endpoints), until - Clock::now(), done);
      },
      resolve);
}

}  // namespace chuantou::net
