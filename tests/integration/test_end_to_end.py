#!/usr/bin/python3
"""What the server, and whoever is on the way, can see of two clients' connections and do to them: nothing but end them."""
import base64
import collections
import concurrent.futures
import itertools
import json
import os
import random
import signal
import socket
import ssl
import threading

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from harness import (Client, IntegrationTest, TcpService, connect, echo, expect_eof, expect_reset, expect_reset_user, main, need,
                     random_bytes, recv_exactly, roundtrip, seconds, serve_echo, serve_udp_echo, wait_until)
from harness.carrier import tls
from harness.middle import DOWN, MODES, UP, Middle, Tamper, is_of_flow, is_resumed, random_seed
from harness.net import abandon
from harness.protocol import AT_ONCE, PLAIN, ControlChannel, Identity, UdpEnd, new_key, open_frame

SEEDS = 30  # of each way to tamper
TOKEN = "the token that nobody else knows"


class EndToEnd(IntegrationTest):
    def key_of(self, client):
        return client.process.out.wait(r"^key (ed25519:[0-9a-f]{64})$")[1]

    def works(self, port, size=1000):
        with connect(port) as user:
            roundtrip(user, random_bytes(size))

    def udp_user(self, port, timeout=1.0):
        user = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(user.close)
        user.connect(("127.0.0.1", port))
        user.settimeout(seconds(timeout))
        return user

    def udp_works(self, user, message):
        for _ in range(20):
            user.send(message)
            try:
                while user.recv(65535) != message:
                    pass
                return
            except TimeoutError:
                continue
        self.fail("no datagram came back")

    def channels_made(self, server):
        return json.loads(server.command("status", "--json").stdout)["sessionsTotal"]


class Capture(EndToEnd):
    """What a listener on the way has in hand."""

    def capture(self, port):
        """A listener at a port, which hears already. Stop it with captured()."""
        file = self.tmp / "capture.pcapng"
        process = self.start([need("dumpcap", "tshark"), "-q", "-i", "lo", "-B", "64", "-f", f"port {port}", "-w", file], "dumpcap")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            number = 0

            def heard():
                nonlocal number
                number += 1
                probe.sendto(b"\xffprobe%d" % number, ("127.0.0.1", port))
                return file.exists() and b"\xffprobe" in file.read_bytes()

            wait_until(heard, "the listener hears", timeout=20)
        return process, file

    def captured(self, process, file, port):
        """All that was heard; ends the listener after it has heard a last word."""
        last = b"\xfflast" + os.urandom(16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.sendto(last, ("127.0.0.1", port))
            wait_until(lambda: last in file.read_bytes(), "the listener has heard all", timeout=20)
        process.signal(signal.SIGINT)
        process.wait()
        self.assertIn(" dropped on interface 'Loopback: lo': ", process.err.text().replace("received/", " "))
        self.assertRegex(process.err.text(), r"\d+/0 \(")
        return file.read_bytes()

    def session(self, args):
        """A whole session with both clients, from registration to their end; returns what was heard, the marker, and the secrets."""
        marker = os.urandom(32)
        server = self.server(token=TOKEN)
        listener, file = self.capture(server.port)
        service, datagrams = serve_echo(self), serve_udp_echo(self)
        b = self.client(server, "B", args=args)
        a = self.client(server, "A", f"B:{service.port}", f"B:{datagrams.port}/udp", args=args)
        for _ in range(5):
            with connect(a.local_port(f"B:{service.port}")) as user:
                for _ in range(40):
                    roundtrip(user, marker)
                    roundtrip(user, marker * 100)
        user = self.udp_user(a.local_port(f"B:{datagrams.port}"))
        for _ in range(40):
            self.udp_works(user, marker)
        self.udp_works(user, marker * 2000)
        keys = [load_pem_private_key((each.data_dir / "identity.pem").read_bytes(), None) for each in (a, b)]
        for each in (a, b, server):
            each.stop()
        heard = self.captured(listener, file, server.port)
        self.assertGreater(len(heard), 2 * 5 * 40 * 101 * 32, "the listener was there all the time")
        return heard, marker, keys

    def forms(self, secret):
        """The ways in which it might be written."""
        return [secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"=")[:-1]]

    def assert_no_secret(self, heard, keys):
        for form in self.forms(TOKEN.encode()):
            self.assertNotIn(form, heard)
        for key in keys:
            for form in self.forms(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())):
                self.assertNotIn(form, heard)

    def test_nothing_is_to_be_seen(self):
        heard, marker, keys = self.session([])
        self.assertEqual(heard.count(marker[:16]), 0)
        self.assertEqual(heard.count(marker[16:]), 0)
        self.assert_no_secret(heard, keys)
        # That the search would find something that is there: the public keys, which are no secret.
        for key in keys:
            self.assertIn(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex().encode(), heard)

    def test_without_encryption(self):
        """The same, which shows that the search finds what is there: the user's bytes, over TCP and UDP; no secret all the same."""
        heard, marker, keys = self.session(PLAIN)
        # To the server and on, there and back, of TCP and UDP.
        self.assertGreater(heard.count(marker), 4 * (5 * 40 + 40))
        self.assert_no_secret(heard, keys)


class Recorder(TcpService):
    """An echo that keeps what came on each connection, under the 8 bytes that it began with."""

    def __init__(self, test):
        self.streams = []
        super().__init__(test, self._record)

    def _record(self, connection):
        record = {"bytes": bytearray(), "end": None}
        self.streams.append(record)
        try:
            while data := connection.recv(65536):
                record["bytes"] += data
                connection.sendall(data)
            record["end"] = "eof"
        except ConnectionError:
            record["end"] = "reset"
        except OSError as error:
            record["end"] = str(error)


class Tampering(EndToEnd):
    """A relay that does not only pass bytes."""

    SIZE = 300_000

    def attempt(self, port, number):
        """A user with bytes of his own, which come back. Returns those, and how it ended."""
        data = b"%08d" % number + random.Random(number).randbytes(self.SIZE - 8)
        got = bytearray()
        try:
            with connect(port, timeout=30) as user:
                user.settimeout(seconds(30))

                resets = []

                def send():
                    try:
                        user.sendall(data)
                    except ConnectionResetError as reset:
                        # The system tells it once: the reader may see an end after this.
                        resets.append(reset)
                    except OSError:
                        pass

                sender = threading.Thread(target=send, daemon=True)
                sender.start()
                try:
                    while len(got) < len(data):
                        part = user.recv(65536)
                        if not part:
                            sender.join(seconds(30))
                            return data, got, "reset" if resets else "eof"
                        got += part
                    return data, got, "complete"
                finally:
                    abandon(user)
                    sender.join()
        except ConnectionError:
            return data, got, "reset"
        except TimeoutError:
            return data, got, "silence"

    def setup_between(self):
        server = self.server(token=TOKEN)
        self.service = Recorder(self)
        self.middles = {name: Middle(self, server) for name in "AB"}
        # Whatever is wrong with a carrier ends it; that streams go on over another one would hide it here.
        self.client(self.middles["B"].in_place_of(server), "B")
        a = self.client(self.middles["A"].in_place_of(server), "A", f"B:{self.service.port}", args=AT_ONCE)
        self.port = a.local_port(f"B:{self.service.port}")
        self.works(self.port)

    def attack(self, side, modes, count, fresh):
        """So many connections, of whose carriers each is tampered with, once and somewhere. `fresh`: at new carriers, from the first byte
        of the handshake on; otherwise in the midst of the bytes of those that may have been used before."""
        middle = self.middles[side]
        seed = random_seed()
        chance = random.Random(seed)
        turn = itertools.cycle(modes)
        if fresh:
            for each in self.middles.values():
                wait_until(lambda one=each: one.break_off_all() or not one.channels, "the carriers of before are gone")

        def plan():
            aligned = chance.random() < 0.5
            offset = chance.randrange(600) if fresh else chance.randrange(4000, 100_000)
            size = chance.randrange(1, 60) if fresh else chance.randrange(1, 4000)
            return chance.choice([UP, DOWN]), Tamper(next(turn), chance.random(), offset, size, aligned)

        self.service.streams.clear()
        middle.all_channels = list(middle.channels)
        middle.arm(plan)
        with self.subTest(side=side, modes=modes, fresh=fresh, seed=seed):
            with concurrent.futures.ThreadPoolExecutor(count) as pool:
                results = list(pool.map(lambda number: self.attempt(self.port, number), range(count)))
            middle.arm(None)
            ends = [end for _, _, end in results]
            wait_until(lambda: all(stream["end"] for stream in self.service.streams), "the service's connections have ended", timeout=20)
            sent = {data[:8]: data for data, _, _ in results}
            for data, got, end in results:
                self.assertTrue(data.startswith(got), "a wrong byte came back")
                self.assertIn(end, ("complete", "reset"))
                self.assertEqual(end == "complete", len(got) == len(data))
            self.assertLessEqual(len(self.service.streams), count)
            for stream in self.service.streams:
                got = bytes(stream["bytes"])
                whole = sent[got[:8]] if len(got) >= 8 else b"0" * 8
                self.assertTrue(whole.startswith(got) or len(got) < 8, "a wrong byte arrived")
                if stream["end"] == "eof":  # our user's end, which he says only when he has got all
                    self.assertEqual(got, whole, "a part was taken for the whole")
            done = collections.Counter(mode for channel in middle.all_channels for mode in channel.tampered)
            # In the handshake: of those that were kept warm some have not said as much as was to be changed.
            self.assertGreaterEqual(min(done[mode] for mode in modes), SEEDS * 2 // 3 if fresh else SEEDS, done)
            failed = ends.count("reset")
            if fresh:  # some of those that were tampered with were only kept warm, for nobody yet
                self.assertGreaterEqual(failed, count // 3)
            else:
                self.assertEqual((failed, sum(done.values())), (count, count), ends)
            wait_until(lambda: self.works(self.port) or True, "the next connection through an untouched path works")

    def test_in_the_midst(self):
        """Every connection fails, none of them with a wrong byte or an orderly end."""
        self.setup_between()
        for side in "AB":
            for mode in MODES:
                self.attack(side, [mode], SEEDS, fresh=False)

    def test_in_the_handshake(self):
        """A few bits mean nothing to TLS (RFC 8446, section 5.1: the version of the first records); a connection that comes about all
        the same is a whole one."""
        self.setup_between()
        for side in "AB":
            # At once: some wait for bytes that never come, until the deadline of handshakes.
            self.attack(side, MODES, len(MODES) * SEEDS * 2, fresh=True)

    def test_datagrams(self):
        """Flipped, repeated and reordered, whole and in fragments, on either side: the service hears only what was said, once, and so does
        the user."""
        for side in "AB":
            for size in (100, 65_400):
                seed = random_seed()
                with self.subTest(side=side, size=size, seed=seed):
                    self.datagrams(side, size, random.Random(seed))

    def datagrams(self, side, size, chance):
        server = self.server()
        service = serve_udp_echo(self)
        middle = Middle(self, server)
        towards = {each: middle.in_place_of(server) if each == side else server for each in "AB"}
        b = self.client(towards["B"], "B")
        a = self.client(towards["A"], "A", f"B:{service.port}/udp")
        user = self.udp_user(a.local_port(f"B:{service.port}"), timeout=0.2)
        self.udp_works(user, b"before")
        kept, behind, done = {UP: [], DOWN: []}, {UP: [], DOWN: []}, dict.fromkeys(("flip", "replay", "reorder"), 0)

        def meddle(direction, packet):
            if not is_of_flow(packet):
                return [packet]
            kept[direction].append(packet)
            what = chance.random()
            if what < 0.2:
                done["flip"] += 1
                wrong, at = bytearray(packet), chance.randrange(48, len(packet) * 8)
                wrong[at // 8] ^= 1 << at % 8
                return [bytes(wrong)]
            if what < 0.5:
                done["replay"] += 1
                return [packet, packet, chance.choice(kept[direction])]
            if what < 0.65:
                done["reorder"] += 1
                behind[direction].append(packet)
                return []
            out = [packet, *behind[direction]]
            behind[direction].clear()
            return out

        middle.on_datagram = meddle
        service.received.clear()
        sent, got = [], []
        for number in range(300 if size < 1000 else 60):
            sent.append(b"%08d" % number + chance.randbytes(size - 8))
            user.send(sent[-1])
            if number % 4 == 0:  # lets the rest through the sockets' buffers
                try:
                    while True:
                        got.append(user.recv(65535))
                        user.settimeout(0.001)
                except TimeoutError:
                    user.settimeout(seconds(0.2))
        middle.on_datagram = lambda direction, packet: [packet]
        for packet in kept[UP][:50]:  # and once more, when all is over
            middle.inject(packet)
        user.settimeout(seconds(1))
        self.udp_works_among(user, b"after", got)
        self.assertGreater(min(done.values()), 0, done)
        for heard in (service.received, got):
            heard = [each for each in heard if each != b"after"]
            self.assertLessEqual(set(heard), set(sent), "a wrong datagram arrived")
            self.assertEqual(len(heard), len(set(heard)), "a datagram arrived twice")
            # A fragment of another datagram between two ends the unfinished one.
            self.assertGreater(len(heard), len(sent) // 4 if size < 1000 else 0, "those that were left alone arrive")
        for each in (a, b, server):
            each.stop()

    def udp_works_among(self, user, message, got):
        for _ in range(20):
            user.send(message)
            try:
                while (answer := user.recv(65535)) != message:
                    got.append(answer)
                return
            except TimeoutError:
                continue
        self.fail("no datagram came back")


class Mallory:
    """A client with a right of its own to be at the server, to whom connections of others are led."""

    def __init__(self, test, server):
        self.test = test
        self.identity = Identity()
        self.control = ControlChannel(test, server.port)
        test.assertTrue(self.control.register("M", server.token, key=self.identity)["success"])
        self.raw, self.decrypted, self.greeted = bytearray(), bytearray(), 0

    def tls(self, server_side):
        # Neither the key that M has registered with nor anybody else's.
        return tls(Identity(), server_side)

    def receive_all(self, encrypted):
        """Takes part in every session, from now on; as far as it can."""
        def serve(key):
            try:
                with self.control.data_channel(key) as channel:
                    if not encrypted:
                        while data := channel.recv(65536):
                            self.raw += data
                        return
                    with self.tls(True).wrap_socket(channel, server_side=True) as line:
                        self.greeted += 1
                        while data := line.recv(65536):
                            self.decrypted += data
            except OSError:
                pass

        def run():
            try:
                while True:
                    kind, payload = self.control.receive(60)
                    if kind == "connect_request":
                        for session in payload["sessions"]:
                            threading.Thread(target=serve, args=[session["key"]], daemon=True).start()
                        self.control.send("accept_session", sessions=[{"sessionId": session["sessionId"]} for session in payload["sessions"]])
            except Exception:  # the end of the test, or of the connection
                pass

        threading.Thread(target=run, daemon=True).start()


class Impostors(EndToEnd):
    """A server that lies: about who a peer is, about its key, about encryption. It is a real one, whose messages are changed on the way."""

    SECRET = b"the first bytes of the user, which are a secret"

    def refused(self, port):
        expect_reset_user(port, self.SECRET)

    def test_a_data_channel_led_to_another(self):
        """The server says B and B's key, and leads the carrier to M: M shows another key in its handshake, and gets nothing."""
        for encrypted in (True, False):
            with self.subTest(encrypted=encrypted):
                server = self.server(token=TOKEN)
                b = self.client(server, "B")
                mallory = Mallory(self, server)
                mallory.receive_all(encrypted)
                key = self.key_of(b)

                def lie(direction, message):
                    payload = message["payload"]
                    if direction == UP and payload.get("toClientId") == "B":
                        payload["toClientId"] = "M"
                    if direction == DOWN and payload.get("peerClientId") == "M":
                        payload.update(peerClientId="B", peerKey=key)
                    return message

                a = self.client(Middle(self, server, lie).in_place_of(server), "A", "B:4711", "B:4712/udp")
                if encrypted:
                    self.refused(a.local_port("B:4711"))
                    a.log.wait("somebody is in the middle")
                    self.udp_user(a.local_port("B:4712")).send(self.SECRET)
                    wait_until(lambda: mallory.greeted >= 2, "M has been asked for the flow as well")
                    wait_until(lambda: a.log.text().count("somebody is in the middle") >= 2, "A refuses")
                else:
                    with connect(a.local_port("B:4711")) as user:
                        user.sendall(self.SECRET)
                        wait_until(lambda: len(mallory.raw) > 100, "M hears how the handshake begins")
                        wait_until(lambda: mallory.raw[:1] == b"\x16", "which is one of TLS")
                self.assertNotIn(self.SECRET, mallory.raw)
                self.assertEqual(mallory.decrypted, b"")
                self.assertEqual(json.loads(a.command("peers", "--json").stdout), {"peers": []})

    def test_another_key_for_a_known_peer(self):
        """The server says B and M's key: A knows B by another one, and does not even begin."""
        server = self.server(token=TOKEN)
        service = serve_echo(self)
        self.client(server, "B")
        mallory = Mallory(self, server)
        mallory.receive_all(True)
        lying = False

        def lie(direction, message):
            payload = message["payload"]
            if lying and direction == UP and payload.get("toClientId") == "B":
                payload["toClientId"] = "M"
            if lying and direction == DOWN and payload.get("peerClientId") == "M":
                payload["peerClientId"] = "B"
            return message

        middle = Middle(self, server, lie)
        a = self.client(middle.in_place_of(server), "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")
        self.works(port)
        known = a.command("peers", "--json").stdout
        lying = True
        wait_until(lambda: middle.break_off_all() or not middle.channels, "the carriers of before are gone")
        self.refused(port)
        a.log.wait('client "B" has another key than before')
        self.assertIn(mallory.identity.text, a.log.text())
        self.assertEqual(mallory.decrypted, b"")
        self.assertEqual(a.command("peers", "--json").stdout, known)
        lying = False
        wait_until(lambda: self.works(port) or True, "an honest server is believed again")

    def test_an_initiator_that_is_another(self):
        """The server says to B that A asks, with A's key, and leads M's carrier there: B refuses, and reaches no service for it."""
        server = self.server(token=TOKEN)
        service = serve_echo(self)
        a_key = Identity().text

        def lie(direction, message):
            payload = message["payload"]
            if direction == DOWN and payload.get("fromClientId") == "M":
                payload.update(fromClientId="A", peerKey=a_key)
            return message

        b = self.client(Middle(self, server, lie).in_place_of(server), "B")
        mallory = Mallory(self, server)
        [key] = mallory.control.request("B", service.port, plain=False)
        with mallory.control.data_channel(key) as channel:
            channel.settimeout(seconds(10))
            try:
                with mallory.tls(False).wrap_socket(channel) as line:
                    line.sendall(open_frame(service.port) + self.SECRET)
                    self.assertEqual(line.recv(100), b"")
            except (ssl.SSLError, ConnectionError):
                pass
        b.log.wait("somebody is in the middle")
        self.assertEqual(service.accepted, 0)
        self.assertEqual(json.loads(b.command("peers", "--json").stdout), {"peers": []})

    def test_encryption_that_the_server_talks_away(self):
        """`plain` put into a request or taken out of it, before and after the server: nobody agrees, whatever each side wants itself."""
        for a_plain, b_plain, where in ((False, False, "A"), (False, False, "B"), (False, True, "A"), (False, True, "B"), (True, False, "A"),
                                        (True, False, "B")):
            with self.subTest(a_plain=a_plain, b_plain=b_plain, where=where):
                server = self.server(token=TOKEN)
                service, datagrams = serve_echo(self), serve_udp_echo(self)
                lies = 0

                def lie(direction, message):
                    nonlocal lies
                    if message["type"] == "connect_request":
                        message["payload"].pop("plain", None)
                        if not a_plain:
                            message["payload"]["plain"] = True
                        lies += 1
                    return message

                middle = Middle(self, server, lie)
                on_the_way = []
                middle.on_datagram = lambda direction, packet: on_the_way.append(packet) or [packet]
                towards = {each: middle.in_place_of(server) if each == where else server for each in "AB"}
                b = self.client(towards["B"], "B", args=PLAIN if b_plain else [])
                a = self.client(towards["A"], "A", f"B:{service.port}", f"B:{datagrams.port}/udp", args=PLAIN if a_plain else [])
                self.refused(a.local_port(f"B:{service.port}"))
                user = self.udp_user(a.local_port(f"B:{datagrams.port}"), timeout=0.5)
                user.send(self.SECRET)
                with self.assertRaises(TimeoutError):
                    user.recv(1000)
                self.assertGreater(lies, 0)
                self.assertEqual((service.accepted, datagrams.received), (0, []))
                if not a_plain:
                    for channel in middle.all_channels:
                        for direction in channel.directions.values():
                            self.assertNotIn(self.SECRET, direction.first)
                    self.assertFalse([packet for packet in on_the_way if self.SECRET in packet])
                for each in (a, b, server):
                    each.stop()


class KnownPeers(EndToEnd):
    def test_a_peer_with_a_new_key(self):
        server = self.server(token=TOKEN)
        service = serve_echo(self)
        old = self.client(server, "B")
        a = self.client(server, "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")
        self.works(port)
        old.stop()
        server.command("release", "B")
        new = self.client(server, "B", name="ctc-B-new")
        for _ in range(3):
            expect_reset_user(port, b"to whom?")
        said = a.log.wait('client "B" has another key than before.*ctc peers forget B')[0]
        self.assertIn(self.key_of(old), said)
        self.assertIn(self.key_of(new), said)
        self.assertEqual(service.accepted, 1)
        a.command("peers", "forget", "B")
        self.works(port)
        self.assertEqual({each["id"]: each["key"] for each in json.loads(a.command("peers", "--json").stdout)["peers"]}, {"B": self.key_of(new)})

    def test_a_temporary_key(self):
        """Of a ctc that shares its data folder with another one: a new key at each start, which nobody remembers."""
        server = self.server(token=TOKEN)
        service = serve_echo(self)
        owner = self.client(server, "owner")
        a = self.client(server, "A", f"B:{service.port}")
        keys = set()
        for number in range(3):
            b = Client(self, server, "B", name=f"ctc-B-{number}")
            b.data_dir = owner.data_dir
            b.start()
            keys.add(self.key_of(b))
            wait_until(lambda: self.works(a.local_port(f"B:{service.port}")) or True, "the new B is reached")
            self.assertEqual(json.loads(a.command("peers", "--json").stdout), {"peers": []})
            b.stop()
        self.assertEqual(len(keys), 3)
        self.assertNotIn("another key", a.log.text())


class ThirdClients(EndToEnd):
    """One that has a right to be at the server, but none to the sessions of others."""

    def setUp(self):
        super().setUp()
        # They do not beat.
        self.relay = self.server(token=TOKEN, args=["--heartbeat-timeout", "60000"])
        self.left, self.right, self.eve = (self.registered(each) for each in ("left", "right", "eve"))

    def registered(self, client_id):
        control = ControlChannel(self, self.relay.port)
        self.assertTrue(control.register(client_id, TOKEN)["success"])
        return control

    def session(self):
        """The data channels of left and right, the keys and the id."""
        [key] = self.left.request("right", 80)
        offered = self.right.expect("connect_request")["sessions"][0]
        self.left.expect("create_session")
        near, far = self.left.data_channel(key), self.right.data_channel(offered["key"])
        for each in (near, far):
            self.addCleanup(each.close)
        self.undisturbed(near, far)
        return near, far, key, offered["key"], offered["sessionId"]

    def undisturbed(self, near, far):
        for one, other in ((near, far), (far, near)):
            said = os.urandom(100)
            one.sendall(said)
            self.assertEqual(recv_exactly(other, 100), said)

    def nothing_was_said(self, *controls):
        """A round trip later, no message has come but the answer."""
        for control in controls:
            control.send("heartbeat", timestamp=4711)
            self.assertEqual(control.receive(), ("heartbeat", {"timestamp": 4711}))

    def test_keys(self):
        """Guessed ones, ones that have been used, and ones of sessions of others: such a data channel is ended, without a byte."""
        near, far, left_key, right_key, _ = self.session()
        flipped = f"{int(left_key, 16) ^ 1:032x}"
        channels = [self.eve.data_channel(key) for key in [new_key() for _ in range(30)] + [left_key, right_key, flipped, "00" * 16, "ff" * 16]]
        for number, channel in enumerate(channels):
            channel.sendall(b"let me in %d" % number)
        self.undisturbed(near, far)
        for channel in channels:
            with channel:
                channel.settimeout(seconds(25))
                try:
                    expect_eof(channel)
                except ConnectionResetError:
                    pass
        self.undisturbed(near, far)
        self.nothing_was_said(self.left, self.right)

    def test_a_key_that_another_has_asked_with(self):
        """In a request of eve's own: while the session waits, and while it is open."""
        [key] = self.left.request("right", 80)
        offered = self.right.expect("connect_request")["sessions"][0]
        self.left.expect("create_session")
        for wanted in (key, offered["key"]):
            self.eve.request("right", 80, keys=[wanted])
            kind, _ = self.eve.receive()
            self.assertIn(kind, ("reject_session", "error"))
        near, far = self.left.data_channel(key), self.right.data_channel(offered["key"])
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        self.undisturbed(near, far)
        self.nothing_was_said(self.left, self.right)

    def test_ids_of_sessions(self):
        """Named by somebody who takes no part in them: nothing happens, in TCP and UDP."""
        near, far, _, _, tcp = self.session()
        [key] = self.left.request("right", 5353, protocol="udp")
        mine = self.left.expect("create_session")["sessions"][0]
        theirs = self.right.expect("connect_request")["sessions"][0]
        ends = [UdpEnd(self, self.relay.port, mine["udpSession"], key), UdpEnd(self, self.relay.port, theirs["udpSession"], theirs["key"])]
        for session in (tcp, mine["sessionId"]):
            for kind, more in (("accept_session", {}), ("reject_session", {"code": "not_allowed", "reason": "eve says so"}),
                               ("session_closed", {"reason": "eve says so"})):
                self.eve.send(kind, sessions=[{"sessionId": session}], **more)
        self.eve.clients()  # all of it has been read
        self.nothing_was_said(self.left, self.right)
        self.undisturbed(near, far)
        for end in ends:
            end.bind()
        self.right.send("accept_session", sessions=[{"sessionId": theirs["sessionId"]}])
        self.left.expect("accept_session")
        self.eve.send("session_closed", sessions=[{"sessionId": mine["sessionId"]}], reason="eve says so")
        self.eve.clients()
        ends[0].send(b"there")
        self.assertEqual(ends[1].receive(), b"there")
        # Binds with keys of others, and with none.
        thief = UdpEnd(self, self.relay.port, mine["udpSession"], new_key())
        for secret in (bytes.fromhex(theirs["key"]), bytes.fromhex(new_key()), bytes(16)):
            thief.socket.send(thief.bind_packet(secret))
        thief.send(b"stolen")
        ends[1].send(b"back")
        self.assertEqual(ends[0].receive(), b"back")
        ends[0].send(b"once more")
        self.assertEqual(ends[1].receive(), b"once more")


class Carriers(EndToEnd):
    def test_one_full_handshake(self):
        """Of all carriers of a pair only the first one has it; the others take up its session."""
        server = self.server(token=TOKEN)
        service = serve_echo(self)
        self.client(server, "B")
        middle = Middle(self, server)
        a = self.client(middle.in_place_of(server), "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")
        self.works(port)
        first = len(middle.all_channels)
        users = [connect(port) for _ in range(40)]
        for user in users:
            self.addCleanup(user.close)
            roundtrip(user, b"hello")
        self.assertGreater(len(middle.all_channels), 20)
        shaken = [channel for channel in middle.all_channels if channel.directions[DOWN].first]
        full = [channel for channel in shaken if not is_resumed(channel.directions[DOWN].first)]
        self.assertGreater(len(shaken), 20)
        self.assertEqual((first, len(full)), (1, 1))

    def test_a_key_that_is_told_late(self):
        """The data channel may be faster than the control channel: the handshake is over before A hears whose key it must have seen."""
        server = self.server(token=TOKEN)
        service, datagrams = serve_echo(self), serve_udp_echo(self)
        self.client(server, "B")
        late = []

        def shaken():
            # ClientHello, ChangeCipherSpec, and A's proof of its key.
            channels = list(middle.channels)
            return channels and all(channel.directions[UP].records >= 3 for channel in channels)

        def delay(direction, message):
            if message["type"] == "create_session" and message["payload"]["relayAddr"]["protocol"] == "tcp":
                try:
                    late.append(wait_until(shaken, "the handshakes are over", timeout=2))
                except AssertionError:
                    pass  # it was broken off
            return message

        middle = Middle(self, server, delay)
        a = self.client(middle.in_place_of(server), "A", f"B:{service.port}", f"B:{datagrams.port}/udp")
        for _ in range(10):
            self.works(a.local_port(f"B:{service.port}"))
            self.udp_works(self.udp_user(a.local_port(f"B:{datagrams.port}")), b"hello")
            wait_until(lambda: middle.break_off_all() or not middle.channels, "the next carriers are new")
        self.assertGreaterEqual(len(late), 10)

    def test_bytes_and_ends(self):
        """Bulk, half-closes and resets over one proxy, one after the other and at once, on carriers that are used again."""
        server = self.server(token=TOKEN)
        begun, resets = [], []

        def serve(connection):
            kind = recv_exactly(connection, 1)
            if kind == b"r":  # is reset by the user
                begun.append(True)
                try:
                    connection.sendall(b"!")
                    while connection.recv(65536):
                        pass
                except ConnectionResetError:
                    resets.append(True)
            elif kind == b"R":  # resets
                connection.recv(65536)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif kind == b"h":  # answers after the end
                data = b""
                while part := connection.recv(65536):
                    data += part
                connection.sendall(data[::-1])
            else:
                echo(connection)

        service = TcpService(self, serve)
        self.client(server, "B")
        a = self.client(server, "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")

        def user(number):
            kind = "ehrRbe"[number % 6]
            with connect(port, timeout=30) as one:
                if kind == "e":
                    one.sendall(b"e")
                    roundtrip(one, random_bytes(100))
                    one.shutdown(socket.SHUT_WR)
                    expect_eof(one)
                elif kind == "b":
                    one.sendall(b"e")
                    roundtrip(one, random_bytes(3_000_000))
                elif kind == "h":
                    data = random_bytes(200_000)
                    one.sendall(b"h" + data)
                    one.shutdown(socket.SHUT_WR)
                    self.assertEqual(recv_exactly(one, len(data)), data[::-1])
                    expect_eof(one)
                elif kind == "R":
                    one.sendall(b"Rnow")
                    expect_reset(one)
                else:
                    one.sendall(b"r" + random_bytes(1000))
                    if number % 12 == 2:
                        recv_exactly(one, 1)  # the others may be gone before the service has heard of them
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        for number in range(24):
            user(number)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            list(pool.map(user, range(96)))
        # A reset overtakes what it was sent behind: a connection that was not open at the service yet need not be any more.
        wait_until(lambda: len(resets) == len(begun), "each reset of a user has arrived")
        self.assertGreater(len(resets), 0)
        before = self.channels_made(server)
        for _ in range(500):
            with connect(port) as one:
                one.sendall(b"e")
                roundtrip(one, random_bytes(300))
                one.shutdown(socket.SHUT_WR)
                expect_eof(one)
        made = self.channels_made(server) - before
        self.assertLess(made, 100, "500 short connections use carriers again")


class Agreement(EndToEnd):
    """--encryption none, on one side, on both, on none."""

    def test_an_initiator_without(self):
        """Refused; both say what to do, and nothing of the user is on the way."""
        server = self.server(token=TOKEN)
        service, datagrams = serve_echo(self), serve_udp_echo(self)
        b = self.client(server, "B")
        a = self.client(server, "A", f"B:{service.port}", f"B:{datagrams.port}/udp", args=PLAIN)
        expect_reset_user(a.local_port(f"B:{service.port}"), b"hello")
        for each in (a, b):
            each.log.wait("--encryption none must be given on both sides")
        user = self.udp_user(a.local_port(f"B:{datagrams.port}"), timeout=0.5)
        user.send(b"hello")
        with self.assertRaises(TimeoutError):
            user.recv(100)
        self.assertEqual((service.accepted, datagrams.received), (0, []))

    def test_a_target_without(self):
        """It lets others do without encryption, and takes nothing away from those that have it."""
        server = self.server(token=TOKEN)
        service, datagrams = serve_echo(self), serve_udp_echo(self)
        middle = Middle(self, server)
        on_the_way = []
        middle.on_datagram = lambda direction, packet: on_the_way.append(packet) or [packet]
        self.client(server, "B", args=PLAIN)
        a = self.client(middle.in_place_of(server), "A", f"B:{service.port}", f"B:{datagrams.port}/udp")
        marker = os.urandom(32)
        with connect(a.local_port(f"B:{service.port}")) as user:
            for _ in range(20):
                roundtrip(user, marker)
        self.udp_works(self.udp_user(a.local_port(f"B:{datagrams.port}")), marker)
        for channel in middle.all_channels:
            for direction in channel.directions.values():
                self.assertNotIn(marker, direction.first)
        self.assertFalse([packet for packet in on_the_way if marker in packet])
        # That they would be found there: the same, with a proxy that does without.
        done = a.command("proxy", "create", "--local-port", "0", "--target-client", "B", "--target-port", service.port, "--encryption", "none",
                         "--protocol", "tcp", "--name", "plain")
        self.assertEqual(done.returncode, 0)
        port = next(each["localPort"] for each in json.loads(a.command("proxy", "list", "--json").stdout)["proxies"] if each.get("name") == "plain")
        with connect(port) as user:
            roundtrip(user, marker)
        self.assertTrue(any(marker in channel.directions[UP].first for channel in middle.all_channels))

    def test_both_sides(self):
        server = self.server(token=TOKEN)
        service, datagrams = serve_echo(self), serve_udp_echo(self)
        self.client(server, "B", args=PLAIN)
        a = self.client(server, "A", f"B:{service.port}", f"B:{datagrams.port}/udp", args=PLAIN)
        self.works(a.local_port(f"B:{service.port}"), 1_000_000)
        self.udp_works(self.udp_user(a.local_port(f"B:{datagrams.port}")), b"hello")


if __name__ == "__main__":
    main()
