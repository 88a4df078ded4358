#!/usr/bin/python3
"""kill -9 in the middle of 50 transfers: what hangs on it ends, and after a restart everything works within 5 s."""
import json
import signal
import socket
import threading
import time

from harness import (Client, IntegrationTest, TcpService, connect, expect_reset, free_port, main, recv_exactly, roundtrip, seconds,
                     serve_echo, serve_udp_echo, wait_until)
from harness.chaos import Chaos
from harness.chuantou import Server
from harness.protocol import ControlChannel

TRANSFERS = 50
BACK_WITHIN = 5.0  # seconds from the start of the new process to new connections that work


class Transfers:
    """Downloads without end, one thread each; they end only when their connection does."""

    def __init__(self, port, count):
        self._lock = threading.Lock()
        self._received = [0] * count
        self._ends = [None] * count
        self._threads = [threading.Thread(target=self._run, args=(number, port), daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self, number, port):
        try:
            with connect(port, timeout=60) as connection:
                connection.sendall(b"pour")
                while data := connection.recv(65536):
                    self._received[number] += len(data)
                self._ends[number] = "end of stream"
        except OSError as error:
            self._ends[number] = type(error).__name__

    def all_under_way(self):
        return all(received > 100_000 for received in self._received)

    def all_ended(self):
        return all(end is not None for end in self._ends)

    @property
    def ends(self):
        return self._ends


def pour_or_echo(connection):
    """The first four bytes say what is wanted: "pour" is an endless download, "echo" an echo."""
    if recv_exactly(connection, 4) == b"pour":
        block = bytes(65536)
        # Slow enough that 50 of them leave the processor to the programs under test.
        while True:
            connection.sendall(block)
            threading.Event().wait(0.02)
    while data := connection.recv(65536):
        connection.sendall(data)


class Faults(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.service = TcpService(self, pour_or_echo)
        # The port must stay ours while nobody listens on it.
        self.relay = Server(self, port=free_port()).start()
        self.b = self.client(self.relay, "B")
        self.a = self.client(self.relay, "A", f"B:{self.service.port}", args=["--patience", "2"])
        self.others = [self.client(self.relay, f"other-{number}") for number in range(4)]
        self.port = self.a.local_port(f"B:{self.service.port}")

    def works(self):
        """One new connection, from dial to echo."""
        with connect(self.port, timeout=1) as connection:
            connection.settimeout(seconds(1))
            connection.sendall(b"echo")
            roundtrip(connection, b"a new connection")
        return True

    def back_after(self, begin, what):
        wait_until(self.works, f"new connections work again after {what}", timeout=BACK_WITHIN)
        took = time.monotonic() - begin
        self.assertLess(took, seconds(BACK_WITHIN), f"new connections worked {took:.1f} s after the restart of {what}")
        print(f"back after {took:.2f} s", end=" ", flush=True)

    def transfers(self):
        transfers = Transfers(self.port, TRANSFERS)
        wait_until(transfers.all_under_way, "50 transfers are under way", timeout=30)
        return transfers

    def all_end(self, transfers, what):
        wait_until(transfers.all_ended, f"the user's connections end when {what} is gone", timeout=10)
        # A killed program's connections are closed by its kernel, with FIN or RST, as they are without a tunnel.
        self.assertLessEqual(set(transfers.ends), {"ConnectionResetError", "end of stream"})

    def test_target_client_killed(self):
        transfers = self.transfers()
        self.b.kill()
        self.all_end(transfers, "the target's client")
        begin = time.monotonic()
        self.b.spawn()
        self.back_after(begin, "the target's client")
        self.b.wait_registered()

    def test_initiator_client_killed(self):
        transfers = self.transfers()
        self.a.kill()
        wait_until(transfers.all_ended, "the connections end with their client")
        wait_until(lambda: self.service.active == 0, "the service's connections end too")
        replacement = Client(self, self.relay, "A", f"{self.port}:B:{self.service.port}", name="ctc-A-again",
                             like=self.a)
        begin = time.monotonic()
        replacement.spawn()
        self.back_after(begin, "the initiator's client")

    def test_client_then_server_killed(self):
        """Both faults in one life: first the target, then, with 50 new transfers, the server."""
        transfers = self.transfers()
        self.b.kill()
        self.all_end(transfers, "the target's client")
        begin = time.monotonic()
        self.b.start()
        self.back_after(begin, "the target's client")

        clients = [self.a, self.b, *self.others]
        marks = [client.process.out.mark() for client in clients]
        transfers = self.transfers()
        self.relay.kill()
        self.all_end(transfers, "the server")
        begin = time.monotonic()
        self.relay.start()
        self.back_after(begin, "the server")
        for client, mark in zip(clients, marks):
            left = begin + seconds(BACK_WITHIN) - time.monotonic()
            client.wait_registered(after=mark, timeout=max(left, 0) / seconds(1))
            self.assertTrue(client.process.running)
        # No connection to the service is left from the life before.
        wait_until(lambda: self.service.active == 0, "the service's old connections end")

    def test_server_away_for_a_while(self):
        """Users that come while the server is away are not left hanging for ever, and the proxies stay."""
        self.assertTrue(self.works())
        self.relay.kill()
        with connect(self.port) as early:
            early.sendall(b"echo")
            early.settimeout(seconds(20))
            mark = self.a.process.out.mark()
            begin = time.monotonic()
            self.relay.start()
            self.back_after(begin, "the server")
            self.a.wait_registered(after=mark)
            try:
                early.sendall(b"early")
                answer = early.recv(100)
            except ConnectionError:
                answer = b""
            # Either it was kept until it could be served, or it was refused; a hang is neither.
            self.assertIn(answer, (b"", b"early"))

    def test_udp_flows_come_back(self):
        """A program that keeps sending from one socket is answered again after each restart, with nothing done to it."""
        service = serve_udp_echo(self)
        port = self.client(self.relay, "A-udp", f"B:{service.port}/udp").local_port(f"B:{service.port}/udp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
            flow.connect(("127.0.0.1", port))
            flow.settimeout(0.1)

            def answered():
                self.number += 1
                question = b"question %d" % self.number
                flow.send(question)
                return flow.recv(100) == question

            self.number = 0
            wait_until(answered, "the flow works")
            for daemon in (self.relay, self.b, self.relay):
                daemon.kill()
                daemon.start()
                wait_until(answered, f"the flow works again after {daemon.name} was killed", timeout=BACK_WITHIN)

    def test_stopped_server_says_goodbye(self):
        """SIGTERM instead of SIGKILL: a clean end, exit code 0, the port free at once."""
        self.assertTrue(self.works())
        self.assertEqual(self.relay.stop(), 0)
        with socket.create_server(("127.0.0.1", self.relay.port)):
            pass
        begin = time.monotonic()
        self.relay.start()
        self.back_after(begin, "the server")
        for client in (self.a, self.b):
            self.assertEqual(client.stop(), 0)


class Frozen(IntegrationTest):
    """A stopped process is what a cut cable looks like: its connections stay open and nobody answers."""

    def setUp(self):
        super().setUp()
        self.service = serve_echo(self)
        self.relay = self.server(args=["--heartbeat-interval", "300", "--heartbeat-timeout", "1500", "--pairing-timeout", "2000"])
        self.b = self.client(self.relay, "B")
        self.a = self.client(self.relay, "A", f"B:{self.service.port}", args=["--patience", "2"])
        self.port = self.a.local_port(f"B:{self.service.port}")

    def freeze(self, daemon):
        daemon.process.freeze()
        self.addCleanup(daemon.process.thaw)

    def works(self):
        with connect(self.port, timeout=1) as user:
            user.settimeout(seconds(1))
            return roundtrip(user, b"hello")

    def test_the_server(self):
        """The clients notice within the heartbeat's time-out, and are back when the server moves again."""
        marks = [(client, client.process.out.mark(), client.log.mark()) for client in (self.a, self.b)]
        self.freeze(self.relay)
        for client, _, mark in marks:
            client.log.wait("nothing heard for too long", after=mark, timeout=10)
        self.relay.process.thaw()
        for client, mark, _ in marks:
            client.wait_registered(after=mark)
        wait_until(self.works, "new connections work")

    def test_the_target(self):
        """The server gives it up; a user that came meanwhile is told by a reset, not left hanging."""
        self.assertTrue(self.works())
        self.freeze(self.b)

        def clients():
            return [client["id"] for client in json.loads(self.relay.command("clients", "--json").stdout)["clients"]]

        with connect(self.port) as user:
            user.sendall(b"anybody?")
            wait_until(lambda: clients() == ["A"], "the server gives the frozen client up", interval=0.1)
            expect_reset(user, timeout=20)
        mark = self.b.process.out.mark()
        self.b.process.thaw()
        self.b.wait_registered(after=mark)
        wait_until(self.works, "new connections work")

    def test_stopping_beside_a_frozen_server(self):
        """A client ends when it is told to, also if nobody takes leave of it."""
        self.freeze(self.relay)
        for client in (self.a, self.b):
            client.process.signal(signal.SIGTERM)
            self.assertEqual(client.process.wait(timeout=5), 0)

    def test_stopping_when_a_frozen_peer_owes_the_last_word(self):
        """The stream has left its carrier, which waits for the next one; the pool of both goes with the client."""

        def end_first(connection):
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)

        def streams():
            return json.loads(client.command("streams", "--json").stdout)["streams"]

        service = TcpService(self, end_first)
        relay = self.server()  # more patient than the other one
        peer = self.client(relay, "B")
        client = self.client(relay, "A", f"B:{service.port}")
        with connect(client.local_port(f"B:{service.port}")) as user:
            self.assertEqual(user.recv(1), b"")
            self.freeze(peer)
        wait_until(lambda: [row["state"] for row in streams()] == ["waiting"], "the stream has left")
        client.process.signal(signal.SIGTERM)
        self.assertEqual(client.process.wait(timeout=5), 0)


class DroppedDataChannels(IntegrationTest):
    """The target's data channel is lost before the server has read whose it is, as under pressure: it is dialled once more."""

    def setUp(self):
        super().setUp()
        self.service = serve_echo(self)
        self.relay = self.server(args=["--pairing-timeout", "4000"])
        self.chaos = Chaos(self, self.relay.port, "B")
        self.b = self.client(self.relay, "B", url=self.chaos.url("B"))

    def lose(self, how="rst"):
        """The next data channel of B, once it is there."""
        link, = self.chaos.wait_for(1, "B", "data")
        self.assertEqual(self.chaos.cut([link], how), 1)

    def loses_one(self, how):
        a = self.client(self.relay, "A", f"B:{self.service.port}")
        self.chaos.policy("B", "hang", kind="data")
        with connect(a.local_port(f"B:{self.service.port}")) as user:
            user.sendall(b"hello")
            self.chaos.wait_for(1, "B", "data")
            self.chaos.policy("B", "open", kind="data")
            begin = time.monotonic()
            self.lose(how)
            user.settimeout(seconds(4))
            self.assertEqual(recv_exactly(user, 5), b"hello")
            # Before the session would be given up, after which another one would be asked for.
            self.assertLess(time.monotonic() - begin, seconds(2.5))

    def test_one_is_reset(self):
        self.loses_one("rst")

    def test_one_is_ended(self):
        self.loses_one("fin")

    def test_it_is_dialled_once_more_and_no_more(self):
        me = ControlChannel(self, self.relay.port)
        self.assertTrue(me.register("raw")["success"])
        self.chaos.policy("B", "hang", kind="data")
        me.request("B", self.service.port, plain=False)
        session = me.expect("create_session")["sessions"][0]["sessionId"]
        self.lose()
        self.lose("fin")
        closed = me.expect("session_closed")
        self.assertEqual([each["sessionId"] for each in closed["sessions"]], [session])
        self.assertEqual(self.chaos.totals()["accepted"], 3, "the control channel and two data channels")

    def test_stopping_meanwhile(self):
        me = ControlChannel(self, self.relay.port)
        self.assertTrue(me.register("raw")["success"])
        self.chaos.policy("B", "hang", kind="data")
        me.request("B", self.service.port, plain=False)
        self.lose()
        self.b.process.signal(signal.SIGTERM)
        self.assertEqual(self.b.process.wait(timeout=5), 0)


if __name__ == "__main__":
    main()
