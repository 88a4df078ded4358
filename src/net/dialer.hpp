// Connecting to a name: resolved to both families, tried as Happy Eyeballs (RFC 8305).
#pragma once

#include "net/types.hpp"

namespace chuantou::net {

/// The order of attempts: families alternate, the one that the resolver put first leads (RFC 8305, section 4).
std::vector<TcpEndpoint> interleave(const std::vector<TcpEndpoint>& resolved);

/// The next attempt starts this long after the last one, or at once when it fails (RFC 8305, section 5).
inline constexpr Millis kConnectionAttemptDelay{250};

/// `done` runs once, on the executor's thread, with a connected socket or the last attempt's error
/// (asio::error::timed_out at the deadline).
using DialDone = std::function<void(ErrorCode ec, TcpSocket socket)>;

class Dial;
/// The dial in progress; letting go of it does not cancel it.
using DialHandle = std::shared_ptr<Dial>;

DialHandle dial(asio::io_context& context, const std::string& host, std::uint16_t port, Duration deadline, DialDone done);
/// To addresses that are known.
DialHandle dialAny(asio::io_context& context, std::vector<TcpEndpoint> endpoints, Duration deadline, DialDone done);
/// `done` then runs with operation_aborted, unless it has run.
void cancelDial(const DialHandle& handle);

}  // namespace chuantou::net
