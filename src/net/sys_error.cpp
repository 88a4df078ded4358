#include "net/sys_error.hpp"

#include <asio/error.hpp>
#include <cerrno>

#include "base/endpoint_text.hpp"

namespace chuantou::net {

bool isErrno(const ErrorCode& ec, int value) {
  return ec.value() == value && ec.category() == asio::error::get_system_category();
}

Error listenError(const ErrorCode& ec, std::string_view host, std::uint16_t port, std::string_view flag) {
  const std::string at = formatHostPort(host, port);
  if (ec == asio::error::address_in_use) return Error{Errc::port_in_use, std::to_string(port), std::string{flag}};
  if (ec == asio::error::access_denied) return Error{Errc::permission_denied, "listening on " + at};
  if (isErrno(ec, EADDRNOTAVAIL) || ec == asio::error::address_family_not_supported) {
    return Error{Errc::address_unavailable, std::string{host}, ec.message()};
  }
  if (ec == asio::error::no_descriptors) return Error{Errc::too_many_open_files, at};
  return Error{Errc::system_error, "listening on " + at, ec.message()};
}

Error serverError(const ErrorCode& ec, std::string_view url) {
  if (ec.category() == error_category()) return Error{static_cast<Errc>(ec.value()), std::string{url}};
  if (ec == asio::error::host_not_found || ec == asio::error::host_not_found_try_again || ec == asio::error::no_data) {
    return Error{Errc::name_not_found, std::string{url}, ec.message()};
  }
  if (ec == asio::error::no_descriptors) return Error{Errc::too_many_open_files, std::string{url}};
  return Error{Errc::server_unreachable, std::string{url}, ec.message()};
}

Error serviceError(const ErrorCode& ec, std::string_view where) {
  if (ec == Errc::not_allowed) return Error{Errc::not_allowed, std::string{where}, "the name leads to an address that is not offered"};
  if (ec == asio::error::connection_refused) return Error{Errc::target_refused, std::string{where}};
  if (ec == asio::error::no_descriptors) return Error{Errc::limit_reached, std::string{where}, ec.message()};
  return Error{Errc::target_unreachable, std::string{where}, ec.message()};
}

}  // namespace chuantou::net
