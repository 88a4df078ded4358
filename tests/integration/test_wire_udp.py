#!/usr/bin/python3
"""Relayed datagrams as docs/PROTOCOL.md has them: binding, both numbers of a session, fragments, who is not heard."""
import socket
import struct

from harness import IntegrationTest, main, random_bytes, seconds, serve_udp_echo
from harness.protocol import ControlChannel, PLAIN, UdpEnd

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
