// The admin page's script. It gets the token from the link that `ctc admin` prints, asks the admin API (client_api.hpp) every few
// seconds, and shows the answers. Names, hosts and errors come from other machines: text gets into the page as text only, through
// textContent, never as HTML.
"use strict";

const kRefreshMs = 3000;
const kRetryMs = 1000;  // while ctc does not answer
const kSlowEvery = 10;  // refreshes between two looks at what seldom changes or asks the server: peers, the NAT
const kPatienceMs = 20000;  // ctc works on one request at a time, and finding out about the NAT takes up to 5 s
const kMostRows = 100;

const chinese = {
  "Connection to the server": "与服务器的连接",
  "Direct connections": "直连",
  "Check again": "重新检测",
  "What was found out about the NAT": "NAT 检测结果",
  "Forwarded ports": "转发的端口",
  "Live connections": "当前连接",
  "Each goes on when its path to the peer is lost. Moving gives them new paths without a break.": "通路中断后，连接会自动恢复。迁移可在不中断的情况下改用新通路。",
  "Move to new carriers": "迁移到新通路",
  "Ways to the server": "到服务器的通路",
  "Ways to peers": "到其他客户端的通路",
  "Known peers": "已记住的客户端",
  "This page opens with the link that a command prints on the machine where ctc runs:\n`ctc admin`":
    "请用以下命令输出的链接打开本页面（在运行 ctc 的机器上执行）：\n`ctc admin`",
  "This link is not valid, or no longer. Ask for a new one on the machine where ctc runs:\n`ctc admin`":
    "此链接无效或已失效。请在运行 ctc 的机器上获取新链接：\n`ctc admin`",
  "ctc does not answer. If it has ended, start it again with `ctc run`; this page then goes on by itself. If it has come back on another port, `ctc admin` prints the new link.":
    "ctc 没有应答。如已退出，请用 `ctc run` 重新启动，本页面会自动恢复。如已改用其他端口，`ctc admin` 会输出新链接。",
  "What you see below is from {0}.": "以下是 {0} 的内容。",
  "Asking ctc …": "正在查询 ctc …",
  "Finding out, which takes up to 5 s …": "正在检测，最多需要 5 秒 …",
  "checked: {0}": "检测时间：{0}",
  "client {0}": "客户端 {0}", "server": "服务器", "reached by": "连接方式", "connected": "已连接",
  "{0}, since {1}": "{0}，自 {1}", "round trip": "往返时间", "not measured yet": "尚未测量", "reconnects": "重连次数",
  "last error": "最近错误", "connections": "连接", "{0} out, {1} in": "发起 {0} 个，接入 {1} 个", "traffic (ended)": "流量（已结束）",
  "interruptions": "中断", "key": "密钥", "running": "运行",
  "{0} (ctc {1}, process {2})": "{0}（ctc {1}，进程 {2}）",
  "none so far": "尚无", "{0} times, {1} lost; {2} resumed, {3} given up": "{0} 次，共 {1}；恢复 {2}，放弃 {3}",
  "On this machine": "本机", "Leads to": "通向", "State": "状态", "Connections": "连接", "Traffic": "流量", "Traffic (ended)": "流量（已结束）", "Protocol": "协议",
  "ready": "就绪", "in use": "使用中", "{0} now, {1} so far": "当前 {0}，累计 {1}", "{0} now, {1} so far, {2} failed": "当前 {0}，累计 {1}，失败 {2}",
  "not encrypted": "未加密", "No port is forwarded. One is made with `ctc proxy create`.": "没有转发的端口。用 `ctc proxy create` 创建。",
  "Connection": "连接", "from here to {0}": "由本机发往 {0}", "from {0} to port {1} here": "由 {0} 发往本机端口 {1}", "Carried by": "通路", "Age": "已存在",
  "Resumed": "恢复", "Moved": "迁移", "Sent again": "重发", "Lost time": "中断时间",
  "No connection is open.": "没有打开的连接。", "{0} more: `ctc streams --json`": "还有 {0} 个：`ctc streams --json`",
  "{0} told to move at {1}": "{1} 已通知 {0} 个连接迁移",
  "Way": "通路", "Over": "经由", "Now": "当前", "Worked": "成功", "Took": "耗时", "Last failure": "最近失败",
  "works": "可用", "fails": "不可用", "{0} of {1} ({2}\u00a0%)": "{1} 次中 {0} 次（{2}\u00a0%）",
  "No way was tried yet.": "尚未尝试。", "No peer was reached yet.": "尚未连接其他客户端。",
  "Peer": "客户端", "Known since": "记住时间", "Key": "密钥", "registered": "已注册", "not there": "不在线", "unknown": "未知",
  "No peer is known yet; each is remembered at its first encrypted connection.": "还没有记住任何客户端；首次加密连接时会自动记住。",
};
const language = /^zh/i.test(navigator.language) ? "zh" : "en";
const t = (text, ...values) =>
  ((language === "zh" && chinese[text]) || text).replace(/\{(\d)\}/g, (_, index) => values[index]);

const $ = (id) => document.getElementById(id);
const kStore = "token";
let token = sessionStorage.getItem(kStore) || "";
let timer = 0;
let busy = false;
let rounds = 0;
let seenAt = 0;  // when ctc last answered

// --- Text: numbers and their units do not part (U+00A0) ---

function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 10) return `${(Math.max(0, ms) / 1000).toFixed(1)}\u00a0s`;
  if (s < 60) return `${s}\u00a0s`;
  if (s < 3600) return `${Math.floor(s / 60)}\u00a0m ${s % 60}\u00a0s`;
  if (s < 86400) return `${Math.floor(s / 3600)}\u00a0h ${Math.floor(s % 3600 / 60)}\u00a0m`;
  return `${Math.floor(s / 86400)}\u00a0d ${Math.floor(s % 86400 / 3600)}\u00a0h`;
}

function roundTrip(us) {
  const ms = us / 1000;
  return ms < 10 ? `${ms.toFixed(2)}\u00a0ms` : ms < 1000 ? `${ms.toFixed(1)}\u00a0ms` : `${(ms / 1000).toFixed(1)}\u00a0s`;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) {
    count /= 1000;
    ++unit;
  }
  return `${unit > 0 && count < 9.95 ? count.toFixed(1) : Math.round(count)}\u00a0${units[unit]}`;
}

const traffic = (up, down) => `↑\u00a0${bytes(up)} ↓\u00a0${bytes(down)}`;
const hostPort = (host, port) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
/** The day where it is not today, and the time. */
function when(ms) {
  const date = new Date(ms);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(language, today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

// --- Into the page ---

/** A coloured word, or a key: kind is "good", "warn", "bad" or "key". */
const mark = (text, kind) => ({ text, kind });

/** `value`: a text or a mark. Touches nothing where it stands already, so that a selection lives. */
function put(node, value) {
  const { text, kind } = typeof value === "object" ? value : { text: value, kind: "" };
  const said = `${kind}\n${text}`;
  if (node.said === said) return;
  node.said = said;
  if (kind) {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    node.replaceChildren(span);
  } else {
    node.textContent = text;
  }
}

/** A sentence of ours, in which `…` is a command. */
function putSentence(node, text) {
  if (node.said === text) return;
  node.said = text;
  node.replaceChildren(...text.split("`").map((part, index) => {
    const child = document.createElement(index % 2 ? "code" : "span");
    child.textContent = part;
    return child;
  }));
}

/** As many children of this tag as wanted; those that are there stay. */
function children(parent, tag, count) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(document.createElement(tag));
  return [...parent.children];
}

/** Pairs of a title and a value. */
function fillList(list, pairs) {
  if (list.children.length !== 2 * pairs.length) {
    list.replaceChildren(...pairs.flatMap(() => [document.createElement("dt"), document.createElement("dd")]));
  }
  pairs.forEach(([title, value], index) => {
    put(list.children[2 * index], title);
    put(list.children[2 * index + 1], value);
  });
}

/** Roles are given again since a phone's style takes the table's display away, and with it what a screen reader knows. */
function fillTable(table, titles, rows, empty) {
  table.setAttribute("role", "table");
  table.setAttribute("aria-labelledby", table.closest("section").getAttribute("aria-labelledby"));
  const head = table.tHead || table.createTHead();
  const body = table.tBodies[0] || table.createTBody();
  head.hidden = rows.length === 0;
  const heading = children(head, "tr", 1)[0];
  heading.setAttribute("role", "row");
  children(heading, "th", titles.length).forEach((cell, index) => {
    cell.scope = "col";
    cell.setAttribute("role", "columnheader");
    put(cell, titles[index]);
  });
  if ((body.className === "none") !== (rows.length === 0)) body.replaceChildren();
  body.className = rows.length === 0 ? "none" : "";
  if (rows.length === 0) {
    const cell = children(children(body, "tr", 1)[0], "td", 1)[0];
    cell.className = "empty";
    return putSentence(cell, empty);
  }
  children(body, "tr", rows.length).forEach((row, number) => {
    row.setAttribute("role", "row");
    if (row.children.length !== titles.length) row.replaceChildren(...titles.map((_, index) => document.createElement(index ? "td" : "th")));
    [...row.children].forEach((cell, index) => {
      cell.setAttribute("role", index ? "cell" : "rowheader");
      cell.dataset.title = titles[index];
      put(cell, rows[number][index]);
    });
  });
}

// --- What ctc answers ---

const kStateKinds = { registered: "good", connecting: "warn", reconnecting: "warn" };

function showStatus(s) {
  document.title = `${s.id} · ${s.stateText} · chuantou`;
  put($("self"), t("client {0}", s.id));
  put($("state"), mark(s.stateText, kStateKinds[s.state] || "bad"));
  const pairs = [["server", s.server]];
  if (s.state === "registered") {
    pairs.push(["reached by", s.way],
               ["connected", t("{0}, since {1}", duration(s.connectedForMs), when(Date.now() - s.connectedForMs))],
               ["round trip", s.rttUs > 0 ? roundTrip(s.rttUs) : t("not measured yet")]);
  }
  pairs.push(["reconnects", s.reconnects]);
  if (s.lastError) pairs.push(["last error", s.lastError.message]);
  pairs.push(["connections", t("{0} out, {1} in", s.outboundActive, s.inboundActive)],
             ["traffic (ended)", traffic(s.bytesUp, s.bytesDown)],  // ctc counts bytes when a connection ends
             ["interruptions", s.streams.stalls === 0 ? t("none so far") : t("{0} times, {1} lost; {2} resumed, {3} given up", s.streams.stalls,
                 duration(s.streams.lostTimeMs), s.streams.resumes, s.streams.givenUp)],
             ["running", t("{0} (ctc {1}, process {2})", duration(s.uptimeMs), s.version, s.pid)],
             ["key", mark(s.key, "key")]);
  fillList($("connection"), pairs.map(([title, value]) => [t(title), value]));

  fillTable($("proxies"), ["On this machine", "Leads to", "State", "Connections", "Traffic (ended)", "Protocol"].map((title) => t(title)),
      s.proxies.map((p) => [
        hostPort(p.localHost || "127.0.0.1", p.localPort) + (p.name ? ` (${p.name})` : ""),
        `${p.targetClientId}:${p.targetHost ? hostPort(p.targetHost, p.targetPort) : p.targetPort}`,
        p.activeConnections + p.activeFlows > 0 ? mark(t("in use"), "good")
          : p.connections > 0 && p.failedConnections === p.connections ? mark(t("fails"), "bad") : mark(t("ready"), "good"),
        t(p.failedConnections ? "{0} now, {1} so far, {2} failed" : "{0} now, {1} so far", p.activeConnections, p.connections, p.failedConnections)
          + (p.activeFlows ? `, UDP ${p.activeFlows}` : ""),
        traffic(p.bytesUp, p.bytesDown),
        (p.protocol === "both" ? "tcp, udp" : p.protocol) + (p.encryption === "none" ? `, ${t("not encrypted")}` : ""),
      ]), t("No port is forwarded. One is made with `ctc proxy create`."));

  const titles = ["Way", "Over", "Now", "Worked", "Took", "Last failure"].map((title) => t(title));
  fillTable($("ways"), titles, s.transports.map(wayRow), t("No way was tried yet."));
  fillTable($("peer-ways"), [t("Peer"), ...titles], s.peerWays.flatMap((peer) => peer.ways.map((way) => [peer.id, ...wayRow(way)])),
      t("No peer was reached yet."));
}

function wayRow(way) {
  const tries = way.successes + way.failures;
  return [way.kind, way.where, mark(way.ok ? t("works") : t("fails"), way.ok ? "good" : "bad"),
          tries ? t("{0} of {1} ({2}\u00a0%)", way.successes, tries, Math.floor(100 * way.successes / tries)) : "",
          way.latencyUs > 0 ? roundTrip(way.latencyUs) : "", way.lastError];
}

function showStreams(answer) {
  const shown = answer.streams.slice(0, kMostRows);
  fillTable($("streams"),
      ["Connection", "State", "Carried by", "Age", "Traffic", "Resumed", "Moved", "Sent again", "Lost time"].map((title) => t(title)),
      shown.map((s) => [
        s.direction === "out" ? t("from here to {0}", `${s.peer}:${s.port}`) : t("from {0} to port {1} here", s.peer, s.port),
        mark(s.stateText, s.state === "attached" ? "good" : "warn"), s.carrier, duration(s.ageMs), traffic(s.bytesSent, s.bytesReceived),
        s.resumes || "", s.migrations || "", s.repeatedBytes ? bytes(s.repeatedBytes) : "", s.lostTimeMs ? duration(s.lostTimeMs) : "",
      ]), t("No connection is open."));
  $("migrate").disabled = answer.total === 0;
  if (answer.total > shown.length) putSentence($("moved"), t("{0} more: `ctc streams --json`", answer.total - shown.length));
}

function showPeers(answer) {
  fillTable($("peers"), ["Peer", "Now", "Known since", "Key"].map((title) => t(title)), answer.peers.map((peer) => [
    peer.id, peer.registered ? mark(t("registered"), "good") : "registered" in peer ? t("not there") : t("unknown"), when(peer.sinceMs), mark(peer.key, "key"),
  ]), t("No peer is known yet; each is remembered at its first encrypted connection."));
}

/** GET shows what is known; POST finds out anew. */
async function showNat(method) {
  if (method === "POST" || !$("meaning").textContent) {  // else it is most likely known already
    $("check").disabled = true;
    put($("checked"), t("Finding out, which takes up to 5 s …"));
  }
  try {
    const report = await call("/api/netcheck", method);
    const rows = report.words.map((word) => [word.name, word.text]);
    put($("meaning"), rows.pop()[1]);  // the last one says what it means
    fillList($("nat"), rows);
    put($("checked"), t("checked: {0}", when(report.timestampMs)));
  } catch (error) {
    put($("checked"), error.status ? error.message : "");
  }
  $("check").disabled = false;
}

// --- Asking ctc ---

async function call(path, method = "GET") {
  const headers = { Authorization: `Bearer ${token}`, "Accept-Language": language };
  const response = await fetch(path, { method, headers, body: method === "POST" ? "{}" : undefined, cache: "no-store",
                                       signal: AbortSignal.timeout(kPatienceMs) });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error.message), { status: response.status });
  return answer;
}

function notice(text) {
  $("notice").hidden = !text;
  putSentence($("notice"), text);
}

function showFailure(error) {
  const refused = error.status === 401 || error.status === 403;
  $("main").hidden = refused || !seenAt;
  $("main").classList.add("stale");
  if (refused) return notice(t("This link is not valid, or no longer. Ask for a new one on the machine where ctc runs:\n`ctc admin`"));
  notice(error.status ? error.message : t("ctc does not answer. If it has ended, start it again with `ctc run`; this page then goes on by itself. "
      + "If it has come back on another port, `ctc admin` prints the new link.")
      + (seenAt ? "\n" + t("What you see below is from {0}.", new Date(seenAt).toLocaleTimeString(language)) : ""));
}

async function refresh() {
  clearTimeout(timer);
  if (busy || document.hidden) return;
  if (!token) return notice(t("This page opens with the link that a command prints on the machine where ctc runs:\n`ctc admin`"));
  busy = true;
  try {
    showStatus(await call("/api/status"));
    showStreams(await call("/api/streams"));
    seenAt = Date.now();
    $("main").hidden = false;
    $("main").classList.remove("stale");
    notice("");
    if (rounds++ % kSlowEvery === 0) {
      showPeers(await call("/api/peers"));
      showNat("GET");  // not waited for
    }
  } catch (error) {
    rounds = 0;
    showFailure(error);
  }
  busy = false;
  timer = setTimeout(refresh, rounds ? kRefreshMs : kRetryMs);
}

/** The token leaves the address bar at once: who looks over a shoulder or at a screenshot does not get it. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  token = given;
  sessionStorage.setItem(kStore, token);
  history.replaceState(null, "", location.pathname);
}

document.documentElement.lang = language;
for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.textContent);
notice(t("Asking ctc …"));
$("nat").parentElement.open = innerWidth > 700;
$("check").addEventListener("click", () => showNat("POST"));
$("migrate").addEventListener("click", async () => {
  $("migrate").disabled = true;
  try {
    const answer = await call("/api/streams/migrate", "POST");
    put($("moved"), t("{0} told to move at {1}", answer.streams, new Date().toLocaleTimeString(language)));
  } catch (error) {
    put($("moved"), error.message);
  }
  refresh();
});
document.addEventListener("visibilitychange", refresh);
addEventListener("hashchange", () => {
  takeToken();
  refresh();
});
takeToken();
refresh();
