#include "base/error_text.hpp"

#include <fmt/format.h>

namespace chuantou {

namespace {

struct Text {
  Errc code;
  const char* wire;  ///< name in messages; "" where it never travels
  // {0} the subject, {1} ": detail" or nothing
  const char* english;
  const char* chinese;
};

constexpr Text kTexts[] = {
    {Errc::ok, "", "no error", "没有错误"},
    {Errc::stopped, "", "{0} was stopped", "{0} 已停止"},
    {Errc::timed_out, "timed_out", "{0} took too long{1}", "{0} 超时{1}"},
    {Errc::invalid_argument, "bad_id", "{0} is not valid{1}", "{0} 无效{1}"},
    {Errc::port_in_use, "", "port {0} is in use; choose another with {2}", "端口 {0} 已被占用；请用 {2} 指定其他端口"},
    {Errc::permission_denied, "", "no permission for {0}{1}; ports under 1024 and foreign files want more rights",
     "没有权限：{0}{1}；1024 以下的端口和他人的文件需要更高权限"},
    {Errc::address_unavailable, "", "this machine has no address {0} to listen on{1}", "本机没有可监听的地址 {0}{1}"},
    {Errc::server_unreachable, "", "the server {0} cannot be reached{1}; check the address, the firewall and that cts runs there",
     "无法连接服务器 {0}{1}；请检查地址、防火墙以及那里的 cts 是否在运行"},
    {Errc::connection_lost, "", "the connection to {0} was lost{1}", "与 {0} 的连接已断开{1}"},
    {Errc::name_not_found, "", "the host name {0} has no address{1}", "找不到主机名 {0} 的地址{1}"},
    {Errc::bad_config, "", "the configuration {0} cannot be used{1}", "配置 {0} 无法使用{1}"},
    {Errc::too_many_open_files, "", "too many open files for {0}{1}; raise the limit (ulimit -n)",
     "{0} 打开的文件过多{1}；请提高上限（ulimit -n）"},
    {Errc::already_exists, "", "{0} exists already{1}", "{0} 已存在{1}"},
    {Errc::not_found, "", "there is no {0}{1}", "没有 {0}{1}"},
    {Errc::not_running, "", "{0} is not running{1}", "{0} 没有在运行{1}"},
    {Errc::system_error, "", "{0} failed{1}", "{0} 失败{1}"},
    {Errc::peer_key_changed, "",
     "client \"{0}\" has another key than before{1}; somebody may be posing as it, or it was set up anew: if you know that it was, "
     "run ctc peers forget {0}",
     "客户端 \"{0}\" 的密钥与之前不同{1}；可能有人冒充它，也可能它被重新安装：确认无误后请运行 ctc peers forget {0}"},
    {Errc::certificate_rejected, "",
     "the certificate of {0} is not trusted{1}; give the fingerprint of the server's join line with --fingerprint",
     "不信任 {0} 的证书{1}；请用 --fingerprint 指定服务器加入命令中的指纹"},
    {Errc::proxy_refused, "", "the proxy {0} does not lead to the server{1}; check --proxy or the environment, and what it lets through",
     "代理 {0} 无法通向服务器{1}；请检查 --proxy 或环境变量，以及代理的放行规则"},
    {Errc::protocol_error, "protocol_error", "{0} broke the protocol{1}", "{0} 违反协议{1}"},
    {Errc::version_mismatch, "version_mismatch",
     "{0} speaks another version of the protocol{1}; install the same version on both sides",
     "{0} 的协议版本不同{1}；请在两端安装相同的版本"},
    {Errc::auth_required, "auth_required", "{0} wants a token; give the one of the server with --token",
     "{0} 需要令牌；请用 --token 指定服务器的令牌"},
    {Errc::auth_failed, "auth_failed", "{0} refused the token{1}; give the one of the server with --token",
     "{0} 拒绝了令牌{1}；请用 --token 指定服务器的令牌"},
    {Errc::unknown_peer, "unknown_peer", "no client \"{0}\" is known to the server{1}; ctc clients lists those that are",
     "服务器不认识客户端 \"{0}\"{1}；用 ctc clients 查看在线的客户端"},
    {Errc::peer_offline, "peer_offline", "client \"{0}\" is offline{1}; start ctc there, or wait for it to come back",
     "客户端 \"{0}\" 不在线{1}；请在那里启动 ctc，或等待它恢复"},
    {Errc::target_refused, "target_refused", "nothing listens on {0}{1}; start the service there",
     "{0} 没有服务在监听{1}；请先启动那里的服务"},
    {Errc::target_unreachable, "target_unreachable", "{0} cannot be reached from the peer{1}", "对端无法到达 {0}{1}"},
    {Errc::not_allowed, "not_allowed", "the peer does not offer {0}{1}; it must be named by --allow there",
     "对端没有开放 {0}{1}；需要在那里用 --allow 允许"},
    {Errc::limit_reached, "limit_reached", "a limit is reached for {0}{1}; try again later", "{0} 已达到上限{1}；请稍后再试"},
    {Errc::kicked, "kicked", "another connection registered the id \"{0}\"{1}; give each client its own --id",
     "另一个连接注册了相同的标识 \"{0}\"{1}；请给每个客户端不同的 --id"},
    {Errc::unknown_type, "unknown_type", "{0} does not know that type of message{1}", "{0} 不认识这种消息{1}"},
    {Errc::identity_required, "identity_required", "{0} wants clients to have a key{1}; install the same version on both sides",
     "{0} 要求客户端拥有密钥{1}；请在两端安装相同的版本"},
    {Errc::name_taken, "name_taken",
     "the id \"{0}\" belongs to another key{1}; choose another --id, or let the operator free it with cts release {0}",
     "标识 \"{0}\" 属于另一个密钥{1}；请选择其他 --id，或让管理员用 cts release {0} 释放它"},
    {Errc::encryption_required, "encryption_required",
     "{0} and this client do not agree on encryption{1}; to do without it, --encryption none must be given on both sides",
     "{0} 与本客户端的加密设置不一致{1}；若要不加密，两端都必须指定 --encryption none"},
    {Errc::session_unknown, "session_unknown", "session {0} does not exist (any more){1}", "会话 {0} 不存在（或已结束）{1}"},
};

const Text& textOf(Errc code) {
  for (const Text& text : kTexts) {
    if (text.code == code) return text;
  }
  static_assert(kTexts[static_cast<int>(Errc::system_error)].code == Errc::system_error);
  return kTexts[static_cast<int>(Errc::system_error)];
}

}  // namespace

std::string errorSentence(Errc code, std::string_view subject, std::string_view detail, Language language) {
  const bool zh = language == Language::chinese;
  const Text& text = textOf(code);
  const std::string_view subjectText = subject.empty() ? (zh ? "操作" : "the operation") : subject;
  // For a port in use the detail is the flag that chooses another one.
  if (code == Errc::port_in_use) {
    return fmt::format(fmt::runtime(zh ? text.chinese : text.english), subjectText, "",
                       detail.empty() ? "--local-port" : detail);
  }
  const std::string tail = detail.empty() ? std::string{} : fmt::format("{}{}", zh ? "：" : ": ", detail);
  return fmt::format(fmt::runtime(zh ? text.chinese : text.english), subjectText, tail, "");
}

std::string_view wireName(Errc code) { return textOf(code).wire; }

Errc fromWireName(std::string_view name) {
  for (const Text& text : kTexts) {
    if (text.wire[0] != '\0' && text.wire == name) return text.code;
  }
  return Errc::protocol_error;
}

Errc fromWireNumber(unsigned number) {
  for (const Text& text : kTexts) {
    if (static_cast<unsigned>(text.code) == number && number >= static_cast<unsigned>(Errc::protocol_error)) return text.code;
  }
  return Errc::protocol_error;
}

}  // namespace chuantou
