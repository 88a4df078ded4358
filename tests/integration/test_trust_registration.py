#!/usr/bin/python3
"""Whose a name is: the key's that registered it first, also while its client is away and after the server has come back. And what a
stranger sees of all that."""
import re
import select
import socket
import threading

from harness import main, wait_until
from harness.chuantou import cts
from harness.protocol import KEYLESS, Identity
from harness.registration import MAIN, RegistrationTest


class Names(RegistrationTest):
    def test_an_impostor_with_the_right_token(self):
        """While the owner is there, while it is away, and after the server has come back: the name stays its own."""
        server = self.server(token=MAIN)
        owner, impostor = Identity(), Identity()
        first = self.joined(server, "B", MAIN, owner)
        self.assertEqual(self.refused(server, "B", MAIN, impostor)[0], "name_taken")
        self.assertEqual(self.refused(server, "B", MAIN, Identity(temporary=True))[0], "name_taken")
        self.assertEqual(first.clients(), ["B"])
        first.send("unregister")
        first.closed()
        self.assertEqual(self.refused(server, "B", MAIN, impostor)[0], "name_taken")
        for kill in (False, True):
            self.restarted(server, kill)
            code, sentence = self.refused(server, "B", MAIN, impostor)
            self.assertEqual(code, "name_taken")
            self.assertIn('the id "B" belongs to another key', sentence)
            self.joined(server, "B", MAIN, owner)

    def test_the_owner_takes_over_at_once(self):
        server = self.server(token=MAIN)
        key = Identity()
        old = self.joined(server, "B", MAIN, key)
        new = self.channel(server)
        self.assertIs(new.register("B", MAIN, key=key)["existingKicked"], True)
        self.assertEqual(old.closed(), ["kicked"])
        self.assertEqual(new.clients(), ["B"])

    def test_a_temporary_key_owns_nothing(self):
        server = self.server()
        guest, owner = Identity(temporary=True), Identity()
        holder = self.joined(server, "B", key=guest)
        self.assertEqual(self.refused(server, "B", key=owner)[0], "name_taken")
        holder.socket.close()
        watcher = self.joined(server, "watcher")
        wait_until(lambda: watcher.clients() == ["watcher"], "the holder is gone")
        self.joined(server, "B", key=owner)
        self.restarted(server)
        self.assertEqual(self.refused(server, "B", key=guest)[0], "name_taken")

    def test_names_that_the_server_made_are_not_kept(self):
        server = self.server()
        channel = self.channel(server)
        given = channel.register("", key=Identity())["assignedId"]
        self.assertEqual(self.refused(server, given, key=Identity())[0], "name_taken")
        self.restarted(server)
        self.joined(server, given, key=Identity())
        self.assertEqual((server.data_dir / "names.jsonl").read_text(), "")

    def test_release(self):
        server = self.server()
        owner, heir = Identity(), Identity()
        self.joined(server, "B", key=owner).socket.close()
        unknown = server.command("release", "nobody", check=False)
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("nobody", unknown.stderr)
        watcher = self.joined(server, "watcher")
        wait_until(lambda: watcher.clients() == ["watcher"], "the owner is gone")
        server.command("release", "B")
        self.joined(server, "B", key=heir)
        self.restarted(server, kill=True)
        self.assertEqual(self.refused(server, "B", key=owner)[0], "name_taken")
        self.joined(server, "B", key=heir)

    def test_clients_without_a_key(self):
        server = self.server(token=MAIN)
        self.assertEqual(self.refused(server, "B", MAIN, KEYLESS)[0], "identity_required")
        lax = self.server(args=["--allow-keyless"])
        old = self.joined(lax, "B", key=KEYLESS)
        self.joined(lax, "B", key=KEYLESS)
        self.assertEqual(old.closed(), ["kicked"])
        self.joined(lax, "B", key=Identity())
        channel = self.channel(lax)
        self.assertEqual(channel.register("B", key=KEYLESS)["code"], "name_taken")

    def test_both_sides_are_told_the_keys(self):
        server = self.server(token=MAIN)
        guests = self.add_token(server, "guest", "--group", "guests")
        key, visitor = Identity(), Identity(temporary=True)
        b = self.joined(server, "B", MAIN, key)
        for token, group, plain in ((MAIN, True, False), (guests, False, True)):
            a = self.joined(server, "A", token, visitor)
            a.send("connect_request", toClientId="B", remotePort=80, protocol="tcp", keys=["11" * 16 if plain else "22" * 16], plain=plain)
            created, incoming = a.expect("create_session"), b.expect("connect_request")
            self.assertEqual(created["peerKey"], key.text)
            self.assertNotIn("peerKeyTemporary", created)
            self.assertEqual(incoming["peerKey"], visitor.text)
            self.assertIs(incoming["peerKeyTemporary"], True)
            self.assertIs(incoming.get("sameGroup", False), group)
            self.assertIs(incoming.get("plain", False), plain)

    def test_a_damaged_journal(self):
        """A last line that was cut off is left out; any other damage stops the server, which names the line."""
        server = self.server()
        owner = Identity()
        for name in ("A", "B"):
            self.joined(server, name, key=owner)
        self.assertEqual(server.stop(), 0)
        journal = server.data_dir / "names.jsonl"
        whole = journal.read_text()
        self.assertEqual(len(whole.splitlines()), 2)
        journal.write_text(whole[:-20])
        server.start()
        server.log.wait(re.escape(str(journal)))
        self.assertEqual(self.refused(server, "A", key=Identity())[0], "name_taken")
        self.assertEqual(server.stop(), 0)
        journal.write_text("nonsense\n" + whole)
        done = cts("run", "--host", "127.0.0.1", "--port", "0", data_dir=server.data_dir, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{journal}:1", done.stderr)
        self.assertEqual(journal.read_text(), "nonsense\n" + whole)


class Recorder:
    """A TCP proxy before the server that keeps every byte of both directions."""

    def __init__(self, test, server):
        self._server = server.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.seen = bytearray()
        test.addCleanup(self._listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._server))
            threading.Thread(target=self._relay, args=[near, far], daemon=True).start()

    def _relay(self, near, far):
        with near, far:
            while True:
                for source in select.select([near, far], [], [])[0]:
                    try:
                        data = source.recv(65536)
                        (far if source is near else near).sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                    self.seen += data


def unmasked(seen):
    """A client masks what it sends (RFC 6455, section 5.3): its frames, found by their first byte and read with each mask."""
    out = bytearray()
    for at in range(len(seen) - 8):
        if seen[at] != 0x81 or not seen[at + 1] & 0x80:
            continue
        length, start = seen[at + 1] & 0x7F, at + 2
        if length == 126:
            length, start = int.from_bytes(seen[start:start + 2], "big"), start + 2
        if length == 127:
            continue
        mask, content = seen[start:start + 4], seen[start + 4:start + 4 + length]
        out += bytes(byte ^ mask[index % 4] for index, byte in enumerate(content)) + b"\n"
    return bytes(out)


class Secrecy(RegistrationTest):
    def test_tokens_are_nowhere(self):
        """Not on the wire, in no log, in no output but that of the command that makes one."""
        server = self.server(token=MAIN, args=["--log-level", "trace"])
        secrets = [MAIN, self.add_token(server, "guest"), self.add_token(server, "brief", "--expires", "1h", "--once")]
        recorder = Recorder(self, server)
        for number, secret in enumerate(secrets):
            self.joined(server, f"client-{number}", secret, port=recorder.port)
        wrong = "not the token at all"
        channel = self.channel(server, recorder.port)
        self.assertEqual(channel.register("x", wrong)["code"], "auth_failed")
        server.command("token", "revoke", "guest")
        self.assertEqual(server.stop(), 0)
        seen = bytes(recorder.seen)
        sent = unmasked(seen)
        self.assertEqual(sent.count(b'"signature"'), 4, "the recorder reads what clients send")
        self.assertIn(b'"assignedId"', seen)
        said = server.process.out.text() + server.log.text()
        self.assertIn("client-0 registered", said)
        for secret in [*secrets, wrong]:
            self.assertNotIn(secret.encode(), seen)
            self.assertNotIn(secret.encode(), sent)
            self.assertNotIn(secret, said)
        # The configuration's own is not stored either.
        for path in server.data_dir.iterdir():
            self.assertNotIn(MAIN, path.read_text())


if __name__ == "__main__":
    main()
