#include "cts/options.hpp"

#include "base/endpoint_text.hpp"

#include "cts/limit_flags.hpp"

namespace chuantou::apps {

namespace {

constexpr std::uint64_t kMaxTimeoutMs = 24 * 3600 * 1000;

constexpr Phrase kAbout{
    "The chuantou server: introduces clients to each other and relays between them, all on one port.",
    "chuantou 服务器：在一个端口上让客户端互相找到并为其中继。"};
constexpr Phrase kFooter{"Example:\n  cts run\nprints the command that joins a client.",
                         "示例：\n  cts run\n会输出客户端的加入命令。"};
constexpr Phrase kRun{"Run in the foreground", "在前台运行"};
constexpr Phrase kStatus{"Show the state of the running server", "显示正在运行的服务器的状态"};
constexpr Phrase kClients{"List the registered clients", "列出已注册的客户端"};
constexpr Phrase kSessions{"List the open sessions", "列出打开的会话"};
constexpr Phrase kKick{"Disconnect a client", "断开一个客户端"};
constexpr Phrase kKickId{"The client", "客户端标识"};
constexpr Phrase kRelease{"Free a name for another key", "释放一个标识，使其他密钥可以使用"};
constexpr Phrase kTokenCommand{"Show the command that joins a client, or manage tokens",
                               "显示客户端的加入命令，或管理令牌"};
constexpr Phrase kTokenList{"List the tokens, without their secrets", "列出令牌（不含密文）"};
constexpr Phrase kTokenAdd{"Make another token and show the command that joins a client by it",
                           "新建令牌并显示对应的加入命令"};
constexpr Phrase kTokenRotate{"Give the server's own token a new secret; registered clients stay",
                              "更换服务器自己的令牌；已注册的客户端保持连接"};
constexpr Phrase kTokenRevoke{"End a token, and the clients that joined by it", "吊销令牌，并断开用它加入的客户端"};
constexpr Phrase kTokenName{"The token's name", "令牌名称"};
constexpr Phrase kExpires{"When it ends: 90s, 30m, 24h, 7d (default: never)",
                          "有效期：90s、30m、24h、7d（默认：永不过期）"};
constexpr Phrase kOnce{"For one client only, which may come back", "只供一个客户端使用（该客户端可以重连）"};
constexpr Phrase kGroup{"Its clients' group (default main)", "客户端所属的组（默认 main）"};
constexpr Phrase kAllowExpose{"Its clients may ask for public ports", "允许其客户端申请公开端口"};
constexpr Phrase kDisconnect{"Disconnect the clients that joined by the old one", "断开用旧令牌加入的客户端"};
constexpr Phrase kJson{"Print JSON", "输出 JSON"};

constexpr Phrase kHost{"Address to listen on (default: all)", "监听地址（默认：全部）"};
constexpr Phrase kPort{"TCP and UDP port (default 8200); 0: the system chooses",
                       "TCP 和 UDP 端口（默认 8200）；0：由系统选择"};
constexpr Phrase kExtraPort{"Another TCP port that is the same, such as 443; repeatable", "另一个作用相同的 TCP 端口，例如 443；可重复"};
constexpr Phrase kNoPort{"{0} is not a port", "{0} 不是端口"};
constexpr Phrase kToken{"What clients must prove to know; it is never sent (default: one made at the first start)",
                        "客户端必须证明知道的令牌；令牌本身从不发送（默认：首次启动时生成）"};
constexpr Phrase kTokenFile{"A file that holds it", "存放令牌的文件"};
constexpr Phrase kPublicHost{"The host in the command that joins a client (default: this machine's address)",
                             "加入命令中的主机名（默认：本机地址）"};
constexpr Phrase kStunAlt{"A second address of this machine, where STUN is answered too: clients then find out what their NAT does "
                          "(default port: the next one)",
                          "本机的第二个地址，同样应答 STUN，使客户端能够检测其 NAT 的行为（默认端口：下一个端口）"};
constexpr Phrase kKeyless{"Let clients without a key register: for tests and trusted networks",
                          "允许没有密钥的客户端注册：用于测试和可信网络"};
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
constexpr Phrase kInterval{"How often clients say that they are alive (default 4000)", "客户端心跳间隔（默认 4000）"};
constexpr Phrase kTimeout{"Silence after which a client is dead (default 9000)",
                          "多久没有心跳即判定客户端掉线（默认 9000）"};
constexpr Phrase kReturn{"How long the TCP connections of a client that fell silent wait for it to come back (default 60000)",
                         "客户端失去心跳后，其 TCP 连接为它保留多久（默认 60000）"};

void addTokenCommands(CLI::App& program, ServerOptions& options, std::string& lang) {
  const Language language = options.language;
  CLI::App& token = addCommand(program, "token", kTokenCommand, language);
  const auto add = [&](const char* name, const Phrase& help) -> CLI::App& {
    CLI::App& command = addCommand(token, name, help, language);
    Flags{command, language}.common(options.dataDir, lang);
    return command;
  };
  Flags{token, language}.common(options.dataDir, lang);
  add("list", kTokenList).add_flag("--json", options.json, kJson.in(language));
  add("revoke", kTokenRevoke).add_option("NAME", options.tokenName, kTokenName.in(language))->required()->type_name("");
  add("rotate", kTokenRotate).add_flag("--disconnect", options.disconnect, kDisconnect.in(language));
  CLI::App& made = add("add", kTokenAdd);
  Flags flags{made, language};
  flags.text("--name", options.tokenName, "NAME", kTokenName)->required();
  flags.text("--expires", options.expires, "TIME", kExpires);
  flags.toggle("--once", options.once, kOnce);
  flags.text("--group", options.group, "GROUP", kGroup);
  flags.toggle("--allow-expose", options.allowExpose, kAllowExpose);
}

ServerCommand commandOf(const CLI::App& program) {
  const CLI::App& chosen = *program.get_subcommands().front();
  std::string name = chosen.get_name();
  if (const auto inner = chosen.get_subcommands(); !inner.empty()) name += " " + inner.front()->get_name();
  constexpr std::pair<std::string_view, ServerCommand> kCommands[] = {{"status", ServerCommand::status},
                                                                      {"clients", ServerCommand::clients},
                                                                      {"sessions", ServerCommand::sessions},
                                                                      {"kick", ServerCommand::kick},
                                                                      {"release", ServerCommand::release},
                                                                      {"token", ServerCommand::token},
                                                                      {"token list", ServerCommand::tokenList},
                                                                      {"token add", ServerCommand::tokenAdd},
                                                                      {"token rotate", ServerCommand::tokenRotate},
                                                                      {"token revoke", ServerCommand::tokenRevoke}};
  for (const auto& [word, command] : kCommands) {
    if (word == name) return command;
  }
  return ServerCommand::run;
}

}  // namespace

bool readServerOptions(int argc, char** argv, ServerOptions& options, int& exitCode) {
  options.language = languageOfArguments(argc, argv);
  const Language language = options.language;
  CLI::App program;
  prepareProgram(program, "cts", kAbout, kFooter, language);

  std::string lang;
  std::string config;
  std::uint64_t port = options.port;
  std::vector<std::string> extraPorts;
  std::uint64_t threads = 0;
  std::string level = "info";
  std::string format = "text";
  CLI::App& runCommand = addCommand(program, "run", kRun, language);
  runCommand.footer(kFooter.in(language));
  Flags run{runCommand, language};
  run.text("--host", options.host, "HOST", kHost);
  run.number("--port", port, 0, 65535, "PORT", kPort);
  run.list("--extra-port", extraPorts, "PORT", kExtraPort)->check([language](const std::string& given) {
    return parsePort(given, true) ? std::string{} : daemon::say(language, kNoPort, given);
  });
  run.text("--token", options.token, "TOKEN", kToken);
  run.text("--token-file", options.tokenFile, "FILE", kTokenFile);
  run.text("--public-host", options.publicHost, "HOST", kPublicHost);
  run.text("--stun-alt-address", options.stunAltAddress, "IP[:PORT]", kStunAlt);
  run.toggle("--allow-anonymous", options.allowAnonymous, kAnonymous);
  run.toggle("--allow-keyless", options.allowKeyless, kKeyless);
  run.text("--tls-cert", options.tlsCertificateFile, "FILE", kCertificate);
  run.text("--tls-key", options.tlsKeyFile, "FILE", kCertificateKey);
  run.number("--threads", threads, 0, 1024, "N", kThreads);
  run.number("--handshake-timeout", options.handshakeTimeoutMs, 1, kMaxTimeoutMs, "MS", kHandshake);
  run.number("--pairing-timeout", options.pairingTimeoutMs, 1, kMaxTimeoutMs, "MS", kPairing);
  run.number("--heartbeat-interval", options.heartbeatIntervalMs, 1, kMaxTimeoutMs, "MS", kInterval);
  run.number("--heartbeat-timeout", options.heartbeatTimeoutMs, 1, kMaxTimeoutMs, "MS", kTimeout);
  run.number("--return-timeout", options.returnTimeoutMs, 0, kMaxTimeoutMs, "MS", kReturn);
  addLimitFlags(run, options.limits);
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
  addQuery("kick", kKick)->add_option("ID", options.id, kKickId.in(language))->required()->type_name("");
  addQuery("release", kRelease)->add_option("ID", options.id, kKickId.in(language))->required()->type_name("");
  addTokenCommands(program, options, lang);

  if (!parseCommandLine(program, argc, argv, language, exitCode)) return false;
  options.command = commandOf(program);
  if (options.command != ServerCommand::run) return true;

  run.applyConfig();
  options.language = daemon::chooseLanguage(lang);
  options.port = static_cast<std::uint16_t>(port);
  for (const std::string& extra : extraPorts) options.extraPorts.push_back(*parsePort(extra, true));
  options.threads = static_cast<unsigned>(threads);
  options.logLevel = daemon::parseLogLevel(level).value_or(LogLevel::info);
  options.logFormat = format == "json" ? daemon::LogFormat::json : daemon::LogFormat::text;
  return true;
}

}  // namespace chuantou::apps
