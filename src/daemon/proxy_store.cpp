#include "daemon/proxy_store.hpp"

#include <algorithm>
#include <system_error>

#include "daemon/api_error.hpp"
#include "daemon/data_dir.hpp"
#include "daemon/failure.hpp"
#include "daemon/phrases.hpp"
#include "daemon/proxy_json.hpp"
#include "net/state_file.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::size_t kMaxProxyFile = 16U * 1024U * 1024U;

bool samePlace(const ProxyOptions& a, const ProxyOptions& b) {
  return a.localPort == b.localPort && a.localHost == b.localHost && a.protocol == b.protocol;
}

}  // namespace

ProxyStore::ProxyStore(std::string path, Language language) : path_(std::move(path)) {
  try {
    const auto content = net::readFile(path_, kMaxProxyFile);
    if (!content) return;
    const JsonDocument document{*content, kMaxProxyFile, language};
    for (const JsonObject& object : document.root().objects("proxies")) {
      proxies_.push_back(readProxyOptions(object, language, ProxyOptions{}.udpIdleTimeout));
    }
  } catch (const ApiError& error) {
    throw Failure{say(language, kBadStoredProxies, path_, error.message)};
  } catch (const std::system_error& error) {
    throw Failure{say(language, kCannotRead, path_, error.code().message())};
  }
}

std::vector<ProxyOptions> ProxyStore::list() const {
  const std::lock_guard lock{mutex_};
  return proxies_;
}

void ProxyStore::add(const ProxyOptions& options) {
  const std::lock_guard lock{mutex_};
  std::vector<ProxyOptions> next = proxies_;
  std::erase_if(next, [&](const ProxyOptions& other) { return samePlace(other, options); });
  next.push_back(options);
  save(next);
  proxies_ = std::move(next);
}

void ProxyStore::remove(const ProxyOptions& options) {
  const std::lock_guard lock{mutex_};
  std::vector<ProxyOptions> next = proxies_;
  if (std::erase_if(next, [&](const ProxyOptions& other) { return samePlace(other, options); }) == 0) return;
  save(next);
  proxies_ = std::move(next);
}

void ProxyStore::save(const std::vector<ProxyOptions>& proxies) const {
  JsonWriter json;
  json.beginArray("proxies");
  for (const ProxyOptions& options : proxies) {
    json.beginObject();
    writeProxyOptions(json, options);
    json.endObject();
  }
  json.endArray();
  net::writeFileAtomically(path_, json.finish() + "\n");
}

}  // namespace chuantou::daemon
