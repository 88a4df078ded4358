// cts token: what lets clients in.
#include <unistd.h>

#include "cts/commands.hpp"
#include "daemon/failure.hpp"
#include "daemon/human_text.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"
#include "daemon/table.hpp"

namespace chuantou::apps {

namespace {

using daemon::Align;
using daemon::JsonObject;
using daemon::Phrase;
using daemon::say;

constexpr std::size_t kMaxAnswer = 16U * 1024U * 1024U;

constexpr Phrase kNameColumn{"TOKEN", "令牌"};
constexpr Phrase kGroupColumn{"GROUP", "组"};
constexpr Phrase kStateColumn{"STATE", "状态"};
constexpr Phrase kExpiresColumn{"EXPIRES IN", "剩余有效期"};
constexpr Phrase kUsesColumn{"USES LEFT", "剩余次数"};
constexpr Phrase kClientsColumn{"CLIENTS", "客户端数"};
constexpr Phrase kExposeColumn{"EXPOSE", "公开端口"};
constexpr Phrase kYes{"yes", "是"};
constexpr Phrase kNo{"no", "否"};
constexpr Phrase kActive{"active", "有效"};
constexpr Phrase kUsedUp{"used up", "已用完"};
constexpr Phrase kExpired{"expired", "已过期"};
constexpr Phrase kRevokedState{"revoked", "已吊销"};
constexpr Phrase kNoTokens{"there are no tokens: anybody who reaches the port may register",
                           "没有令牌：任何能访问该端口的人都可以注册"};
constexpr Phrase kRevoked{"token {0} was revoked; its clients are disconnected",
                          "令牌 {0} 已吊销；用它加入的客户端已断开"};

std::string stateText(const std::string& state, Language language) {
  for (const auto& [name, phrase] : {std::pair{"active", &kActive}, std::pair{"used-up", &kUsedUp},
                                     std::pair{"expired", &kExpired}, std::pair{"revoked", &kRevokedState}}) {
    if (state == name) return phrase->in(language);
  }
  return state;
}

std::string expiryText(const JsonObject& token) {
  const auto at = token.numberOr("expiresAt");
  if (at == 0) return "-";
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  return daemon::humanDuration(std::chrono::milliseconds{at} - now);
}

std::string tokensText(const JsonObject& answer, Language language, bool colour) {
  daemon::Table table{{{kNameColumn.in(language)},
                       {kGroupColumn.in(language)},
                       {kStateColumn.in(language)},
                       {kExpiresColumn.in(language), Align::right},
                       {kUsesColumn.in(language), Align::right},
                       {kClientsColumn.in(language), Align::right},
                       {kExposeColumn.in(language)}}};
  for (const JsonObject& token : answer.objects("tokens")) {
    const auto uses = token.numberOr("usesLeft", -1);
    table.row({token.textOr("name"), token.textOr("group"), stateText(token.textOr("state"), language),
               expiryText(token), uses < 0 ? "-" : std::to_string(uses), std::to_string(token.numberOr("clients")),
               (token.boolean("allowExpose") ? kYes : kNo).in(language)});
  }
  return table.empty() ? say(language, kNoTokens) + "\n" : table.render(colour);
}

int listTokens(const ServerOptions& options) {
  const std::string answer = connectTo(options).get("/api/tokens");
  if (options.json) {
    daemon::printLine(answer);
    return 0;
  }
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  daemon::printText(tokensText(document.root(), options.language, daemon::wantsColour(STDOUT_FILENO)));
  return 0;
}

int printJoin(const std::string& answer, Language language) {
  const daemon::JsonDocument document{answer, kMaxAnswer, language};
  daemon::printLine(document.root().textOr("join"));
  return 0;
}

int addToken(const ServerOptions& options) {
  daemon::JsonWriter json;
  json.field("name", options.tokenName);
  json.field("group", options.group);
  if (!options.expires.empty()) {
    const auto expires = daemon::parseDuration(options.expires);
    if (!expires)
      throw daemon::Failure{say(options.language, daemon::kBadDuration, options.expires), daemon::kExitUsage};
    json.field("expiresInMs", static_cast<std::int64_t>(expires->count()));
  }
  if (options.once) json.field("uses", 1);
  json.field("allowExpose", options.allowExpose);
  return printJoin(connectTo(options).post("/api/tokens", json.finish()), options.language);
}

int rotateToken(const ServerOptions& options) {
  daemon::JsonWriter json;
  json.field("disconnect", options.disconnect);
  return printJoin(connectTo(options).post("/api/tokens/rotate", json.finish()), options.language);
}

int revokeToken(const ServerOptions& options) {
  daemon::JsonWriter json;
  json.field("name", options.tokenName);
  connectTo(options).post("/api/tokens/revoke", json.finish());
  daemon::printLine(say(options.language, kRevoked, options.tokenName));
  return 0;
}

}  // namespace

int tokenCommand(const ServerOptions& options) {
  switch (options.command) {
    case ServerCommand::tokenList:
      return listTokens(options);
    case ServerCommand::tokenAdd:
      return addToken(options);
    case ServerCommand::tokenRotate:
      return rotateToken(options);
    case ServerCommand::tokenRevoke:
      return revokeToken(options);
    default:
      return printJoin(connectTo(options).get("/api/token"), options.language);
  }
}

}  // namespace chuantou::apps
