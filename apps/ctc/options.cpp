#include "ctc/options.hpp"

#include "common/flags.hpp"
#include "daemon/failure.hpp"
#include "daemon/phrases.hpp"
#include "daemon/proxy_text.hpp"

namespace chuantou::apps {

namespace {

constexpr Phrase kAbout{"The chuantou client: offers this machine's services to other clients and reaches theirs.",
                        "chuantou 客户端：把本机的服务提供给其他客户端，并访问它们的服务。"};
constexpr Phrase kFooter{
    "Example: port 3000 of client B, here as port 8000\n  ctc run --server ws://HOST:8200 --id A -L 8000:B:3000",
    "示例：把客户端 B 的 3000 端口映射为本机 8000 端口\n  ctc run --server ws://主机:8200 --id A -L 8000:B:3000"};
constexpr Phrase kRun{"Run in the foreground", "在前台运行"};
constexpr Phrase kStatus{"Show the state of the running client and its proxies", "显示正在运行的客户端及其代理的状态"};
constexpr Phrase kClients{"List the clients that are registered at the server", "列出服务器上已注册的客户端"};
constexpr Phrase kProxy{"Make, list and delete proxies", "创建、列出和删除代理"};
constexpr Phrase kProxyCreate{"Open a local port that leads to a port of another client; it comes back at the next run",
                              "打开一个通向其他客户端端口的本地端口；下次运行时自动恢复"};
constexpr Phrase kProxyList{"List the open proxies", "列出已打开的代理"};
constexpr Phrase kProxyDelete{"Close a proxy", "关闭一个代理"};
constexpr Phrase kPing{"Measure the round trip to another client", "测量到另一个客户端的往返时间"};
constexpr Phrase kJson{"Print JSON", "输出 JSON"};

constexpr Phrase kServer{"The server (default ws://127.0.0.1:8200)", "服务器地址（默认 ws://127.0.0.1:8200）"};
constexpr Phrase kId{"This client's name for others (default: a random one, kept in the data dir)",
                     "本客户端的标识（默认：随机生成并保存在数据目录）"};
constexpr Phrase kToken{"The server's token; it is never sent", "服务器的令牌；令牌本身从不发送"};
constexpr Phrase kAdminPort{"Port of the local admin API (default 8201); 0: the system chooses",
                            "本地管理接口的端口（默认 8201）；0：由系统选择"};
constexpr Phrase kAllow{
    "What others may reach here: 22,3000-3010 * none; 22@A for client A alone; other hosts by name, address or block, "
    "db.lan:5432 192.168.1.0/24:80 [fd00::]/8:80; repeatable (default: this machine's loopback, all ports, for clients "
    "with the same token)",
    "允许他人访问的端口：22,3000-3010 * none；22@A 仅限客户端 A；其他主机可用名称、地址或网段，"
    "db.lan:5432 192.168.1.0/24:80 [fd00::]/8:80；可重复（默认：本机回环的所有端口，仅限持有相同令牌的客户端）"};
constexpr Phrase kLocal{"A proxy: [HOST:]LOCAL:PEER:[HOST:]PORT[/tcp|/udp]; repeatable",
                        "代理：[地址:]本地端口:客户端:[主机:]端口[/tcp|/udp]；可重复"};
constexpr Phrase kEncryption{"Encryption between clients; only \"none\" in this version (the default)",
                             "客户端之间的加密；此版本仅支持 \"none\"（默认）"};
constexpr Phrase kUdpIdle{"Forget a UDP flow after this silence (default 60)", "UDP 流在多久无数据后被清除（默认 60）"};
constexpr Phrase kLogLevel{"How much to log (default info)", "日志级别（默认 info）"};
constexpr Phrase kLogFormat{"How to log (default text)", "日志格式（默认 text）"};

constexpr Phrase kLocalPort{"Port to open here; 0: the system chooses", "本地端口；0：由系统选择"};
constexpr Phrase kTargetClient{"The client that has the service", "提供服务的客户端"};
constexpr Phrase kTargetPort{"The service's port there", "服务在对方的端口"};
constexpr Phrase kTargetHost{"A host as the target sees it (default: the target itself)",
                             "从目标端看到的主机（默认：目标本机）"};
constexpr Phrase kProtocol{"Which transports (default both)", "传输协议（默认 both）"};
constexpr Phrase kName{"A name to delete it by", "代理名称，可用于删除"};
constexpr Phrase kWhich{"Its local port or its name", "本地端口或名称"};
constexpr Phrase kPeer{"The other client", "另一个客户端"};
constexpr Phrase kCount{"How many times (default 4)", "次数（默认 4）"};
constexpr Phrase kInterval{"Pause between two (default 500)", "间隔（默认 500）"};

constexpr Phrase kNoEncryptionYet{
    "--encryption {0}: encryption between clients comes with a later version; this one has only \"none\"",
    "--encryption {0}：客户端之间的加密将在后续版本提供；此版本仅支持 \"none\""};

constexpr std::uint64_t kMaxUdpIdleSeconds = 24 * 3600;

/// The values that need a second look after parsing.
struct Raw {
  std::string lang;
  std::string config;
  std::string level = "info";
  std::string format = "text";
  std::string encryption = "none";
  std::string protocol = "both";
  std::vector<std::string> local;
  std::uint64_t adminPort = 8201;
  std::uint64_t localPort = 0;
  std::uint64_t targetPort = 0;
  std::uint64_t udpIdleSeconds = 60;
  CLI::Option* adminPortOption = nullptr;
  CLI::Option* udpIdleOption = nullptr;  ///< of proxy create
};

Flags addRun(CLI::App& program, ClientOptions& options, Raw& raw) {
  const Language language = options.language;
  CLI::App& command = addCommand(program, "run", kRun, language);
  command.footer(kFooter.in(language));
  Flags run{command, language};
  run.text("--server", options.serverUrl, "URL", kServer);
  run.text("--id", options.id, "NAME", kId);
  run.text("--token", options.token, "TOKEN", kToken);
  run.list("-L,--local", raw.local, "SPEC", kLocal)->check([language](const std::string& given) {
    try {
      daemon::parseLocalFlag(given, language);
      return std::string{};
    } catch (const daemon::Failure& failure) {
      return std::string{failure.what()};
    }
  });
  run.list("--allow", options.allow, "RULES", kAllow);
  raw.adminPortOption = run.number("--port", raw.adminPort, 0, 65535, "PORT", kAdminPort);
  run.text("--encryption", raw.encryption, "MODE", kEncryption);
  run.number("--udp-idle-timeout", raw.udpIdleSeconds, 1, kMaxUdpIdleSeconds, "SECONDS", kUdpIdle);
  run.choice("--log-level", raw.level, {"trace", "debug", "info", "warn", "error", "off"}, kLogLevel);
  run.choice("--log-format", raw.format, {"text", "json"}, kLogFormat);
  run.config(raw.config);
  run.common(options.dataDir, raw.lang);
  return run;
}

void addProxy(CLI::App& program, ClientOptions& options, Raw& raw) {
  const Language language = options.language;
  CLI::App& proxy = addCommand(program, "proxy", kProxy, language);
  proxy.require_subcommand(1);

  Flags create{addCommand(proxy, "create", kProxyCreate, language), language};
  create.number("--local-port", raw.localPort, 0, 65535, "PORT", kLocalPort)->required();
  create.text("--target-client", options.proxy.targetClientId, "NAME", kTargetClient)->required();
  create.number("--target-port", raw.targetPort, 1, 65535, "PORT", kTargetPort)->required();
  create.text("--target-host", options.proxy.targetHost, "HOST", kTargetHost);
  create.choice("--protocol", raw.protocol, {"tcp", "udp", "both"}, kProtocol);
  create.text("--name", options.proxy.name, "NAME", kName);
  raw.udpIdleOption =
      create.number("--udp-idle-timeout", raw.udpIdleSeconds, 1, kMaxUdpIdleSeconds, "SECONDS", kUdpIdle);
  create.common(options.dataDir, raw.lang);

  CLI::App& list = addCommand(proxy, "list", kProxyList, language);
  list.add_flag("--json", options.json, kJson.in(language));
  Flags{list, language}.common(options.dataDir, raw.lang);

  CLI::App& remove = addCommand(proxy, "delete", kProxyDelete, language);
  remove.add_option("WHICH", options.which, kWhich.in(language))->required()->type_name("");
  Flags{remove, language}.common(options.dataDir, raw.lang);
}

void addQueries(CLI::App& program, ClientOptions& options, Raw& raw) {
  const Language language = options.language;
  for (const auto& [name, help] : {std::pair{"status", kStatus}, std::pair{"clients", kClients}}) {
    CLI::App& command = addCommand(program, name, help, language);
    command.add_flag("--json", options.json, kJson.in(language));
    Flags{command, language}.common(options.dataDir, raw.lang);
  }
  CLI::App& ping = addCommand(program, "ping", kPing, language);
  ping.add_option("PEER", options.peer, kPeer.in(language))->required()->type_name("");
  Flags flags{ping, language};
  flags.number("--count", options.count, 1, 1'000'000, "N", kCount);
  flags.number("--interval", options.intervalMs, 0, 3'600'000, "MS", kInterval);
  ping.add_flag("--json", options.json, kJson.in(language));
  flags.common(options.dataDir, raw.lang);
}

ClientCommand chosenCommand(const CLI::App& program) {
  const CLI::App* first = program.get_subcommands().front();
  const std::string& name = first->get_name();
  if (name == "status") return ClientCommand::status;
  if (name == "clients") return ClientCommand::clients;
  if (name == "ping") return ClientCommand::ping;
  if (name == "run") return ClientCommand::run;
  const std::string& verb = first->get_subcommands().front()->get_name();
  return verb == "create" ? ClientCommand::proxyCreate
         : verb == "list" ? ClientCommand::proxyList
                          : ClientCommand::proxyDelete;
}

void finishRun(ClientOptions& options, const Raw& raw) {
  options.language = daemon::chooseLanguage(raw.lang);
  if (raw.encryption != "none") {
    throw daemon::Failure{daemon::say(options.language, kNoEncryptionYet, raw.encryption), daemon::kExitUsage};
  }
  options.adminPort = static_cast<std::uint16_t>(raw.adminPort);
  options.adminPortGiven = raw.adminPortOption->count() > 0;
  options.udpIdleTimeout = std::chrono::seconds{raw.udpIdleSeconds};
  options.logLevel = daemon::parseLogLevel(raw.level).value_or(LogLevel::info);
  options.logFormat = raw.format == "json" ? daemon::LogFormat::json : daemon::LogFormat::text;
  for (const std::string& text : raw.local) {
    options.local.push_back(daemon::parseLocalFlag(text, options.language));
    options.local.back().udpIdleTimeout = options.udpIdleTimeout;
  }
}

void finishProxyCreate(ClientOptions& options, const Raw& raw) {
  options.proxy.localPort = static_cast<std::uint16_t>(raw.localPort);
  options.proxy.targetPort = static_cast<std::uint16_t>(raw.targetPort);
  daemon::parseProtocol(raw.protocol, options.proxy.protocol);
  options.udpIdleTimeoutGiven = raw.udpIdleOption->count() > 0;
  options.proxy.udpIdleTimeout = std::chrono::seconds{raw.udpIdleSeconds};
  const auto bad = [&](const Phrase& phrase, const std::string& value) {
    return daemon::Failure{daemon::say(options.language, phrase, value), daemon::kExitUsage};
  };
  if (!daemon::isClientId(options.proxy.targetClientId)) throw bad(daemon::kBadPeer, options.proxy.targetClientId);
  if (!options.proxy.name.empty() && !daemon::isProxyName(options.proxy.name))
    throw bad(daemon::kBadName, options.proxy.name);
}

}  // namespace

bool readClientOptions(int argc, char** argv, ClientOptions& options, int& exitCode) {
  options.language = languageOfArguments(argc, argv);
  CLI::App program;
  Raw raw;
  prepareProgram(program, "ctc", kAbout, kFooter, options.language);
  Flags run = addRun(program, options, raw);
  addQueries(program, options, raw);
  addProxy(program, options, raw);
  if (!parseCommandLine(program, argc, argv, options.language, exitCode)) return false;

  options.command = chosenCommand(program);
  if (options.command == ClientCommand::run) {
    run.applyConfig();
    finishRun(options, raw);
  }
  if (options.command == ClientCommand::proxyCreate) finishProxyCreate(options, raw);
  if (options.command == ClientCommand::ping && !daemon::isClientId(options.peer)) {
    throw daemon::Failure{daemon::say(options.language, daemon::kBadPeer, options.peer), daemon::kExitUsage};
  }
  return true;
}

}  // namespace chuantou::apps
