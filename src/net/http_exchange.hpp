// One HTTP request to an address that may be hostile: bounded in time and in bytes, never blocking.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "nat/upnp_message.hpp"
#include "net/types.hpp"

namespace chuantou::net {

/// Nothing: no connection, no answer within the deadline, one above nat::kMaxHttpReply, or what is no HTTP.
using HttpReplyDone = std::function<void(std::optional<nat::HttpReply> reply)>;
/// `done` runs once, on the context's thread, never before this returns.
void exchangeHttp(asio::io_context& context, const TcpEndpoint& to, std::string request, Duration deadline,
                  HttpReplyDone done);

}  // namespace chuantou::net
