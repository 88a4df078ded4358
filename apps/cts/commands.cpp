#include "cts/commands.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include "daemon/admin_client.hpp"
#include "daemon/data_dir.hpp"
#include "daemon/human_text.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/language.hpp"
#include "daemon/output.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/table.hpp"

namespace chuantou::apps {

namespace {

using daemon::Align;
using daemon::JsonObject;
using daemon::Phrase;
using daemon::say;
using std::chrono::milliseconds;

constexpr std::size_t kMaxAnswer = 256U * 1024U * 1024U;

constexpr Phrase kState{"state", "状态"};
constexpr Phrase kRunningSince{"running for {0} (pid {1}, version {2})", "已运行 {0}（进程 {1}，版本 {2}）"};
constexpr Phrase kListening{"listening on", "监听地址"};
constexpr Phrase kClients{"clients", "客户端"};
constexpr Phrase kClientsNow{"{0} registered ({1} registrations so far, {2} refused)",
                             "{0} 个已注册（累计注册 {1} 次，拒绝 {2} 次）"};
constexpr Phrase kSessions{"sessions", "会话"};
constexpr Phrase kSessionsNow{"{0} open ({1} so far)", "{0} 个打开（累计 {1} 个）"};
constexpr Phrase kConnections{"connections", "连接"};
constexpr Phrase kConnectionsNow{"{0} open ({1} accepted, {2} rejected)", "{0} 个打开（接受 {1} 个，拒绝 {2} 个）"};
constexpr Phrase kRelayed{"relayed", "中继流量"};
constexpr Phrase kRelayedNow{"{0} of TCP, {1} of UDP in {2} datagrams ({3} dropped)",
                             "TCP {0}，UDP {1}（{2} 个数据报，丢弃 {3} 个）"};
constexpr Phrase kStunNow{"{0} requests, {1} answers, {2} refused", "{0} 个请求，{1} 个应答，拒绝 {2} 个"};
constexpr Phrase kLimitColumn{"LIMIT", "限制"};
constexpr Phrase kNowColumn{"NOW", "当前"};
constexpr Phrase kMostColumn{"AT MOST", "上限"};
constexpr Phrase kRefusedColumn{"REFUSED", "已拒绝"};
constexpr Phrase kCertificate{"certificate", "证书"};
constexpr Phrase kCertificateNow{"{0} (until {1})", "{0}（有效期至 {1}）"};
constexpr Phrase kNobody{"no clients are registered", "没有已注册的客户端"};
constexpr Phrase kNoSessions{"no sessions are open", "没有打开的会话"};
constexpr Phrase kClientColumn{"CLIENT", "客户端"};
constexpr Phrase kAddressColumn{"ADDRESS", "地址"};
constexpr Phrase kSinceColumn{"CONNECTED FOR", "在线时长"};
constexpr Phrase kSessionsColumn{"SESSIONS", "会话数"};
constexpr Phrase kSessionColumn{"SESSION", "会话"};
constexpr Phrase kFromColumn{"FROM", "发起方"};
constexpr Phrase kToColumn{"TO", "目标"};
constexpr Phrase kProtocolColumn{"PROTOCOL", "协议"};
constexpr Phrase kStateColumn{"STATE", "状态"};
constexpr Phrase kAgeColumn{"AGE", "时长"};
constexpr Phrase kKeyColumn{"KEY", "密钥"};
constexpr Phrase kTokenColumn{"TOKEN", "令牌"};
constexpr Phrase kTemporary{"{0} (temporary)", "{0}（临时）"};
constexpr Phrase kReleased{"the id {0} is free; the next key that registers it owns it",
                           "标识 {0} 已释放；下一个注册它的密钥将拥有它"};
constexpr Phrase kKicked{"client {0} was disconnected", "已断开客户端 {0}"};

std::string duration(const JsonObject& object, const char* key) {
  return daemon::humanDuration(milliseconds{object.numberOr(key)});
}

std::string bytes(const JsonObject& object, const char* key) {
  return daemon::humanBytes(static_cast<std::uint64_t>(object.numberOr(key)));
}

/// By the names of the flags, which are the same in every language.
std::string limitsText(const JsonObject& s, Language language, bool colour) {
  daemon::Table table{{{kLimitColumn.in(language)},
                       {kNowColumn.in(language), Align::right},
                       {kMostColumn.in(language), Align::right},
                       {kRefusedColumn.in(language), Align::right}}};
  for (const JsonObject& limit : s.objects("limits")) {
    table.row({limit.textOr("name"), std::to_string(limit.numberOr("now")), std::to_string(limit.numberOr("limit")),
               std::to_string(limit.numberOr("refused"))});
  }
  return table.empty() ? std::string{} : "\n" + table.render(colour);
}

std::string dateOf(std::int64_t millisecondsSince1970) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(millisecondsSince1970 / 1000)));
}

std::string statusText(const JsonObject& s, Language language, bool colour) {
  const auto title = [&](const Phrase& phrase) { return std::string{phrase.in(language)}; };
  return daemon::renderFields(
      {{title(kState), say(language, kRunningSince, duration(s, "uptimeMs"), s.numberOr("pid"), s.textOr("version"))},
       {title(kListening), daemon::hostPort(s.textOr("host"), static_cast<std::uint16_t>(s.numberOr("port")))},
       {title(kCertificate), say(language, kCertificateNow, s.textOr("certificateFingerprint"), dateOf(s.numberOr("certificateExpires")))},
       {title(kClients), say(language, kClientsNow, s.numberOr("clients"), s.numberOr("registrationsTotal"),
                             s.numberOr("authFailures"))},
       {title(kSessions), say(language, kSessionsNow, s.numberOr("sessions"), s.numberOr("sessionsTotal"))},
       {title(kConnections), say(language, kConnectionsNow, s.numberOr("connections"), s.numberOr("acceptedTotal"),
                                 s.numberOr("rejectedTotal"))},
       {title(kRelayed), say(language, kRelayedNow, bytes(s, "relayedBytes"), bytes(s, "relayedDatagramBytes"),
                             s.numberOr("relayedDatagrams"), s.numberOr("droppedDatagrams"))},
       {"STUN", say(language, kStunNow, s.numberOr("stunRequests"), s.numberOr("stunAnswers"), s.numberOr("stunRefused"))}},
      colour) + limitsText(s, language, colour);
}

/// Enough of a key to tell it from others by eye.
std::string shortKey(const JsonObject& client, Language language) {
  constexpr std::size_t kPrefix = 8;  // "ed25519:"
  constexpr std::size_t kDigits = 12;
  const std::string key = client.textOr("key");
  if (key.size() <= kPrefix) return "-";
  const std::string digits = key.substr(kPrefix, kDigits);
  return client.boolean("temporaryKey") ? say(language, kTemporary, digits) : digits;
}

std::string clientsText(const JsonObject& answer, Language language, bool colour) {
  daemon::Table table{{{kClientColumn.in(language)},
                       {kAddressColumn.in(language)},
                       {kSinceColumn.in(language), Align::right},
                       {kSessionsColumn.in(language), Align::right},
                       {kKeyColumn.in(language)},
                       {kTokenColumn.in(language)}}};
  for (const JsonObject& client : answer.objects("clients")) {
    table.row({client.textOr("id"), client.textOr("address"), duration(client, "connectedForMs"),
               std::to_string(client.numberOr("sessions")), shortKey(client, language), client.textOr("token", "-")});
  }
  return table.empty() ? say(language, kNobody) + "\n" : table.render(colour);
}

std::string sessionsText(const JsonObject& answer, Language language, bool colour) {
  daemon::Table table{{{kSessionColumn.in(language)},
                       {kFromColumn.in(language)},
                       {kToColumn.in(language)},
                       {kProtocolColumn.in(language)},
                       {kStateColumn.in(language)},
                       {kAgeColumn.in(language), Align::right}}};
  for (const JsonObject& session : answer.objects("sessions")) {
    table.row({session.textOr("id"), session.textOr("from"),
               fmt::format("{}:{}", session.textOr("to"), session.numberOr("port")), session.textOr("protocol"),
               session.textOr("state"), duration(session, "ageMs")});
  }
  return table.empty() ? say(language, kNoSessions) + "\n" : table.render(colour);
}

}  // namespace

daemon::AdminClient connectTo(const ServerOptions& options) {
  return {"cts", options.dataDir.empty() ? daemon::defaultDataDir("cts", options.language) : options.dataDir,
          options.language};
}

int showServer(const ServerOptions& options) {
  daemon::AdminClient admin = connectTo(options);
  const bool status = options.command == ServerCommand::status;
  const bool clients = options.command == ServerCommand::clients;
  const std::string answer = admin.get(status ? "/api/status" : clients ? "/api/clients" : "/api/sessions");
  if (options.json) {
    daemon::printLine(answer);
    return 0;
  }
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  const auto render = status ? statusText : clients ? clientsText : sessionsText;
  daemon::printText(render(document.root(), options.language, daemon::wantsColour(STDOUT_FILENO)));
  return 0;
}

int kickClient(const ServerOptions& options) {
  daemon::JsonWriter json;
  json.field("id", options.id);
  connectTo(options).post("/api/kick", json.finish());
  daemon::printLine(say(options.language, kKicked, options.id));
  return 0;
}

int releaseName(const ServerOptions& options) {
  daemon::JsonWriter json;
  json.field("id", options.id);
  connectTo(options).post("/api/release", json.finish());
  daemon::printLine(say(options.language, kReleased, options.id));
  return 0;
}

}  // namespace chuantou::apps
