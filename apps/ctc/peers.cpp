#include <unistd.h>

#include <chrono>

#include "ctc/commands.hpp"
#include "daemon/failure.hpp"
#include "daemon/human_text.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"
#include "daemon/table.hpp"
#include "daemon/transport_text.hpp"

namespace chuantou::apps {

namespace {

using daemon::JsonObject;
using daemon::Phrase;
using daemon::say;
using std::chrono::milliseconds;

/// 10,000 peers of some 200 bytes.
constexpr std::size_t kMaxAnswer = 16U * 1024U * 1024U;

constexpr Phrase kPeerColumn{"PEER", "客户端"};
constexpr Phrase kKeyColumn{"KEY", "密钥"};
constexpr Phrase kSinceColumn{"KNOWN SINCE", "记住时间"};
constexpr Phrase kRegisteredColumn{"REGISTERED", "已注册"};
constexpr Phrase kAgo{"{0} ago", "{0}前"};
constexpr Phrase kYes{"yes", "是"};
constexpr Phrase kNo{"no", "否"};
constexpr Phrase kUnknown{"?", "?"};
constexpr Phrase kNobody{"no peer is known yet; each is remembered at its first encrypted connection",
                         "还没有记住任何客户端；首次加密连接时会自动记住"};
constexpr Phrase kForgotten{"the key of {0} is forgotten; the next one that it shows is remembered",
                            "已忘记 {0} 的密钥；下次出示的密钥会被记住"};
constexpr Phrase kTrusted{"{0} is known by {1} from now on", "{0} 的密钥现为 {1}"};

std::string peersText(const JsonObject& answer, Language language, bool colour) {
  daemon::Table table{{{kPeerColumn.in(language)},
                       {kKeyColumn.in(language)},
                       {kSinceColumn.in(language), daemon::Align::right},
                       {kRegisteredColumn.in(language)}}};
  const auto now =
      std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const JsonObject& peer : answer.objects("peers")) {
    const auto age = std::max<std::int64_t>(0, now - peer.numberOr("sinceMs", now));
    const Phrase& registered = !peer.has("registered") ? kUnknown : peer.boolean("registered") ? kYes : kNo;
    table.row({peer.textOr("id"), peer.textOr("key"), say(language, kAgo, daemon::humanDuration(milliseconds{age})),
               registered.in(language)});
  }
  return table.empty() ? say(language, kNobody) + "\n" : table.render(colour);
}

}  // namespace

std::string waysText(daemon::AdminClient& admin, const ClientOptions& options, bool colour) {
  const std::string status = admin.get("/api/status");
  const daemon::JsonDocument document{status, kMaxAnswer, options.language};
  return daemon::peerWaysText(document.root(), options.language, colour, options.peer);
}

int listPeers(const ClientOptions& options) {
  daemon::AdminClient admin = connectTo(options);
  const std::string answer = admin.get("/api/peers");
  if (options.json) {
    daemon::printLine(answer);
    return daemon::kExitDone;
  }
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  const bool colour = daemon::wantsColour(STDOUT_FILENO);
  daemon::printText(peersText(document.root(), options.language, colour));
  const std::string ways = waysText(admin, options, colour);
  if (!ways.empty()) daemon::printText("\n" + ways);
  return daemon::kExitDone;
}

int forgetPeer(const ClientOptions& options) {
  connectTo(options).remove("/api/peers/" + options.peer);
  daemon::printLine(say(options.language, kForgotten, options.peer));
  return daemon::kExitDone;
}

int trustPeer(const ClientOptions& options) {
  daemon::JsonWriter json;
  json.field("id", options.peer);
  json.field("key", options.key);
  const std::string answer = connectTo(options).post("/api/peers", json.finish());
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  daemon::printLine(say(options.language, kTrusted, options.peer, document.root().textOr("key")));
  return daemon::kExitDone;
}

}  // namespace chuantou::apps
