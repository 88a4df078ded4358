#include "ctc/options.hpp"

#include "base/ids.hpp"
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
constexpr Phrase kStreams{"List the forwarded connections: what carries each, and what became of it when its path was lost",
                          "列出转发的连接：各自的通路，以及断路后的恢复情况"};
constexpr Phrase kMigrate{"Move those that were opened here to new carriers, by what is the best way now; nothing is lost, and nobody waits",
                          "把本机发起的连接转移到新的通路，即当前最佳的路径；不丢数据，也不停顿"};
constexpr Phrase kAdmin{"Print the link that opens the admin page in a browser on this machine; whoever has it may do what you may",
                        "输出在本机浏览器中打开管理页面的链接；持有该链接者拥有与您相同的权限"};
constexpr Phrase kProxy{"Make, list and delete proxies", "创建、列出和删除代理"};
constexpr Phrase kProxyCreate{"Open a local port that leads to a port of another client; it comes back at the next run",
                              "打开一个通向其他客户端端口的本地端口；下次运行时自动恢复"};
constexpr Phrase kProxyList{"List the open proxies", "列出已打开的代理"};
constexpr Phrase kProxyDelete{"Close a proxy", "关闭一个代理"};
constexpr Phrase kPing{"Measure the round trip to another client, over TCP and over UDP", "测量到另一个客户端的往返时间（TCP 和 UDP）"};
constexpr Phrase kNetcheck{"Find out what NAT this machine is behind, and what that means for direct connections; needs no running ctc",
                           "检测本机所处的 NAT 及其对直连的影响；无需 ctc 正在运行"};
constexpr Phrase kNetcheckStun{"A STUN server to ask; repeatable (default: that of the running ctc, else a few public ones)",
                               "要询问的 STUN 服务器；可重复（默认：正在运行的 ctc 的服务器，否则为几个公共服务器）"};
constexpr Phrase kNetcheckServer{"A chuantou server to ask and to measure, ws://HOST:8200; repeatable",
                                 "要询问并测量延迟的 chuantou 服务器，ws://主机:8200；可重复"};
constexpr Phrase kNetcheckLifetime{"Also find out how long idle mappings live, waiting this long at most",
                                   "同时检测空闲映射的保留时间，最多等待这么久"};
constexpr Phrase kJson{"Print JSON", "输出 JSON"};

constexpr Phrase kServer{"The server (default ws://127.0.0.1:8200); wss:// for TLS",
                         "服务器地址（默认 ws://127.0.0.1:8200）；wss:// 使用 TLS"};
constexpr Phrase kFingerprint{"The key that a wss:// server must show: sha256:... of its join line (default: the system's CAs decide)",
                              "wss:// 服务器必须出示的密钥：其加入命令中的 sha256:...（默认：由系统 CA 判断）"};
constexpr Phrase kDataTls{"TLS to the server for data channels as well (wss:// only; slower, hides which sessions there are)",
                          "到服务器的数据通道也使用 TLS（仅 wss://；较慢，可隐藏会话信息）"};
constexpr Phrase kProxyOut{"The way out: http://[USER:PASSWORD@]HOST:PORT, socks5://..., or none (default: what the environment says, and directly)",
                           "出口代理：http://[用户:密码@]主机:端口、socks5://... 或 none（默认：按环境变量，并尝试直连）"};
constexpr Phrase kFallback{"A port where the server is tried as well, with TLS (default 443); 0: none",
                           "同时尝试的服务器端口，使用 TLS（默认 443）；0：不尝试"};
constexpr Phrase kId{"This client's name for others (default: a random one, kept in the data dir)",
                     "本客户端的标识（默认：随机生成并保存在数据目录）"};
constexpr Phrase kToken{"The server's token; it is never sent", "服务器的令牌；令牌本身从不发送"};
constexpr Phrase kAdminPort{"Port of the local admin page and API (default 8201); 0: the system chooses",
                            "本地管理页面和接口的端口（默认 8201）；0：由系统选择"};
constexpr Phrase kAllow{
    "What others may reach here: 22,3000-3010 * none; 22@A for client A alone; other hosts by name, address or block, "
    "db.lan:5432 192.168.1.0/24:80 [fd00::]/8:80; repeatable (default: this machine's loopback, all ports, for clients "
    "with the same token)",
    "允许他人访问的端口：22,3000-3010 * none；22@A 仅限客户端 A；其他主机可用名称、地址或网段，"
    "db.lan:5432 192.168.1.0/24:80 [fd00::]/8:80；可重复（默认：本机回环的所有端口，仅限持有相同令牌的客户端）"};
constexpr Phrase kLocal{"A proxy: [HOST:]LOCAL:PEER:[HOST:]PORT[/tcp|/udp]; repeatable",
                        "代理：[地址:]本地端口:客户端:[主机:]端口[/tcp|/udp]；可重复"};
constexpr Phrase kEncryption{
    "Between this client and its peers (default end-to-end); none, for what is encrypted already: both sides must give "
    "it",
    "与其他客户端之间的加密（默认 end-to-end）；none 用于内容本身已加密的情形：双方都要指定"};
constexpr Phrase kIdentityFile{
    "This client's private key, made where it is missing (default: identity.pem in the data dir)",
    "本客户端的私钥文件，不存在时自动创建（默认：数据目录中的 identity.pem）"};
constexpr Phrase kPatience{"How long connections wait for another way when they have lost theirs (default 60; 0: not at all)",
                           "连接断路后等待新通路的时间（默认 60；0 为不等待）"};
constexpr Phrase kUdpIdle{"Forget a UDP flow after this silence (default 60)", "UDP 流在多久无数据后被清除（默认 60）"};
constexpr Phrase kLogLevel{"How much to log (default info)", "日志级别（默认 info）"};
constexpr Phrase kLogFormat{"How to log (default text)", "日志格式（默认 text）"};

constexpr Phrase kLocalPort{"Port to open here; 0: the system chooses", "本地端口；0：由系统选择"};
constexpr Phrase kTargetClient{"The client that has the service", "提供服务的客户端"};
constexpr Phrase kTargetPort{"The service's port there", "服务在对方的端口"};
constexpr Phrase kTargetHost{"A host as the target sees it (default: the target itself)",
                             "从目标端看到的主机（默认：目标本机）"};
constexpr Phrase kProtocol{"Which transports (default both)", "传输协议（默认 both）"};
constexpr Phrase kProxyEncryption{
    "Between the two clients (default end-to-end); none: the target's ctc must run with it too",
    "两个客户端之间的加密（默认 end-to-end）；none：目标端的 ctc 也须以它运行"};
constexpr Phrase kName{"A name to delete it by", "代理名称，可用于删除"};
constexpr Phrase kWhich{"Its local port or its name", "本地端口或名称"};
constexpr Phrase kPeer{"The other client", "另一个客户端"};
constexpr Phrase kCount{"How many times (default 4)", "次数（默认 4）"};
constexpr Phrase kInterval{"Pause between two (default 500)", "间隔（默认 500）"};

constexpr Phrase kIdentity{"Show this client's public key; export and import the private one; no ctc need run",
                           "显示本客户端的公钥；导出和导入私钥；无需 ctc 正在运行"};
constexpr Phrase kIdentityExport{"Copy the private key to a file of mode 0600", "把私钥导出到文件（权限 0600）"};
constexpr Phrase kIdentityImport{"Make a private key this client's own; no ctc may run with the data dir",
                                 "把一个私钥作为本客户端的身份；期间不能有 ctc 使用该数据目录"};
constexpr Phrase kExportFile{"Where to; -: standard output", "目标文件；-：标准输出"};
constexpr Phrase kImportFile{"An Ed25519 private key in PEM, without a password; -: standard input",
                             "PEM 格式、没有密码的 Ed25519 私钥；-：标准输入"};
constexpr Phrase kForceExport{"Replace the file", "覆盖已有文件"};
constexpr Phrase kForceImport{"Replace the identity that is there, which is lost", "替换已有的身份，原身份将丢失"};
constexpr Phrase kPeers{"List the peers whose keys are remembered; forget one, or say which key is right",
                        "列出已记住密钥的客户端；忘记其密钥，或指定正确的密钥"};
constexpr Phrase kPeersList{"List the peers whose keys are remembered", "列出已记住密钥的客户端"};
constexpr Phrase kPeersForget{"Forget a peer's key: the next one that it shows is remembered",
                              "忘记一个客户端的密钥：下次出示的密钥会被记住"};
constexpr Phrase kPeersTrust{"Say which key a peer has, before the first meeting or in place of the one remembered",
                             "指定一个客户端的密钥：在首次连接之前，或替换已记住的密钥"};
constexpr Phrase kPeerKey{"Its key, as its ctc identity prints it: ed25519:…",
                          "它的密钥，即对方 ctc identity 的输出：ed25519:…"};

constexpr std::uint64_t kMaxUdpIdleSeconds = 24 * 3600;
constexpr std::uint64_t kMaxPatienceSeconds = 18 * 3600;

/// The values that need a second look after parsing.
struct Raw {
  std::string lang;
  std::string config;
  std::string level = "info";
  std::string format = "text";
  std::string encryption = "end-to-end";
  std::string protocol = "both";
  std::vector<std::string> local;
  std::uint64_t adminPort = 8201;
  std::uint64_t fallbackPort = 443;
  std::uint64_t localPort = 0;
  std::uint64_t targetPort = 0;
  std::uint64_t udpIdleSeconds = 60;
  std::uint64_t patienceSeconds = 60;
  CLI::Option* patienceOption = nullptr;  ///< of proxy create
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
  run.text("--fingerprint", options.fingerprint, "SHA256", kFingerprint);
  run.toggle("--data-tls", options.dataTls, kDataTls);
  run.text("--proxy", options.wayOut, "URL", kProxyOut);
  run.number("--fallback-port", raw.fallbackPort, 0, 65535, "PORT", kFallback);
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
  run.choice("--encryption", raw.encryption, {"end-to-end", "none"}, kEncryption);
  run.text("--identity", options.identityFile, "FILE", kIdentityFile);
  run.number("--udp-idle-timeout", raw.udpIdleSeconds, 1, kMaxUdpIdleSeconds, "SECONDS", kUdpIdle);
  run.number("--patience", raw.patienceSeconds, 0, kMaxPatienceSeconds, "SECONDS", kPatience);
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
  create.choice("--encryption", raw.encryption, {"end-to-end", "none"}, kProxyEncryption);
  create.text("--name", options.proxy.name, "NAME", kName);
  raw.patienceOption = create.number("--patience", raw.patienceSeconds, 0, kMaxPatienceSeconds, "SECONDS", kPatience);
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
  for (const auto& [name, help] : {std::pair{"status", kStatus}, std::pair{"clients", kClients}, std::pair{"streams", kStreams}, std::pair{"admin", kAdmin}}) {
    CLI::App& command = addCommand(program, name, help, language);
    command.add_flag("--json", options.json, kJson.in(language));
    if (std::string_view{name} == "streams") command.add_flag("--migrate", options.migrate, kMigrate.in(language));
    Flags{command, language}.common(options.dataDir, raw.lang);
  }
  CLI::App& ping = addCommand(program, "ping", kPing, language);
  ping.add_option("PEER", options.peer, kPeer.in(language))->required()->type_name("");
  Flags flags{ping, language};
  flags.number("--count", options.count, 1, 1'000'000, "N", kCount);
  flags.number("--interval", options.intervalMs, 0, 3'600'000, "MS", kInterval);
  flags.choice("--protocol", raw.protocol, {"tcp", "udp", "both"}, kProtocol);
  ping.add_flag("--json", options.json, kJson.in(language));
  flags.common(options.dataDir, raw.lang);

  CLI::App& netcheck = addCommand(program, "netcheck", kNetcheck, language);
  Flags checked{netcheck, language};
  checked.list("--stun", options.stunServers, "HOST:PORT", kNetcheckStun);
  checked.list("--server", options.serverUrls, "URL", kNetcheckServer);
  checked.number("--lifetime", options.lifetimeSeconds, 1, 3600, "SECONDS", kNetcheckLifetime);
  netcheck.add_flag("--json", options.json, kJson.in(language));
  checked.common(options.dataDir, raw.lang);
}

void addIdentity(CLI::App& program, ClientOptions& options, Raw& raw) {
  const Language language = options.language;
  CLI::App& identity = addCommand(program, "identity", kIdentity, language);
  identity.require_subcommand(0, 1);
  identity.add_flag("--json", options.json, kJson.in(language));
  Flags{identity, language}.common(options.dataDir, raw.lang);

  const auto add = [&](const char* name, const Phrase& help, const Phrase& file, const Phrase& force) {
    CLI::App& command = addCommand(identity, name, help, language);
    command.add_option("FILE", options.file, file.in(language))->required()->type_name("");
    command.add_flag("--force", options.force, force.in(language));
    Flags{command, language}.common(options.dataDir, raw.lang);
  };
  add("export", kIdentityExport, kExportFile, kForceExport);
  add("import", kIdentityImport, kImportFile, kForceImport);
}

void addPeers(CLI::App& program, ClientOptions& options, Raw& raw) {
  const Language language = options.language;
  CLI::App& peers = addCommand(program, "peers", kPeers, language);
  peers.require_subcommand(0, 1);
  for (CLI::App* command : {&peers, &addCommand(peers, "list", kPeersList, language)}) {
    command->add_flag("--json", options.json, kJson.in(language));
    Flags{*command, language}.common(options.dataDir, raw.lang);
  }
  CLI::App& forget = addCommand(peers, "forget", kPeersForget, language);
  CLI::App& trust = addCommand(peers, "trust", kPeersTrust, language);
  for (CLI::App* command : {&forget, &trust}) {
    command->add_option("PEER", options.peer, kPeer.in(language))->required()->type_name("");
  }
  trust.add_option("KEY", options.key, kPeerKey.in(language))->required()->type_name("");
  for (CLI::App* command : {&forget, &trust}) Flags{*command, language}.common(options.dataDir, raw.lang);
}

ClientCommand chosenCommand(const CLI::App& program) {
  const CLI::App* first = program.get_subcommands().front();
  const std::string& name = first->get_name();
  if (name == "status") return ClientCommand::status;
  if (name == "clients") return ClientCommand::clients;
  if (name == "streams") return ClientCommand::streams;
  if (name == "admin") return ClientCommand::admin;
  if (name == "ping") return ClientCommand::ping;
  if (name == "netcheck") return ClientCommand::netcheck;
  if (name == "run") return ClientCommand::run;
  const auto verbs = first->get_subcommands();
  if (verbs.empty()) return name == "peers" ? ClientCommand::peersList : ClientCommand::identityShow;
  const std::string& verb = verbs.front()->get_name();
  if (name == "identity") return verb == "export" ? ClientCommand::identityExport : ClientCommand::identityImport;
  if (name == "peers") {
    return verb == "forget"  ? ClientCommand::peersForget
           : verb == "trust" ? ClientCommand::peersTrust
                             : ClientCommand::peersList;
  }
  return verb == "create" ? ClientCommand::proxyCreate
         : verb == "list" ? ClientCommand::proxyList
                          : ClientCommand::proxyDelete;
}

void finishRun(ClientOptions& options, const Raw& raw) {
  options.language = daemon::chooseLanguage(raw.lang);
  daemon::parseEncryption(raw.encryption, options.encryption);
  options.fallbackPort = static_cast<std::uint16_t>(raw.fallbackPort);
  options.adminPort = static_cast<std::uint16_t>(raw.adminPort);
  options.adminPortGiven = raw.adminPortOption->count() > 0;
  options.udpIdleTimeout = std::chrono::seconds{raw.udpIdleSeconds};
  options.patience = std::chrono::seconds{raw.patienceSeconds};
  options.logLevel = daemon::parseLogLevel(raw.level).value_or(LogLevel::info);
  options.logFormat = raw.format == "json" ? daemon::LogFormat::json : daemon::LogFormat::text;
  for (const std::string& text : raw.local) {
    options.local.push_back(daemon::parseLocalFlag(text, options.language));
    options.local.back().udpIdleTimeout = options.udpIdleTimeout;
    options.local.back().encryption = options.encryption;
  }
}

void finishProxyCreate(ClientOptions& options, const Raw& raw) {
  options.proxy.localPort = static_cast<std::uint16_t>(raw.localPort);
  options.proxy.targetPort = static_cast<std::uint16_t>(raw.targetPort);
  daemon::parseProtocol(raw.protocol, options.proxy.protocol);
  daemon::parseEncryption(raw.encryption, options.proxy.encryption);
  if (raw.patienceOption->count() > 0) options.proxy.patience = std::chrono::seconds{raw.patienceSeconds};
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
  addIdentity(program, options, raw);
  addPeers(program, options, raw);
  if (!parseCommandLine(program, argc, argv, options.language, exitCode)) return false;

  options.command = chosenCommand(program);
  if (options.command == ClientCommand::run) {
    run.applyConfig();
    finishRun(options, raw);
  }
  if (options.command == ClientCommand::proxyCreate) finishProxyCreate(options, raw);
  if (options.command == ClientCommand::ping) daemon::parseProtocol(raw.protocol, options.protocol);
  const bool needsPeer = options.command == ClientCommand::ping || options.command == ClientCommand::peersForget ||
                         options.command == ClientCommand::peersTrust;
  if (needsPeer && !daemon::isClientId(options.peer)) {
    throw daemon::Failure{daemon::say(options.language, daemon::kBadPeer, options.peer), daemon::kExitUsage};
  }
  if (options.command == ClientCommand::peersTrust && !PublicKey::parse(options.key)) {
    throw daemon::Failure{daemon::say(options.language, daemon::kBadKey, options.key), daemon::kExitUsage};
  }
  return true;
}

}  // namespace chuantou::apps
