// ctc's admin API: JSON over HTTP on this machine's loopback, and the page that shows it (admin_page.hpp). What is meant for people ("…Text",
// "words", "direct", messages) is in the language of Accept-Language.
//
//   GET    /                    the page: /, /page.css, /page.js, which need no token
//   GET    /api/status          state, server, counters, the ways to the server and to peers, and the proxies
//   GET    /api/streams         the connections that outlive their path: what carries each, its stalls, resumes, repeated bytes
//   GET    /api/clients         the clients registered at the server
//   GET    /api/proxies         POST makes one (the fields of proxy_json.hpp), 201
//   DELETE /api/proxies/WHICH   by port or name
//   POST   /api/ping            {"peer":"B"} → {"peer","rttUs"}; {"peer":"B","protocol":"udp","count":1…100,"intervalMs":100} →
//                               {"peer","rttUs":[…]}, for each datagram a time, or null: it was lost
//   POST   /api/streams/migrate {}: all streams that were opened here move to new carriers, 202 {"streams"}: how many
//   GET    /api/netcheck        the NAT report of `ctc netcheck --json`, up to an hour old; it may take 5 s
//   POST   /api/netcheck        {}: the same, found out anew
//   GET    /api/peers           the peers whose key is remembered
//   POST   /api/peers           {"id":"B","key":"ed25519:…"}: this is its key, whatever was remembered
//   DELETE /api/peers/ID        forgets its key
#pragma once

#include <chrono>

#include "chuantou/client.hpp"
#include "chuantou/nat_detector.hpp"
#include "daemon/api_guard.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/proxy_store.hpp"

namespace chuantou::daemon {

class ClientApi {
 public:
  /// `store` may be nullptr: proxies then end with the process. All three must outlive this. `udpIdleTimeout` is for
  /// proxies that are made without one.
  ClientApi(Client& client, NatDetector& detector, ProxyStore* store, ApiGuard guard,
            std::chrono::milliseconds udpIdleTimeout = ProxyOptions{}.udpIdleTimeout)
      : client_(client),
        detector_(detector),
        store_(store),
        guard_(std::move(guard)),
        udpIdleTimeout_(udpIdleTimeout),
        startedAt_(std::chrono::steady_clock::now()) {}

  /// Threads: safe from any. Never throws.
  net::HttpResponse handle(const net::HttpRequest& request) noexcept;

 private:
  net::HttpResponse route(const net::HttpRequest& request, Language language);
  net::HttpResponse status(Language language);
  net::HttpResponse streams(Language language);
  net::HttpResponse clients();
  net::HttpResponse proxies();
  net::HttpResponse createProxy(const JsonObject& body, Language language);
  net::HttpResponse deleteProxy(const std::string& which, Language language);
  net::HttpResponse ping(const JsonObject& body, Language language);
  net::HttpResponse pingUdp(const std::string& peer, const JsonObject& body);
  net::HttpResponse netcheck(Language language);
  net::HttpResponse knownPeers();
  net::HttpResponse trustPeer(const JsonObject& body, Language language);
  net::HttpResponse forgetPeer(const std::string& peer, Language language);
  void writeProxies(JsonWriter& json);

  Client& client_;
  NatDetector& detector_;
  ProxyStore* store_;
  ApiGuard guard_;
  std::chrono::milliseconds udpIdleTimeout_;
  std::chrono::steady_clock::time_point startedAt_;
};

std::string_view clientStateName(ClientState state);
std::string clientStateText(ClientState state, Language language);

}  // namespace chuantou::daemon
