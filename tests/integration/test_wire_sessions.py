#!/usr/bin/python3
"""Sessions, data channels and carriers as docs/PROTOCOL.md has them: a client written from that page against real ones."""
import select
import socket

from harness import (IntegrationTest, closed_port, connect, expect_eof, expect_reset, main, random_bytes, recv_exactly, roundtrip, seconds,
                     serve_echo)
from harness.protocol import (ACCEPT, OPEN, PING, PONG, REJECT, ControlChannel, PLAIN, frame, new_key, open_frame, read_frame)


class Sessions(IntegrationTest):
    def registered(self, server, client_id, **options):
        channel = ControlChannel(self, server.port, server.host, **options)
        self.assertTrue(channel.register(client_id)["success"])
        return channel

    def data(self, control, key, **options):
        channel = control.data_channel(key, **options)
        self.addCleanup(channel.close)
        return channel

    def closes(self, channel, timeout=10):
        """An end of any kind, without a byte before it."""
        channel.settimeout(seconds(timeout))
        try:
            expect_eof(channel)
        except ConnectionResetError:
            pass

    # The initiator's side, against a real ctc.

    def test_initiator(self):
        server = self.server()
        self.client(server, "B", args=PLAIN)
        service = serve_echo(self)
        me = self.registered(server, "raw")
        [key] = me.request("B", service.port)
        channel = self.data(me, key)
        # Without waiting for anything: OPEN and the connection's first bytes.
        channel.sendall(open_frame(service.port) + b"first bytes")
        self.assertEqual(read_frame(channel), (ACCEPT, 0, b""))
        self.assertEqual(recv_exactly(channel, 11), b"first bytes")
        roundtrip(channel, random_bytes(500_000))
        created = me.expect("create_session")
        self.assertEqual(created["peerClientId"], "B")
        self.assertEqual(created["remotePort"], service.port)
        self.assertEqual(created["relayAddr"], {"port": server.port, "protocol": "tcp"})
        self.assertEqual([session["key"] for session in created["sessions"]], [key])
        channel.shutdown(socket.SHUT_WR)
        expect_eof(channel)

    def test_one_byte_at_a_time(self):
        """Preface, OPEN and payload, each byte in a packet of its own."""
        server = self.server()
        self.client(server, "B", args=PLAIN)
        service = serve_echo(self)
        me = self.registered(server, "raw", step=1)
        [key] = me.request("B", service.port)
        channel = self.data(me, key, step=1)
        for byte in open_frame(service.port) + b"slowly":
            channel.sendall(bytes([byte]))
        self.assertEqual(read_frame(channel), (ACCEPT, 0, b""))
        self.assertEqual(recv_exactly(channel, 6), b"slowly")

    def test_a_data_channel_before_its_request(self):
        server = self.server()
        self.client(server, "B", args=PLAIN)
        service = serve_echo(self)
        me = self.registered(server, "raw")
        key = new_key()
        channel = self.data(me, key)
        channel.sendall(open_frame(service.port) + b"early")
        me.clients()  # a round trip, so that the data channel was there long before
        me.request("B", service.port, keys=[key])
        self.assertEqual(read_frame(channel), (ACCEPT, 0, b""))
        self.assertEqual(recv_exactly(channel, 5), b"early")

    def test_many_sessions_in_one_request(self):
        """64 keys, the most that a request may have; all are warm carriers until they are opened, in any order."""
        server = self.server()
        self.client(server, "B", args=PLAIN)
        service = serve_echo(self)
        me = self.registered(server, "raw")
        keys = me.request("B", service.port, count=64)
        channels = [self.data(me, key) for key in keys]
        for number, channel in enumerate(channels):
            channel.sendall(frame(PING, b"%08d" % number))
        for number, channel in enumerate(channels):
            self.assertEqual(read_frame(channel), (PONG, 0, b"%08d" % number))
        for number, channel in reversed(list(enumerate(channels))):
            channel.sendall(open_frame(service.port) + b"%08d" % number)
        for number, channel in enumerate(channels):
            self.assertEqual(read_frame(channel), (ACCEPT, 0, b""))
            self.assertEqual(recv_exactly(channel, 8), b"%08d" % number)
        session_ids = [session["sessionId"] for session in me.expect("create_session")["sessions"]]
        self.assertEqual(len(set(session_ids)), 64)
        self.assertFalse(set(session_ids) & set(keys), "a session id is public, a key is not")

    def test_why_a_target_refuses(self):
        server = self.server()
        closed, _ = closed_port(self)
        self.client(server, "B", args=[*PLAIN, "--allow", f"{closed}", "--allow", "no-such-host.invalid:80"])
        me = self.registered(server, "raw")
        for code, (port, host) in {106: (closed, ""), 107: (80, "no-such-host.invalid")}.items():
            with self.subTest(code):
                channel = self.data(me, me.request("B", port, host=host)[0])
                channel.sendall(open_frame(port, host))
                self.refused(channel, code)
                self.closes(channel)

    def refused(self, channel, code):
        kind, _, payload = read_frame(channel)
        self.assertEqual((kind, int.from_bytes(payload[:2], "big")), (REJECT, code), payload)
        payload[2:].decode()
        self.assertLessEqual(len(payload), 257)

    def test_ports_that_are_not_allowed(self):
        """Asked for openly, the session is refused; asked for in OPEN only, behind an allowed request, the carrier is."""
        server = self.server(args=["--heartbeat-timeout", "60000"])
        allowed, secret = serve_echo(self), serve_echo(self)
        self.client(server, "B", args=[*PLAIN, "--allow", str(allowed.port)])
        me = self.registered(server, "raw")
        [key] = me.request("B", secret.port)
        refused = me.expect("reject_session")
        self.assertEqual(refused["code"], "not_allowed")
        self.closes(self.data(me, key), timeout=25)
        for warm_for in (allowed.port, 0):
            channel = self.data(me, me.request("B", warm_for)[0])
            channel.sendall(open_frame(secret.port))
            self.refused(channel, 108)
        self.assertEqual(secret.accepted, 0)

    def test_hosts_that_are_not_allowed(self):
        """Without a rule nothing but the loopback is offered, in whatever spelling it is asked for."""
        server = self.server()
        service = serve_echo(self)
        self.client(server, "B", args=PLAIN)
        me = self.registered(server, "raw")
        for host in ("0.0.0.0", "192.0.2.1", "::", "example.invalid", "127.0.0.1.example.invalid", "10.0.0.1", "::ffff:10.0.0.1"):
            with self.subTest(host):
                channel = self.data(me, me.request("B", service.port)[0])
                channel.sendall(open_frame(service.port, host))
                kind, _, payload = read_frame(channel)
                self.assertEqual((kind, int.from_bytes(payload[:2], "big")), (REJECT, 108), payload)

    def test_broken_carriers(self):
        """What is not a carrier ends that carrier and nothing else."""
        server = self.server()
        service = serve_echo(self)
        self.client(server, "B", args=PLAIN)
        me = self.registered(server, "raw")
        for name, wrong in {"unknown type": frame(77), "too long": bytes([PING, 0, 2, 1]) + bytes(513), "ACCEPT from A": frame(ACCEPT),
                            "short OPEN": frame(OPEN, b"\0")}.items():
            with self.subTest(name):
                channel = self.data(me, me.request("B", service.port)[0])
                channel.sendall(wrong)
                channel.settimeout(seconds(10))
                try:
                    answer = channel.recv(1000)
                    self.assertIn(answer[:1], (b"", bytes([REJECT])))
                except ConnectionResetError:
                    pass
        self.assertEqual(service.accepted, 0)
        channel = self.data(me, me.request("B", service.port)[0])
        channel.sendall(open_frame(service.port))
        self.assertEqual(read_frame(channel)[0], ACCEPT)

    # The target's side, against a real ctc.

    def test_target(self):
        server = self.server()
        me = self.registered(server, "raw")
        user = connect(self.client(server, "A", "raw:4711", args=PLAIN).local_port("raw:4711"))
        self.addCleanup(user.close)
        user.sendall(b"request")
        channel = self.first_open(me, 4711)
        self.assertEqual(recv_exactly(channel, 7), b"request")
        channel.sendall(frame(ACCEPT) + b"answer")
        self.assertEqual(recv_exactly(user, 6), b"answer")
        channel.close()

    def test_target_refuses(self):
        """The user's connection is reset, and A's log has the target's own words."""
        server = self.server()
        me = self.registered(server, "raw")
        a = self.client(server, "A", "raw:4711", args=PLAIN)
        user = connect(a.local_port("raw:4711"))
        self.addCleanup(user.close)
        channel = self.first_open(me, 4711)
        channel.sendall(frame(REJECT, (109).to_bytes(2, "big") + "满了 no more today".encode()))
        channel.close()
        expect_reset(user)
        a.log.wait("no more today")

    def first_open(self, me, port):
        """Takes part in every session that is offered until an OPEN comes on one of them: the others are warm."""
        offered = me.expect("connect_request")
        self.assertEqual(offered["fromClientId"], "A")
        channels = [self.data(me, session["key"]) for session in offered["sessions"]]
        me.send("accept_session", sessions=[{"sessionId": session["sessionId"]} for session in offered["sessions"]])
        readable, _, _ = select.select(channels, [], [], seconds(10))
        self.assertTrue(readable, "nobody sent OPEN")
        kind, _, payload = read_frame(readable[0])
        self.assertEqual(kind, OPEN)
        self.assertEqual(int.from_bytes(payload[:2], "big"), port)
        return readable[0]

    # Both sides by hand: what the server does between them.

    def pair(self, **options):
        server = self.server(**options)
        return self.registered(server, "left"), self.registered(server, "right")

    def test_reject_session(self):
        left, right = self.pair()
        [key] = left.request("right", 80)
        channel = self.data(left, key)
        session = right.expect("connect_request")["sessions"][0]["sessionId"]
        right.send("reject_session", sessions=[{"sessionId": session}], code="limit_reached", reason="later, please")
        refused = left.expect("reject_session")
        self.assertEqual((refused["code"], refused["reason"]), ("limit_reached", "later, please"))
        self.assertEqual(refused["sessions"][0]["sessionId"], session)
        self.closes(channel)

    def test_unknown_and_offline_peers(self):
        left, right = self.pair()
        keys = left.request("nobody", 80, count=3)
        refused = left.expect("reject_session")
        self.assertEqual(refused["code"], "unknown_peer")
        self.assertEqual([session["key"] for session in refused["sessions"]], keys)
        right.send("unregister")
        right.closed()
        left.request("right", 80)
        self.assertEqual(left.expect("reject_session")["code"], "peer_offline")

    def test_what_the_server_passes(self):
        """Bytes as they are, an end of stream as an end of stream, both ways."""
        left, right = self.pair()
        [key] = left.request("right", 80)
        near = self.data(left, key)
        near.sendall(bytes(range(256)) * 4)
        offered = right.expect("connect_request")
        self.assertEqual((offered["fromClientId"], offered["remotePort"], offered["protocol"]), ("left", 80, "tcp"))
        session = offered["sessions"][0]
        self.assertNotEqual(session["key"], key)
        far = self.data(right, session["key"])
        self.assertEqual(recv_exactly(far, 1024), bytes(range(256)) * 4)
        near.shutdown(socket.SHUT_WR)
        expect_eof(far)
        far.sendall(b"still here")
        self.assertEqual(recv_exactly(near, 10), b"still here")
        far.close()
        expect_eof(near)

    def test_keys_are_for_one_use(self):
        left, right = self.pair()
        [key] = left.request("right", 80)
        near = self.data(left, key)
        far_key = right.expect("connect_request")["sessions"][0]["key"]
        far = self.data(right, far_key)
        near.sendall(b"paired")
        self.assertEqual(recv_exactly(far, 6), b"paired")
        for used in (key, far_key):
            self.closes(self.data(left, used), timeout=25)
        near.sendall(b"still paired")
        self.assertEqual(recv_exactly(far, 12), b"still paired")

    def test_wrong_keys_wait_in_vain(self):
        """A wrong key is closed without a word, at the same time as any other."""
        left, _ = self.pair()
        channels = [self.data(left, new_key()) for _ in range(5)]
        for channel in channels:
            self.closes(channel, timeout=25)

    def test_sessions_that_nobody_joins(self):
        left, right = self.pair(args=["--pairing-timeout", "1000"])
        [key] = left.request("right", 80)
        channel = self.data(left, key)
        session = right.expect("connect_request")["sessions"][0]["sessionId"]
        for side in (left, right):
            self.assertEqual([each["sessionId"] for each in side.expect("session_closed")["sessions"]], [session])
        self.closes(channel)

    def test_wrong_requests(self):
        left, right = self.pair()
        wrong = [{"keys": []}, {"keys": [new_key() for _ in range(65)]}, {"keys": ["xyz"]}, {"keys": "00" * 16}, {"remotePort": -1},
                 {"remotePort": 65536}, {"protocol": "sctp"}, {"toClientId": "with space"}]
        for change in wrong:
            with self.subTest(change=str(change)[:60]):
                left.send("connect_request", **{"toClientId": "right", "remotePort": 80, "protocol": "tcp", "keys": [new_key()], **change})
                kind, payload = left.receive()
                self.assertIn(kind, ("error", "reject_session"), payload)
        self.assertIn("right", right.clients())
        self.assertIn("left", left.clients())


if __name__ == "__main__":
    main()
