#!/usr/bin/python3
"""The same id registering twice, with the same key: the new one takes over, the old one is told, sessions go on."""

from harness import Client, IntegrationTest, connect, main, random_bytes, recv_exactly, roundtrip, serve_echo, wait_until
from harness.protocol import ControlChannel, Identity


class Takeover(IntegrationTest):
    def again(self, first, **options):
        """Another ctc with the name and the key of the first one."""
        return self.client(first.server, first.id, args=["--identity", first.data_dir / "identity.pem"], name=f"{first.name}-again", **options)

    def test_by_hand(self):
        """The messages of docs/PROTOCOL.md, from both sides of a takeover."""
        server = self.server()
        key = Identity()
        old, new = ControlChannel(self, server.port), ControlChannel(self, server.port)
        self.assertIs(old.register("B", key=key)["existingKicked"], False)
        self.assertIs(new.register("B", key=key)["existingKicked"], True)
        self.assertEqual(old.closed(), ["kicked"])
        self.assertEqual(new.clients(), ["B"])
        # The end of the old connection does not take the new one's registration along.
        new.send("heartbeat", timestamp=5)
        self.assertEqual(new.expect("heartbeat")["timestamp"], 5)
        self.assertEqual(new.clients(), ["B"])
        # Once more: nothing of the first takeover is left.
        third = ControlChannel(self, server.port)
        self.assertIs(third.register("B", key=key)["existingKicked"], True)
        self.assertEqual(new.closed(), ["kicked"])

    def test_only_with_the_token(self):
        """Whoever cannot prove the token does not take anything over, even with the key."""
        server = self.server(token="secret")
        key = Identity()
        owner = ControlChannel(self, server.port)
        self.assertTrue(owner.register("B", "secret", key=key)["success"])
        thief = ControlChannel(self, server.port)
        self.assertFalse(thief.register("B", "guess", key=key)["success"])
        self.assertEqual(owner.clients(), ["B"])

    def test_real_clients(self):
        """The old program says why it was replaced and does not fight for the id."""
        server = self.server()
        old = self.client(server, "B")
        new = self.again(old)
        sentence = old.log.wait(r'another connection registered the (same )?id "B"')
        self.assertTrue(sentence)
        # It may end or stay, but the id stays where it went: a fight would show as further registrations.
        mark = new.process.out.mark()
        service = serve_echo(self)
        port = self.client(server, "A", f"B:{service.port}").local_port(f"B:{service.port}")
        with connect(port) as user:
            for _ in range(50):
                roundtrip(user, random_bytes(1000))
        self.assertEqual(new.process.out.lines(after=mark), [])
        self.assertEqual(old.process.out.text().count("registered as B"), 1)
        self.assertNotIn("another connection", new.log.text())
        self.assertTrue(new.process.running)

    def test_another_key(self):
        """Without the key of the first one nothing is taken over: the second one says so and ends, also when the first has gone."""
        server = self.server()
        service = serve_echo(self)
        owner = self.client(server, "B")
        port = self.client(server, "A", f"B:{service.port}").local_port(f"B:{service.port}")
        with connect(port) as user:
            roundtrip(user, b"before")
            for online in (True, False):
                with self.subTest(online=online):
                    if not online:
                        owner.stop()
                    for words in ([], ["--lang", "zh"]):
                        thief = Client(self, server, "B", name="ctc-B-thief", args=words).spawn()
                        self.assertEqual(thief.process.wait(), 1)
                        self.assertNotIn("registered as", thief.process.out.text())
                        self.assertIn("属于另一个密钥" if words else "belongs to another key", thief.log.text())
                        self.assertIn("cts release B", thief.log.text())
                    if online:
                        roundtrip(user, b"undisturbed")
                        self.assertTrue(owner.process.running)
                        self.assertNotIn("another connection", owner.log.text())
        # The owner comes back to its name.
        owner.start()
        with connect(port) as user:
            roundtrip(user, b"after")

    def test_chinese(self):
        server = self.server()
        old = self.client(server, "B", args=["--lang", "zh"])
        self.again(old)
        old.log.wait('另一个连接注册了相同的标识 "B"')

    def test_sessions_go_on(self):
        """Data channels are connections of their own: they outlive the control connection that was replaced."""
        server = self.server()
        left, right = ControlChannel(self, server.port), ControlChannel(self, server.port)
        keys = {"left": Identity(), "right": Identity(temporary=True)}
        for control, client_id in ((left, "left"), (right, "right")):
            self.assertTrue(control.register(client_id, key=keys[client_id])["success"])
        [key] = left.request("right", 80)
        near = left.data_channel(key)
        far = right.data_channel(right.expect("connect_request")["sessions"][0]["key"])
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        near.sendall(b"before")
        self.assertEqual(recv_exactly(far, 6), b"before")
        for client_id, old in (("right", right), ("left", left)):
            new = ControlChannel(self, server.port)
            self.assertIs(new.register(client_id, key=keys[client_id])["existingKicked"], True)
            old.closed()
            near.sendall(b"after")
            self.assertEqual(recv_exactly(far, 5), b"after")
            far.sendall(b"and back")
            self.assertEqual(recv_exactly(near, 8), b"and back")

    def test_after_a_lost_connection(self):
        """A client that comes back while the server still believes in its old connection is served at once."""
        server = self.server()
        service = serve_echo(self)
        b = self.client(server, "B")
        port = self.client(server, "A", f"B:{service.port}").local_port(f"B:{service.port}")
        # Stopped, the old program cannot close its connection: to the server it looks like a cut cable.
        b.process.freeze()
        self.addCleanup(b.process.thaw)
        self.again(b)

        def works():
            with connect(port, timeout=1) as user:
                user.settimeout(1)
                return roundtrip(user, b"hello")

        wait_until(works, "new connections reach the client that came back", timeout=10)


if __name__ == "__main__":
    main()
