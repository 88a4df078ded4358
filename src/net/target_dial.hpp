// Reaching a target: its host is resolved once, and exactly the addresses that were checked are connected to.
#pragma once

#include "base/port_rules.hpp"
#include "net/dialer.hpp"

namespace chuantou::net {

using AddressesDone = std::function<void(const ErrorCode& ec, const std::vector<asio::ip::address>& addresses)>;
/// Asks for a name's addresses; `done` runs once, later, on the context's thread, unless what is returned is let go before. Tests have
/// another one than the system's.
using Resolve = std::function<std::shared_ptr<void>(asio::io_context& context, const std::string& name, AddressesDone done)>;
std::shared_ptr<void> resolveBySystem(asio::io_context& context, const std::string& name, AddressesDone done);

/// The addresses that may be used, in the order in which to try them, both families in turn. `done` runs once, before
/// this returns unless there is a name to resolve. Errors: Errc::not_allowed when no address is left, the resolver's,
/// timed_out.
void findTarget(asio::io_context& context, const Decision& decision, Duration deadline, AddressesDone done,
                const Resolve& resolve = resolveBySystem);

/// Finds the target and connects, all within the deadline.
void dialTarget(asio::io_context& context, const Decision& decision, std::uint16_t port, Duration deadline,
                DialDone done, const Resolve& resolve = resolveBySystem);

}  // namespace chuantou::net
