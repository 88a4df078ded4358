#include "cts/options.hpp"

#include "common/flags.hpp"

namespace chuantou::apps {

namespace {

constexpr std::uint64_t kMaxTimeoutMs = 24 * 3600 * 1000;

constexpr Phrase kAbout{
    "The chuantou server: introduces clients to each other and relays between them, all on one port.",
    "chuantou 服务器：在一个端口上让客户端互相找到并为其中继。"};
constexpr Phrase kFooter{"Example:\n  cts run --token SECRET", "示例：\n  cts run --token 密钥"};
constexpr Phrase kRun{"Run in the foreground", "在前台运行"};
constexpr Phrase kStatus{"Show the state of the running server", "显示正在运行的服务器的状态"};
constexpr Phrase kClients{"List the registered clients", "列出已注册的客户端"};
constexpr Phrase kSessions{"List the open sessions", "列出打开的会话"};
constexpr Phrase kKick{"Disconnect a client", "断开一个客户端"};
constexpr Phrase kKickId{"The client", "客户端标识"};
constexpr Phrase kJson{"Print JSON", "输出 JSON"};

constexpr Phrase kHost{"Address to listen on (default: all, or loopback only without a token)",
                       "监听地址（默认：全部；没有令牌时仅本机回环）"};
constexpr Phrase kPort{"TCP and UDP port (default 8200); 0: the system chooses",
                       "TCP 和 UDP 端口（默认 8200）；0：由系统选择"};
constexpr Phrase kToken{"What clients must prove to know; it is never sent",
                        "客户端必须证明知道的令牌；令牌本身从不发送"};
constexpr Phrase kAnonymous{"Let anyone who reaches the port register", "允许任何能访问该端口的人注册"};
constexpr Phrase kCertificate{"Certificate with its chain, in PEM, for wss:// and https:// (default: a self-signed one is made)",
                              "用于 wss:// 和 https:// 的 PEM 证书及其证书链（默认：自动生成自签名证书）"};
constexpr Phrase kCertificateKey{"The certificate's key, in PEM; both files are read again when they change",
                                 "证书的 PEM 私钥；两个文件变化后会自动重新读取"};
constexpr Phrase kThreads{"Relaying threads; 0: one for every two processors", "中继线程数；0：每两个处理器一个"};
constexpr Phrase kLogLevel{"How much to log (default info)", "日志级别（默认 info）"};
constexpr Phrase kLogFormat{"How to log (default text)", "日志格式（默认 text）"};
constexpr Phrase kHandshake{"Deadline for the first bytes and for registering (default 10000)",
                            "首字节和注册的时限（默认 10000）"};
constexpr Phrase kPairing{"Deadline for both ends of a session to come (default 15000)",
                          "会话两端到齐的时限（默认 15000）"};
constexpr Phrase kInterval{"How often clients say that they are alive (default 20000)", "客户端心跳间隔（默认 20000）"};
constexpr Phrase kTimeout{"Silence after which a client is dead (default 60000)",
                          "多久没有心跳即判定客户端掉线（默认 60000）"};

}  // namespace

bool readServerOptions(int argc, char** argv, ServerOptions& options, int& exitCode) {
  options.language = languageOfArguments(argc, argv);
  const Language language = options.language;
  CLI::App program;
  prepareProgram(program, "cts", kAbout, kFooter, language);

  std::string lang;
  std::string config;
  std::uint64_t port = options.port;
  std::uint64_t threads = 0;
  std::string level = "info";
  std::string format = "text";
  CLI::App& runCommand = addCommand(program, "run", kRun, language);
  runCommand.footer(kFooter.in(language));
  Flags run{runCommand, language};
  run.text("--host", options.host, "HOST", kHost);
  run.number("--port", port, 0, 65535, "PORT", kPort);
  run.text("--token", options.token, "TOKEN", kToken);
  run.toggle("--allow-anonymous", options.allowAnonymous, kAnonymous);
  run.text("--tls-cert", options.tlsCertificateFile, "FILE", kCertificate);
  run.text("--tls-key", options.tlsKeyFile, "FILE", kCertificateKey);
  run.number("--threads", threads, 0, 1024, "N", kThreads);
  run.number("--handshake-timeout", options.handshakeTimeoutMs, 1, kMaxTimeoutMs, "MS", kHandshake);
  run.number("--pairing-timeout", options.pairingTimeoutMs, 1, kMaxTimeoutMs, "MS", kPairing);
  run.number("--heartbeat-interval", options.heartbeatIntervalMs, 1, kMaxTimeoutMs, "MS", kInterval);
  run.number("--heartbeat-timeout", options.heartbeatTimeoutMs, 1, kMaxTimeoutMs, "MS", kTimeout);
  run.choice("--log-level", level, {"trace", "debug", "info", "warn", "error", "off"}, kLogLevel);
  run.choice("--log-format", format, {"text", "json"}, kLogFormat);
  run.config(config);
  run.common(options.dataDir, lang);

  const auto addQuery = [&](const char* name, const Phrase& help) {
    Flags flags{addCommand(program, name, help, language), language};
    flags.common(options.dataDir, lang);
    return program.get_subcommand(name);
  };
  for (const auto& [name, help] :
       {std::pair{"status", kStatus}, std::pair{"clients", kClients}, std::pair{"sessions", kSessions}}) {
    addQuery(name, help)->add_flag("--json", options.json, kJson.in(language));
  }
  addQuery("kick", kKick)->add_option("ID", options.kickId, kKickId.in(language))->required()->type_name("");

  if (!parseCommandLine(program, argc, argv, language, exitCode)) return false;
  const std::string command = program.get_subcommands().front()->get_name();
  if (command == "status") options.command = ServerCommand::status;
  if (command == "clients") options.command = ServerCommand::clients;
  if (command == "sessions") options.command = ServerCommand::sessions;
  if (command == "kick") options.command = ServerCommand::kick;
  if (command != "run") return true;

  run.applyConfig();
  options.language = daemon::chooseLanguage(lang);
  options.port = static_cast<std::uint16_t>(port);
  options.threads = static_cast<unsigned>(threads);
  options.logLevel = daemon::parseLogLevel(level).value_or(LogLevel::info);
  options.logFormat = format == "json" ? daemon::LogFormat::json : daemon::LogFormat::text;
  return true;
}

}  // namespace chuantou::apps
