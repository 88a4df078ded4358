#!/usr/bin/python3
"""Configuration files, what survives a restart, and what is kept secret."""
import json
import socket
from pathlib import Path

from harness import Client, IntegrationTest, connect, ctc, cts, free_port, main, roundtrip, seconds, serve_echo, wait_until
from harness.chuantou import Server, program
from harness.process import Process


class Config(IntegrationTest):
    def write(self, name, text):
        path = self.tmp / name
        path.write_text(text, encoding="utf-8")
        return path

    def test_every_key_of_the_server(self):
        data = self.folder("cts-data")
        config = self.write("server.toml", f"""
            host = "127.0.0.1"
            port = 0
            data-dir = "{data}"
            token = "from the file"
            allow-anonymous = false
            threads = 1
            handshake-timeout = 9000
            pairing-timeout = 9000
            heartbeat-interval = 7000
            heartbeat-timeout = 21000
            log-level = "debug"
            log-format = "json"
            lang = "en"
        """)
        process = self.start_program("cts", "run", "--config", config)
        port = int(process.out.wait(r"^listening on 127\.0\.0\.1:(\d+)$", timeout=20)[1])
        server = Server(self, port=port)  # only for its address
        self.client(server, "A", token="from the file")
        wrong = ctc("run", "--server", server.url, "--id", "B", "--port", "0", "--token", "another", data_dir=self.folder("data"), check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertEqual([each["id"] for each in json.loads(cts("clients", "--json", data_dir=data).stdout)["clients"]], ["A"])
        for line in process.err.lines():
            json.loads(line)

    def start_program(self, name, *words):
        return self.start([program(name), *words], name)

    def test_every_key_of_the_client(self):
        server = self.server(token="secret")
        service, other = serve_echo(self), serve_echo(self)
        data = self.folder("ctc-data")
        config = self.write("client.toml", f"""
            server = "{server.url}"
            id = "B"
            token = "secret"
            port = 0
            data-dir = "{data}"
            local = ["0:A:{service.port}", "0:A:{other.port}/tcp"]
            allow = "{service.port}@A"
            encryption = "none"
            identity = "{self.tmp / 'key.pem'}"
            udp-idle-timeout = 30
            log-level = "info"
            log-format = "text"
            lang = "zh"
        """)
        process = self.start_program("ctc", "run", "--config", config)
        process.out.wait("^registered as B$", timeout=20)
        ports = [int(process.out.wait(rf"^proxy 127\.0\.0\.1:(\d+) -> A:{each.port}$")[1]) for each in (service, other)]
        self.assertTrue((self.tmp / "key.pem").exists())
        a = self.client(server, "A", f"B:{service.port}", args=["--encryption", "none"])
        for port in (*ports, a.local_port(f"B:{service.port}")):
            with connect(port) as user:
                roundtrip(user, b"hello")
        self.assertEqual(json.loads(ctc("status", "--json", data_dir=data).stdout)["id"], "B")

    def test_the_command_line_wins(self):
        server = self.server()
        config = self.write("client.toml", 'server = "ws://127.0.0.1:1"\nid = "from-file"\nallow = ["1", "2"]\n')
        client = Client(self, server, "from-flag", args=["--config", config]).start()
        self.assertEqual(json.loads(client.command("status", "--json").stdout)["server"], server.url)

    def test_mistakes_in_files(self):
        """Each names the file, the line, what is wrong, and the nearest key."""
        cases = [("cts", 'host = "127.0.0.1"\n\nprot = 8200\n', ":3: ", '"port"'), ("ctc", 'sever = "ws://x"\n', ":1: ", '"server"'),
                 ("ctc", 'id = "B"\nlocale = []\n', ":2: ", '"local"'), ("cts", "port = \"eighty\"\n", ":1: ", "port"),
                 ("ctc", "id = 5\n", ":1: ", "id"), ("cts", "port = 8200\nhost = \n", ":2: ", ""), ("cts", "port = 99999\n", ":1: ", "99999"),
                 ("ctc", "port = 0\n[section]\n", ":2: ", "section")]
        for number, (name, text, place, word) in enumerate(cases):
            with self.subTest(text=text):
                config = self.write(f"wrong-{number}.toml", text)
                run = cts if name == "cts" else ctc
                done = run("run", "--config", str(config), data_dir=self.folder("data"), check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"{config}{place}", done.stderr)
                self.assertIn(word, done.stderr)
        config = self.write("zh.toml", "prot = 1\n")
        self.assertIn("未知的配置项", cts("run", "--config", str(config), "--lang", "zh", data_dir=self.folder("data"), check=False).stderr)
        missing = cts("run", "--config", str(self.tmp / "none.toml"), data_dir=self.folder("data"), check=False)
        self.assertNotEqual(missing.returncode, 0)
        self.assertIn("none.toml", missing.stderr)


class State(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.relay = Server(self, port=free_port()).start()
        self.service = serve_echo(self)
        self.b = self.client(self.relay, "B")

    def works(self, port):
        with connect(port, timeout=2) as user:
            user.settimeout(seconds(2))
            return roundtrip(user, b"hello")

    def create(self, client, *more):
        port = free_port()
        client.command("proxy", "create", "--local-port", str(port), "--target-client", "B", "--target-port", str(self.service.port), *more)
        return port

    def test_proxies_come_back(self):
        """What `proxy create` made is there after a stop and after a kill; what `proxy delete` closed and -L made is not."""
        a = self.client(self.relay, "A", f"B:{self.service.port}")
        from_command_line = a.local_port(f"B:{self.service.port}")
        kept, named, deleted = self.create(a), self.create(a, "--name", "db", "--protocol", "tcp"), self.create(a)
        a.command("proxy", "delete", str(deleted))
        for end in (a.stop, a.kill):
            end()
            a.forwards = []
            a.start()
            for port in (kept, named):
                a.process.out.wait(rf"^proxy 127\.0\.0\.1:{port} -> B:{self.service.port}$")
                self.assertTrue(self.works(port))
            proxies = json.loads(a.command("proxy", "list", "--json").stdout)["proxies"]
            self.assertEqual({(proxy["localPort"], proxy.get("name", ""), proxy["protocol"]) for proxy in proxies},
                             {(kept, "", "both"), (named, "db", "tcp")})
            self.assertNotIn(from_command_line, [proxy["localPort"] for proxy in proxies])
        json.loads((a.data_dir / "proxies.json").read_text(encoding="utf-8"))

    def test_a_stored_proxy_whose_port_is_taken_meanwhile(self):
        """It is told and left out; the client runs with the others, and the next time it is there again."""
        a = self.client(self.relay, "A")
        taken, other = self.create(a), self.create(a)
        a.stop()
        with socket.create_server(("127.0.0.1", taken)):
            a.start()
            a.log.wait(f"{taken}")
            self.assertTrue(self.works(other))
            a.stop()
        a.start()
        self.assertTrue(self.works(taken))

    def test_a_reconnect_keeps_the_proxies(self):
        a = self.client(self.relay, "A", f"B:{self.service.port}")
        ports = [a.local_port(f"B:{self.service.port}"), self.create(a)]
        pid = a.process.pid
        for _ in range(2):
            marks = [client.process.out.mark() for client in (a, self.b)]
            self.relay.kill()
            self.relay.start()
            for client, mark in zip((a, self.b), marks):
                client.wait_registered(after=mark)
            for port in ports:
                wait_until(lambda: self.works(port), f"the proxy on {port} works again")
        self.assertEqual(a.process.pid, pid)
        self.assertGreaterEqual(json.loads(a.command("status", "--json").stdout)["reconnects"], 2)

    def test_a_made_id_is_kept(self):
        """Without --id a random one is made at the first run and is the same at the next."""
        data = self.folder("data")

        def run_once():
            process = Process([program("ctc"), "run", "--server", self.relay.url, "--port", "0", "--data-dir", data], "ctc")
            self.addCleanup(process.stop)
            made = process.out.wait(r"^registered as (\S+)$", timeout=20)[1]
            self.assertEqual(process.stop(), 0)
            return made

        self.assertEqual(run_once(), run_once())

    def test_a_damaged_state_is_told(self):
        a = self.client(self.relay, "A")
        self.create(a)
        a.stop()
        stored = a.data_dir / "proxies.json"
        stored.write_text(stored.read_text(encoding="utf-8")[:-5], encoding="utf-8")
        done = ctc("run", "--server", self.relay.url, "--id", "A", "--port", "0", data_dir=a.data_dir, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("proxies.json", done.stderr)


class Secrets(IntegrationTest):
    SECRET = "correct-horse-battery-staple"

    def test_the_token_is_nowhere(self):
        """Given by a file, it is in no log line at any level, in no other file, and not in the list of processes."""
        config = self.tmp / "token.toml"
        config.write_text(f'token = "{self.SECRET}"\nlog-level = "trace"\n', encoding="utf-8")
        config.chmod(0o600)
        server = self.server(args=["--config", str(config)])
        service = serve_echo(self)
        self.client(server, "B", args=["--config", str(config)])
        a = self.client(server, "A", f"B:{service.port}", args=["--config", str(config)])
        with connect(a.local_port(f"B:{service.port}")) as user:
            roundtrip(user, b"hello")
        a.command("status")
        server.command("status")
        refused = ctc("run", "--server", server.url, "--id", "C", "--port", "0", "--token", "wrong-" + self.SECRET[::-1], "--log-level", "trace",
                      data_dir=self.folder("data"), check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertNotIn(self.SECRET[::-1], refused.stdout + refused.stderr)
        for process in self.started:
            self.assertNotIn(self.SECRET, process.out.text() + process.err.text(), process.name)
            self.assertNotIn(self.SECRET, Path(f"/proc/{process.pid}/cmdline").read_bytes().decode())
        for path in self.tmp.rglob("*"):
            if path.is_file() and path != config:
                self.assertNotIn(self.SECRET.encode(), path.read_bytes(), path)


if __name__ == "__main__":
    main()
