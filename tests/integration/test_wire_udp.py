#!/usr/bin/python3
"""Relayed datagrams as docs/PROTOCOL.md has them: binding, both numbers of a session, fragments, who is not heard."""
import socket
import struct
import time

from harness import IntegrationTest, main, random_bytes, seconds, serve_udp_echo
from harness.carrier import SEAL, Carrier
from harness.protocol import ACCEPT, ControlChannel, Identity, PLAIN, UdpEnd

_FRAGMENT = 0x20000000  # bit 29 of the session: the packet is a piece of a datagram


class WireUdp(IntegrationTest):
    def registered(self, server, client_id):
        channel = ControlChannel(self, server.port)
        self.assertTrue(channel.register(client_id)["success"])
        return channel

    def nothing_comes(self, end):
        end.socket.settimeout(0.4)
        with self.assertRaises(TimeoutError):
            end.socket.recv(65535)
        end.socket.settimeout(seconds(1))

    def flow_to(self, me, server, peer, port):
        """A bound flow towards a real ctc."""
        [key] = me.request(peer, port, protocol="udp")
        created = me.expect("create_session")
        self.assertEqual(created["relayAddr"], {"port": server.port, "protocol": "udp"})
        session = created["sessions"][0]
        self.assertEqual(session["key"], key)
        self.assertEqual(session["udpSession"] >> 29, 0b100)
        end = UdpEnd(self, server.port, session["udpSession"], key)
        end.bind()
        self.assertEqual(me.expect("accept_session")["sessions"][0]["sessionId"], session["sessionId"])
        end.session_id = session["sessionId"]
        return end

    def pair(self):
        """Two bound ends by hand."""
        server = self.server()
        left, right = self.registered(server, "left"), self.registered(server, "right")
        [key] = left.request("right", 5353, protocol="udp")
        near = left.expect("create_session")["sessions"][0]
        far = right.expect("connect_request")["sessions"][0]
        self.assertEqual(near["udpSession"] ^ far["udpSession"], 1, "the numbers differ in the lowest bit only")
        near_end = UdpEnd(self, server.port, near["udpSession"], key)
        far_end = UdpEnd(self, server.port, far["udpSession"], far["key"])
        far_end.bind()
        right.send("accept_session", sessions=[{"sessionId": far["sessionId"]}])
        left.expect("accept_session")
        near_end.bind()
        return server, near_end, far_end

    def test_to_a_real_client(self):
        server = self.server()
        self.client(server, "B", args=PLAIN)
        service = serve_udp_echo(self)
        end = self.flow_to(self.registered(server, "raw"), server, "B", service.port)
        for size in (0, 1, 1400, 8192, 65000):
            data = random_bytes(size)
            end.send(data)
            self.assertEqual(end.receive(), data)

    def test_fragments_to_a_real_client(self):
        """The largest datagram in pieces; an unfinished one is dropped when the next begins."""
        server = self.server()
        self.client(server, "B", args=PLAIN)
        service = serve_udp_echo(self)
        end = self.flow_to(self.registered(server, "raw"), server, "B", service.port)
        data = random_bytes(65507)
        self.send_piece(end, 7, len(data), 0, random_bytes(48_000))  # never finished
        self.send_piece(end, 8, len(data), 48_000, data[48_000:])  # in any order
        self.send_piece(end, 8, len(data), 48_000 + 1, data[48_001:])  # cut elsewhere: dropped
        self.send_piece(end, 8, len(data), 0, data[:48_000])
        answer = {}
        while sum(len(piece) for piece in answer.values()) < len(data):
            packet = end.socket.recv(65535)
            session, length, _, total, offset = struct.unpack(">IHHHH", packet[:12])
            self.assertEqual(session, end.session | _FRAGMENT)
            self.assertEqual((length, total), (len(packet) - 6, len(data)))
            answer[offset] = packet[12:]
        self.assertEqual(b"".join(answer[offset] for offset in sorted(answer)), data)
        self.assertEqual(service.received, [data])

    def send_piece(self, end, number, total, offset, piece):
        end.socket.send(struct.pack(">IHHHH", end.session | _FRAGMENT, 6 + len(piece), number, total, offset) + piece)

    def test_the_server_between_two(self):
        _, near, far = self.pair()
        for turn in range(50):
            near.send(b"there %d" % turn)
            self.assertEqual(far.receive(), b"there %d" % turn)
            far.send(b"back %d" % turn)
            self.assertEqual(near.receive(), b"back %d" % turn)

    def test_only_the_proved_address_is_heard(self):
        server, near, far = self.pair()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(struct.pack(">IH", near.session, 6) + b"stolen", ("127.0.0.1", server.port))
            self.nothing_comes(far)
        near.send(b"genuine")
        self.assertEqual(far.receive(), b"genuine")

    def test_a_bind_moves_the_session(self):
        server, near, far = self.pair()
        moved = UdpEnd(self, server.port, near.session, near.key.hex())
        moved.bind()
        far.send(b"to the new address")
        self.assertEqual(moved.receive(), b"to the new address")
        moved.send(b"from the new address")
        self.assertEqual(far.receive(), b"from the new address")

    def test_wrong_binds_are_not_answered(self):
        server, near, far = self.pair()
        thief = UdpEnd(self, server.port, near.session, near.key.hex())
        right = near.bind_packet()
        for wrong in (near.bind_packet(bytes(16)), near.bind_packet(far.key), right[:-1], right + b"\0", right[:6] + b"\x03" + right[7:]):
            thief.socket.send(wrong)
        self.nothing_comes(thief)
        far.send(b"still the old address")
        self.assertEqual(near.receive(), b"still the old address")

    def test_wrong_packets_are_dropped(self):
        _, near, far = self.pair()
        good = struct.pack(">IH", near.session, 4) + b"good"
        for wrong in (b"", b"\x80", good[:5], good + b"!", good[:-1], struct.pack(">IH", near.session ^ 0x1000, 4) + b"good",
                      struct.pack(">IH", 0, 4) + b"good", b"\xff" * 40, b"\x40" + bytes(30), b"\x00\x01\0\4" + bytes(16)):
            near.socket.send(wrong)
        near.send(b"the only one")
        self.assertEqual(far.receive(), b"the only one")
        self.nothing_comes(far)
        self.nothing_comes(near)

    # Pings: a flow to no service of a real ctc, which sends back what comes.

    def arrange_ping(self, *args):
        server = self.server()
        self.b = self.client(server, "B", args=[*PLAIN, "--allow", "none", *args])
        return server, self.registered(server, "raw")

    def echoes(self, end, payload):
        end.send(payload)
        self.assertEqual(end.receive(), payload)

    def test_ping(self):
        """Whatever it is, if it is small: it comes back as it was, to who sent it, and nothing else does."""
        server, me = self.arrange_ping()
        end = self.flow_to(me, server, "B", 0)
        for size in range(65):
            self.echoes(end, random_bytes(size))
        for size in (65, 100, 1400, 9000, 65000):
            end.send(bytes(size))
        for number, (total, offset, size) in enumerate(((65507, 0, 48_000), (65507, 48_000, 17_507), (65507, 0, 48_000), (65001, 48_000, 17_001))):
            self.send_piece(end, number // 2, total, offset, bytes(size))
        self.nothing_comes(end)
        self.echoes(end, b"still there")

    def test_ping_is_for_who_proved_his_address(self):
        server, me = self.arrange_ping()
        end = self.flow_to(me, server, "B", 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(struct.pack(">IH", end.session, 4) + b"mine", ("127.0.0.1", server.port))
            stranger.settimeout(0.4)
            with self.assertRaises(TimeoutError):
                stranger.recv(100)
        self.nothing_comes(end)
        self.echoes(end, b"mine")

    def test_ping_is_no_tunnel(self):
        """A flow gets 200 answers a minute, however much is asked."""
        server, me = self.arrange_ping()
        end = self.flow_to(me, server, "B", 0)
        end.socket.settimeout(0.3)
        answers = 0
        for turn in range(40):
            for number in range(25):
                end.send(b"%3d %3d" % (turn, number))
            try:
                for _ in range(25):
                    end.receive()
                    answers += 1
            except TimeoutError:
                if answers >= 200:
                    break
        # What comes back meanwhile is 3.3 a second; the loop lasts few of them.
        self.assertTrue(200 <= answers <= 240, answers)

    def test_ping_has_few_flows_at_a_time(self):
        """Four of a peer's, which end by themselves after 30 s, whatever comes on them; another peer has its own."""
        server, me = self.arrange_ping()
        ends = [self.flow_to(me, server, "B", 0) for _ in range(4)]
        me.request("B", 0, protocol="udp")
        me.expect("create_session")
        self.assertEqual(me.expect("reject_session")["code"], "limit_reached")
        other = self.flow_to(self.registered(server, "other"), server, "B", 0)
        for end in (*ends, other):
            self.echoes(end, b"hello")
        closed, deadline = set(), time.monotonic() + seconds(45)
        while len(closed) < 4:
            self.assertLess(time.monotonic(), deadline, f"only {closed} were closed")
            try:
                closed |= {each["sessionId"] for each in me.expect("session_closed", timeout=3)["sessions"]}
            except AssertionError:
                me.send("heartbeat", timestamp=0)
        self.assertEqual(closed, {end.session_id for end in ends})
        self.nothing_comes(ends[0])
        ends[0].send(b"too late")
        self.nothing_comes(ends[0])
        self.echoes(self.flow_to(me, server, "B", 0), b"a new one")

    def test_ping_that_is_closed_makes_room(self):
        server, me = self.arrange_ping()
        for _ in range(20):
            end = self.flow_to(me, server, "B", 0)
            me.send("session_closed", sessions=[{"sessionId": end.session_id}], reason="enough")
        self.echoes(self.flow_to(me, server, "B", 0), b"hello")

    def test_ping_without_keys(self):
        """Between clients that encrypt, nothing is answered that is not sealed; and only the session's own SEAL opens it."""
        server = self.server()
        service = serve_udp_echo(self)
        self.client(server, "B")
        me, identity = ControlChannel(self, server.port), Identity(temporary=True)
        self.assertTrue(me.register("raw", key=identity)["success"])
        carrier = Carrier(self, me, "B", 0, identity)
        for port, wrong in ((0, service.port), (service.port, 0)):
            [key] = me.request("B", port, protocol="udp", plain=False)
            session = me.expect("create_session")["sessions"][0]
            end = UdpEnd(self, server.port, session["udpSession"], key)
            end.bind()
            me.expect("accept_session")
            for payload in (b"", b"ping", bytes(16), random_bytes(24), random_bytes(40), random_bytes(64)):
                end.send(payload)
            self.nothing_comes(end)
            number = int(session["sessionId"].removeprefix("s-"), 16)
            for seal_port, host in ((wrong, b""), (port, b"localhost")):
                carrier.send(SEAL, struct.pack(">HQ", seal_port, number) + random_bytes(16) + host)
                self.assertEqual(carrier.refusal(), 111)
                carrier = Carrier(self, me, "B", 0, identity)
            carrier.send(SEAL, struct.pack(">HQ", port, number) + random_bytes(16))
            carrier.expect(ACCEPT)
            for payload in (b"ping", random_bytes(24), random_bytes(40), bytes(88)):
                end.send(payload)
            self.nothing_comes(end)
            carrier.send(SEAL, struct.pack(">HQ", port, number) + random_bytes(16))  # once
            self.assertEqual(carrier.refusal(), 111)
            carrier = Carrier(self, me, "B", 0, identity)

    def test_ping_of_who_is_not_let_in(self):
        """As over TCP: B wants encryption."""
        server = self.server()
        self.client(server, "B")
        me = self.registered(server, "raw")
        for protocol in ("tcp", "udp"):
            me.request("B", 0, protocol=protocol)
            self.assertEqual(me.expect("reject_session")["code"], "encryption_required")

    def test_closing_ends_the_flow(self):
        server = self.server()
        left, right = self.registered(server, "left"), self.registered(server, "right")
        left.request("right", 5353, protocol="udp")
        session = right.expect("connect_request")["sessions"][0]["sessionId"]
        left.expect("create_session")
        left.send("session_closed", sessions=[{"sessionId": session}], reason="enough")
        closed = right.expect("session_closed")
        self.assertEqual([each["sessionId"] for each in closed["sessions"]], [session])


if __name__ == "__main__":
    main()
