// Asks STUN servers with the library's own client (stun::ClientTransactions), all at once, and prints a line for each:
//
//     chuantou-stun-ask [--change-ip] [--change-port] [--padding N] [--response-port N] [--rto MS] [--requests N]
//                       [--user NAME --password PASSWORD] SERVER:PORT …
//
//     127.0.0.1:3478 success mapped=127.0.0.1:40000 from=127.0.0.1:3478 origin=… other=… integrity=sha1 sent=1
//     padding=0 127.0.0.1:3479 error 420 127.0.0.1:3480 failed timed_out
//
// With a user a 401 is answered by long-term credentials (RFC 8489, section 9.2).
#include <fmt/format.h>
#include <openssl/evp.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/error_text.hpp"
#include "net/ip_convert.hpp"
#include "net/system_random.hpp"
#include "stun/client_transaction.hpp"

using namespace chuantou;

namespace {

struct Options {
  stun::Message request;
  stun::Retransmission retransmission;
  bool anySource = false;
  std::string user;
  std::string password;
  std::vector<UdpAddress> servers;
};

std::vector<std::uint8_t> longTermKey(const std::string& user, const std::string& realm, const std::string& password) {
  const std::string text = user + ":" + realm + ":" + password;
  std::vector<std::uint8_t> key(16);
  if (EVP_Digest(text.data(), text.size(), key.data(), nullptr, EVP_md5(), nullptr) != 1) throw std::bad_alloc{};
  return key;
}

class Asking {
 public:
  explicit Asking(Options options)
      : options_(std::move(options)), sides_{Side{context_}, Side{context_}}, timer_(context_.get_executor()) {}

  int run() {
    for (const UdpAddress& server : options_.servers) {
      Side& side = sideFor(server);
      if (!side.socket.is_open()) {
        side.socket.open(net::toAsio(server).protocol());
        receive(side);
      }
      start(server, options_.request, {});
    }
    turn();
    context_.run();
    return failures_;
  }

 private:
  struct Side {
    explicit Side(asio::io_context& context) : socket(context.get_executor()), buffer(65'536) {}
    net::UdpSocket socket;
    std::vector<std::uint8_t> buffer;
    net::UdpEndpoint from;
  };

  Side& sideFor(const UdpAddress& server) { return sides_[server.ip.isV6() ? 1 : 0]; }

  void start(const UdpAddress& server, stun::Message request, const stun::Sealing& sealing) {
    request.id = stun::TransactionId::random(random_);
    stun::Query query;
    query.request = std::move(request);
    query.sealing = sealing;
    query.to = server;
    if (!options_.anySource) query.answerFrom = server;
    query.retransmission = options_.retransmission;
    query.tag = sealing.integrity == stun::Integrity::none ? 0 : 1;
    machine_.start(Clock::now(), query);
  }

  void receive(Side& side) {
    side.socket.async_receive_from(
        asio::buffer(side.buffer), side.from, [this, &side](const net::ErrorCode& ec, std::size_t size) {
          if (ec == asio::error::operation_aborted) return;
          if (!ec) machine_.handleDatagram(Clock::now(), net::fromAsio(side.from), std::span{side.buffer}.first(size));
          receive(side);
          turn();
        });
  }

  void turn() {
    while (const auto outcome = machine_.pollOutcome()) finish(*outcome);
    while (const auto transmit = machine_.pollTransmit()) {
      net::ErrorCode ignored;
      sideFor(transmit->to).socket.send_to(asio::buffer(transmit->bytes), net::toAsio(transmit->to), 0, ignored);
    }
    const auto next = machine_.nextTimeout();
    if (!next) {
      for (Side& side : sides_) side.socket.close();
      timer_.cancel();
      return;
    }
    timer_.expires_at(*next);
    timer_.async_wait([this](const net::ErrorCode& ec) {
      if (ec) return;
      machine_.handleTimeout(Clock::now());
      turn();
    });
  }

  void finish(const stun::Outcome& outcome) {
    const std::string to = outcome.to.str();
    if (!outcome.answer) {
      ++failures_;
      fmt::print("{} failed {}\n", to, errcName(outcome.answer.error().errc()));
      return;
    }
    const stun::Message& answer = outcome.answer.value();
    if (answer.kind == stun::MessageClass::error) {
      if (answer.errorCode->code == stun::kUnauthenticated && outcome.tag == 0 && !options_.user.empty()) {
        return authenticate(outcome.to, answer);
      }
      ++failures_;
      fmt::print("{} error {}\n", to, answer.errorCode->code);
      return;
    }
    const auto text = [](const std::optional<UdpAddress>& address) { return address ? address->str() : "-"; };
    fmt::print("{} success mapped={} from={} origin={} other={} integrity={} sent={} padding={}\n", to,
               text(answer.mapped()), outcome.from.str(), text(answer.responseOrigin), text(answer.otherAddress),
               answer.hasIntegrity ? "sha1" : "none", outcome.sent, answer.padding.value_or(0));
  }

  void authenticate(const UdpAddress& server, const stun::Message& challenge) {
    stun::Message request = options_.request;
    request.username = options_.user;
    request.realm = challenge.realm.value_or("");
    request.nonce = challenge.nonce.value_or("");
    const auto key = longTermKey(options_.user, *request.realm, options_.password);
    start(server, std::move(request), {stun::Integrity::sha1, key, true});
  }

  static std::string errcName(Errc code) {
    return code == Errc::timed_out ? "timed_out" : code == Errc::protocol_error ? "protocol_error" : "other";
  }

  Options options_;
  asio::io_context context_{1};
  std::array<Side, 2> sides_;  ///< IPv4, IPv6
  net::Timer timer_;
  net::SystemRandom random_;
  stun::ClientTransactions machine_;
  int failures_ = 0;
};

Options read(int argc, char** argv) {
  Options options;
  options.request.software = "chuantou-stun-ask";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto number = [&] { return static_cast<unsigned>(std::stoul(argv[++i])); };
    auto& change = options.request.changeRequest;
    if (word == "--change-ip" || word == "--change-port") {
      if (!change) change.emplace();
      (word == "--change-ip" ? change->ip : change->port) = true;
      options.anySource = true;
    } else if (word.rfind("--", 0) != 0) {
      const auto at = parseHostPort(word, stun::kDefaultPort);
      options.servers.push_back({IpAddress::parse(at.value().host).value(), at->port});
    } else if (word == "--padding") {
      options.request.padding = static_cast<std::uint16_t>(number());
    } else if (word == "--response-port") {
      options.request.responsePort = static_cast<std::uint16_t>(number());
    } else if (word == "--rto") {
      options.retransmission.rto = Millis{number()};
    } else if (word == "--requests") {
      options.retransmission.requests = number();
    } else if (word == "--user") {
      options.user = argv[++i];
    } else if (word == "--password") {
      options.password = argv[++i];
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Asking{read(argc, argv)}.run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 100;
  }
}
