#include "daemon/admin_client.hpp"

#include <charconv>
#include <optional>
#include <system_error>

#include "daemon/api_error.hpp"
#include "daemon/failure.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/phrases.hpp"
#include "net/http_server.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::chrono::milliseconds kDeadline{20'000};
constexpr std::size_t kMaxAnswer = 256U * 1024U * 1024U;

/// "http://HOST:PORT" only.
bool splitUrl(std::string_view url, std::string& host, std::uint16_t& port) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return false;
  url.remove_prefix(kScheme.size());
  const std::size_t colon = url.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view name = url.substr(0, colon);
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  const std::string_view digits = url.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  host = name;
  return error == std::errc{} && end == digits.data() + digits.size() && port != 0;
}

/// What an error answer says; nothing where it says nothing.
std::optional<Failure> failureOf(const std::string& body, Language language) {
  try {
    const JsonDocument document{body, kMaxAnswer, language};
    const auto error = document.root().object("error");
    if (!error) return std::nullopt;
    return Failure{error->textOr("message"), kExitFailed, error->textOr("code")};
  } catch (const ApiError&) {
    return std::nullopt;
  }
}

}  // namespace

AdminClient::AdminClient(std::string program, std::string dataDir, Language language)
    : program_(std::move(program)), dataDir_(std::move(dataDir)), language_(language) {
  std::optional<AdminInfo> found;
  try {
    found = readAdminFile(dataDir_);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::not_a_directory) notRunning();
    throw Failure{say(language_, kCannotRead, dataDir_ + "/" + kAdminFileName, error.code().message())};
  }
  if (!found || isStale(*found) || !splitUrl(found->url, host_, port_)) notRunning();
  info_ = *std::move(found);
}

void AdminClient::notRunning() const { throw Failure{say(language_, kNotRunning, program_, dataDir_)}; }

std::string AdminClient::get(const std::string& path) { return call("GET", path, {}); }
std::string AdminClient::post(const std::string& path, const std::string& json) { return call("POST", path, json); }
std::string AdminClient::remove(const std::string& path) { return call("DELETE", path, {}); }

std::string AdminClient::call(const std::string& method, const std::string& path, const std::string& body) {
  net::HttpRequest request;
  request.method = method;
  request.path = path.substr(0, path.find('?'));
  if (request.path.size() < path.size()) request.query = path.substr(request.path.size() + 1);
  request.body = body;
  request.headers["authorization"] = "Bearer " + info_.token;
  request.headers["accept-language"] = language_ == Language::chinese ? "zh" : "en";
  if (!body.empty()) request.headers["content-type"] = "application/json";

  net::HttpResponse response;
  try {
    response = net::httpCall(host_, port_, request, kDeadline);
  } catch (const Error& error) {
    if (error.errc() == Errc::not_running) notRunning();
    throw Failure{say(language_, kNoAnswer, program_, info_.pid, info_.url, error.message(language_))};
  }
  if (response.status >= 200 && response.status < 300) return std::move(response.body);
  const auto failure = failureOf(response.body, language_);
  if (!failure) throw Failure{say(language_, kBadAnswer, program_, fmt::format("HTTP {}", response.status))};
  throw Failure{*failure};
}

}  // namespace chuantou::daemon
