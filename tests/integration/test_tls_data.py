#!/usr/bin/python3
"""Data channels inside TLS (--data-tls): byte-exact, with ends and resets as without, and nothing else on the wire."""
import concurrent.futures
import hashlib
import os
import queue
import re
import socket

from harness import (Client, IntegrationTest, SANITIZED, Server, TcpService, connect, download, expect_eof, expect_reset,
                     expect_reset_user, main, need, random_bytes, recv_exactly, roundtrip, run, seconds, serve_echo, wait_until)
from harness.protocol import AT_ONCE

MEGABYTES = int(os.environ.get("CHUANTOU_BULK_MB", "100"))


class DataTls(IntegrationTest):
    def arrange(self, *services, a_tls=True, b_tls=True, server_args=(), client_args=()):
        """A server and two clients that reach it by wss://; the local ports of A, one for each service at B."""
        self.cts = Server(self, token="secret", args=server_args).start()
        pin = self.cts.fingerprint

        def client(name, tls, *forwards):
            args = ["--fingerprint", pin, *(["--data-tls"] if tls else []), *client_args]
            return Client(self, self.cts, name, *forwards, url=self.cts.secure_url, args=args).start()

        self.b = client("B", b_tls)
        self.a = client("A", a_tls, *[f"B:{service.port}" for service in services])
        return [self.a.local_port(f"B:{service.port}") for service in services]

    def exchange(self, port, served, megabytes):
        """So many megabytes each way at once through one connection; both ends are checked."""
        with connect(port, timeout=120) as connection, concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(upload, connection, megabytes)
            received = download(connection)
            there_received, there_sent = served.get(timeout=seconds(60))
            self.assertEqual(there_received, sent.result())
            self.assertEqual(received, there_sent)

    def test_bulk_both_ways_at_once(self):
        served = queue.Queue()

        def serve(connection):
            connection.settimeout(seconds(120))
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                sent = pool.submit(upload, connection, MEGABYTES)
                served.put((download(connection), sent.result()))

        service = TcpService(self, serve)
        for title, a_tls, b_tls, args in (("both inside TLS", True, True, []), ("only one side", True, False, []),
                                          ("relaying threads", True, True, ["--threads", "3"])):
            with self.subTest(title):
                port, = self.arrange(service, a_tls=a_tls, b_tls=b_tls, server_args=args)
                self.exchange(port, served, MEGABYTES if title == "both inside TLS" else max(MEGABYTES // 10, 1))
                if not SANITIZED:
                    for process in (self.cts.process, self.a.process, self.b.process):
                        self.assertLess(process.resident_kib(), 100_000, f"{process.name} keeps what it should pass on")
                for each in (self.a, self.b, self.cts):
                    each.stop()

    def test_half_close(self):
        """The user ends his half; the service reads to the end, and only then answers."""
        def serve(connection):
            size, digest = download(connection)
            connection.sendall(f"{size} {digest}".encode())

        service = TcpService(self, serve)
        port, = self.arrange(service)
        for size in (0, 1, 5_000_000):
            data = random_bytes(size)
            with self.subTest(size), connect(port, timeout=60) as user:
                user.sendall(data)
                user.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: user.recv(1000), b""))
                self.assertEqual(answer.decode(), f"{size} {hashlib.sha256(data).hexdigest()}")

    def test_resets_and_refusals(self):
        def serve(connection):
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        gone = serve_echo(self)
        gone.close()
        reset, echo, refused = self.arrange(TcpService(self, serve), serve_echo(self), gone, client_args=AT_ONCE)
        with connect(reset) as user:
            user.sendall(b"x")
            expect_reset(user)
        expect_reset_user(refused)
        with connect(echo) as user:
            roundtrip(user, b"hello")
            user.shutdown(socket.SHUT_WR)
            expect_eof(user)
        # The server that dies takes the connections with it, and none of them ends as if it were whole.
        with connect(echo) as user:
            roundtrip(user, b"hello")
            self.cts.kill()
            expect_reset(user)

    def test_many_and_what_stays(self):
        port, = self.arrange(serve_echo(self))
        before = [each.process.open_files() for each in (self.cts, self.a, self.b)]

        def use(number):
            with connect(port, timeout=60) as user:
                data = random_bytes(1 + number * 1000)
                roundtrip(user, data)
                user.shutdown(socket.SHUT_WR)
                expect_eof(user)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            list(pool.map(use, range(200)))
        wait_until(lambda: self.cts.status()["sessions"] <= 70, "the sessions end")  # but for warm carriers

        def settled():
            now = [each.process.open_files() for each in (self.cts, self.a, self.b)]
            spare = self.cts.status()["sessions"]
            # A warm carrier is three descriptors at a client (TLS, both ends of the bridge), and six at the server.
            for was, there, each in zip(before, now, (6, 3, 3)):
                self.assertLessEqual(there, was + each * spare + 12)
            return True
        wait_until(settled, "the descriptors are given back")

    def test_nothing_but_tls_records_on_the_port(self):
        echo = serve_echo(self)
        for title, tls in (("inside", True), ("plain", False)):
            with self.subTest(title):
                # Without encryption between the clients: what hides the bytes must be this TLS.
                port, = self.arrange(echo, a_tls=tls, b_tls=tls, client_args=["--encryption", "none"])
                secret = b"the-secret-of-the-users-" + random_bytes(8).hex().encode()
                capture = Capture(self, self.cts.port, f"{title}.pcap")
                with connect(port) as user:
                    for _ in range(20):
                        roundtrip(user, secret * 100)
                least = 2 * 20 * 100 * len(secret)
                streams = capture.streams(least)
                self.assertGreater(sum(map(len, streams)), least)
                seen = any(secret in stream for stream in streams)
                strange = [stream[:20] for stream in streams if not is_tls(stream)]
                if tls:
                    self.assertFalse(seen, "the user's bytes are on the wire")
                    self.assertEqual(strange, [])
                else:
                    self.assertTrue(seen, "the capture would not have seen the user's bytes")
                    self.assertTrue(strange, "the capture would not have seen it")
                for each in (self.a, self.b, self.cts):
                    each.stop()


def upload(connection, megabytes):
    block = os.urandom(4_000_000)
    digest = hashlib.sha256()
    view = memoryview(block + block)
    for number in range(megabytes):
        start = number * 997_001 % len(block)
        piece = view[start:start + 1_000_000]
        connection.sendall(piece)
        digest.update(piece)
    connection.shutdown(socket.SHUT_WR)
    return megabytes * 1_000_000, digest.hexdigest()


def is_tls(stream):
    """Whole records and nothing else (RFC 8446, section 5.1), but for the last, which the capture may have cut off; the
    capture may begin in the middle of a connection, whose first record it then must see whole, as TCP sent it."""
    at = 0
    while at + 5 <= len(stream):
        if stream[at] not in (20, 21, 22, 23) or stream[at + 1:at + 3] not in (b"\x03\x01", b"\x03\x03"):
            return False
        at += 5 + int.from_bytes(stream[at + 3:at + 5], "big")
    return True


class Capture:
    """What tshark sees on one port of the loopback."""

    def __init__(self, test, port, name):
        self._tshark = need("tshark", "tshark")
        self._file = test.tmp / name
        self._port = port
        self._process = test.start([self._tshark, "-i", "lo", "-f", f"tcp port {port}", "-s", "0", "-B", "64", "-w", self._file], "tshark")
        self._process.err.wait(r"Capturing on")
        # It says so a little before it does so: a connection that it must see is the proof, and makes the file grow.
        self._sizes = set()
        wait_until(self._sees, "tshark captures")

    def _sees(self):
        connect(self._port).close()
        if self._file.exists() and self._file.stat().st_size > 0:
            self._sizes.add(self._file.stat().st_size)
        return len(self._sizes) > 1

    def streams(self, least):
        """The bytes of each direction of each connection, which are more than `least` in all."""
        # It writes what it has seen a little later, and nothing more once it is stopped. A twentieth is for the packets' headers.
        wait_until(lambda: self._file.stat().st_size > least * 1.05 + 20_000, "tshark has written what it saw")
        self._process.stop()
        lines = run([self._tshark, "-r", self._file, "-Y", "tcp.len > 0", "-T", "fields", "-e", "ip.src", "-e", "tcp.srcport", "-e",
                     "tcp.dstport", "-e", "tcp.seq_raw", "-e", "tcp.payload"], timeout=60).stdout.splitlines()
        pieces = {}
        for line in lines:
            _, source, target, sequence, payload = line.split("\t")
            pieces.setdefault((source, target), {})[int(sequence)] = bytes.fromhex(re.sub("[^0-9a-f]", "", payload))
        return [b"".join(content for _, content in sorted(parts.items())) for parts in pieces.values()]


if __name__ == "__main__":
    main()
