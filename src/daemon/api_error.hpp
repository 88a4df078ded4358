// How the admin API says no.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "chuantou/error.hpp"
#include "net/http.hpp"

namespace chuantou::daemon {

/// Thrown inside a handler; becomes {"error":{"code","message"}} with this status.
struct ApiError {
  int status;
  std::string code;
  std::string message;
};

/// A code's name as the API gives it ("port_in_use").
std::string_view errcName(Errc code);
/// The HTTP status that suits it.
int httpStatusOf(Errc code);

net::HttpResponse errorResponse(int status, std::string_view code, std::string_view message);

/// Runs a handler and turns whatever it throws into an answer.
net::HttpResponse answer(Language language, const std::function<net::HttpResponse()>& handler) noexcept;

}  // namespace chuantou::daemon
