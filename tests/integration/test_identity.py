#!/usr/bin/python3
"""Who a client is, and whom it knows: identity.pem, known_peers, and the commands about them."""
import json
import os

from harness import Client, IntegrationTest, connect, ctc, main, need, roundtrip, run, serve_echo

KEY = "ed25519:" + "0123456789abcdef" * 4
OTHER = "ed25519:" + "fedcba9876543210" * 4
_LINE = r"^key (ed25519:[0-9a-f]{64})$"


class _Keys(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.relay = self.server()

    def key_of(self, client):
        return client.process.out.wait(_LINE)[1]

    def refused(self, *words, data_dir, code=1, **options):
        """The sentence of a command that fails, and says nothing else."""
        done = ctc(*words, data_dir=data_dir, check=False, **options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.strip())
        return done.stderr

    def run_refused(self, data_dir):
        return self.refused("run", "--server", self.relay.url, "--id", "A", "--port", "0", data_dir=data_dir)

    def openssl(self, *words):
        return run([need("openssl", "openssl"), *words])

    def json(self, client, *words):
        return json.loads(client.command(*words, "--json").stdout)


class Identity(_Keys):
    def test_made_once(self):
        client = self.client(self.relay, "A")
        key = self.key_of(client)
        file = client.data_dir / "identity.pem"
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        content = file.read_text(encoding="ascii")
        self.assertEqual(self.json(client, "status")["key"], key)
        self.assertIn(key, client.command("status").stdout)
        for _ in ("while it runs", "afterwards"):
            self.assertEqual(self.json(client, "identity"), {"key": key, "file": str(file)})
            self.assertIn(key, client.command("identity").stdout)
            client.stop()
        # Others read the file: the key is the one that OpenSSL sees.
        self.assertTrue(self.openssl("pkey", "-in", file, "-pubout", "-outform", "DER", "-out", self.tmp / "public.der"))
        self.assertEqual("ed25519:" + (self.tmp / "public.der").read_bytes()[-32:].hex(), key)
        client.start()
        self.assertEqual(self.key_of(client), key)
        self.assertEqual(file.read_text(encoding="ascii"), content)

    def test_a_file_of_ones_own(self):
        file = self.tmp / "mine.pem"
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", file)
        first = Client(self, self.relay, "A", args=["--identity", file]).start()
        key = self.key_of(first)
        self.assertFalse((first.data_dir / "identity.pem").exists())
        first.stop()
        imported = self.folder("imported")
        self.assertIn(key, ctc("identity", "import", str(file), data_dir=imported).stdout)
        self.assertEqual(json.loads(ctc("identity", "--json", data_dir=imported).stdout)["key"], key)

    def test_two_with_one_data_dir(self):
        """The second one has a key for its own run, and leaves the files of the first one alone."""
        first = self.client(self.relay, "A")
        second = Client(self, self.relay, "B", name="second")
        second.data_dir = first.data_dir
        second.start()
        second.process.err.wait("has a key of its own")
        self.assertNotEqual(self.key_of(first), self.key_of(second))
        self.assertEqual(self.json(first, "identity")["key"], self.key_of(first))

    def test_export_and_import(self):
        client = self.client(self.relay, "A")
        key = self.key_of(client)
        file = self.tmp / "backup.pem"
        self.assertIn(key, client.command("identity", "export", str(file)).stdout)
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        content = client.command("identity", "export", "-").stdout
        self.assertEqual(file.read_text(encoding="ascii"), content)

        # Into another data dir, by file and by pipe.
        moved = Client(self, self.relay, "B")
        moved.command("identity", "import", str(file))
        self.assertEqual(os.stat(moved.data_dir / "identity.pem").st_mode & 0o777, 0o600)
        self.assertEqual(json.loads(ctc("identity", "--json", data_dir=moved.data_dir).stdout)["key"], key)
        ctc("identity", "import", "-", data_dir=self.tmp / "not" / "yet", input=content)
        self.assertEqual(json.loads(ctc("identity", "--json", data_dir=self.tmp / "not" / "yet").stdout)["key"], key)
        client.stop()
        moved.start()
        self.assertEqual(self.key_of(moved), key)

    def test_force(self):
        """Nothing that is there is replaced without --force; and nothing at all under a client that runs."""
        client = self.client(self.relay, "A")
        key = self.key_of(client)
        file = self.tmp / "backup.pem"
        file.write_text("precious", encoding="ascii")
        self.assertIn("--force", self.refused("identity", "export", str(file), data_dir=client.data_dir))
        self.assertEqual(file.read_text(encoding="ascii"), "precious")
        client.command("identity", "export", str(file), "--force")
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)

        other = self.tmp / "other.pem"
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", other)
        for force in ([], ["--force"]):
            sentence = self.refused("identity", "import", str(other), *force, data_dir=client.data_dir)
            self.assertIn(f"pid {client.process.pid}", sentence)
        client.stop()
        self.assertIn(key, self.refused("identity", "import", str(other), data_dir=client.data_dir))
        self.assertEqual(self.json(client, "identity")["key"], key)
        client.command("identity", "import", str(file))  # the same: nothing to replace
        client.command("identity", "import", str(other), "--force")
        self.assertNotEqual(self.json(client, "identity")["key"], key)

    def test_import_of_something_else(self):
        rsa, locked, public, rubbish, good = (self.tmp / f"{name}.pem" for name in ("rsa", "locked", "public", "rubbish", "good"))
        self.openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", rsa)
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", good)
        self.openssl("pkey", "-in", good, "-aes256", "-passout", "pass:secret", "-out", locked)
        self.openssl("pkey", "-in", good, "-pubout", "-out", public)
        rubbish.write_bytes(os.urandom(4000))
        data_dir = self.folder("data")
        for file in (rsa, locked, public, rubbish):
            with self.subTest(file=file.name):
                sentence = self.refused("identity", "import", str(file), data_dir=data_dir)
                self.assertIn(str(file), sentence)
                self.assertIn("Ed25519", sentence)
                self.assertIn("不是身份文件", self.refused("identity", "import", str(file), "--lang", "zh", data_dir=data_dir))
                self.assertFalse((data_dir / "identity.pem").exists())
        self.assertIn("No such file", self.refused("identity", "import", str(self.tmp / "none.pem"), data_dir=data_dir))

    def test_no_identity_yet(self):
        for words in (["identity"], ["identity", "--json"], ["identity", "export", "-"], ["identity", "export", str(self.tmp / "out.pem")]):
            self.assertIn("there is no identity", self.refused(*words, data_dir=self.tmp / "nobody-here"))
        self.assertFalse((self.tmp / "nobody-here").exists())
        self.assertFalse((self.tmp / "out.pem").exists())

    def test_a_damaged_identity(self):
        """It is named, and left as it is: it may be mended, but a new one in its place would be another client."""
        data_dir = self.folder("data")
        file = data_dir / "identity.pem"
        for text in ("", "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n"):
            file.write_text(text, encoding="ascii")
            for sentence in (self.run_refused(data_dir), self.refused("identity", data_dir=data_dir), self.refused("identity", "export", "-", data_dir=data_dir)):
                self.assertIn(str(file), sentence)
            self.assertEqual(file.read_text(encoding="ascii"), text)

    def test_wrong_usage(self):
        for words in (["identity", "export"], ["identity", "import"], ["identity", "imprt", "x"], ["peers", "forget"], ["peers", "forget", "a b"], ["peers", "trust", "B"],
                      ["peers", "trust", "B", "rsa:12"], ["peers", "trust", "a b", KEY], ["run", "--encryption", "tls"]):
            with self.subTest(words=words):
                self.refused(*words, data_dir=self.folder("data"), code=2)


class Peers(_Keys):
    def test_trust_list_and_forget(self):
        client = self.client(self.relay, "A")
        self.client(self.relay, "B")
        self.assertEqual(self.json(client, "peers"), {"peers": []})
        self.assertIn("no peer is known", client.command("peers").stdout)
        client.command("peers", "trust", "B", KEY)
        client.command("peers", "trust", "C", OTHER)
        peers = {peer["id"]: peer for peer in self.json(client, "peers", "list")["peers"]}
        self.assertEqual({each: (peer["key"], peer["registered"]) for each, peer in peers.items()}, {"B": (KEY, True), "C": (OTHER, False)})
        for words in (["peers"], ["peers", "list"]):
            lines = client.command(*words).stdout.splitlines()
            self.assertEqual([(line.split()[0], line.split()[1], line.split()[-1]) for line in lines[1:]], [("B", KEY, "yes"), ("C", OTHER, "no")])
        self.assertIn("是", client.command("peers", "--lang", "zh").stdout)

        # Another key in place of the first one; what is known outlives the client.
        client.command("peers", "trust", "B", OTHER.upper().replace("ED25519", "ed25519"))
        file = client.data_dir / "known_peers"
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        self.assertTrue(file.read_text(encoding="ascii").startswith(f"B {OTHER} "))
        client.stop()
        client.start()
        self.assertEqual([peer["key"] for peer in self.json(client, "peers")["peers"]], [OTHER, OTHER])
        client.command("peers", "forget", "B")
        self.assertEqual([peer["id"] for peer in self.json(client, "peers")["peers"]], ["C"])
        self.assertIn('"B"', self.refused("peers", "forget", "B", data_dir=client.data_dir))

        # Without the server it is unknown who is registered, but not who is known.
        self.relay.kill()
        client.process.err.wait("trying again|cannot be reached|lost")
        peer, = self.json(client, "peers")["peers"]
        self.assertEqual((peer["id"], peer["key"]), ("C", OTHER))
        self.assertEqual(client.command("peers").stdout.splitlines()[1].split()[-1], "?")

    def refuses(self, port):
        with self.assertRaises(ConnectionError), connect(port) as user:
            roundtrip(user, b"to whom?")

    def works(self, port):
        with connect(port) as user:
            roundtrip(user, b"hello")

    def key_known(self, client, peer):
        return {each["id"]: each["key"] for each in self.json(client, "peers")["peers"]}.get(peer)

    def test_first_meeting(self):
        """Both sides remember each other at the first connection, and everybody's key is in the list of clients."""
        service = serve_echo(self)
        b = self.client(self.relay, "B")
        a = self.client(self.relay, "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")
        keys = {"A": self.key_of(a), "B": self.key_of(b)}
        self.assertEqual({each["id"]: each["key"] for each in self.json(a, "clients")["clients"]}, keys)
        rows = [line.split()[:2] for line in a.command("clients").stdout.splitlines()[1:]]
        self.assertEqual(rows, [[each, key.split(":")[1][:16]] for each, key in sorted(keys.items())])
        self.works(port)
        self.assertEqual((self.key_known(a, "B"), self.key_known(b, "A")), (keys["B"], keys["A"]))

    def test_another_key_is_refused(self):
        """On the initiator's side and on the target's, also where carriers of before stand; open connections stay."""
        service = serve_echo(self)
        b = self.client(self.relay, "B")
        a = self.client(self.relay, "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")
        for side, peer, key in ((a, "B", self.key_of(b)), (b, "A", self.key_of(a))):
            with self.subTest(side=side.name), connect(port) as user:
                roundtrip(user, b"before")
                self.works(port)
                side.command("peers", "trust", peer, KEY)
                self.refuses(port)
                side.log.wait("key")
                roundtrip(user, b"still there")
                self.assertEqual(self.key_known(side, peer), KEY)
                side.command("peers", "forget", peer)
                self.works(port)
                self.assertEqual(self.key_known(side, peer), key)
                side.command("peers", "trust", peer, key)
                self.works(port)
                side.command("peers", "forget", peer)
                self.works(port)
                self.assertEqual(self.key_known(side, peer), key, "a carrier of before is as good as a new one")

    def test_a_key_told_before(self):
        """Pinned before the first meeting: the right one works, another one never does."""
        service = serve_echo(self)
        b = self.client(self.relay, "B")
        a = self.client(self.relay, "A", f"B:{service.port}")
        port = a.local_port(f"B:{service.port}")
        a.command("peers", "trust", "B", KEY)
        self.refuses(port)
        a.command("peers", "trust", "B", self.key_of(b))
        self.works(port)

    def test_a_damaged_file(self):
        data_dir = self.folder("data")
        file = data_dir / "known_peers"
        text = f"# mine\nB {KEY} 1700000000000\nB nonsense\n"
        file.write_text(text, encoding="ascii")
        sentence = self.run_refused(data_dir)
        self.assertIn(str(file), sentence)
        self.assertIn("line 3", sentence)
        self.assertEqual(file.read_text(encoding="ascii"), text)


class Encryption(_Keys):
    def test_none_on_both_sides(self):
        service = serve_echo(self)
        self.client(self.relay, "B", args=["--encryption", "none"])
        a = self.client(self.relay, "A", f"B:{service.port}", args=["--encryption", "none"])
        with connect(a.local_port(f"B:{service.port}")) as user:
            roundtrip(user, b"in the clear")
        self.assertEqual(self.json(a, "peers"), {"peers": []}, "without encryption nobody proves a key")

    def test_a_target_that_wants_it(self):
        service = serve_echo(self)
        self.client(self.relay, "B")
        a = self.client(self.relay, "A", f"B:{service.port}", args=["--encryption", "none"])
        with self.assertRaises(ConnectionError), connect(a.local_port(f"B:{service.port}")) as user:
            roundtrip(user, b"not like this")
        a.log.wait("encryption")

    def test_proxies_say_it(self):
        a = self.client(self.relay, "A", "B:1")
        create = ["proxy", "create", "--local-port", "0", "--target-client", "B", "--target-port"]
        a.command(*create, "2")
        a.command(*create, "3", "--encryption", "none")
        a.command(*create, "4", "--encryption", "end-to-end")
        expected = {1: "end-to-end", 2: "end-to-end", 3: "none", 4: "end-to-end"}
        for words in (["proxy", "list"], ["status"]):
            self.assertEqual({proxy["targetPort"]: proxy["encryption"] for proxy in self.json(a, *words)["proxies"]}, expected)
            table = [line.split() for line in a.command(*words).stdout.splitlines() if line.startswith("127.0.0.1:")]
            self.assertEqual({int(line[1].split(":")[1]): line[3] for line in table}, expected)
        a.stop()

        # They come back as they were; those of before, without the word, are encrypted.
        file = a.data_dir / "proxies.json"
        file.write_text(file.read_text(encoding="utf-8").replace('"encryption":"end-to-end",', ""), encoding="utf-8")
        a.forwards = []
        a.start()
        del expected[1]
        self.assertEqual({proxy["targetPort"]: proxy["encryption"] for proxy in self.json(a, "proxy", "list")["proxies"]}, expected)

    def test_help(self):
        for words in (["run"], ["proxy", "create"]):
            self.assertIn("--encryption end-to-end|none", ctc(*words, "--help").stdout)
        for words in (["identity"], ["identity", "export"], ["identity", "import"], ["peers"], ["peers", "list"], ["peers", "forget"], ["peers", "trust"]):
            self.assertIn("Usage", ctc(*words, "--help").stdout)
            self.assertIn("用法", ctc(*words, "--help", "--lang", "zh").stdout)


if __name__ == "__main__":
    main()
