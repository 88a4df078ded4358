// What the operating system says, as errors that a person can act on.
#pragma once

#include <string>
#include <string_view>

#include "chuantou/error.hpp"
#include "net/types.hpp"

namespace chuantou::net {

/// Whether `ec` is this errno value. (Asio's system category is one of its own, which std::errc does not compare to.)
bool isErrno(const ErrorCode& ec, int value);

/// Of bind() and listen(). `flag` is the option that chooses another port.
Error listenError(const ErrorCode& ec, std::string_view host, std::uint16_t port, std::string_view flag);
/// Of resolving and connecting to the server.
Error serverError(const ErrorCode& ec, std::string_view url);
/// Of a target's attempt to reach its service; what REJECT carries.
Error serviceError(const ErrorCode& ec, std::string_view where);

}  // namespace chuantou::net
