#!/usr/bin/python3
"""Errors that a person can act on, in English and Chinese; and IPv6 all the way."""
import base64
import hashlib
import json
import socket
import threading

from harness import Client, IntegrationTest, closed_port, connect, ctc, expect_reset_user, free_port, main, roundtrip, serve_echo, wait_until
from harness.chuantou import Server
from harness.protocol import ControlChannel


class Errors(IntegrationTest):
    def test_closed_target_port(self):
        """The user's connection is reset, and both logs say why."""
        for lang, sentence in (("en", r"nothing listens on .*{port}.*; start the service there"), ("zh", "{port}.*没有服务在监听.*请先启动那里的服务")):
            with self.subTest(lang):
                target, late = closed_port(self)
                through = self.tunnel(target, a_args=["--lang", lang], b_args=["--lang", lang])
                expect_reset_user(through.port(target), b"anybody there?")
                for client in (through.a, through.b):
                    client.log.wait(sentence.format(port=target))
                # The same proxy works as soon as the service is there.
                late.listen()
                late.settimeout(10)
                with connect(through.port(target)) as user:
                    user.sendall(b"now")
                    served, _ = late.accept()
                    with served:
                        self.assertEqual(served.recv(3), b"now")

    def test_port_that_is_not_allowed(self):
        for lang, sentence in (("en", r"the peer does not offer .*{port}.*; it must be named by --allow there"),
                               ("zh", "对端没有开放 .*{port}.*需要在那里用 --allow 允许")):
            with self.subTest(lang):
                secret, open_to_all = serve_echo(self), serve_echo(self)
                through = self.tunnel(secret.port, open_to_all.port, a_args=["--lang", lang], b_args=["--allow", str(open_to_all.port)])
                expect_reset_user(through.port(secret.port), b"anybody there?")
                through.a.log.wait(sentence.format(port=secret.port))
                through.b.log.wait(str(secret.port))
                self.assertEqual(secret.accepted, 0)
                with connect(through.port(open_to_all.port)) as user:
                    roundtrip(user, b"allowed")

    def test_rules(self):
        """Ranges, lists, rules for one peer, none."""
        server = self.server()
        service = serve_echo(self)
        port = service.port
        cases = [([f"{port - 1}-{port + 1}"], True), ([f"1,{port},2"], True), ([f"{port}@A"], True), ([f"{port}@C"], False),
                 (["none"], False), (["*"], True), ([str(port - 1), str(port + 1)], False), (["1-2", f"127.0.0.1:{port}"], True)]
        a = None
        for number, (rules, allowed) in enumerate(cases):
            with self.subTest(rules=rules):
                args = [word for rule in rules for word in ("--allow", rule)]
                b = self.client(server, f"B{number}", args=args)
                a = self.client(server, "A", f"B{number}:{port}", name=f"A{number}", like=a)
                if allowed:
                    with connect(a.local_port(f"B{number}:{port}")) as user:
                        roundtrip(user, b"allowed")
                else:
                    expect_reset_user(a.local_port(f"B{number}:{port}"), b"anybody there?")
                a.stop()
                b.stop()

    def test_unknown_peer(self):
        server = self.server()
        a = None
        for lang, sentence in (("en", 'no client "nobody" is known to the server'), ("zh", '服务器不认识客户端 "nobody"')):
            a = self.client(server, "A", "nobody:80", args=["--lang", lang], name=f"A-{lang}", like=a)
            expect_reset_user(a.local_port("nobody:80"), b"anybody there?")
            a.log.wait(sentence)
            a.stop()

    def test_peer_offline(self):
        for lang, sentence in (("en", 'client "B" is offline'), ("zh", '客户端 "B" 不在线')):
            service = serve_echo(self)
            through = self.tunnel(service.port, a_args=["--lang", lang])
            with connect(through.port(service.port)) as user:
                roundtrip(user, b"online")
            self.assertEqual(through.b.stop(), 0)

            def told():
                # The first may meet a carrier that was ready before the peer left, and hear of its end instead.
                expect_reset_user(through.port(service.port), b"anybody there?")
                return sentence in through.a.log.text()

            wait_until(told, "A's log says that the peer is offline")
            # And back again, by itself.
            through.b.start()

            def works():
                with connect(through.port(service.port)) as user:
                    user.settimeout(2)
                    return roundtrip(user, b"online again")

            wait_until(works, "the peer is reached again")

    def test_wrong_token(self):
        server = self.server(token="right")
        for token, sentence in (("wrong", "refused the token"), ("", "wants a token")):
            for lang, words in (("en", sentence), ("zh", "令牌")):
                argv = ["run", "--server", server.url, "--id", "A", "--port", "0", "--lang", lang]
                done = ctc(*argv, *(["--token", token] if token else []), data_dir=self.folder("data"), check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertIn("--token", done.stderr)
                self.assertNotIn("registered as", done.stdout)
        self.client(server, "A", token="right")

    def test_version_mismatch(self):
        """A server of another version, played by hand: the client says what to do and ends with 1."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def play():
            connection, _ = listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(1000)
                key = [line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")][0]
                accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
                connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                   b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
                connection.recv(1000)
                answer = json.dumps({"type": "register_response", "payload": {
                    "success": False, "code": "version_mismatch", "error": "the server speaks version 9", "supportedVersions": [9]}}).encode()
                connection.sendall(bytes([0x81, 126]) + len(answer).to_bytes(2, "big") + answer)
                connection.recv(1000)

        threading.Thread(target=play, daemon=True).start()
        done = ctc("run", "--server", f"ws://127.0.0.1:{listener.getsockname()[1]}", "--id", "A", "--port", "0",
                   data_dir=self.folder("data"), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another version of the protocol", done.stderr)

    def test_server_unreachable_at_first(self):
        """The client says so, keeps trying, and is there soon after the server is."""
        for lang, sentence in (("en", "cannot be reached"), ("zh", "无法连接服务器")):
            server = Server(self, port=free_port())
            service = serve_echo(self)
            a = Client(self, server, "A", f"B:{service.port}", args=["--lang", lang], name=f"A-{lang}").spawn()
            self.assertIn(str(server.port), a.log.wait(sentence).string)
            port = a.local_port(f"B:{service.port}")  # accepts before there is a server
            server.start()
            a.wait_registered()
            self.client(server, "B", name=f"B-{lang}")
            with connect(port) as user:
                roundtrip(user, b"hello")

    def test_stopping_while_the_server_is_unreachable(self):
        server = Server(self, port=free_port())
        client = Client(self, server, "A", "B:80").spawn()
        client.log.wait("cannot be reached")
        self.assertEqual(client.stop(), 0)

    def test_two_daemons_with_one_data_folder(self):
        """The second one says so; commands still talk to the first."""
        server = self.server()
        first = self.client(server, "first")
        second = Client(self, server, "second")
        second.data_dir = first.data_dir
        second.start()
        second.log.wait("--data-dir")
        self.assertEqual(json.loads(first.command("status", "--json").stdout)["id"], "first")

    def test_ipv6_all_the_way(self):
        """Server, service and user on ::1."""
        server = self.server(host="::1")
        self.assertIn("[::1]:", server.process.out.text())
        service = serve_echo(self, host="::1")
        self.client(server, "B")
        a = self.client(server, "A", f"B:{service.port}")
        for host in ("::1", "127.0.0.1"):
            with connect(a.local_port(f"B:{service.port}"), host=host) as user:
                roundtrip(user, bytes(100_000))
        raw = ControlChannel(self, server.port, host="::1")
        self.assertTrue(raw.register("raw")["success"])

    def test_names(self):
        """`localhost` for the server, and a target host given by name."""
        server = self.server()
        service = serve_echo(self)
        server.host = "localhost"  # only the clients' URL
        self.client(server, "B", args=["--allow", f"{service.port}", "--allow", f"localhost:{service.port}"])
        a = self.client(server, "A", f"B:localhost:{service.port}")
        with connect(a.local_port(f"B:localhost:{service.port}")) as user:
            roundtrip(user, b"by name")


if __name__ == "__main__":
    main()
