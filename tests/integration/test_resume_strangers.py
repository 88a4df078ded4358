#!/usr/bin/python3
"""The frames by which a stream outlives its carrier, by a client that was written from docs/PROTOCOL.md alone; and strangers who know
a stream's id: they get nothing of it, and do it no harm."""
import struct
import threading

from harness import IntegrationTest, TcpService, main, recv_exactly, seconds, wait_until
from harness.carrier import ACCEPT, ANSWERED, DATA, FIN, RESET, RESUMED, Carrier, new_id
from harness.protocol import PLAIN, ControlChannel, Identity, frame
from harness.resume import TOKEN, stats

PROTOCOL_ERROR, SESSION_UNKNOWN = 100, 111


class Streams(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.visits = []
        self.service = TcpService(self, self.serve)
        self.relay = self.server(token=TOKEN)
        self.b = self.client(self.relay, "B")
        self.keys = {}

    def serve(self, connection):
        """Keeps the connection for the test, which says and hears what it wants."""
        over = threading.Event()
        self.addCleanup(over.set)
        self.visits.append(connection)
        connection.settimeout(seconds(20))
        over.wait()

    def visit(self, number=0):
        wait_until(lambda: len(self.visits) > number, "the service is visited")
        return self.visits[number]

    def registered(self, client_id, key=None):
        self.keys[client_id] = key or Identity()
        control = ControlChannel(self, self.relay.port)
        self.assertTrue(control.register(client_id, TOKEN, key=self.keys[client_id])["success"])
        return control

    def carrier(self, control, client_id):
        return Carrier(self, control, "B", self.service.port, self.keys[client_id])

    def opened(self, control, client_id, number=0):
        """A stream that has carried something both ways; its carrier, its id, and the service's end."""
        carrier, stream = self.carrier(control, client_id), new_id()
        carrier.open(self.service.port, stream)
        carrier.expect(ACCEPT)
        service = self.visit(number)
        carrier.data(b"question 1")
        self.assertEqual(recv_exactly(service, 10), b"question 1")
        service.sendall(b"answer 1")
        self.assertEqual(carrier.read(8), b"answer 1")
        return carrier, stream, service

    def resumed(self, control, client_id, stream, position):
        """A carrier on which the stream goes on, and how much of it B has had."""
        carrier = self.carrier(control, client_id)
        carrier.resume(self.service.port, stream, position)
        flags, payload = carrier.expect(RESUMED)
        self.assertEqual(flags & ANSWERED, ANSWERED)
        return carrier, struct.unpack(">Q", payload)[0]


class ByHand(Streams):
    def test_what_is_repeated(self):
        """Exactly what the other side has not had, of each direction; a FIN counts as one, and RESUME acknowledges what it counts."""
        left = self.registered("left")
        carrier, stream, service = self.opened(left, "left")
        carrier.cut()
        # From further back, since nothing was acknowledged: it comes again.
        carrier, position = self.resumed(left, "left", stream, 3)
        self.assertEqual(position, 10)
        self.assertEqual(carrier.read(5), b"wer 1")
        for number in range(2, 6):
            # Said, and not read: the carrier dies with it.
            service.sendall(b"answer %d" % number)
            carrier.cut()
            carrier, position = self.resumed(left, "left", stream, 8 * (number - 1))
            self.assertEqual(position, 10 * (number - 1))
            self.assertEqual(carrier.read(8), b"answer %d" % number)
            carrier.data(b"question %d" % number)
            self.assertEqual(recv_exactly(service, 10), b"question %d" % number)
        # The user's end: it has arrived, and counts; what B still has to say comes all the same.
        carrier.data(b"the end")
        carrier.send(FIN)
        self.assertEqual(recv_exactly(service, 7), b"the end")
        self.assertEqual(service.recv(1), b"")
        carrier.cut()
        carrier, position = self.resumed(left, "left", stream, 40)
        self.assertEqual(position, 58)
        service.sendall(b"farewell")
        self.assertEqual(carrier.read(8), b"farewell")
        service.close()
        carrier.expect(FIN)
        # Before B knows that its FIN has come, it may be asked for it again.
        carrier.cut()
        carrier, position = self.resumed(left, "left", stream, 48)
        self.assertEqual(position, 58)
        carrier.expect(FIN)
        carrier.ack(49)
        wait_until(lambda: stats(self.b).streams == 0, "B has nothing more to keep")

    def test_positions_that_cannot_be(self):
        """What was never sent, and what was acknowledged and is kept no more: refused, and the stream goes on where it is."""
        left = self.registered("left")
        carrier, stream, service = self.opened(left, "left")
        carrier.ack(8)
        service.sendall(b"answer 2")
        self.assertEqual(carrier.read(8), b"answer 2")
        carrier.cut()
        for position in (7, 17, 1 << 40, (1 << 63) + 8, (1 << 64) - 1):
            with self.subTest(position):
                again = self.carrier(left, "left")
                again.resume(self.service.port, stream, position)
                self.assertIn(again.refusal(), (PROTOCOL_ERROR, None))
        carrier, position = self.resumed(left, "left", stream, 8)
        self.assertEqual(position, 10)
        self.assertEqual(carrier.read(8), b"answer 2")

    def test_an_id_that_nobody_knows(self):
        """The stream of a B that has forgotten it, or of nobody."""
        left = self.registered("left")
        again = self.carrier(left, "left")
        again.resume(self.service.port, new_id(), 100)
        self.assertEqual(again.refusal(), SESSION_UNKNOWN)
        self.assertEqual(self.visits, [])
        self.opened(left, "left")

    def test_an_open_that_was_lost(self):
        """What RESUME says is enough for a B that has never heard of the stream, where nothing of it can have been lost."""
        left = self.registered("left")
        carrier, stream = self.carrier(left, "left"), new_id()
        carrier.resume(self.service.port, stream, 0, age_ms=1, flags=0)
        _, payload = carrier.expect(RESUMED)
        self.assertEqual(struct.unpack(">Q", payload)[0], 0)
        service = self.visit()
        carrier.data(b"hello")
        self.assertEqual(recv_exactly(service, 5), b"hello")
        service.sendall(b"hello to you")
        carrier.expect(ACCEPT)
        self.assertEqual(carrier.read(12), b"hello to you")

    def test_while_the_old_carrier_lives(self):
        """The new one counts; what still comes on the old one is not taken twice."""
        left = self.registered("left")
        old, stream, service = self.opened(left, "left")
        new, position = self.resumed(left, "left", stream, 8)
        self.assertEqual(position, 10)
        try:
            old.data(b"stale bytes")
        except OSError:
            pass  # it was closed already
        new.data(b"question 2")
        self.assertEqual(recv_exactly(service, 10), b"question 2")
        service.sendall(b"answer 2")
        self.assertEqual(new.read(8), b"answer 2")

    def test_a_plain_carrier(self):
        """Without encryption there is no resumption: who tries ends the carrier."""
        self.b = self.client(self.relay, "B-plain", args=PLAIN)
        left = self.registered("left")
        [key] = left.request("B-plain", self.service.port)
        with left.data_channel(key) as channel:
            channel.settimeout(seconds(10))
            channel.sendall(frame(11, struct.pack(">QI", 0, 0) + struct.pack(">H", self.service.port) + new_id() + b"\0\x3c"))
            try:
                answer = channel.recv(100)
            except ConnectionError:
                answer = b""
            self.assertIn(answer[:1], (b"", b"\x03"))
        self.assertEqual(self.visits, [])


class Strangers(Streams):
    """Eve is at the server by a right of her own, may use B's services as anybody, and knows the id of left's stream."""

    def setUp(self):
        super().setUp()
        self.left, self.eve = self.registered("left"), self.registered("eve")

    def tries(self, stream, client_id="eve", control=None):
        """All that a RESUME can say of somebody else's stream. No byte of it comes, and nothing of it is taken."""
        for position in (8, 0, 3, 1 << 40):
            for flags in (ANSWERED, 0):
                for age in (0, 1000, 1 << 31):
                    carrier = self.carrier(control or self.eve, client_id)
                    carrier.resume(self.service.port, stream, position, age, flags)
                    try:
                        carrier.data(b"eve was here")
                        carrier.send(RESET)
                    except OSError:
                        pass
                    self.nothing_comes(carrier)
                    carrier.cut()

    def nothing_comes(self, carrier):
        """A refusal; or a stream of her own by the same id, which has nothing to do with the other one."""
        try:
            while True:
                kind, flags, payload = carrier.receive()
                self.assertNotEqual(kind, DATA, payload)
                if kind == RESUMED:
                    self.assertEqual((flags & ANSWERED, payload), (0, bytes(8)))
                if kind in (RESET, 3):
                    return
        except TimeoutError:
            self.fail("neither a refusal nor an end")
        except OSError:
            pass
        except AssertionError as error:
            if "the stream ended" not in str(error):
                raise

    def is_unharmed(self, carrier, service, number):
        carrier.data(b"question %d" % number)
        self.assertEqual(recv_exactly(service, 10), b"question %d" % number)
        service.sendall(b"answer %d" % number)
        self.assertEqual(carrier.read(8), b"answer %d" % number)

    def test_while_it_lives(self):
        carrier, stream, service = self.opened(self.left, "left")
        self.tries(stream)
        self.is_unharmed(carrier, service, 2)

    def test_while_it_has_no_carrier(self):
        """The moment that eve has waited for: the stream is without a carrier, and has something to say."""
        carrier, stream, service = self.opened(self.left, "left")
        carrier.cut()
        service.sendall(b"a secret")
        self.tries(stream)
        carrier, position = self.resumed(self.left, "left", stream, 8)
        self.assertEqual(position, 10)
        self.assertEqual(carrier.read(8), b"a secret")
        self.is_unharmed(carrier, service, 2)

    def test_under_the_same_name(self):
        """Left is away, and eve registers by its name, with a key of her own: a stream is its key's."""
        key = Identity(temporary=True)
        brief = self.registered("brief", key)
        carrier, stream, service = self.opened(brief, "brief")
        carrier.cut()
        brief.socket.close()
        service.sendall(b"a secret")

        def take():
            self.keys["brief"] = Identity(temporary=True)
            control = ControlChannel(self, self.relay.port)
            return control if control.register("brief", TOKEN, key=self.keys["brief"])["success"] else None

        try:
            thief = wait_until(take, "eve has the name")
            self.tries(stream, "brief", thief)
            thief.socket.close()
        finally:
            self.keys["brief"] = key

        def back():
            control = ControlChannel(self, self.relay.port)
            return control if control.register("brief", TOKEN, key=key)["success"] else None

        brief = wait_until(back, "the name is its own again")
        carrier, _ = self.resumed(brief, "brief", stream, 8)
        self.assertEqual(carrier.read(8), b"a secret")
        self.is_unharmed(carrier, service, 2)

    def test_an_id_that_she_has_taken_first(self):
        """Eve opens a stream of her own by left's id: both live, and each is resumed by its own key only."""
        carrier, stream, service = self.opened(self.left, "left")
        hers = self.carrier(self.eve, "eve")
        hers.open(self.service.port, stream)
        hers.expect(ACCEPT)
        other = self.visit(1)
        hers.data(b"hers")
        self.assertEqual(recv_exactly(other, 4), b"hers")
        self.is_unharmed(carrier, service, 2)
        carrier.cut()
        hers.cut()
        carrier, _ = self.resumed(self.left, "left", stream, 16)
        hers = self.carrier(self.eve, "eve")
        hers.resume(self.service.port, stream, 0)
        hers.expect(RESUMED)
        self.is_unharmed(carrier, service, 3)
        other.sendall(b"to her")
        self.assertEqual(hers.read(6), b"to her")

    def test_many_guesses(self):
        """They cost their own session, and are kept nowhere."""
        carrier, stream, service = self.opened(self.left, "left")
        before = stats(self.b).streams
        guess = self.carrier(self.eve, "eve")
        for _ in range(200):
            guess.resume(self.service.port, new_id(), 5)
            if guess.refusal() is None:
                guess = self.carrier(self.eve, "eve")
        self.assertEqual(stats(self.b).streams, before)
        self.is_unharmed(carrier, service, 2)


if __name__ == "__main__":
    main()
