#!/usr/bin/python3
"""Streams that follow each other on one carrier: what the next one's first word says of the one before, and that nothing is left of it."""
import struct
import threading

from harness import IntegrationTest, TcpService, connect, main, recv_exactly, seconds, wait_until
from harness.carrier import ACCEPT, ACK, FIN, Carrier, new_id
from harness.net import free_port
from harness.protocol import ControlChannel, Identity
from harness.resume import TOKEN, patience, stats

PATIENCE = 8
QUIET = 1.0  # seconds: far longer than an ACK may be held back


class LastWords(IntegrationTest):
    """Client A by hand, from docs/PROTOCOL.md, section 5."""

    def setUp(self):
        super().setUp()
        self.ends_first = threading.Event()
        self.service = TcpService(self, self.serve)
        self.relay = self.server(token=TOKEN)
        self.b = self.client(self.relay, "B")
        identity = Identity()
        control = ControlChannel(self, self.relay.port)
        self.assertTrue(control.register("A", TOKEN, key=identity)["success"])
        self.carrier = Carrier(self, control, "B", self.service.port, identity)

    def serve(self, connection):
        question = recv_exactly(connection, 8)
        connection.sendall(question.upper())
        if not self.ends_first.is_set():
            connection.recv(1)

    def ask(self):
        self.carrier.open(self.service.port, new_id())
        self.carrier.data(b"question")

    def answered(self):
        self.carrier.expect(ACCEPT)
        self.assertEqual(self.carrier.read(8), b"QUESTION")

    def streams(self):
        return stats(self.b).streams

    def stays(self, count):
        """Nothing changes of itself."""
        threading.Event().wait(seconds(QUIET))
        self.assertEqual(self.streams(), count)

    def test_the_next_open_is_an_acknowledgement(self):
        for _ in range(3):
            self.ask()
            self.answered()
            self.carrier.send(FIN)
            self.carrier.expect(FIN)
        wait_until(lambda: self.streams() == 1, "those before the last are over")
        self.stays(1)  # B cannot know that its last bytes have come
        self.carrier.ack(9)
        wait_until(lambda: self.streams() == 0, "the last one is over")

    def test_who_leaves_first_waits_for_the_acknowledgement(self):
        """Or for an answer to its next stream, before which it may come and after which it may not."""
        self.ends_first.set()
        self.ask()
        self.answered()
        self.carrier.expect(FIN)
        self.carrier.ack(9)
        self.carrier.send(FIN)
        kind, _, payload = self.carrier.receive()
        self.assertEqual((kind, payload), (ACK, struct.pack(">Q", 9)))
        self.assertEqual(self.streams(), 0)

        for _ in range(20):
            self.ask()
            self.answered()
            self.carrier.expect(FIN)
            self.carrier.ack(9)
            self.carrier.send(FIN)
            self.ask()  # on its heels
            while (frame := self.carrier.receive())[0] != ACCEPT:
                self.assertEqual((frame[0], frame[2]), (ACK, struct.pack(">Q", 9)))
            said = []
            while (frame := self.carrier.receive())[0] != FIN:
                said.append(frame[0])
                self.assertIn(frame[0], (ACK, 6))
                if frame[0] == ACK:
                    self.assertLessEqual(struct.unpack(">Q", frame[2])[0], 8, "the ACK of a stream that is over")
            self.carrier.ack(9)
            self.carrier.send(FIN)
            self.assertEqual(self.carrier.receive()[0], ACK)
        self.assertEqual(self.streams(), 0)


class ShortConnections(IntegrationTest):
    """Between real clients: nothing is left of them, whoever ends first, and whenever the server dies."""

    def setUp(self):
        super().setUp()
        self.relay = self.server(port=free_port(), token=TOKEN)
        self.b = self.client(self.relay, "B", args=patience(PATIENCE))
        self.services = [TcpService(self, self.serve(ends_first)) for ends_first in (False, True)]
        self.a = self.client(self.relay, "A", *[f"B:{service.port}" for service in self.services], args=patience(PATIENCE))
        self.ports = [self.a.local_port(f"B:{service.port}") for service in self.services]

    @staticmethod
    def serve(ends_first):
        def handle(connection):
            connection.sendall(recv_exactly(connection, 8).upper())
            if not ends_first:
                connection.recv(1)
        return handle

    def visit(self, which):
        with connect(self.ports[which], timeout=20) as user:
            user.sendall(b"question")
            self.assertEqual(recv_exactly(user, 8), b"QUESTION")
            if which:
                self.assertEqual(user.recv(1), b"")

    def open_streams(self):
        return [stats(client).streams for client in (self.a, self.b)]

    def test_nothing_is_left(self):
        for which in (0, 1):
            for count in (1, 40):
                for _ in range(count):
                    self.visit(which)
                wait_until(lambda: self.open_streams() == [0, 0], f"nothing is left of {count}, {which}", 3)
        self.assertEqual([stats(client).resumes for client in (self.a, self.b)], [0, 0])

    def test_the_server_dies_amid_them(self):
        """No connection is refused or broken. Where the last ACK was on its way and is lost, it is waited for in silence, and not for ever."""
        over = threading.Event()
        visits, failures = [], []

        def come_and_go(which):
            while not over.is_set():
                try:
                    self.visit(which)
                    visits.append(which)
                except (OSError, AssertionError) as error:
                    failures.append(error)

        users = [threading.Thread(target=come_and_go, args=(number % 2,), daemon=True) for number in range(8)]
        for user in users:
            user.start()
        self.addCleanup(over.set)
        for _ in range(4):
            seen = len(visits)
            wait_until(lambda: len(visits) > seen + 200, "connections come and go", 30)
            self.relay.kill()
            self.relay.start()
        over.set()
        for user in users:
            user.join(seconds(30))
            self.assertFalse(user.is_alive(), "a user is stuck")
        self.assertEqual(failures, [])
        wait_until(lambda: stats(self.a).streams == 0, "nothing is left at the users' side", 5)
        left = stats(self.b).streams
        self.assertLessEqual(left, 4 * len(users) // 2, "those whose last word was on its way")
        wait_until(lambda: self.open_streams() == [0, 0], "nothing is left", PATIENCE + 5)
        for client in (self.a, self.b):
            self.assertEqual(stats(client).given_up, 0)
        print(f"{len(visits)} connections, {stats(self.a).resumes} resumed, {left} last words lost", end=" ", flush=True)


if __name__ == "__main__":
    main()
