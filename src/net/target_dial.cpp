#include "net/target_dial.hpp"

#include <asio/error.hpp>

#include "chuantou/error.hpp"
#include "net/ip_convert.hpp"

namespace chuantou::net {

namespace {

/// One answer of the resolver, or its deadline.
struct Search {
  explicit Search(asio::io_context& context, AddressesDone whenDone)
      : done(std::move(whenDone)), deadline(context.get_executor()) {}

  void finish(const ErrorCode& ec, const std::vector<asio::ip::address>& addresses) {
    if (!done) return;
    const AddressesDone tell = std::exchange(done, nullptr);
    deadline.cancel();
    tell(ec, addresses);
  }

  AddressesDone done;
  Timer deadline;
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

void resolveBySystem(asio::io_context& context, const std::string& name, AddressesDone done) {
  using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;
  const auto resolver = std::make_shared<Resolver>(context.get_executor());
  resolver->async_resolve(
      name, "", asio::ip::resolver_base::flags{},
      [resolver, done = std::move(done)](const ErrorCode& ec, const Resolver::results_type& results) {
        std::vector<asio::ip::address> addresses;
        for (const auto& entry : results) addresses.push_back(entry.endpoint().address());
        done(ec, addresses);
      });
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
  resolve(context, decision.name, [search, judge](const ErrorCode& ec, const std::vector<asio::ip::address>& resolved) {
    if (ec) return search->finish(ec, {});
    judge(resolved, [&](const ErrorCode& verdict, const std::vector<asio::ip::address>& addresses) {
      search->finish(verdict, addresses);
    });
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
