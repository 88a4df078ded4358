#!/usr/bin/python3
"""A port that is in use (11.9): the exact sentence, exit code 1, nothing started; another port works."""
import socket

from harness import IntegrationTest, TcpService, connect, ctc, cts, free_port, main, recv_exactly, wait_until
from harness.protocol import ControlChannel

_ENGLISH = "port {port} is in use; choose another with {flag}"
_CHINESE = "端口 {port} 已被占用；请用 {flag} 指定其他端口"


class PortConflict(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.relay = self.server()
        self.own = TcpService(self, lambda connection: connection.sendall(b"This is clientA local service"))
        self.remote = TcpService(self, lambda connection: connection.sendall(b"This is clientB service"))
        self.b = self.client(self.relay, "B")
        self.observer = ControlChannel(self, self.relay.port)
        self.observer.register("observer")

    def said(self, port, greeting):
        with connect(port) as connection:
            self.assertEqual(recv_exactly(connection, len(greeting)), greeting)

    def run_in_vain(self, *forwards, lang=None, environment_lang=None):
        """ctc run with these forwards must end with 1 before anything else; returns what it wrote to stderr."""
        words = [word for forward in forwards for word in ("-L", forward)]
        if lang:
            words += ["--lang", lang]
        done = ctc("run", "--server", self.relay.url, "--id", "A", "--port", "0", *words, data_dir=self.folder("data"),
                   lang=environment_lang, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout.replace(self.proxies(done.stdout), ""), "", "something was started")
        self.assertEqual(self.observer.clients(), ["B", "observer"])
        self.assertNotIn('"A"', self.relay.log.text())
        return done.stderr

    def proxies(self, text):
        """The proxies that were opened before the one that could not be."""
        return "".join(line + "\n" for line in text.splitlines() if line.startswith("proxy "))

    def test_the_sentence(self):
        forward = f"{self.own.port}:B:{self.remote.port}"
        for lang, environment_lang, sentence in ((None, None, _ENGLISH), ("en", "zh_CN.UTF-8", _ENGLISH), ("zh", None, _CHINESE),
                                                 (None, "zh_CN.UTF-8", _CHINESE)):
            with self.subTest(lang=lang, environment=environment_lang):
                said = self.run_in_vain(forward, lang=lang, environment_lang=environment_lang)
                self.assertEqual(said.splitlines(), [sentence.format(port=self.own.port, flag="--local-port")])

    def test_whoever_holds_the_port(self):
        """On one address only, on IPv6 only, or for UDP only."""
        for family, host, kind in ((socket.AF_INET, "0.0.0.0", socket.SOCK_STREAM), (socket.AF_INET6, "::1", socket.SOCK_STREAM),
                                   (socket.AF_INET, "127.0.0.1", socket.SOCK_DGRAM)):
            with self.subTest(host=host, kind=kind.name), socket.socket(family, kind) as holder:
                port = free_port()
                holder.bind((host, port))
                if kind == socket.SOCK_STREAM:
                    holder.listen()
                self.assertIn(_ENGLISH.format(port=port, flag="--local-port"), self.run_in_vain(f"{port}:B:{self.remote.port}"))

    def test_the_second_of_two(self):
        """A free port before the taken one is free again afterwards."""
        free = free_port()
        self.run_in_vain(f"{free}:B:{self.remote.port}", f"{self.own.port}:B:{self.remote.port}")
        with socket.create_server(("127.0.0.1", free)):
            pass

    def test_the_same_port_twice(self):
        port = free_port()
        said = self.run_in_vain(f"{port}:B:{self.remote.port}", f"{port}:B:{self.own.port}")
        self.assertIn(str(port), said)

    def test_another_port_works_and_both_are_reached(self):
        self.run_in_vain(f"{self.own.port}:B:{self.remote.port}")
        a = self.client(self.relay, "A", f"B:{self.remote.port}")
        self.said(self.own.port, b"This is clientA local service")
        self.said(a.local_port(f"B:{self.remote.port}"), b"This is clientB service")

    def test_proxy_create(self):
        """In a running client: the same sentence, no proxy; the next port works."""
        a = self.client(self.relay, "A")
        create = ["proxy", "create", "--target-client", "B", "--target-port", str(self.remote.port), "--local-port"]
        for lang, sentence in (("en", _ENGLISH), ("zh", _CHINESE)):
            done = a.command(*create, str(self.own.port), "--lang", lang, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr.splitlines(), [sentence.format(port=self.own.port, flag="--local-port")])
        self.assertNotIn(str(self.own.port), a.command("proxy", "list").stdout)
        other = free_port()
        self.assertEqual(a.command(*create, str(other)).stdout, f"proxy 127.0.0.1:{other} -> B:{self.remote.port}\n")
        self.said(self.own.port, b"This is clientA local service")
        self.said(other, b"This is clientB service")

    def test_the_servers_port(self):
        for lang, sentence in (("en", _ENGLISH), ("zh", _CHINESE)):
            for port in (self.own.port, self.relay.port):
                with self.subTest(lang=lang, port=port):
                    done = cts("run", "--host", "127.0.0.1", "--port", str(port), "--lang", lang, data_dir=self.folder("data"), check=False)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(sentence.format(port=port, flag="--port"), done.stderr.splitlines())
                    self.assertEqual(done.stdout, "")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            port = free_port()
            holder.bind(("127.0.0.1", port))
            done = cts("run", "--host", "127.0.0.1", "--port", str(port), data_dir=self.folder("data"), check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(_ENGLISH.format(port=port, flag="--port"), done.stderr.splitlines())

    def test_the_admin_port(self):
        done = ctc("run", "--server", self.relay.url, "--id", "A", "--port", str(self.own.port), data_dir=self.folder("data"), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines(), [_ENGLISH.format(port=self.own.port, flag="--port")])
        self.assertNotIn("registered", done.stdout)

    def test_a_closed_proxys_port_is_free_again(self):
        a = self.client(self.relay, "A", f"B:{self.remote.port}")
        port = a.local_port(f"B:{self.remote.port}")
        self.said(port, b"This is clientB service")
        a.command("proxy", "delete", str(port))
        with socket.create_server(("127.0.0.1", port)):
            pass
        again = ["proxy", "create", "--target-client", "B", "--target-port", str(self.remote.port), "--local-port", str(port)]
        wait_until(lambda: a.command(*again, check=False).returncode == 0, "the port can be used again")
        self.said(port, b"This is clientB service")


if __name__ == "__main__":
    main()
