#include "daemon/api_error.hpp"

#include <new>

#include "daemon/json_writer.hpp"
#include "daemon/phrases.hpp"

namespace chuantou::daemon {

std::string_view errcName(Errc code) {
  switch (code) {
    case Errc::ok:
      return "ok";
    case Errc::stopped:
      return "stopped";
    case Errc::timed_out:
      return "timed_out";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::port_in_use:
      return "port_in_use";
    case Errc::permission_denied:
      return "permission_denied";
    case Errc::address_unavailable:
      return "address_unavailable";
    case Errc::server_unreachable:
      return "server_unreachable";
    case Errc::connection_lost:
      return "connection_lost";
    case Errc::name_not_found:
      return "name_not_found";
    case Errc::bad_config:
      return "bad_config";
    case Errc::too_many_open_files:
      return "too_many_open_files";
    case Errc::already_exists:
      return "already_exists";
    case Errc::not_found:
      return "not_found";
    case Errc::not_running:
      return "not_running";
    case Errc::system_error:
      return "system_error";
    case Errc::peer_key_changed:
      return "peer_key_changed";
    case Errc::certificate_rejected:
      return "certificate_rejected";
    case Errc::proxy_refused:
      return "proxy_refused";
    case Errc::identity_required:
      return "identity_required";
    case Errc::name_taken:
      return "name_taken";
    case Errc::encryption_required:
      return "encryption_required";
    case Errc::protocol_error:
      return "protocol_error";
    case Errc::version_mismatch:
      return "version_mismatch";
    case Errc::auth_required:
      return "auth_required";
    case Errc::auth_failed:
      return "auth_failed";
    case Errc::unknown_peer:
      return "unknown_peer";
    case Errc::peer_offline:
      return "peer_offline";
    case Errc::target_refused:
      return "target_refused";
    case Errc::target_unreachable:
      return "target_unreachable";
    case Errc::not_allowed:
      return "not_allowed";
    case Errc::limit_reached:
      return "limit_reached";
    case Errc::kicked:
      return "kicked";
    case Errc::unknown_type:
      return "unknown_type";
    case Errc::session_unknown:
      return "session_unknown";
  }
  return "unknown";
}

int httpStatusOf(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::bad_config:
      return 400;
    case Errc::permission_denied:
    case Errc::not_allowed:
      return 403;
    case Errc::not_found:
    case Errc::unknown_peer:
      return 404;
    case Errc::port_in_use:
    case Errc::address_unavailable:
    case Errc::already_exists:
      return 409;
    case Errc::stopped:
    case Errc::not_running:
    case Errc::peer_offline:
    case Errc::too_many_open_files:
    case Errc::limit_reached:
      return 503;
    case Errc::timed_out:
      return 504;
    case Errc::system_error:
      return 500;
    default:
      return 502;
  }
}

net::HttpResponse errorResponse(int status, std::string_view code, std::string_view message) {
  JsonWriter json;
  json.beginObject("error");
  json.field("code", code);
  json.field("message", message);
  json.endObject();
  return {status, "application/json", json.finish()};
}

net::HttpResponse answer(Language language, const std::function<net::HttpResponse()>& handler) noexcept {
  try {
    try {
      return handler();
    } catch (const ApiError& error) {
      return errorResponse(error.status, error.code, error.message);
    } catch (const Error& error) {
      return errorResponse(httpStatusOf(error.errc()), errcName(error.errc()), error.message(language));
    } catch (const std::exception& error) {
      return errorResponse(500, "internal", say(language, kInternal, error.what()));
    }
  } catch (...) {
    return {500, "application/json", {}};
  }
}

}  // namespace chuantou::daemon
