#!/usr/bin/python3
"""What a token lets in, for how long and for how many, and what happens when it ends."""
import json
import os
import re
import stat
import threading
import time

from harness import main, recv_exactly, wait_until
from harness.chuantou import cts
from harness.protocol import Identity
from harness.registration import JOIN, MAIN, RegistrationTest

WITHIN = 5  # seconds from the end of a token to that of its clients
# More failures than the server takes of one address a minute; that limit is test_pressure's.
MANY_FAILURES = ["--max-auth-failures-per-minute", "10000"]


class Tokens(RegistrationTest):
    def test_a_server_makes_its_own_token(self):
        """One that listens for others, with neither a token nor --allow-anonymous: closed, and joined by the line that it prints."""
        server = self.server(host="0.0.0.0")
        line = r"join: ctc run --server wss://([^:\s]+):(\d+) --token ([0-9a-f]{32,}) --fingerprint sha256:[0-9a-f]{64}$"
        joined = server.process.out.wait(line)
        self.assertEqual(int(joined[2]), server.port)
        self.assertNotEqual(joined[1], "0.0.0.0")
        secret = joined[3]
        self.joined(server, "A", secret)
        self.assertEqual(self.refused(server, "B", "0" * 32)[0], "auth_failed")
        self.assertEqual("join: " + server.command("token").stdout.strip(), joined[0].strip())
        stored = server.data_dir / "tokens.json"
        self.assertIn(secret, stored.read_text())
        self.assertEqual(stat.S_IMODE(os.stat(stored).st_mode), 0o600)
        self.assertNotIn(secret, server.log.text())
        server.args += ["--public-host", "relay.example"]
        self.restarted(server)
        self.assertEqual(server.process.out.wait(line)[3], secret)
        self.assertIn("wss://relay.example:", server.command("token").stdout)
        self.joined(server, "A", secret)

    def test_a_given_token_is_not_shown(self):
        secret = self.tmp / "token"
        secret.write_text(MAIN + "\n")
        for options in (["--token", MAIN], ["--token-file", secret]):
            server = self.server(args=options, name="given")
            server.process.out.wait(r"^join: ctc run --server wss://127\.0\.0\.1:\d+ --token <the token you gave> --fingerprint sha256:[0-9a-f]{64}$")
            self.joined(server, "A", MAIN)
            self.assertNotIn(MAIN, server.command("token").stdout + server.command("token", "list", "--json").stdout)
            for words in (["rotate"], ["revoke", "main"]):
                done = server.command("token", *words, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("configuration", done.stderr)
            self.joined(server, "A2", MAIN)
        both = cts("run", "--token", "x", "--token-file", secret, data_dir=self.folder("both"), check=False)
        self.assertEqual(both.returncode, 2)
        missing = cts("run", "--token-file", self.tmp / "none", data_dir=self.folder("both"), check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn(str(self.tmp / "none"), missing.stderr)

    def test_guessing(self):
        server = self.server(token=MAIN, args=MANY_FAILURES)
        witness = self.joined(server, "witness", MAIN)
        for guess in ["", "x", MAIN[:-1], MAIN + " ", MAIN.upper(), *(f"guess {number}" for number in range(200))]:
            self.assertEqual(self.refused(server, "thief", guess), ("auth_failed", "the token is wrong"))
        self.assertEqual(witness.clients(), ["witness"])
        self.assertGreaterEqual(json.loads(server.command("status", "--json").stdout)["authFailures"], 205)

    def test_replayed_registrations(self):
        """What one connection sent is worth nothing on another, before and after its own challenge."""
        server = self.server(token=MAIN)
        key = Identity()
        honest = self.channel(server)
        challenge = honest.challenge("B", key=key)["challenge"]
        recorded = honest.registration(challenge, "B", MAIN, key)
        honest.send("register", **recorded)
        self.assertTrue(honest.expect("register_response")["success"])
        for messages in ([recorded], [{"clientId": "B", "version": 1}, recorded], [recorded, recorded], [{"clientId": "C", "version": 1}, recorded]):
            thief = self.channel(server)
            for message in messages:
                thief.send("register", **message)
            answers = [thief.expect("register_response") for _ in messages]
            self.assertFalse(any(answer["success"] for answer in answers), answers)
            if len(messages) == 2:
                self.assertEqual(answers[1]["code"], "auth_failed")
                thief.closed()
        self.assertEqual(honest.clients(), ["B"])

    def test_a_one_off_token_and_a_hundred_clients(self):
        server = self.server(token=MAIN, args=MANY_FAILURES)
        secret = self.add_token(server, "once", "--once")
        crowd = []
        for number in range(100):
            channel, key = self.channel(server), Identity()
            crowd.append((channel, f"client-{number}", key, channel.challenge(f"client-{number}", key=key)["challenge"]))
        start = threading.Barrier(len(crowd))
        answers = [None] * len(crowd)

        def run(number):
            channel, client_id, key, challenge = crowd[number]
            message = channel.registration(challenge, client_id, secret, key)
            start.wait()
            channel.send("register", **message)
            answers[number] = channel.expect("register_response", timeout=30)

        threads = [threading.Thread(target=run, args=[number], daemon=True) for number in range(len(crowd))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        winners = [number for number, answer in enumerate(answers) if answer["success"]]
        self.assertEqual(len(winners), 1)
        self.assertEqual({answer["code"] for answer in answers if not answer["success"]}, {"auth_failed"})
        self.assertEqual(self.tokens(server)["once"]["state"], "used-up")
        # That one comes back, also to a server that was killed; nobody else does.
        channel, client_id, key, _ = crowd[winners[0]]
        for restart in (False, True):
            if restart:
                self.restarted(server, kill=True)
            self.joined(server, client_id, secret, key)
            self.assertEqual(self.refused(server, "late", secret)[0], "auth_failed")

    def sessions(self, a, b, name):
        """A TCP session from a to the client of that name: its two data channels."""
        [key] = a.request(name, 80)
        near = a.data_channel(key)
        far = b.data_channel(b.expect("connect_request")["sessions"][0]["key"])
        for channel in (near, far):
            self.addCleanup(channel.close)
            channel.settimeout(WITHIN)
        near.sendall(b"hello")
        self.assertEqual(recv_exactly(far, 5), b"hello")
        return near, far

    def ended(self, channel):
        try:
            return channel.recv(1) == b""
        except ConnectionError:
            return True

    def test_revoking(self):
        """It ends the token's clients and their sessions, and nobody else's."""
        server = self.server(token=MAIN)
        secret = self.add_token(server, "guest")
        key = Identity()
        guest, away = self.joined(server, "guest", secret, key), self.joined(server, "away", secret)
        a, b = self.joined(server, "A", MAIN), self.joined(server, "B", MAIN)
        gone = [*self.sessions(a, guest, "guest"), *self.sessions(a, away, "away")]
        near, far = self.sessions(a, b, "B")
        away.socket.close()  # its session outlives its connection, and must end all the same
        wait_until(lambda: "away" not in a.clients(), "the server knows that it is away")
        began = time.monotonic()
        server.command("token", "revoke", "guest")
        for channel in gone:
            self.assertTrue(self.ended(channel))
        error = guest.expect("error", timeout=WITHIN)
        self.assertEqual(error["code"], "auth_failed")
        self.assertIn("revoked", error["message"])
        guest.closed()
        self.assertLess(time.monotonic() - began, WITHIN)
        self.assertEqual(a.expect("session_closed")["reason"], "the token was revoked")
        near.sendall(b"still")
        self.assertEqual(recv_exactly(far, 5), b"still")
        for restart in (False, True):
            if restart:
                self.restarted(server)
            code, sentence = self.refused(server, "guest", secret, key)
            self.assertEqual((code, sentence), ("auth_failed", "the token was revoked"))
            self.assertEqual(self.tokens(server)["guest"]["state"], "revoked")
        again = server.command("token", "revoke", "guest", check=False)
        self.assertEqual(again.returncode, 1)

    def test_expiry(self):
        server = self.server(token=MAIN)
        secret = self.add_token(server, "brief", "--expires", "2s")
        began = time.monotonic()
        guest, a = self.joined(server, "guest", secret), self.joined(server, "A", MAIN)
        near, _ = self.sessions(a, guest, "guest")
        error = guest.expect("error", timeout=2 + WITHIN)
        self.assertGreater(time.monotonic() - began, 1.5)
        self.assertEqual(error["code"], "auth_failed")
        self.assertIn("expired", error["message"])
        guest.closed()
        self.assertTrue(self.ended(near))
        self.assertEqual(self.refused(server, "guest", secret), ("auth_failed", "the token has expired"))
        self.assertEqual(self.tokens(server)["brief"]["state"], "expired")
        self.assertEqual(a.clients(), ["A"])

    def test_rotating(self):
        server = self.server(host="0.0.0.0")
        old = server.process.out.wait(rf"^join: {JOIN}$")[1]
        key = Identity()
        client = self.joined(server, "A", old, key)
        new = re.search(rf"^{JOIN}$", server.command("token", "rotate").stdout.strip())[1]
        self.assertNotEqual(old, new)
        self.assertEqual(self.refused(server, "A", old, key)[0], "auth_failed")
        self.assertEqual(client.clients(), ["A"])
        self.joined(server, "B", new)
        server.command("token", "rotate", "--disconnect")
        self.assertEqual(client.closed(timeout=WITHIN), ["auth_failed"])
        newest = re.search(rf"^{JOIN}$", server.command("token").stdout.strip())[1]
        self.restarted(server)
        self.assertEqual(self.refused(server, "A", new, key)[0], "auth_failed")
        self.joined(server, "A", newest, key)

    def test_list(self):
        server = self.server(token=MAIN)
        secrets = [MAIN, self.add_token(server, "guest", "--group", "guests", "--expires", "24h", "--allow-expose"),
                   self.add_token(server, "once", "--once")]
        key = Identity()
        self.joined(server, "A", secrets[1], key)
        self.joined(server, "B", secrets[2])
        listed = self.tokens(server)
        self.assertEqual(set(listed), {"main", "guest", "once"})
        guest = listed["guest"]
        self.assertEqual((guest["group"], guest["state"], guest["clients"], guest["allowExpose"]), ("guests", "active", 1, True))
        self.assertAlmostEqual(guest["expiresAt"] / 1000, time.time() + 24 * 3600, delta=60)
        self.assertEqual((listed["once"]["state"], listed["once"]["usesLeft"]), ("used-up", 0))
        self.assertTrue(listed["main"]["configured"])
        for words in (["token", "list"], ["token", "list", "--json"], ["clients"], ["clients", "--json"], ["status", "--json"]):
            for lang in ("en", "zh"):
                text = server.command(*words, "--lang", lang).stdout
                for secret in secrets:
                    self.assertNotIn(secret, text)
        self.assertRegex(server.command("clients").stdout, rf"(?m)^A .*{key.public.hex()[:12]} +guest$")
        self.assertRegex(server.command("clients").stdout, r"(?m)^B .*\(temporary\) +once$")
        taken = server.command("token", "add", "--name", "guest", check=False)
        self.assertEqual(taken.returncode, 1)
        for words in (["--name", "a b"], ["--name", "main"], ["--name", "x", "--expires", "soon"], ["--name", "x", "--group", "ä"], []):
            self.assertNotEqual(server.command("token", "add", *words, check=False).returncode, 0, words)
        self.assertEqual(set(self.tokens(server)), set(listed))


if __name__ == "__main__":
    main()
