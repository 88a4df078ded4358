#!/usr/bin/python3
"""The control channel as docs/PROTOCOL.md has it, spoken by a client that was written from that page alone."""
import json

from harness import IntegrationTest, main, need, run, wait_until
from harness.protocol import ControlChannel, Identity, MAX_MESSAGE, new_key, proof
from harness.websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, Closed


class Control(IntegrationTest):
    def channel(self, server, client_id=None, token=None, key=None, **options):
        channel = ControlChannel(self, server.port, server.host, **options)
        if client_id is not None:
            answer = channel.register(client_id, token, key=key)
            self.assertTrue(answer["success"], answer)
        return channel

    def test_register(self):
        server = self.server(args=["--heartbeat-interval", "7000", "--heartbeat-timeout", "21000"])
        answer = self.channel(server).register("Some.client_1-x")
        self.assertEqual(answer["assignedId"], "Some.client_1-x")
        self.assertIs(answer["success"], True)
        self.assertIs(answer["existingKicked"], False)
        self.assertEqual(answer["version"], 1)
        self.assertEqual(answer["heartbeatInterval"], 7000)
        self.assertEqual(answer["heartbeatTimeout"], 21000)

    def test_the_server_makes_ids(self):
        server = self.server()
        first, second = self.channel(server), self.channel(server)
        ids = {first.register("")["assignedId"]}
        second.send("register", version=1, software="no id at all")
        challenge = second.expect("register_response")["challenge"]
        key = Identity(temporary=True)
        second.send("register", version=1, software="no id at all", **key.fields(), signature=key.signature(challenge, ""))
        ids.add(second.expect("register_response")["assignedId"])
        self.assertEqual(len(ids), 2)
        for client_id in ids:
            self.assertRegex(client_id, r"^[A-Za-z0-9._-]{1,64}$")

    def test_bad_ids(self):
        server = self.server()
        for client_id in ("with space", "slash/", "é", "x" * 65, "new\nline", "a:b"):
            with self.subTest(client_id):
                answer = self.channel(server).register(client_id)
                self.assertIs(answer["success"], False)
                self.assertEqual(answer["code"], "bad_id")
        self.assertEqual(self.channel(server, "x" * 64).clients(), ["x" * 64])

    def test_version_mismatch(self):
        server = self.server()
        for version in (0, 2, 99):
            answer = self.channel(server).register("A", version=version)
            self.assertIs(answer["success"], False)
            self.assertEqual(answer["code"], "version_mismatch")
            self.assertEqual(answer["supportedVersions"], [1])

    def test_token(self):
        server = self.server(token="a long secret")
        channel = self.channel(server)
        first = channel.challenge("A")
        self.assertIs(first["success"], False)
        self.assertEqual(first["code"], "auth_required")
        self.assertRegex(first["challenge"], r"^[0-9a-f]{64}$")
        self.assertIs(channel.prove(first["challenge"], "A", "a long secret", Identity())["success"], True)
        # A challenge is for one connection.
        self.assertNotEqual(self.channel(server).challenge("B")["challenge"], first["challenge"])

    def test_key(self):
        server = self.server()
        channel = self.channel(server)
        first = channel.challenge("A")
        self.assertIs(first["success"], False)
        self.assertEqual(first["code"], "identity_required")
        self.assertRegex(first["challenge"], r"^[0-9a-f]{64}$")
        key = Identity()
        self.assertIs(channel.prove(first["challenge"], "A", key=key)["success"], True)
        channel.send("get_client_list")
        [client] = channel.expect("client_list")["clients"]
        self.assertEqual((client["id"], client["publicKey"]), ("A", key.text))

    def test_wrong_proofs(self):
        """Each is answered by auth_failed and the end of the connection."""
        server = self.server(token="right")
        key, other = Identity(), Identity()
        proofs = {
            "another token": lambda challenge: proof("wrong", challenge, "A", key.public),
            "for another id": lambda challenge: proof("right", challenge, "B", key.public),
            "for another key": lambda challenge: proof("right", challenge, "A", other.public),
            "for no key": lambda challenge: proof("right", challenge, "A"),
            "of another challenge": lambda challenge: proof("right", "00" * 32, "A", key.public),
            "the token itself": lambda challenge: "right",
            "empty": lambda challenge: "",
            "too long": lambda challenge: proof("right", challenge, "A", key.public) + "00",
        }
        signatures = {
            "another key's": lambda challenge: other.signature(challenge, "A"),
            "another id's": lambda challenge: key.signature(challenge, "B"),
            "of another challenge": lambda challenge: key.signature("00" * 32, "A"),
            "cut": lambda challenge: key.signature(challenge, "A")[:-2],
            "no hexadecimal": lambda challenge: "x" * 128,
            "empty": lambda challenge: "",
        }
        wrong = [("proof", name, make) for name, make in proofs.items()] + [("signature", name, make) for name, make in signatures.items()]
        for field, name, make in wrong:
            with self.subTest(f"{field} {name}"):
                channel = self.channel(server)
                challenge = channel.challenge("A")["challenge"]
                fields = channel.registration(challenge, "A", "right", key)
                fields[field] = make(challenge)
                channel.send("register", **fields)
                answer = channel.expect("register_response")
                self.assertIs(answer["success"], False)
                self.assertEqual(answer["code"], "auth_required" if (field, name) == ("proof", "empty") else "auth_failed")
                self.assertNotIn("challenge", answer)
                channel.closed()
        # Unproved connections do nothing else either.
        outsider = self.channel(server)
        outsider.send("get_client_list")
        outsider.send("connect_request", toClientId="A", remotePort=1, protocol="tcp", keys=[new_key()])
        self.assertNotIn("client_list", self.types_until_closed_or_quiet(outsider))

    def types_until_closed_or_quiet(self, channel):
        types = []
        try:
            while True:
                types.append(channel.receive(0.5)[0])
        except (Closed, TimeoutError):
            return types

    def test_client_list_and_unregister(self):
        server = self.server()
        watcher = self.channel(server, "watcher")
        others = [self.channel(server, name) for name in ("zeta", "Alpha", "mid")]
        watcher.send("get_client_list")
        listed = watcher.expect("client_list")["clients"]
        self.assertEqual([client["id"] for client in listed], sorted(["watcher", "zeta", "Alpha", "mid"]))
        for client in listed:
            self.assertGreater(client["registeredAt"], 1_600_000_000_000)
        others[0].send("unregister")
        others[0].closed()
        wait_until(lambda: watcher.clients() == ["Alpha", "mid", "watcher"], "the unregistered client is gone from the list")
        # One that just goes is gone as well.
        others[1].socket.close()
        wait_until(lambda: watcher.clients() == ["mid", "watcher"], "the lost client is gone from the list")

    def test_heartbeats_are_answered(self):
        channel = self.channel(self.server(), "A")
        for timestamp in (0, 1, 1_700_000_000_123, 2 ** 52):
            channel.send("heartbeat", timestamp=timestamp)
            while channel.expect("heartbeat")["timestamp"] != timestamp:
                pass  # the server's own

    def test_silence_is_death(self):
        server = self.server(args=["--heartbeat-interval", "300", "--heartbeat-timeout", "1500"])
        silent, lively = self.channel(server, "silent"), self.channel(server, "lively")

        def gone():
            lively.send("heartbeat", timestamp=1)
            return lively.clients() == ["lively"]

        wait_until(gone, "the silent client is dead", timeout=10, interval=0.1)
        silent.closed()

    def test_unknown_types_and_fields(self):
        channel = self.channel(self.server(), "A")
        channel.send("dance", tempo=3)
        self.assertEqual(channel.expect("error")["code"], "unknown_type")
        channel.socket.send_json({"type": "get_client_list", "payload": {"new": [1, {"x": None}]}, "extra": True})
        self.assertEqual([client["id"] for client in channel.expect("client_list")["clients"]], ["A"])

    BAD_MESSAGES = {
        "no JSON": b"{nonsense",
        "no object": b"[1, 2]",
        "no type": b'{"payload": {}}',
        "a type that is no text": b'{"type": 7}',
        "no UTF-8": b'{"type": "\xff\xfe"}',
        "nested too deep": b'{"type": "heartbeat", "payload": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}",
        "two documents": b'{"type": "heartbeat"} {"type": "heartbeat"}',
    }

    def test_bad_messages_of_a_client(self):
        """Each is answered by an error; nobody else notices."""
        server = self.server()
        key = Identity()
        witness = self.channel(server, "witness")
        for name, message in self.BAD_MESSAGES.items():
            with self.subTest(name):
                channel = self.channel(server, "bad", key=key)
                channel.socket.send_frame(TEXT, message)
                try:
                    self.assertEqual(channel.expect("error")["code"], "protocol_error")
                except Closed as closed:
                    self.assertIn(closed.code, (None, 1002, 1003, 1007, 1008), name)
        self.assertIn("witness", witness.clients())

    def test_bad_messages_of_a_stranger(self):
        """Who has not registered is closed for each of them."""
        server = self.server()
        for name, message in self.BAD_MESSAGES.items():
            with self.subTest(name):
                channel = self.channel(server)
                channel.socket.send_frame(TEXT, message)
                self.assertLessEqual(set(channel.closed()), {"protocol_error"})

    def test_a_message_that_is_too_big_ends_the_connection(self):
        server = self.server()
        for client_id in ("big", None):
            channel = self.channel(server, client_id)
            channel.socket.send_frame(TEXT, b'{"type": "' + b"x" * MAX_MESSAGE + b'"}')
            self.assertLessEqual(set(channel.closed()), {"protocol_error", "limit_reached"})

    def test_bad_frames_end_the_connection(self):
        server = self.server()
        key = Identity()
        good = json.dumps({"type": "get_client_list", "payload": {}}).encode()
        bad = {
            "not masked": lambda socket: socket.send_frame(TEXT, good, masked=False),
            "reserved opcode": lambda socket: socket.send_frame(5, good),
            "reserved bits": lambda socket: socket.send_raw(b"\xf1\x80\0\0\0\0"),
            "fragmented ping": lambda socket: socket.send_frame(PING, b"x", fin=False),
            "a long ping": lambda socket: socket.send_frame(PING, b"x" * 126),
            "continuation of nothing": lambda socket: socket.send_frame(CONTINUATION, good),
            "huge length": lambda socket: socket.send_raw(b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"abcd"),
        }
        for name, send in bad.items():
            with self.subTest(name):
                channel = self.channel(server, "bad", key=key)
                send(channel.socket)
                channel.closed()

    def test_a_binary_message_is_a_protocol_error(self):
        channel = self.channel(self.server(), "A")
        channel.socket.send_frame(BINARY, json.dumps({"type": "get_client_list", "payload": {}}).encode())
        with self.assertRaises((Closed, TimeoutError)):
            while True:
                kind, payload = channel.receive(1)
                self.assertEqual((kind, payload["code"]), ("error", "protocol_error"))

    def test_fragments_and_pings(self):
        channel = self.channel(self.server(), "A")
        message = json.dumps({"type": "get_client_list", "payload": {}}).encode()
        channel.socket.send_frame(TEXT, message[:10], fin=False)
        channel.socket.send_frame(PING, b"between")
        channel.socket.send_frame(CONTINUATION, message[10:20], fin=False)
        channel.socket.send_frame(CONTINUATION, message[20:])
        self.assertEqual([client["id"] for client in channel.expect("client_list")["clients"]], ["A"])
        # Fragments count together: 20 of 4,000 bytes are more than a message may have.
        channel.socket.send_frame(TEXT, b"x" * 4000, fin=False)
        try:
            for _ in range(20):
                channel.socket.send_frame(CONTINUATION, b"x" * 4000, fin=False)
        except OSError:
            pass  # closed before the last one: also right
        channel.closed()

    def test_the_largest_message(self):
        channel = self.channel(self.server(), "A")
        empty = {"type": "get_client_list", "payload": {"padding": ""}}
        empty["payload"]["padding"] = "x" * (MAX_MESSAGE - len(json.dumps(empty)))
        self.assertEqual(len(json.dumps(empty)), MAX_MESSAGE)
        channel.socket.send_json(empty)
        channel.expect("client_list")

    def test_an_orderly_close(self):
        channel = self.channel(self.server(), "A")
        channel.socket.send_frame(CLOSE, b"\x03\xe8bye")
        with self.assertRaises(Closed) as closed:
            while True:
                channel.receive()
        self.assertEqual(closed.exception.code, 1000)

    def test_one_byte_at_a_time(self):
        """Upgrade, register and a request, each byte in a packet of its own."""
        channel = self.channel(self.server(), step=1)
        self.assertTrue(channel.register("slow")["success"])
        self.assertEqual(channel.clients(), ["slow"])

    def test_register_comes_first_and_once(self):
        server = self.server()
        early = self.channel(server)
        early.send("get_client_list")
        self.assertNotIn("client_list", self.types_until_closed_or_quiet(early))
        twice = self.channel(server, "A")
        twice.send("register", clientId="B", version=1)
        self.types_until_closed_or_quiet(twice)
        self.assertNotIn("B", self.channel(server, "C").clients())

    def test_plain_http_on_the_port(self):
        """curl gets an HTTP answer, not a hang; an upgrade of another version is refused with the right one."""
        server = self.server()
        status = run([need("curl", "curl"), "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{server.port}/nothing"])
        self.assertRegex(status.stdout, r"^[1-5]\d\d$")
        answer = run([need("curl", "curl"), "-sS", "-i", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
                      "-H", "Sec-WebSocket-Version: 12", "-H", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                      f"http://127.0.0.1:{server.port}/"]).stdout
        self.assertRegex(answer, r"^HTTP/1\.1 4\d\d ")


if __name__ == "__main__":
    main()
