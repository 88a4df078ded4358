#include "ctc/commands.hpp"

#include <unistd.h>

#include <ctime>

#include "daemon/data_dir.hpp"
#include "daemon/failure.hpp"
#include "daemon/human_text.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"
#include "daemon/proxy_json.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/stream_text.hpp"
#include "daemon/table.hpp"

namespace chuantou::apps {

namespace {

using daemon::Align;
using daemon::JsonObject;
using daemon::Phrase;
using daemon::say;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kMaxAnswer = 256U * 1024U * 1024U;

constexpr Phrase kState{"state", "状态"};
constexpr Phrase kStateNow{"{0} (uptime {1}, pid {2}, version {3})", "{0}（已运行 {1}，进程 {2}，版本 {3}）"};
constexpr Phrase kId{"id", "标识"};
constexpr Phrase kKey{"key", "密钥"};
constexpr Phrase kServer{"server", "服务器"};
constexpr Phrase kStreams{"interrupted", "中断"};
constexpr Phrase kStreamsNow{"{0} times, {1} lost; {2} are stalled now, {3} resumed, {4} given up, {5} sent again",
                             "{0} 次，共 {1}；当前中断 {2}，恢复 {3}，放弃 {4}，重发 {5}"};
constexpr Phrase kServerNow{"{0} (connected for {1}, {2} reconnects)", "{0}（已连接 {1}，重连 {2} 次）"};
constexpr Phrase kWay{"reached by", "连接方式"};
constexpr Phrase kRoundTrip{"round trip", "往返时间"};
constexpr Phrase kNotMeasured{"not measured yet", "尚未测量"};
constexpr Phrase kLastError{"last error", "最近错误"};
constexpr Phrase kOpen{"connections", "连接"};
constexpr Phrase kOpenNow{"{0} out, {1} in ({2} and {3} so far)", "发起 {0} 个，接入 {1} 个（累计 {2} 和 {3} 个）"};
constexpr Phrase kTraffic{"traffic", "流量"};
constexpr Phrase kTrafficNow{"{0} up, {1} down", "上行 {0}，下行 {1}"};

constexpr Phrase kLocalColumn{"LOCAL", "本地"};
constexpr Phrase kTargetColumn{"TARGET", "目标"};
constexpr Phrase kProtocolColumn{"PROTOCOL", "协议"};
constexpr Phrase kEncryptionColumn{"ENCRYPTION", "加密"};
constexpr Phrase kNameColumn{"NAME", "名称"};
constexpr Phrase kOpenColumn{"OPEN", "当前"};
constexpr Phrase kTotalColumn{"TOTAL", "累计"};
constexpr Phrase kFailedColumn{"FAILED", "失败"};
constexpr Phrase kUpColumn{"UP", "上行"};
constexpr Phrase kDownColumn{"DOWN", "下行"};
constexpr Phrase kFlowsColumn{"UDP FLOWS", "UDP 流"};
constexpr Phrase kNoProxies{"no proxies are open; ctc proxy create makes one",
                            "没有打开的代理；用 ctc proxy create 创建"};
constexpr Phrase kClientColumn{"CLIENT", "客户端"};
constexpr Phrase kKeyColumn{"KEY", "密钥"};
constexpr Phrase kSinceColumn{"REGISTERED", "注册时间"};
constexpr Phrase kAgo{"{0} ago", "{0}前"};
constexpr Phrase kSelf{"(this one)", "（本机）"};
constexpr Phrase kNobody{"no clients are registered", "没有已注册的客户端"};
constexpr Phrase kDeleted{"proxy {0} is closed", "已关闭代理 {0}"};

constexpr Phrase kMigrating{"connections that move to new carriers: {0}", "正在转移到新通路的连接：{0}"};

std::string bytes(const JsonObject& object, const char* key) {
  return daemon::humanBytes(static_cast<std::uint64_t>(object.numberOr(key)));
}

std::string duration(const JsonObject& object, const char* key) {
  return daemon::humanDuration(milliseconds{object.numberOr(key)});
}

ProxyOptions optionsOf(const JsonObject& proxy) {
  ProxyOptions options;
  options.localPort = static_cast<std::uint16_t>(proxy.numberOr("localPort"));
  options.localHost = proxy.textOr("localHost");
  options.targetClientId = proxy.textOr("targetClientId");
  options.targetHost = proxy.textOr("targetHost");
  options.targetPort = static_cast<std::uint16_t>(proxy.numberOr("targetPort"));
  daemon::parseProtocol(proxy.textOr("protocol"), options.protocol);
  return options;
}

std::string proxiesText(const JsonObject& answer, Language language, bool colour) {
  const auto column = [&](const Phrase& title, Align align = Align::left) {
    return daemon::Table::Column{title.in(language), align};
  };
  daemon::Table table{{column(kLocalColumn), column(kTargetColumn), column(kProtocolColumn), column(kEncryptionColumn),
                       column(kNameColumn), column(kOpenColumn, Align::right), column(kTotalColumn, Align::right),
                       column(kFailedColumn, Align::right), column(kFlowsColumn, Align::right),
                       column(kUpColumn, Align::right), column(kDownColumn, Align::right)}};
  for (const JsonObject& proxy : answer.objects("proxies")) {
    const ProxyOptions options = optionsOf(proxy);
    const bool both = options.protocol == Protocol::both;
    table.row({daemon::proxyLocal(options), daemon::proxyTarget(options),
               both ? "tcp+udp" : std::string{daemon::protocolName(options.protocol)}, proxy.textOr("encryption"),
               proxy.textOr("name"), std::to_string(proxy.numberOr("activeConnections")),
               std::to_string(proxy.numberOr("connections")), std::to_string(proxy.numberOr("failedConnections")),
               std::to_string(proxy.numberOr("activeFlows")), bytes(proxy, "bytesUp"), bytes(proxy, "bytesDown")});
  }
  return table.empty() ? say(language, kNoProxies) + "\n" : table.render(colour);
}

std::string statusText(const JsonObject& s, Language language, bool colour) {
  const auto title = [&](const Phrase& phrase) { return std::string{phrase.in(language)}; };
  std::vector<std::pair<std::string, std::string>> fields{
      {title(kState), say(language, kStateNow, s.textOr("stateText"), duration(s, "uptimeMs"),
                          s.numberOr("pid"), s.textOr("version"))},
      {title(kId), s.textOr("id")},
      {title(kKey), s.textOr("key")}};
  if (s.textOr("state") == "registered") {
    fields.emplace_back(title(kServer), say(language, kServerNow, s.textOr("server"), duration(s, "connectedForMs"),
                                            s.numberOr("reconnects")));
    if (s.textOr("way") != s.textOr("server")) fields.emplace_back(title(kWay), s.textOr("way"));
    const std::int64_t rtt = s.numberOr("rttUs");
    fields.emplace_back(title(kRoundTrip),
                        rtt > 0 ? daemon::humanRoundTrip(microseconds{rtt}) : say(language, kNotMeasured));
  } else {
    fields.emplace_back(title(kServer), s.textOr("server"));
  }
  if (const auto error = s.object("lastError")) fields.emplace_back(title(kLastError), error->textOr("message"));
  fields.emplace_back(title(kOpen), say(language, kOpenNow, s.numberOr("outboundActive"), s.numberOr("inboundActive"),
                                        s.numberOr("outboundTotal"), s.numberOr("inboundTotal")));
  fields.emplace_back(title(kTraffic), say(language, kTrafficNow, bytes(s, "bytesUp"), bytes(s, "bytesDown")));
  if (const auto streams = s.object("streams"); streams && (streams->numberOr("stalls") > 0 || streams->numberOr("stalled") > 0)) {
    fields.emplace_back(title(kStreams), say(language, kStreamsNow, streams->numberOr("stalls"), duration(*streams, "lostTimeMs"),
                                             streams->numberOr("stalled"), streams->numberOr("resumes"), streams->numberOr("givenUp"),
                                             bytes(*streams, "repeatedBytes")));
  }
  return daemon::renderFields(fields, colour) + "\n" + proxiesText(s, language, colour);
}

/// Enough to tell two apart at a glance; the JSON has all of it.
std::string shortKey(const std::string& key) {
  constexpr std::size_t kDigits = 16;
  return key.substr(key.find(':') + 1).substr(0, kDigits);
}

std::string clientsText(const JsonObject& answer, Language language, bool colour) {
  daemon::Table table{
      {{kClientColumn.in(language)}, {kKeyColumn.in(language)}, {kSinceColumn.in(language), Align::right}, {}}};
  const auto now =
      std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const JsonObject& client : answer.objects("clients")) {
    // The two machines' clocks may differ; a client of the future has just come.
    const auto age = std::max<std::int64_t>(0, now - client.numberOr("registeredAtMs", now));
    table.row({client.textOr("id"), shortKey(client.textOr("key")),
               say(language, kAgo, daemon::humanDuration(milliseconds{age})),
               client.boolean("self") ? kSelf.in(language) : ""});
  }
  return table.empty() ? say(language, kNobody) + "\n" : table.render(colour);
}

struct View {
  const char* path;
  std::string (*render)(const JsonObject& answer, Language language, bool colour);
};

View viewOf(ClientCommand command) {
  switch (command) {
    case ClientCommand::status:
      return {"/api/status", statusText};
    case ClientCommand::clients:
      return {"/api/clients", clientsText};
    case ClientCommand::streams:
      return {"/api/streams", daemon::streamsText};
    default:
      return {"/api/proxies", proxiesText};
  }
}

}  // namespace

daemon::AdminClient connectTo(const ClientOptions& options) {
  return {"ctc", options.dataDir.empty() ? daemon::defaultDataDir("ctc", options.language) : options.dataDir,
          options.language};
}

int showClient(const ClientOptions& options) {
  daemon::AdminClient admin = connectTo(options);
  const View view = viewOf(options.command);
  const std::string answer = admin.get(view.path);
  if (options.json) {
    daemon::printLine(answer);
    return daemon::kExitDone;
  }
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  daemon::printText(view.render(document.root(), options.language, daemon::wantsColour(STDOUT_FILENO)));
  return daemon::kExitDone;
}

int printAdminLink(const ClientOptions& options) {
  daemon::AdminClient admin = connectTo(options);
  admin.get("/api/proxies");  // a link that nobody answers is none
  const std::string link = admin.pageLink();
  if (options.json) {
    daemon::JsonWriter json;
    json.field("link", link);
    daemon::printLine(json.finish());
  } else {
    daemon::printLine(link);
  }
  return daemon::kExitDone;
}

int migrateStreams(const ClientOptions& options) {
  const std::string answer = connectTo(options).post("/api/streams/migrate", "{}");
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  daemon::printLine(options.json ? answer : say(options.language, kMigrating, document.root().numberOr("streams")));
  return daemon::kExitDone;
}

int createProxy(const ClientOptions& options) {
  daemon::JsonWriter json;
  json.field("localPort", options.proxy.localPort);
  json.field("targetClientId", options.proxy.targetClientId);
  json.field("targetPort", options.proxy.targetPort);
  if (!options.proxy.targetHost.empty()) json.field("targetHost", options.proxy.targetHost);
  json.field("protocol", daemon::protocolName(options.proxy.protocol));
  json.field("encryption", daemon::encryptionName(options.proxy.encryption));
  if (!options.proxy.name.empty()) json.field("name", options.proxy.name);
  if (options.proxy.patience) json.field("patienceMs", static_cast<std::int64_t>(options.proxy.patience->count()));
  if (options.udpIdleTimeoutGiven) {
    json.field("udpIdleTimeoutMs", static_cast<std::int64_t>(options.proxy.udpIdleTimeout.count()));
  }
  const std::string answer = connectTo(options).post("/api/proxies", json.finish());
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  daemon::printLine(daemon::proxyLine(optionsOf(document.root())));
  return daemon::kExitDone;
}

int deleteProxy(const ClientOptions& options) {
  daemon::AdminClient admin = connectTo(options);
  // Nothing else can be a proxy's port or name; it goes into a path.
  if (!daemon::isClientId(options.which))
    throw daemon::Failure{say(options.language, daemon::kNoSuchProxy, options.which)};
  admin.remove("/api/proxies/" + options.which);
  daemon::printLine(say(options.language, kDeleted, options.which));
  return daemon::kExitDone;
}

}  // namespace chuantou::apps
