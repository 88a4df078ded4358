#!/usr/bin/python3
"""Strangers and slow ones at the port's TLS: deadlines, garbage, and what waits for those who do not read."""
import socket
import ssl
import time

from harness import Client, IntegrationTest, SANITIZED, connect, main, seconds, wait_until
from harness.certificates import shown, tls_connect
from harness.protocol import ControlChannel

HANDSHAKE_MS = 1500


class SlowHandshakes(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.cts = self.server(args=["--handshake-timeout", str(HANDSHAKE_MS)])

    def pending(self):
        """How many have not proved themselves, but for the connection that asks."""
        return self.cts.status()["pendingConnections"] - 1

    def hello(self):
        """A ClientHello by Python's ssl."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        session = context.wrap_bio(incoming, outgoing)
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return session, incoming, outgoing

    def test_byte_by_byte(self):
        session, incoming, outgoing = self.hello()
        with connect(self.cts.port) as connection:
            connection.settimeout(seconds(5))
            while True:
                for byte in outgoing.read():
                    connection.sendall(bytes([byte]))
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    incoming.write(connection.recv(3))
            for byte in outgoing.read():
                connection.sendall(bytes([byte]))
            session.write(b"GET / HTTP/1.1\r\n\r\n")
            connection.sendall(outgoing.read())
            answer = b""
            while not answer:
                incoming.write(connection.recv(65536))
                try:
                    answer = session.read(100)
                except ssl.SSLWantReadError:
                    pass
            self.assertRegex(answer, rb"^HTTP/1.1 4")

    def closed_at_the_deadline(self, data):
        with connect(self.cts.port) as stranger:
            begin = time.monotonic()
            stranger.settimeout(seconds(HANDSHAKE_MS / 1000 + 5))
            stranger.sendall(data)
            wait_until(lambda: self.pending() == 1, "it is counted as pending", timeout=HANDSHAKE_MS / 1000)
            try:
                while stranger.recv(65536):
                    pass
            except ConnectionError:
                pass
            took = time.monotonic() - begin
        self.assertGreater(took, HANDSHAKE_MS / 1000 * 0.8, "closed too early")
        wait_until(lambda: self.pending() == 0, "it is not pending any more")

    def test_silence_in_the_middle(self):
        hello = self.hello()[2].read()
        for size in (2, 5, len(hello) // 2, len(hello)):
            with self.subTest(size):
                self.closed_at_the_deadline(hello[:size])

    def test_silence_after_the_handshake(self):
        """One deadline for both: TLS done, and then nothing."""
        begin = time.monotonic()
        with tls_connect(self, self.cts.port) as connection:
            connection.settimeout(seconds(HANDSHAKE_MS / 1000 + 5))
            connection.sendall(b"\xfd")
            self.assertEqual(self.pending(), 1)
            try:
                self.assertEqual(connection.recv(100), b"")
            except (ConnectionError, ssl.SSLEOFError):
                pass
        self.assertGreater(time.monotonic() - begin, HANDSHAKE_MS / 1000 * 0.8)
        self.assertLess(time.monotonic() - begin, seconds(HANDSHAKE_MS / 1000 + 4))

    def test_garbage_after_16_03(self):
        """An alert at most, and the connection is closed at once."""
        for data in (b"\x16\x03\x01\x00\x05hello", b"\x16\x03" + b"\xff" * 100, b"\x16\x03\x03\x00\x00", b"\x16\x03\x01\xff\xff" + bytes(70_000)):
            with self.subTest(data[:8]), connect(self.cts.port) as stranger:
                stranger.settimeout(seconds(HANDSHAKE_MS / 1000 + 5))
                answer = b""
                try:
                    stranger.sendall(data)
                    stranger.shutdown(socket.SHUT_WR)
                    while more := stranger.recv(65536):
                        answer += more
                except OSError as error:
                    self.assertNotIsInstance(error, TimeoutError)
                self.assertTrue(answer == b"" or (answer[:2] == b"\x15\x03" and len(answer) == 7), answer)
        self.assertEqual(self.pending(), 0)

    def test_many_silent_ones_at_once(self):
        hello = self.hello()[2].read()
        strangers = []
        for _ in range(200):
            strangers.append(connect(self.cts.port))
            strangers[-1].sendall(hello)
        wait_until(lambda: self.pending() >= 150, "they are pending", timeout=HANDSHAKE_MS / 1000)
        self.assertEqual(shown(self, self.cts.port), self.cts.fingerprint)  # and in nobody's way
        for stranger in strangers:
            stranger.close()
        wait_until(lambda: self.pending() == 0, "they are gone")

    def test_stopping_in_the_middle_of_handshakes(self):
        """Both programs end at once and well; a sanitizer would tell what they leave behind."""
        hello = self.hello()[2].read()
        strangers = [connect(self.cts.port) for _ in range(4)]
        for size, stranger in zip((1, 20, len(hello), len(hello)), strangers):
            stranger.sendall(hello[:size])
        strangers[3].recv(1)  # the server's flight
        waiting = tls_connect(self, self.cts.port)
        wait_until(lambda: self.pending() == 5, "all are pending", timeout=HANDSHAKE_MS / 1000)
        self.assertEqual(self.cts.stop(), 0)
        for each in (*strangers, waiting):
            each.close()
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        silent.settimeout(seconds(20))  # a client that could not start never comes
        client = Client(self, self.cts, "A", url=f"wss://127.0.0.1:{silent.getsockname()[1]}",
                        args=["--fingerprint", "sha256:" + "0" * 64]).spawn()
        connection, _ = silent.accept()
        self.assertEqual(connection.recv(2), b"\x16\x03")
        self.assertEqual(client.stop(), 0)
        connection.close()


class SlowReaders(IntegrationTest):
    def test_questions_whose_answers_nobody_reads(self):
        """What waits for a client inside TLS has the same limit as without."""
        cts = self.server()
        channel = ControlChannel(self, cts.port, connection=tls_connect(self, cts.port))
        self.assertTrue(channel.register("rude")["success"])
        rude = channel.socket
        before = cts.process.resident_kib()
        question = b"\x81\xa7\0\0\0\0" + b'{"type":"get_client_list","payload":{}}'
        self.assertEqual(len(question), 6 + 0x27)
        rude.socket.settimeout(seconds(2))
        outcome = "taken"
        try:
            for _ in range(3000):
                rude.socket.sendall(question * 500)
        except TimeoutError:
            outcome = "stopped"
        except OSError:
            outcome = "closed"
        self.assertNotEqual(outcome, "taken")
        if not SANITIZED:
            self.assertLess(cts.process.resident_kib() - before, 40_000, "answers pile up for a client that does not read")
        self.client(cts, "neighbour")


if __name__ == "__main__":
    main()
