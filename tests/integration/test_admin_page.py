#!/usr/bin/python3
"""ctc's admin page: what the port gives to whom, and the page's script watching a real ctc."""
import http.client
import json
import re
import stat
import subprocess
from pathlib import Path

from harness import IntegrationTest, connect, free_port, main, roundtrip, seconds, serve_echo, wait_until
from harness.peers import node

_SOURCES = Path(__file__).resolve().parents[2] / "src" / "daemon" / "page"
_FILES = {"/": ("index.html", "text/html; charset=utf-8"), "/page.css": ("page.css", "text/css; charset=utf-8"),
          "/page.js": ("page.js", "text/javascript; charset=utf-8")}
_POLICY = {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "base-uri": "'none'",
           "form-action": "'none'", "frame-ancestors": "'none'"}
_LINK = r"^(http://127\.0\.0\.1:(\d+))/#token=([0-9a-f]{32})$"


def link_of(client):
    return client.command("admin").stdout.rstrip("\n")


class Page:
    """The page in a browser."""

    def __init__(self, test, url, *options):
        self.process = test.start(node("admin_page.mjs", url, *options), "browser", stdin=subprocess.PIPE)

    def ask(self, *words):
        mark = self.process.out.mark()
        self.process.stdin.write(" ".join(words).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.out.wait("^{.*}$", timeout=30, after=mark)[0])

    def look(self):
        return self.ask("look")

    def wait(self, condition, what, timeout=20):
        """Returns the first look of which the condition is true."""
        def seen():
            now = self.look()
            return now if condition(now) else None

        try:
            return wait_until(seen, what, timeout, interval=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page: {json.dumps(self.look(), ensure_ascii=False)[:6000]}") from None

    def whole(self):
        """A look once everything has been asked for and has come."""
        return self.wait(lambda now: now["shown"] and now["texts"]["meaning"] and now["texts"]["peers"] and not now["disabled"]["check"],
                         "the whole page is there")


class AdminPage(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.service = serve_echo(self)
        self.through = self.tunnel(self.service.port, server_args=["--stun-alt-address", "127.0.0.2"], a_args=["--log-level", "trace"])
        self.a = self.through.a
        self.link = link_of(self.a)
        self.url, self.port, self.token = re.fullmatch(_LINK, self.link).groups()

    def fetch(self, method, path, token=None, body=None, **headers):
        """The answer, with its body as bytes in .body."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=seconds(20))
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.body = answer.read()
        return answer

    def check_headers(self, answer):
        directives = [each.split(" ", 1) for each in answer.getheader("Content-Security-Policy").split("; ")]
        self.assertEqual(dict(directives), _POLICY)
        self.assertEqual(answer.getheader("X-Content-Type-Options"), "nosniff")
        self.assertEqual(answer.getheader("Referrer-Policy"), "no-referrer")
        self.assertEqual(answer.getheader("X-Frame-Options"), "DENY")
        self.assertEqual(answer.getheader("Cross-Origin-Opener-Policy"), "same-origin")
        self.assertEqual(answer.getheader("Cross-Origin-Resource-Policy"), "same-origin")
        self.assertEqual(answer.getheader("Cache-Control"), "no-store")
        self.assertIsNone(answer.getheader("Access-Control-Allow-Origin"))

    def open_connections(self, count=1):
        users = [connect(self.through.port(self.service.port)) for _ in range(count)]
        for user in users:
            self.addCleanup(user.close)
            roundtrip(user, b"hello")
        return users

    # --- The port ---

    def test_files(self):
        """Without a token, exactly the files of the source tree: nothing in them is of this client."""
        for path, (name, content_type) in _FILES.items():
            with self.subTest(path=path):
                whole = self.fetch("GET", path)
                self.assertEqual((whole.status, whole.getheader("Content-Type")), (200, content_type))
                self.assertEqual(whole.body, (_SOURCES / name).read_bytes())
                self.check_headers(whole)
                head = self.fetch("HEAD", path)
                self.assertEqual((head.status, head.getheader("Content-Length"), head.body), (200, str(len(whole.body)), b""))
                self.check_headers(head)
                self.assertEqual(self.fetch("GET", path + "?x=1").body, whole.body)

    def test_nothing_comes_from_elsewhere(self):
        """What the strict policy would refuse is not there in the first place."""
        for path in _FILES:
            text = self.fetch("GET", path).body.decode()
            self.assertNotRegex(text, r"(?i)https?://|\b(src|href)=\"//|@import|url\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b")
        html = self.fetch("GET", "/").body.decode()
        self.assertNotRegex(html, r"(?i)<style|\sstyle=|\son\w+=")
        self.assertEqual(re.findall(r"<script[^>]*>(.*?)</script>", html, re.S), [""])

    def test_other_paths_and_methods(self):
        for path in ("/index.html", "/page.js/", "//", "/page", "/../page.js", "/page.js%00", "/favicon.ico", "/api", "/api/status"):
            with self.subTest(path=path):
                answer = self.fetch("GET", path)
                self.assertIn(answer.status, (400, 401))
                if answer.status == 401:
                    self.check_headers(answer)
                    self.assertNotIn(b"127.0.0.1:", answer.body)
                    known = self.fetch("GET", path, self.token)
                    self.assertEqual(known.status, 200 if path == "/api/status" else 404)
                    self.check_headers(known)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            for path in _FILES:
                with self.subTest(method=method, path=path):
                    self.assertEqual(self.fetch(method, path, self.token, b"{}").status, 405)
        head = self.fetch("HEAD", "/api/status", self.token)
        self.assertEqual((head.status, head.body), (405, b""))

    def test_foreign_sites(self):
        for path in (*_FILES, "/api/status"):
            with self.subTest(path=path):
                for headers in ({"Host": "evil.example"}, {"Host": f"evil.example:{self.port}"}, {"Host": f"127.0.0.1.evil.example:{self.port}"},
                                {"Origin": "http://evil.example"}, {"Origin": "null"}):
                    answer = self.fetch("GET", path, self.token, **headers)
                    self.assertEqual(answer.status, 403, headers)
                    self.check_headers(answer)
                    self.assertLess(len(answer.body), 300)
                for headers in ({"Host": f"localhost:{self.port}"}, {"Host": f"[::1]:{self.port}"}, {"Origin": f"http://localhost:{self.port}"}):
                    self.assertEqual(self.fetch("GET", path, self.token, **headers).status, 200, headers)

    def test_link(self):
        self.assertEqual(self.a.command("admin").stdout, self.link + "\n")
        self.assertEqual(json.loads(self.a.command("admin", "--json").stdout), {"link": self.link})
        self.assertEqual(json.loads(self.fetch("GET", "/api/status", self.token).body)["id"], "A")
        other = self.through.b
        self.assertNotEqual(re.fullmatch(_LINK, link_of(other))[3], self.token)
        self.assertEqual(self.fetch("GET", "/api/status", re.fullmatch(_LINK, link_of(other))[3]).status, 401)
        said = self.a.process.out.text() + self.a.log.text()
        self.assertIn(self.url, said)
        self.assertNotIn(self.token, said)

    def test_the_token_outlives_a_run(self):
        """So that a page goes on; only the user can read it, and what is no token is replaced."""
        kept = self.a.data_dir / "admin-token"
        self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)
        self.assertEqual(kept.read_text(), self.token)
        for end in (self.a.stop, self.a.kill):
            end()
            self.assertEqual(self.a.command("admin", check=False).returncode, 1)
            self.a.start()
            self.assertEqual(re.fullmatch(_LINK, link_of(self.a))[3], self.token)
        for damaged in ("", "g" * 32, self.token[:31], self.token + "\n"):
            self.a.stop()
            kept.write_text(damaged)
            self.a.start()
            self.assertNotEqual(re.fullmatch(_LINK, link_of(self.a))[3], self.token)

    # --- The page's script ---

    def test_what_it_shows(self):
        users = self.open_connections(2)
        roundtrip(users[0], b"x" * 100_000)
        page = Page(self, self.link)
        now = page.whole()
        self.assertEqual((now["url"], now["notice"], now["language"], now["stale"]), (self.url + "/", "", "en", False))
        self.assertEqual(now["title"], "A · registered · chuantou")
        self.assertEqual(now["texts"]["state"], "registered")
        connection = now["lists"]["connection"]
        status = json.loads(self.a.command("status", "--json").stdout)
        self.assertEqual((connection["server"], connection["reached by"]), (self.through.server.url, status["way"]))
        self.assertEqual(connection["key"], status["key"])
        self.assertRegex(connection["connected"], r"^\d.* s, since ")
        self.assertRegex(connection["round trip"], r"^[\d.]+ ms$|^not measured yet$")
        self.assertEqual(connection["connections"], "2 out, 0 in")

        proxies = now["tables"]["proxies"]
        self.assertEqual([(row["On this machine"], row["Leads to"], row["State"], row["Connections"]) for row in proxies],
                         [(f"127.0.0.1:{self.through.port(self.service.port)}", f"B:{self.service.port}", "in use", "2 now, 2 so far")])
        streams = now["tables"]["streams"]
        self.assertEqual([row["Connection"] for row in streams], [f"from here to B:{self.service.port}"] * 2)
        self.assertEqual({row["State"] for row in streams}, {"on its way"})
        self.assertEqual({row["Traffic"] for row in streams}, {"↑ 5 B ↓ 5 B", "↑ 100 kB ↓ 100 kB"})
        ways = {row["Way"]: row for row in now["tables"]["ways"]}
        self.assertEqual((ways["websocket"]["Now"], ways["websocket"]["Worked"]), ("works", "1 of 1 (100 %)"))
        self.assertRegex(ways["websocket"]["Took"], r"^[\d.]+ ms$")
        self.assertEqual({(row["Peer"], row["Way"], row["Now"]) for row in now["tables"]["peer-ways"]}, {("B", "relay tcp", "works")})
        known = json.loads(self.a.command("peers", "--json").stdout)["peers"]
        self.assertEqual([(row["Peer"], row["Now"], row["Key"]) for row in now["tables"]["peers"]], [("B", "registered", known[0]["key"])])

        # And it follows what happens.
        for user in users:
            user.close()
        now = page.wait(lambda now: not now["tables"]["streams"] and now["disabled"]["migrate"], "the connections are gone")
        self.assertIn("No connection is open.", now["texts"]["streams"])
        self.through.server.kill()
        page.wait(lambda now: now["texts"]["state"] in ("reconnecting", "connecting") and now["lists"]["connection"].get("last error"),
                  "the lost server is shown", 30)

    def test_the_words_of_netcheck(self):
        """What `ctc netcheck` prints of the same server, row by row; and found out anew by a button."""
        page = Page(self, self.link)
        now = page.whole()
        printed = self.a.command("netcheck").stdout.splitlines()
        self.assertEqual(printed[-1].split("  ", 1)[1].strip(), now["texts"]["meaning"])
        for line, (name, value) in zip(printed, now["lists"]["nat"].items()):
            self.assertTrue(line.startswith(name), line)
            if name in ("UDP", "NAT type", "mapping", "filtering", "hairpin", "second NAT", "port mapping"):
                self.assertEqual(line[len(name):].strip(), value)
        before = json.loads(self.fetch("GET", "/api/netcheck", self.token).body)["timestampMs"]
        self.assertTrue(page.ask("click", "check")["disabled"])
        page.wait(lambda now: not now["disabled"]["check"], "it has found out")
        self.assertGreater(json.loads(self.fetch("GET", "/api/netcheck", self.token).body)["timestampMs"], before)
        self.assertEqual(page.look()["texts"]["meaning"], now["texts"]["meaning"])

    def test_move_to_new_carriers(self):
        users = self.open_connections(3)
        page = Page(self, self.link)
        page.whole()
        page.ask("click", "migrate")
        now = page.wait(lambda now: [row["Moved"] for row in now["tables"]["streams"]] == ["1"] * 3, "all three have moved")
        self.assertRegex(now["texts"]["moved"], r"^3 told to move at ")
        self.assertEqual(json.loads(self.a.command("status", "--json").stdout)["streams"]["migrations"], 3)
        for user in users:
            roundtrip(user, b"still there")

    def test_a_connection_that_survives(self):
        """Resumes, lost time and interruptions come into view."""
        self.open_connections()
        page = Page(self, self.link)
        page.whole()
        self.through.server.kill()
        page.wait(lambda now: now["tables"]["streams"][0]["State"].startswith("stalled for "), "it is stalled", 40)
        self.through.server.start()
        now = page.wait(lambda now: now["tables"]["streams"] and now["tables"]["streams"][0]["Resumed"] == "1"
                        and now["tables"]["streams"][0]["State"] == "on its way" and now["texts"]["state"] == "registered", "it is resumed", 40)
        self.assertRegex(now["lists"]["connection"]["interruptions"], r"^1 times, .* s lost; 1 resumed, 0 given up$")

    def test_a_daemon_that_goes_and_comes_back(self):
        self.a.stop()
        self.a.admin_port = free_port()
        self.a.start()
        page = Page(self, link_of(self.a))
        page.whole()
        self.a.kill()
        now = page.wait(lambda now: "ctc does not answer." in now["notice"], "the page says that ctc is gone")
        self.assertTrue(now["shown"] and now["stale"])
        self.assertRegex(now["notice"], r"ctc run.*\nWhat you see below is from .*\d+:\d+:\d+.*\.$")
        self.a.start()
        now = page.wait(lambda now: not now["notice"] and not now["stale"] and now["texts"]["state"] == "registered", "it goes on by itself")
        self.assertIn(f"process {self.a.process.pid}", now["lists"]["connection"]["running"])

    def test_without_a_token(self):
        page = Page(self, self.url + "/")
        now = page.wait(lambda now: "ctc admin" in now["notice"], "it says which command prints the link")
        self.assertEqual((now["shown"], now["lists"], now["texts"]["self"]), (False, {"connection": {}, "nat": {}}, ""))
        page.ask("link", "token=" + "0" * 32)
        now = page.wait(lambda now: "not valid" in now["notice"], "a wrong token is told")
        self.assertIn("ctc admin", now["notice"])
        self.assertFalse(now["shown"])
        page.ask("link", f"token={self.token}")
        now = page.whole()
        self.assertEqual((now["notice"], now["url"]), ("", self.url + "/"))

    def test_chinese(self):
        self.open_connections()
        now = Page(self, self.link, "--language", "zh-CN").whole()
        self.assertEqual((now["language"], now["texts"]["state"], now["texts"]["connection-title"]), ("zh", "已注册", "与服务器的连接"))
        self.assertEqual(now["texts"]["meaning"], self.a.command("netcheck", "--lang", "zh").stdout.splitlines()[-1].split("  ")[-1].strip())
        self.assertEqual(now["tables"]["streams"][0]["状态"], "畅通")
        # Whatever is a sentence or a title of ours has its Chinese form.
        titles = [title for rows in now["tables"].values() for row in rows for title in row] + list(now["lists"]["connection"])
        for title in [*titles, *[now["texts"][each] for each in now["texts"] if each.endswith("-title")]]:
            self.assertRegex(title, "[一-鿿]")

    def test_hostile_text_stays_text(self):
        """A host that looks like HTML, for real; then every text of every answer."""
        self.open_connections()
        plain = {*Page(self, self.link).whole()["tags"], "code"}

        def check(now):
            self.assertLessEqual(set(now["tags"]), plain)
            self.assertEqual((now["scripts"], now["ran"]), (1, 0))

        self.fetch("POST", "/api/proxies", self.token, json.dumps({"localPort": 0, "targetClientId": "B", "targetPort": 1, "targetHost": "<img><b>x"}))
        page = Page(self, self.link)
        now = page.wait(lambda now: now["shown"] and len(now["tables"]["proxies"]) == 2, "the proxy is there")
        self.assertIn("B:<img><b>x:1", [row["Leads to"] for row in now["tables"]["proxies"]])
        check(page.whole())
        self.through.server.kill()  # for lastError's sake

        page = Page(self, self.link, "--hostile")
        hostile = '<img src=x onerror="ran()"><script>ran()</script>'
        now = page.wait(lambda now: now["texts"]["meaning"] and "last error" in now["lists"]["connection"] and not now["disabled"]["check"],
                        "everything has come", 40)
        for text in (now["title"], now["texts"]["state"], now["texts"]["self"], now["texts"]["meaning"],
                     now["lists"]["connection"]["last error"], now["lists"]["connection"]["server"], now["tables"]["streams"][0]["Connection"],
                     now["tables"]["streams"][0]["Carried by"], now["tables"]["streams"][0]["State"], now["tables"]["proxies"][0]["Leads to"],
                     now["tables"]["proxies"][0]["Protocol"], now["tables"]["ways"][0]["Way"], now["tables"]["ways"][0]["Over"],
                     now["tables"]["ways"][0]["Last failure"], now["tables"]["peer-ways"][0]["Peer"], now["tables"]["peers"][0]["Peer"],
                     now["tables"]["peers"][0]["Key"], *now["lists"]["nat"], *now["lists"]["nat"].values()):
            self.assertIn(hostile, text)
        check(now)

        # Errors as well: what the API says no with.
        self.assertEqual(self.a.stop(), 0)
        page = Page(self, link_of(self.through.b).replace("#token=", "#token=0"), "--hostile")
        check(page.wait(lambda now: "not valid" in now["notice"], "the refusal is told"))


if __name__ == "__main__":
    main()
