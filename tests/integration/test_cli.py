#!/usr/bin/python3
"""The commands against running programs: what they print, in both forms, and how they fail."""
import json
import os
import signal

from harness import IntegrationTest, connect, ctc, cts, free_port, main, need, roundtrip, run, serve_echo, wait_until


class Cli(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.service = serve_echo(self)
        self.through = self.tunnel(self.service.port)
        self.a, self.relay = self.through.a, self.through.server
        self.port = self.through.port(self.service.port)

    def json(self, daemon, *words):
        return json.loads(daemon.command(*words, "--json").stdout)

    def test_version_and_help(self):
        for program, command in (("cts", cts), ("ctc", ctc)):
            self.assertRegex(command("--version").stdout, rf"^{program} \d+\.\d+\.\d+\n$")
            text = command("--help").stdout
            self.assertIn("run", text)
            for lang, words in (("en", "Usage"), ("zh", "用法")):
                self.assertIn(words, command("run", "--help", "--lang", lang).stdout)
            self.assertIn("用法", command("run", "--help", lang="zh_CN.UTF-8").stdout)
        for flag in ("--host", "--port", "--token", "--allow-anonymous", "--data-dir", "--config", "--log-level", "--handshake-timeout"):
            self.assertIn(flag, cts("run", "--help").stdout)
        for flag in ("--server", "--id", "--token", "--port", "--allow", "--local", "--udp-idle-timeout", "--encryption", "--identity", "--data-dir", "--config"):
            self.assertIn(flag, ctc("run", "--help").stdout)

    def test_wrong_usage(self):
        """Exit code 2, a sentence on stderr, nothing on stdout."""
        create = ["proxy", "create", "--local-port", "0", "--target-client", "B", "--target-port"]
        cases = [(ctc, []), (ctc, ["dance"]), (ctc, ["run", "--sever", "x"]), (ctc, ["run", "-L", "nonsense"]), (ctc, ["run", "-L", "1:B:70000"]),
                 (ctc, ["run", "-L", "1:B:2/sctp"]), (ctc, ["run", "-L", "1:B:2:3:4"]), (ctc, ["run", "--port", "99999"]),
                 (ctc, ["run", "--id", "a b"]),
                 (ctc, ["run", "--server", "ftp://host"]), (ctc, ["run", "--allow", "22-"]), (ctc, ["run", "--encryption", "rot13"]),
                 (ctc, ["proxy"]), (ctc, ["proxy", "create"]), (ctc, [*create, "0"]), (ctc, [*create, "80", "--protocol", "x"]),
                 (ctc, ["ping"]), (ctc, ["ping", "B", "--count", "0"]), (ctc, ["status", "surplus"]), (cts, []), (cts, ["run", "--port", "-1"]),
                 (cts, ["run", "--port", "http"]), (cts, ["run", "--log-level", "loud"]), (cts, ["kick"]), (cts, ["run", "--lang", "fr"])]
        for command, words in cases:
            with self.subTest(words=words):
                done = command(*words, data_dir=self.folder("data"), check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr.strip())
                self.assertEqual(done.stdout, "")
        self.assertIn("--server", ctc("run", "--sever", "x", check=False).stderr, "the nearest flag should be named")

    def test_commands_without_a_daemon(self):
        """Exit code 1, and how to start one; in both languages."""
        commands = [(ctc, ["status"]), (ctc, ["clients"]), (ctc, ["admin"]), (ctc, ["proxy", "list"]), (ctc, ["proxy", "delete", "1"]), (ctc, ["ping", "B"]),
                    (ctc, ["proxy", "create", "--local-port", "0", "--target-client", "B", "--target-port", "1"]),
                    (ctc, ["peers"]), (ctc, ["peers", "list"]), (ctc, ["peers", "forget", "B"]), (ctc, ["peers", "trust", "B", "ed25519:" + "0" * 64]),
                    (cts, ["status"]), (cts, ["clients"]), (cts, ["sessions"]), (cts, ["kick", "B"])]
        for command, words in commands:
            for lang, sentence in (("en", f"{command.__name__} is not running"), ("zh", f"{command.__name__} 没有在运行")):
                with self.subTest(words=words, lang=lang):
                    done = command(*words, "--lang", lang, data_dir=self.tmp / "nobody-here", check=False)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(sentence, done.stderr)
                    self.assertIn(f"{command.__name__} run", done.stderr)
                    self.assertEqual(done.stdout, "")

    def test_a_killed_daemon_is_not_running(self):
        self.a.kill()
        done = self.a.command("status", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not running", done.stderr)

    def test_client_status(self):
        with connect(self.port) as user:
            roundtrip(user, b"hello")
            status = self.json(self.a, "status")
            self.assertEqual((status["state"], status["id"], status["server"]), ("registered", "A", self.relay.url))
            self.assertEqual(status["pid"], self.a.process.pid)
            self.assertEqual(status["outboundActive"], 1)
            self.assertEqual(self.json(self.through.b, "status")["inboundActive"], 1)
            text = self.a.command("status").stdout
            for word in ("registered", "A", self.relay.url, str(self.port), f"B:{self.service.port}"):
                self.assertIn(word, text)
        self.assertIn("已注册", self.a.command("status", "--lang", "zh").stdout)
        wait_until(lambda: self.json(self.a, "status")["outboundActive"] == 0, "the closed connection is no longer counted")
        self.relay.kill()
        wait_until(lambda: self.json(self.a, "status")["state"] in ("reconnecting", "connecting"), "the status tells that the server is lost")

    def test_server_status(self):
        with connect(self.port) as user:
            roundtrip(user, b"hello")
            status = self.json(self.relay, "status")
            self.assertEqual(status["clients"], 2)
            self.assertEqual(status["port"], self.relay.port)
            self.assertGreaterEqual(status["sessions"], 1)
            sessions = self.json(self.relay, "sessions")["sessions"]
            self.assertEqual({(session["from"], session["to"], session["protocol"]) for session in sessions}, {("A", "B", "tcp")})
            self.assertIn("connected", {session["state"] for session in sessions})
            self.assertIn(f"B:{self.service.port}", self.relay.command("sessions").stdout)
        self.assertIn(str(self.relay.port), self.relay.command("status").stdout)

    def test_clients(self):
        self.assertEqual([client["id"] for client in self.json(self.a, "clients")["clients"]], ["A", "B"])
        self.assertEqual(sorted(client["id"] for client in self.json(self.relay, "clients")["clients"]), ["A", "B"])
        for daemon in (self.a, self.relay):
            lines = daemon.command("clients").stdout.splitlines()
            self.assertEqual([line.split()[0] for line in lines[1:]], ["A", "B"])
        self.assertEqual(self.through.b.stop(), 0)
        wait_until(lambda: [client["id"] for client in self.json(self.a, "clients")["clients"]] == ["A"], "B is gone from the list")

    def test_proxies(self):
        local = free_port()
        made = self.a.command("proxy", "create", "--local-port", str(local), "--target-client", "B", "--target-port", str(self.service.port),
                              "--name", "echo", "--protocol", "tcp").stdout
        self.assertEqual(made, f"proxy 127.0.0.1:{local} -> B:{self.service.port}\n")
        with connect(local) as user:
            roundtrip(user, b"through the new one")
            proxies = {proxy["localPort"]: proxy for proxy in self.json(self.a, "proxy", "list")["proxies"]}
            self.assertEqual(set(proxies), {self.port, local})
            self.assertEqual((proxies[local]["name"], proxies[local]["protocol"], proxies[local]["activeConnections"]), ("echo", "tcp", 1))
            self.assertIn("echo", self.a.command("proxy", "list").stdout)
            # Deleting a proxy ends its connections.
            self.a.command("proxy", "delete", "echo")
            user.settimeout(10)
            with self.assertRaises(ConnectionResetError):
                user.recv(1)
        with self.assertRaises(ConnectionRefusedError):
            connect(local)
        for which in ("echo", str(local)):
            done = self.a.command("proxy", "delete", which, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(which, done.stderr)

    def test_a_proxy_on_a_port_that_the_system_chooses(self):
        made = self.a.command("proxy", "create", "--local-port", "0", "--target-client", "B", "--target-port", str(self.service.port)).stdout
        port = int(made.split(" -> ")[0].rsplit(":", 1)[1])
        with connect(port) as user:
            roundtrip(user, b"hello")

    def test_a_name_is_used_once(self):
        create = ["proxy", "create", "--local-port", "0", "--target-client", "B", "--target-port", "1", "--name", "mine"]
        self.a.command(*create)
        done = self.a.command(*create, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("mine", done.stderr)

    def test_ping(self):
        done = self.a.command("ping", "B", "--count", "3")
        lines = done.stdout.splitlines()
        self.assertEqual(len([line for line in lines if line.startswith("reply from B: seq=")]), 3)
        self.assertRegex(lines[3], r"^TCP: 3 sent, 3 answered, 0 % lost; min .* ms, avg .* ms, max .* ms$")
        self.assertEqual(len([line for line in lines if line.startswith("UDP reply from B: seq=")]), 3)
        self.assertIn("UDP: 3 sent, 3 answered, 0 % lost; min ", lines[7])
        self.assertRegex(lines[-2], rf"^B +relay tcp +{self.relay.url} +works +\d.*ms +[3-9] +0$")
        self.assertRegex(lines[-1], rf"^B +relay udp +127.0.0.1:{self.relay.port} +works +\d.*ms +1 +0$")
        for peer, sentence in (("nobody", 'no client "nobody" is known'), ("B", 'client "B" is offline')):
            if peer == "B":
                self.through.b.stop()
            done = self.a.command("ping", peer, "--count", "1", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(sentence, done.stderr)

    def test_kick(self):
        """The kicked client is told; its id is free, its connections end."""
        user = connect(self.port)
        self.addCleanup(user.close)
        roundtrip(user, b"hello")
        mark = self.through.b.log.mark()
        self.relay.command("kick", "B")
        self.through.b.log.wait(".", after=mark)
        user.settimeout(10)
        try:
            self.assertEqual(user.recv(1), b"")
        except ConnectionResetError:
            pass
        done = self.relay.command("kick", "nobody", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody", done.stderr)

    def http(self, url, *words):
        done = run([need("curl", "curl"), "-sS", "-o", "/dev/null", "-w", "%{http_code}", *words, url])
        return int(done.stdout)

    def test_the_admin_apis_are_closed(self):
        """Without the token of the data folder nothing is told or changed; nor to a page of another site."""
        for daemon, path in ((self.a, "/api/status"), (self.a, "/api/proxies"), (self.relay, "/api/clients"), (self.relay, "/api/status")):
            admin = json.loads((daemon.data_dir / "admin.json").read_text(encoding="utf-8"))
            right = ["-H", f"Authorization: Bearer {admin['token']}"]
            with self.subTest(daemon=daemon.name, path=path):
                url = admin["url"] + path
                self.assertEqual(self.http(url, *right), 200)
                self.assertEqual(self.http(url), 401)
                self.assertEqual(self.http(url, "-H", "Authorization: Bearer " + admin["token"][:-1] + "x"), 401)
                self.assertIn(self.http(url + "?token=" + admin["token"]), (401, 403))
        admin = json.loads((self.a.data_dir / "admin.json").read_text(encoding="utf-8"))
        right = ["-H", f"Authorization: Bearer {admin['token']}"]
        # The client's API is for this machine only, so no name but the machine's own leads to it (DNS rebinding).
        for header in ("Host: evil.example", "Origin: http://evil.example"):
            self.assertEqual(self.http(admin["url"] + "/api/status", *right, "-H", header), 403)
        self.assertEqual(self.http(admin["url"] + f"/api/proxies/{self.port}", "-X", "DELETE"), 401)
        with connect(self.port) as user:
            roundtrip(user, b"still there")

    def test_signals(self):
        """SIGTERM and SIGINT: a clean end with 0, within a moment, though connections are open."""
        user = connect(self.port)
        self.addCleanup(user.close)
        roundtrip(user, b"hello")
        for daemon, number in ((self.a, signal.SIGINT), (self.through.b, signal.SIGTERM), (self.relay, signal.SIGINT)):
            daemon.process.signal(number)
            self.assertEqual(daemon.process.wait(timeout=5), 0, daemon.name)
            self.assertFalse((daemon.data_dir / "admin.json").exists(), "a stopped daemon leaves no address behind")

    def test_unregistered_at_once(self):
        """A client that stops is gone from the list when its program has ended."""
        self.assertEqual(self.through.b.stop(), 0)
        self.assertEqual([client["id"] for client in self.json(self.relay, "clients")["clients"]], ["A"])

    def test_files_are_private(self):
        for daemon in (self.a, self.relay):
            mode = os.stat(daemon.data_dir / "admin.json").st_mode & 0o777
            self.assertEqual(mode, 0o600)


if __name__ == "__main__":
    main()
