// The catalogue: what the programs and the admin API say, in both languages. Sentences of the library's errors are
// in base/error_text.cpp; descriptions of flags stand beside the flags.
#pragma once

#include "daemon/language.hpp"

namespace chuantou::daemon {

// Daemons and their state folder.
inline constexpr Phrase kNotRunning{"{0} is not running (no daemon uses {1}); start it with: {0} run",
                                    "{0} 没有在运行（没有进程使用 {1}）；请用以下命令启动：{0} run"};
inline constexpr Phrase kNoAnswer{"{0} (pid {1}) does not answer on {2}: {3}", "{0}（进程 {1}）在 {2} 上没有应答：{3}"};
inline constexpr Phrase kBadAnswer{"{0} gave an answer that cannot be understood: {1}", "{0} 的应答无法理解：{1}"};
inline constexpr Phrase kDataDirShared{
    "another {0} (pid {1}) uses {2}: commands talk to that one, and this one keeps no state; give each its own "
    "--data-dir",
    "另一个 {0}（进程 {1}）正在使用 {2}：各命令会连接到那一个，本进程不保存状态；请为每个进程指定不同的 --data-dir"};
inline constexpr Phrase kCannotWrite{"cannot write {0}: {1}", "无法写入 {0}：{1}"};
inline constexpr Phrase kCannotRead{"cannot read {0}: {1}", "无法读取 {0}：{1}"};
inline constexpr Phrase kNoHome{"no folder for the state is known (HOME is not set); give one with --data-dir",
                                "无法确定数据目录（未设置 HOME）；请用 --data-dir 指定"};
inline constexpr Phrase kBadStoredProxies{"{0} is damaged ({1}); move it away, the proxies in it are lost",
                                          "{0} 已损坏（{1}）；请移走该文件，其中的代理无法恢复"};
inline constexpr Phrase kStoredProxySkipped{"the stored proxy on port {0} is not open: {1}",
                                            "已保存的代理（端口 {0}）未能打开：{1}"};

// Tokens.
inline constexpr Phrase kGivenToken{"<the token you gave>", "<您指定的令牌>"};
inline constexpr Phrase kBadTokenFile{"{0} holds no token: it must be one line of 1 to 1024 bytes",
                                      "{0} 中没有令牌：应为一行，1 到 1024 字节"};
inline constexpr Phrase kTwoTokens{"give --token or --token-file, not both", "--token 和 --token-file 只能指定一个"};
inline constexpr Phrase kBadDuration{"\"{0}\" is not a time like 90s, 30m, 24h or 7d",
                                     "\"{0}\" 不是时长（如 90s、30m、24h、7d）"};

// Identities and known peers.
inline constexpr Phrase kBadIdentity{"{0} is no identity: an Ed25519 private key in PEM, without a password, is wanted",
                                     "{0} 不是身份文件：需要 PEM 格式、没有密码的 Ed25519 私钥"};
inline constexpr Phrase kExportExists{"{0} exists already; --force replaces it", "{0} 已存在；用 --force 覆盖"};
inline constexpr Phrase kImportExists{
    "{0} is another identity already ({1}); with --force it is replaced and lost, unless it was exported",
    "{0} 已是另一个身份（{1}）；--force 会将其替换，未导出则无法恢复"};
inline constexpr Phrase kImportInUse{"a ctc (pid {0}) runs with {1} and would not notice; stop it first",
                                     "一个 ctc（进程 {0}）正在使用 {1}，不会察觉更换；请先停止它"};
inline constexpr Phrase kBadKey{"\"{0}\" is not a key (ed25519: and 64 hexadecimal digits)",
                                "\"{0}\" 不是密钥（ed25519: 加 64 个十六进制数字）"};
inline constexpr Phrase kNoSuchPeer{"no key of \"{0}\" is remembered; ctc peers shows those that are",
                                    "没有记住 \"{0}\" 的密钥；用 ctc peers 查看已记住的"};

// Configuration files; {0} is FILE:LINE.
inline constexpr Phrase kUnknownKey{"{0}: unknown key \"{1}\"", "{0}：未知的配置项 \"{1}\""};
inline constexpr Phrase kUnknownKeyNear{"{0}: unknown key \"{1}\"; did you mean \"{2}\"?",
                                        "{0}：未知的配置项 \"{1}\"；是否想写 \"{2}\"？"};
inline constexpr Phrase kWrongType{"{0}: \"{1}\" must be {2}", "{0}：\"{1}\" 必须是{2}"};
inline constexpr Phrase kTypeText{"a string", "字符串"};
inline constexpr Phrase kTypeInteger{"a whole number, 0 or more", "不小于 0 的整数"};
inline constexpr Phrase kTypeBoolean{"true or false", "true 或 false"};
inline constexpr Phrase kTypeList{"a string or an array of strings", "字符串或字符串数组"};

// -L
inline constexpr Phrase kBadLocal{
    "\"{0}\" is not LOCAL:PEER:PORT or LOCAL:PEER:HOST:PORT, with /tcp or /udp at the end where wanted: {1}",
    "\"{0}\" 不符合 LOCAL:PEER:PORT 或 LOCAL:PEER:HOST:PORT（末尾可加 /tcp 或 /udp）：{1}"};
inline constexpr Phrase kBadPort{"\"{0}\" is not a port (1 to 65535)", "\"{0}\" 不是端口号（1 到 65535）"};
inline constexpr Phrase kBadLocalPort{"\"{0}\" is not a local port (0 to 65535)",
                                      "\"{0}\" 不是本地端口号（0 到 65535）"};
inline constexpr Phrase kBadPeer{"\"{0}\" is not a client id (1 to 64 of letters, digits, \".\", \"_\", \"-\")",
                                 "\"{0}\" 不是客户端标识（1 到 64 个字母、数字、\".\"、\"_\"、\"-\"）"};
inline constexpr Phrase kBadHost{"\"{0}\" is not a host", "\"{0}\" 不是主机名或地址"};
inline constexpr Phrase kBadProtocol{"\"{0}\" is not tcp, udp or both", "\"{0}\" 不是 tcp、udp 或 both"};
inline constexpr Phrase kBadPingProtocol{"\"{0}\" is not tcp or udp", "\"{0}\" 不是 tcp 或 udp"};
inline constexpr Phrase kBadEncryption{"\"{0}\" is not end-to-end or none", "\"{0}\" 不是 end-to-end 或 none"};
inline constexpr Phrase kBadName{
    "\"{0}\" is not a proxy's name (1 to 64 of letters, digits, \".\", \"_\", \"-\", not digits alone)",
    "\"{0}\" 不能作为代理名称（1 到 64 个字母、数字、\".\"、\"_\"、\"-\"，不能只有数字）"};
inline constexpr Phrase kTooFewParts{"it has too few parts", "缺少部分内容"};
inline constexpr Phrase kTooManyParts{"it has too many parts", "多出部分内容"};

// The admin API.
inline constexpr Phrase kUnauthorized{
    "this needs the header \"Authorization: Bearer TOKEN\" with the token of the daemon's admin.json",
    "需要请求头 \"Authorization: Bearer 令牌\"，令牌见守护进程的 admin.json"};
inline constexpr Phrase kForbiddenHost{"this is answered only under the names localhost, 127.0.0.1 and [::1]",
                                       "仅接受以 localhost、127.0.0.1 或 [::1] 访问"};
inline constexpr Phrase kForbiddenOrigin{"a page of another site may not call this", "不允许其他网站的页面调用"};
inline constexpr Phrase kNoSuchPath{"there is nothing at {0}", "{0} 不存在"};
inline constexpr Phrase kMethodNotAllowed{"{0} is not possible at {1}", "{1} 不支持 {0}"};
inline constexpr Phrase kJsonBroken{"the body is not valid JSON (at byte {0})", "请求体不是有效的 JSON（第 {0} 字节）"};
inline constexpr Phrase kJsonNotObject{"the body must be a JSON object", "请求体必须是 JSON 对象"};
inline constexpr Phrase kBodyTooLong{"the body is too long (at most {0} bytes)", "请求体过长（最多 {0} 字节）"};
inline constexpr Phrase kFieldMissing{"the field \"{0}\" is missing", "缺少字段 \"{0}\""};
inline constexpr Phrase kFieldNotText{"the field \"{0}\" must be a string", "字段 \"{0}\" 必须是字符串"};
inline constexpr Phrase kFieldNotNumber{"the field \"{0}\" must be a whole number from {1} to {2}",
                                        "字段 \"{0}\" 必须是 {1} 到 {2} 的整数"};
inline constexpr Phrase kFieldNotFlag{"the field \"{0}\" must be true or false", "字段 \"{0}\" 必须是 true 或 false"};
inline constexpr Phrase kFieldTooLong{"the field \"{0}\" is too long (at most {1} bytes)",
                                      "字段 \"{0}\" 过长（最多 {1} 字节）"};
inline constexpr Phrase kFieldUnknown{"unknown field \"{0}\"", "未知字段 \"{0}\""};
inline constexpr Phrase kNoSuchClient{"there is no client \"{0}\"; cts clients lists those that are registered",
                                      "没有客户端 \"{0}\"；用 cts clients 查看已注册的客户端"};
inline constexpr Phrase kNoSuchToken{"there is no token \"{0}\" that lets anybody in; cts token list shows them all",
                                     "没有可用的令牌 \"{0}\"；用 cts token list 查看全部令牌"};
inline constexpr Phrase kMainRevoked{"the server's own token was revoked; cts token rotate makes a new one",
                                     "服务器自己的令牌已吊销；用 cts token rotate 生成新令牌"};
inline constexpr Phrase kNobodysName{"no key owns the id \"{0}\"", "标识 \"{0}\" 不属于任何密钥"};
inline constexpr Phrase kNoSuchProxy{"there is no proxy \"{0}\"; ctc proxy list shows those that are open",
                                     "没有代理 \"{0}\"；用 ctc proxy list 查看已打开的代理"};
inline constexpr Phrase kNameTaken{"a proxy of the name \"{0}\" exists already", "名称为 \"{0}\" 的代理已存在"};
inline constexpr Phrase kProxyNotSaved{"the proxy was not made, as it cannot be saved: {0}",
                                       "无法保存代理，因此未创建：{0}"};
inline constexpr Phrase kInternal{"something failed inside: {0}", "内部错误：{0}"};

}  // namespace chuantou::daemon
