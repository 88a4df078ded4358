#!/usr/bin/python3
"""Clients that flood, programs that run out of descriptors, output that nobody reads: each has a limit and an answer."""
import json
import select
import socket

from harness import (Client, IntegrationTest, SANITIZED, connect, free_port, main, need, random_bytes, roundtrip, seconds, serve_echo,
                     serve_udp_echo, wait_until)
from harness.base import raise_open_files
from harness.chuantou import Server
from harness.process import Process, environment
from harness.protocol import ControlChannel, new_key
from harness.websocket import TEXT


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as text:
        fields = text.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100  # user and system, in ticks of 10 ms


class Floods(IntegrationTest):
    """A client that has proved the token may still be broken or hostile; the others must not pay for it."""

    def setUp(self):
        super().setUp()
        raise_open_files()
        self.service = serve_echo(self)
        self.through = self.tunnel(self.service.port)
        self.relay = self.through.server
        self.neighbour_works()
        self.resident = self.relay.process.resident_kib()

    def registered(self, client_id):
        channel = ControlChannel(self, self.relay.port)
        self.assertTrue(channel.register(client_id)["success"])
        return channel

    def neighbour_works(self):
        with connect(self.through.port(self.service.port)) as user:
            roundtrip(user, random_bytes(1000))

    def grown(self):
        return 0 if SANITIZED else self.relay.process.resident_kib() - self.resident

    def pour(self, channel, frames, most):
        """Sends frames, without ever reading, until they are all gone, the server stops reading, or it closes."""
        raw = channel.socket.socket
        raw.setblocking(False)
        sent = 0
        data = b""
        while sent < most or data:
            if not data:
                data = frames(sent)
                sent += 1
            if not select.select([], [raw], [], seconds(2))[1]:
                return "stopped"
            try:
                data = data[raw.send(data):]
            except BlockingIOError:
                continue
            except OSError:
                return "closed"
        return "taken"

    def frame(self, kind, **payload):
        """A masked text frame with a mask of zeros, which costs nothing to make."""
        content = json.dumps({"type": kind, "payload": payload}).encode()
        head = bytes([0x80 | TEXT])
        head += bytes([0x80 | len(content)]) if len(content) < 126 else bytes([0x80 | 126]) + len(content).to_bytes(2, "big")
        return head + bytes(4) + content

    def test_questions_whose_answers_nobody_reads(self):
        rude = self.registered("rude")
        block = self.frame("get_client_list") * 500
        self.pour(rude, lambda number: block, most=1000)
        self.assertLess(self.grown(), 40_000, "answers pile up for a client that does not read")
        self.neighbour_works()

    def test_sessions_without_end(self):
        """Requests for far more sessions than anybody joins: the table has a limit, and the requester is told."""
        self.registered("deaf")  # never answers, never reads
        greedy = self.registered("greedy")
        for _ in range(1500):
            greedy.send("connect_request", toClientId="deaf", remotePort=80, protocol="tcp", keys=[new_key() for _ in range(64)])
            while select.select([greedy.socket.socket], [], [], 0)[0]:
                kind, payload = greedy.receive()
                if kind == "reject_session":
                    self.assertIn(payload["code"], ("limit_reached", "peer_offline"))
        self.assertLess(self.grown(), 120_000, "96,000 sessions that nobody joins")
        self.neighbour_works()

    def test_data_channels_with_wrong_keys(self):
        """2,000 strangers wait with keys that nobody has: new connections of others are not turned away."""
        strangers = []
        for _ in range(2000):
            stranger = socket.create_connection(("127.0.0.1", self.relay.port))
            self.addCleanup(stranger.close)
            stranger.sendall(b"\xfd\x01" + random_bytes(16))
            strangers.append(stranger)
        for _ in range(30):
            self.neighbour_works()
        # Also where the data channel comes before its request.
        late = self.client(self.relay, "A2", f"B:{self.service.port}")
        with connect(late.local_port(f"B:{self.service.port}")) as user:
            roundtrip(user, b"hello")
        self.assertLess(self.grown(), 30_000)

    def test_thousands_of_flows(self):
        """UDP from 2,000 sources at a time through one proxy."""
        service = serve_udp_echo(self)
        port = self.client(self.relay, "A3", f"B:{service.port}/udp").local_port(f"B:{service.port}")
        flows = []
        for number in range(2000):
            flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(flow.close)
            flow.connect(("127.0.0.1", port))
            flow.setblocking(False)
            flows.append(flow)
        answered = [False] * len(flows)

        def all_answered():
            for number, flow in enumerate(flows):
                if answered[number]:
                    continue
                try:
                    self.assertEqual(flow.recv(100), b"source %d" % number)
                    answered[number] = True
                except BlockingIOError:
                    flow.send(b"source %d" % number)
            return all(answered)

        wait_until(all_answered, "every source has its answer", timeout=30, interval=0.3)


class Descriptors(IntegrationTest):
    """A process at its limit of descriptors waits for some to come free; it neither ends nor spins."""

    # UBSan looks at an object's memory through a pipe, and takes a pipe that it does not get for an object that is none.
    false_complaint = r".*runtime error: member .* which does not point to an object of type .*\n.*invalid vptr\n<memory cannot be printed>\n"

    def limited(self, daemon, files):
        """Starts a daemon with so many descriptors and no right to more."""
        argv = [need("prlimit", "util-linux"), f"--nofile={files}:{files}", "--", *daemon.argv()]
        daemon.argv = lambda: argv
        return daemon

    def crowd(self, port, count):
        users = []
        for _ in range(count):
            try:
                user = socket.create_connection(("127.0.0.1", port), timeout=seconds(10))
            except OSError:
                continue  # turned away: an answer too
            self.addCleanup(user.close)
            users.append(user)
        return users

    def idles(self, process):
        """Its processor time over a second that passes; it must stay far below that second."""
        before = cpu_seconds(process)
        select.select([], [], [], 1.0)
        self.assertLess(cpu_seconds(process) - before, 0.5, f"{process.name} spins at its limit of descriptors")

    def test_the_server(self):
        service = serve_echo(self)
        server = self.limited(Server(self, args=["--handshake-timeout", "60000"]), 80).start()
        self.client(server, "B")
        a = self.client(server, "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")
        strangers = self.crowd(server.port, 150)
        self.idles(server.process)
        for stranger in strangers:
            stranger.close()

        def works():
            with connect(port, timeout=2) as user:
                user.settimeout(2)
                return roundtrip(user, b"hello")

        wait_until(works, "the server works again when the strangers have gone", timeout=20)

    def said_hello(self, user):
        try:
            return user.recv(100, socket.MSG_PEEK) == b"hello"
        except OSError:
            return False

    def test_the_initiator(self):
        service = serve_echo(self)
        server = self.server()
        self.client(server, "B")
        a = self.limited(Client(self, server, "A", f"B:{service.port}"), 100).start()
        port = a.local_port(f"B:{service.port}")
        users = self.crowd(port, 150)
        for user in users:
            user.setblocking(False)
            user.send(b"hello")

        def served():
            return [user for user in select.select(users, [], [], 0)[0] if self.said_hello(user)]

        wait_until(lambda: len(served()) > 10, "those within the limit are served")
        self.idles(a.process)
        for user in users:
            user.close()

        def works():
            with connect(port, timeout=2) as user:
                user.settimeout(2)
                return roundtrip(user, b"hello")

        wait_until(works, "the client works again when the users have gone", timeout=20)


class Output(IntegrationTest):
    def test_nobody_reads_the_output_any_more(self):
        """`ctc run | head`: the reader is gone, the program stays, also when it has something to say."""
        service = serve_echo(self)
        server = Server(self, port=free_port()).start()
        b = self.client(server, "B")
        a = Client(self, server, "A", f"B:{service.port}")
        # The shell's `head` closes the pipe after the lines that it wants.
        shell = " ".join(f"'{word}'" for word in a.argv())
        process = Process(["sh", "-c", f"exec {shell} 2>/dev/null | head -n 4"], "ctc | head", env=environment())
        self.started.append(process)
        self.addCleanup(process.stop)
        port = int(process.out.wait(r"^proxy 127\.0\.0\.1:(\d+) ")[1])
        process.out.wait("^registered as A$")
        # Registering again, ctc prints its line again.
        server.kill()
        server.start()
        server.log.wait("A registered")
        self.client(server, "B", name="B-again", like=b)
        with connect(port) as user:
            roundtrip(user, b"still there")


if __name__ == "__main__":
    main()
