#!/usr/bin/python3
"""TLS on the server's port: who is believed, what goes over the wire, and certificates that are replaced while it runs."""
import json
import shutil
import socket
import ssl
import threading
import time

from harness import Client, IntegrationTest, main, need, run, seconds, wait_until
from harness.certificates import Authority, fingerprint, self_signed, shown, tls_connect
from harness.chuantou import program
from harness.peers import node


class Tls(IntegrationTest):
    def secure_client(self, server, client_id, *forwards, pin=None, url=None, args=(), **options):
        args = [*(["--fingerprint", pin] if pin else []), *args]
        return Client(self, server, client_id, *forwards, url=url or server.secure_url, args=args, **options)

    def registered(self, server, client_id, *forwards, **options):
        return self.secure_client(server, client_id, *forwards, **options).start()

    def refused(self, server, client_id, **options):
        """A client that must end by itself, at once, with code 1; what it said."""
        client = self.secure_client(server, client_id, **options).spawn()
        self.assertEqual(client.process.wait(10), 1, client.process.report())
        self.assertEqual(len([line for line in client.log.lines() if " error " in line]), 1, "it tried again")
        return client.log.text()

    def failing(self, name, *words):
        """What a program says that cannot even start."""
        done = run([program(name), "run", "--port", "0", "--data-dir", self.folder("failing"), *words], check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr


class OnePort(Tls):
    """Programs that nobody here wrote, on the port that also speaks everything else."""

    def setUp(self):
        super().setUp()
        self.cts = self.server(token="secret")

    def test_https_answers_the_admin_api(self):
        token = json.loads((self.cts.data_dir / "admin.json").read_text(encoding="utf-8"))["token"]
        url = f"https://127.0.0.1:{self.cts.port}/api/status"
        curl = [need("curl", "curl"), "-sS", "-i", url]
        answer = run([*curl, "-k", "-H", f"Authorization: Bearer {token}"]).stdout
        self.assertTrue(answer.startswith("HTTP/1.1 200"), answer)
        self.assertEqual(json.loads(answer.split("\n\n", 1)[1])["program"], "cts")
        self.assertIn(" 401 ", run([*curl, "-k"]).stdout.splitlines()[0])
        self.assertIn("self-signed certificate", run(curl, check=False).stderr)
        # The server's own certificate names the loopback; whoever knows it needs no -k.
        run([*curl, "--cacert", self.cts.data_dir / "server-cert.pem"])

    def test_only_tls_1_3(self):
        def s_client(*words):
            return run([need("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{self.cts.port}", *words], check=False)
        good = s_client("-tls1_3")
        self.assertIn("TLSv1.3, Cipher is", good.stdout)
        self.assertEqual(good.returncode, 0)
        for old in ("-tls1_2", "-tls1_1"):
            refused = s_client(old, "-cipher", "ALL:@SECLEVEL=0")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("Cipher is (NONE)", refused.stdout)
        self.assertIn("alert protocol version", s_client("-tls1_2").stderr)

    def test_fingerprint_is_openssls(self):
        expected = fingerprint(self.cts.data_dir / "server-cert.pem")
        self.assertEqual(self.cts.fingerprint, expected)
        self.assertIn(expected, self.cts.command("status").stdout)
        self.assertIn(expected, self.cts.log.text())
        self.assertEqual(shown(self, self.cts.port), expected)
        for name in ("server-cert.pem", "server-key.pem"):
            self.assertEqual((self.cts.data_dir / name).stat().st_mode & 0o777, 0o600)

    def test_a_restart_keeps_the_certificate_and_a_renewal_the_key(self):
        before = self.cts.fingerprint
        certificate = (self.cts.data_dir / "server-cert.pem").read_bytes()
        self.cts.stop()
        self.cts.start()
        self.assertEqual((self.cts.data_dir / "server-cert.pem").read_bytes(), certificate)
        self.cts.stop()
        (self.cts.data_dir / "server-cert.pem").unlink()
        self.cts.start()
        self.assertNotEqual((self.cts.data_dir / "server-cert.pem").read_bytes(), certificate)
        self.assertEqual(self.cts.fingerprint, before)

    def test_websocket_of_ws_over_wss(self):
        """The ws package believes the server's certificate as its own authority, and talks the control channel."""
        said = run(node("wss_register.mjs", f"wss://127.0.0.1:{self.cts.port}/", self.cts.data_dir / "server-cert.pem", "secret", "node")).stdout
        self.assertIn("registered node", said)
        other, _ = self_signed(self)
        refused = run(node("wss_register.mjs", f"wss://127.0.0.1:{self.cts.port}/", other, "secret", "node"), check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("self-signed certificate", refused.stderr)

    def test_tls_inside_tls_is_refused(self):
        with tls_connect(self, self.cts.port) as outer:
            outer.settimeout(seconds(5))
            outer.sendall(bytes.fromhex("1603010200010001fc0303"))
            self.assertEqual(outer.recv(100), b"")

    def test_garbage_inside_tls_is_refused(self):
        for data in (b"\x00", b"hello", b"\xfd\x02" + bytes(16)):
            with self.subTest(data), tls_connect(self, self.cts.port) as connection:
                connection.settimeout(seconds(5))
                connection.sendall(data)
                try:
                    self.assertEqual(connection.recv(100), b"")
                except ConnectionResetError:
                    pass  # some of the garbage was not read

    def test_control_channel_written_byte_by_byte(self):
        with tls_connect(self, self.cts.port) as connection:
            connection.settimeout(seconds(10))
            for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n":
                connection.sendall(bytes([byte]))
            self.assertRegex(connection.recv(100), rb"^HTTP/1.1 401")


class Trust(Tls):
    def test_the_right_pin(self):
        server = self.server(token="secret")
        client = self.registered(server, "A", pin=server.fingerprint)
        self.assertIn(f"wss://127.0.0.1:{server.port}", client.command("status").stdout)
        self.assertIn("A", server.command("clients").stdout)

    def test_a_wrong_pin(self):
        server = self.server(token="secret")
        said = self.refused(server, "A", pin="sha256:" + "0" * 64)
        self.assertIn("certificate", said)
        self.assertIn(server.fingerprint, said)
        self.assertEqual(server.status()["registrationsTotal"], 0)

    def test_no_pin_and_nobody_vouches(self):
        server = self.server(token="secret")
        said = self.refused(server, "A")
        self.assertIn("self-signed certificate", said)
        self.assertIn(server.fingerprint, said)
        self.assertIn("--fingerprint", said)

    def test_what_would_pin_nothing(self):
        pin = "sha256:" + "0" * 64
        for url, words, complaint in (("wss://127.0.0.1:1", ["--fingerprint", "sha256:12"], "64 hexadecimal digits"),
                                      ("ws://127.0.0.1:1", ["--fingerprint", pin], "wss://"),
                                      ("ws://127.0.0.1:1", ["--data-tls"], "wss://")):
            with self.subTest(words):
                self.assertIn(complaint, self.failing("ctc", "--server", url, *words))

    def test_an_authority_decides(self):
        authority = Authority(self)
        certificate, key = authority.issue("DNS:localhost,IP:127.0.0.1")
        server = self.server(args=["--tls-cert", certificate, "--tls-key", key])
        self.registered(server, "A", trust=authority.file)
        self.registered(server, "B", trust=authority.file, url=f"wss://localhost:{server.port}")
        # Another authority than the one that is trusted.
        said = self.refused(server, "C", trust=Authority(self, "stranger").file)
        self.assertIn("unable to get local issuer certificate", said)
        # A pin needs no authority.
        self.registered(server, "D", pin=fingerprint(certificate))

    def test_the_name_must_be_right(self):
        authority = Authority(self)
        certificate, key = authority.issue("DNS:elsewhere.example,IP:10.9.8.7")
        server = self.server(args=["--tls-cert", certificate, "--tls-key", key])
        self.assertIn("mismatch", self.refused(server, "A", trust=authority.file))
        self.assertIn("mismatch", self.refused(server, "B", trust=authority.file, url=f"wss://localhost:{server.port}"))

    def test_expired(self):
        authority = Authority(self)
        certificate, key = authority.issue("IP:127.0.0.1")
        server = self.server(args=["--tls-cert", certificate, "--tls-key", key])
        expired, expired_key = authority.issue("IP:127.0.0.1", "late", valid=("-days", "-1"))
        # The server refuses to start with one, so that somebody else shows it here.
        self.assertIn("has expired", self.failing("cts", "--tls-cert", expired, "--tls-key", expired_key))
        impostor = Impostor(self, expired, expired_key)
        self.assertIn("certificate has expired", self.refused(server, "A", trust=authority.file, url=impostor.url))
        self.registered(server, "B", trust=authority.file)

    def test_a_man_in_the_middle_gets_nothing(self):
        server = self.server(token="secret")
        certificate, key = self_signed(self)
        impostor = Impostor(self, certificate, key)
        said = self.refused(server, "A", pin=server.fingerprint, url=impostor.url)
        self.assertIn(fingerprint(certificate), said)
        wait_until(lambda: impostor.failures, "the handshake with the impostor fails")
        self.assertEqual(impostor.heard, b"")
        self.assertEqual(server.status()["registrationsTotal"], 0)

    def test_files_that_cannot_be_used(self):
        certificate, key = self_signed(self)
        _, other = self_signed(self, "other")
        for words, complaint in ((["--tls-cert", certificate, "--tls-key", other], "key is not that of the certificate"),
                                 (["--tls-cert", certificate, "--tls-key", self.tmp / "none"], "no such file"),
                                 (["--tls-cert", key, "--tls-key", key], "no certificate in PEM"),
                                 (["--tls-cert", certificate], "--tls-key")):
            with self.subTest(words):
                self.assertIn(complaint, self.failing("cts", *words))


class Impostor:
    """Ends TLS with a certificate of its own, as somebody between client and server would."""

    def __init__(self, test, certificate, key):
        self.heard = b""
        self.failures = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"wss://127.0.0.1:{self._listener.getsockname()[1]}"
        test.addCleanup(self._listener.close)
        test.addCleanup(self._listener.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(plain,), daemon=True).start()

    def _one(self, plain):
        with plain:
            plain.settimeout(seconds(10))
            try:
                # TLS 1.3 ends on this side before the client has looked at the certificate; what it says then is an alert.
                with self._context.wrap_socket(plain, server_side=True) as secured:
                    self.heard += secured.recv(65536)
            except OSError:
                self.failures += 1


class Replacing(Tls):
    def setUp(self):
        super().setUp()
        self.certificate, self.key = self.tmp / "cert.pem", self.tmp / "key.pem"
        self.put(*self_signed(self, "first"))
        self.cts = self.server(token="secret", args=["--tls-cert", self.certificate, "--tls-key", self.key])

    def put(self, certificate, key):
        shutil.copy(certificate, self.certificate)
        shutil.copy(key, self.key)

    def test_a_new_pair_is_used_and_old_connections_live(self):
        first = fingerprint(self.certificate)
        client = self.registered(self.cts, "A", pin=first)
        self.assertEqual(shown(self, self.cts.port), first)
        second, second_key = self_signed(self, "second")
        begin = time.monotonic()
        self.put(second, second_key)
        wait_until(lambda: shown(self, self.cts.port) == fingerprint(second), "the new certificate is shown", timeout=5, interval=0.2)
        print(f"{time.monotonic() - begin:.1f} s", end=" ", flush=True)
        self.assertEqual(self.cts.fingerprint, fingerprint(second))
        self.cts.log.wait("is in use from now on: " + fingerprint(second))
        # The old control channel goes on: nobody registered again.
        self.assertEqual(self.cts.status()["registrationsTotal"], 1)
        self.assertIn("A", client.command("clients").stdout)
        self.registered(self.cts, "B", pin=fingerprint(second))

    def test_a_bad_pair_changes_nothing_and_is_told(self):
        first = fingerprint(self.certificate)
        other, other_key = self_signed(self, "other")
        for title, certificate, key in (("halves of two", other, self.key), ("garbage", None, None)):
            with self.subTest(title):
                mark = self.cts.log.mark()
                if certificate:
                    shutil.copy(certificate, self.certificate)
                else:
                    self.certificate.write_text("this is no certificate\n", encoding="ascii")
                self.cts.log.wait(r"error.*" + ("not that of the certificate" if certificate else "no certificate in PEM"), after=mark)
                self.cts.log.wait("stays in use: " + first, after=mark)
                self.assertEqual(shown(self, self.cts.port), first)
        # And a good pair after that.
        self.put(other, other_key)
        wait_until(lambda: shown(self, self.cts.port) == fingerprint(other), "the good pair is shown", timeout=5, interval=0.2)

    def test_a_bad_pair_before_the_first_connection(self):
        first = fingerprint(self.certificate)
        self.key.unlink()
        self.cts.log.wait("stays in use: " + first)
        self.assertEqual(shown(self, self.cts.port), first)


if __name__ == "__main__":
    main()
