// Errors of the chuantou library.
//
// Every failure carries an `Errc` in `error_category()`. Two conditions sort them by what a caller
// does next: `ErrorCondition::retryable` (the same call may succeed later: try again) and
// `ErrorCondition::fatal` (it will not: change something first).
//
// Threads: everything here is immutable or a value; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace chuantou {

/// What went wrong. The numbers of 100 and above also travel on the wire (docs/PROTOCOL.md).
enum class Errc {
  ok = 0,
  // Local: found on this machine.
  stopped = 1,          ///< the object was stopped or destroyed
  timed_out,            ///< a deadline passed
  invalid_argument,     ///< a value that no call of this kind accepts
  port_in_use,          ///< a local port belongs to another program
  permission_denied,    ///< the operating system refused (ports under 1024, files)
  address_unavailable,  ///< no interface of this machine has the address to listen on
  server_unreachable,   ///< no connection to the server could be made
  connection_lost,      ///< an established connection ended before its time
  name_not_found,       ///< a host name has no address
  bad_config,           ///< a configuration file or flag that cannot be understood
  too_many_open_files,  ///< the process has reached its limit of descriptors
  already_exists,       ///< a proxy or a service of that name or port is there already
  not_found,            ///< no such proxy, service or client
  not_running,          ///< the program or connection that is asked is not running
  system_error,         ///< anything else the operating system reported
  peer_key_changed,     ///< a peer proved another key than the one that is remembered
  certificate_rejected,  ///< the server's certificate is not the pinned one, or nobody vouches for it
  proxy_refused,        ///< the proxy on the way to the server did not open a tunnel
  // Protocol: said by the other side, or to it.
  protocol_error = 100,  ///< bytes that the protocol does not allow
  version_mismatch,      ///< the two sides speak no common version
  auth_required,         ///< the server wants a token
  auth_failed,           ///< the token was wrong
  unknown_peer,          ///< no client of that id has been seen since the server started
  peer_offline,          ///< a client of that id is known, but not connected now
  target_refused,        ///< nothing listens on the target's port
  target_unreachable,    ///< the target host could not be reached or resolved by the peer
  not_allowed,           ///< the peer does not offer that port (its --allow)
  limit_reached,         ///< a limit of the server or the peer
  kicked,                ///< another connection registered the same id
  session_unknown,       ///< a session that does not exist (any more)
  unknown_type,          ///< a message of a type that this version does not know
  identity_required,     ///< the server wants clients to have a key
  name_taken,            ///< the id belongs to another key
  encryption_required,   ///< one side wants encryption between the clients, the other does without
};

/// What a caller does next.
enum class ErrorCondition {
  retryable = 1,  ///< trying again later may succeed
  fatal,          ///< trying again will not help; something must be changed
};

/// The category of all `Errc` values; its name is "chuantou".
const std::error_category& error_category() noexcept;
const std::error_category& error_condition_category() noexcept;

std::error_code make_error_code(Errc code) noexcept;
std::error_condition make_error_condition(ErrorCondition condition) noexcept;

/// The languages that messages for people come in.
enum class Language { english, chinese };

/// A failed operation: the code, what it was done to, and what a person can do about it.
///
/// `what()` is the English sentence ("port 8080 is in use; choose another with --local-port").
class Error : public std::system_error {
 public:
  /// `subject` is what failed (a port, a peer, a URL); `detail` is the cause in the words of whoever reported it.
  explicit Error(Errc code, std::string subject = {}, std::string detail = {});

  Errc errc() const noexcept { return code_; }
  const std::string& subject() const noexcept { return subject_; }
  const std::string& detail() const noexcept { return detail_; }
  /// The same sentence in the language asked for.
  std::string message(Language language) const;
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  Errc code_;
  std::string subject_;
  std::string detail_;
  std::string what_;
};

}  // namespace chuantou

template <>
struct std::is_error_code_enum<chuantou::Errc> : std::true_type {};
template <>
struct std::is_error_condition_enum<chuantou::ErrorCondition> : std::true_type {};
