#!/usr/bin/python3
"""ctc netcheck, and the same report of the admin API, on this machine's loopback; real NATs are tests/netlab's business."""
import json
import socket
import time
import urllib.error
import urllib.request

from harness import IntegrationTest, Server, ctc, free_port, main, seconds
from harness.coturn import Coturn

_BEHAVIORS = {"none", "endpoint-independent", "address-dependent", "address-and-port-dependent", "unknown"}
_TYPES = {"none", "full-cone", "restricted", "port-restricted", "symmetric", "udp-blocked", "unknown"}


class Netcheck(IntegrationTest):
    def netcheck(self, *words, **options):
        return ctc("netcheck", *words, data_dir=self.tmp / "nobody-here", **options)

    def report(self, *words):
        return json.loads(self.netcheck("--json", *words).stdout)

    def silent_port(self):
        """A UDP port that takes everything and answers nothing."""
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        return f"127.0.0.1:{silent.getsockname()[1]}"

    def stun_cts(self):
        return Server(self, args=["--stun-alt-address", "127.0.0.2"]).start()

    def check_shape(self, report):
        for family in [report, report["ipv4"], report["ipv6"]]:
            if family is None:
                continue
            self.assertIn(family["type"], _TYPES)
            self.assertIn(family["mapping"], _BEHAVIORS)
            self.assertIn(family["filtering"], _BEHAVIORS)
            self.assertIn(family["portAllocation"], {"preserving", "sequential", "random", "unknown"})
            self.assertIsInstance(family["portStep"], int)
            for key in ("hairpin", "doubleNat"):
                self.assertIn(family[key], (True, False, None))
            for key in ("udp", "firewall"):
                self.assertIsInstance(family[key], bool)
            for key in ("publicAddresses", "uncertain"):
                self.assertIsInstance(family[key], list)
            for key in ("publicAddress", "localAddress"):
                self.assertTrue(family[key] is None or ":" in family[key])
        for server in report["servers"]:
            self.assertEqual(set(server), {"server", "address", "answered", "refused", "rttMs", "behaviorDiscovery"})
            self.assertEqual(server["rttMs"] is not None, server["answered"])
        for relay in report["relays"]:
            self.assertEqual(set(relay), {"url", "reachable", "latencyMs"})
        if report["portMapping"]:
            self.assertEqual(set(report["portMapping"]), {"available", "protocols", "gateway", "externalAddress"})
        self.assertTrue(report["direct"])
        self.assertLess(abs(report["timestampMs"] / 1000 - time.time()), seconds(60))
        self.assertLess(report["durationMs"], 5000)

    def check_no_nat(self, report):
        self.check_shape(report)
        self.assertEqual((report["type"], report["mapping"], report["filtering"]), ("none", "none", "endpoint-independent"))
        self.assertEqual((report["udp"], report["firewall"], report["hairpin"], report["doubleNat"]), (True, False, True, False))
        self.assertEqual(report["uncertain"], [])
        self.assertEqual(report["publicAddress"], report["localAddress"])
        self.assertEqual(report["publicAddresses"], ["127.0.0.1"])

    def test_with_cts(self):
        server = self.stun_cts()
        report = self.report("--server", server.url)
        self.check_no_nat(report)
        self.assertEqual([row["url"] for row in report["relays"]], [server.url])
        self.assertTrue(report["relays"][0]["reachable"])
        self.assertGreater(report["relays"][0]["latencyMs"], 0)
        self.assertTrue(report["servers"][0]["behaviorDiscovery"])

    def test_with_coturn(self):
        """A STUN server that we did not write."""
        self.check_no_nat(self.report("--stun", Coturn(self).address))

    def test_lifetime(self):
        """Without a NAT a mapping lives for ever. coturn and cts answer to other ports when they are asked to."""
        for server in (Coturn(self).address, f"127.0.0.1:{self.stun_cts().port}"):
            report = self.report("--stun", server, "--lifetime", "1")
            self.assertEqual(report["mappingLifetime"], {"atLeastSeconds": 1, "belowSeconds": None})
            self.assertGreaterEqual(report["durationMs"], 1000)

    def test_one_address(self):
        """A server without a second address: what it cannot tell is said, and what would help."""
        server = Server(self).start()
        report = self.report("--stun", f"127.0.0.1:{server.port}")
        self.check_shape(report)
        self.assertEqual((report["type"], report["filtering"]), ("none", "unknown"))
        self.assertEqual(set(report["uncertain"]), {"filtering", "firewall"})
        self.assertFalse(report["servers"][0]["behaviorDiscovery"])

    def test_dead_servers_in_the_list(self):
        server = self.stun_cts()
        dead = [self.silent_port(), self.silent_port(), f"127.0.0.1:{free_port()}"]
        words = [word for each in [*dead, f"127.0.0.1:{server.port}"] for word in ("--stun", each)]
        report = self.report(*words)
        self.check_no_nat(report)
        self.assertEqual([row["answered"] for row in report["servers"]], [False, False, False, True])
        self.assertEqual([row["server"] for row in report["servers"]], [*dead, f"127.0.0.1:{server.port}"])

    def test_no_server_at_all(self):
        begun = time.monotonic()
        report = self.report("--stun", self.silent_port(), "--stun", self.silent_port())
        self.assertLess(time.monotonic() - begun, seconds(10), "5 s, and what a busy machine needs to start a program")
        self.assertLess(report["durationMs"], 5000)
        self.check_shape(report)
        self.assertEqual((report["type"], report["udp"], report["publicAddress"]), ("udp-blocked", False, None))
        self.assertLessEqual({"type", "udp"}, set(report["uncertain"]))
        # Nobody listens, and the system says so: there is nothing to wait for.
        report = self.report("--stun", f"127.0.0.1:{free_port()}")
        self.assertEqual(report["type"], "udp-blocked")
        self.assertTrue(report["servers"][0]["refused"])
        self.assertLess(report["durationMs"], 3000)

    def test_blocked_for_sure(self):
        """The same machine is reached by TCP, and says nothing to UDP."""
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            port = listening.getsockname()[1]
            silent.bind(("127.0.0.1", port))
            report = self.report("--server", f"ws://127.0.0.1:{port}")
        self.assertEqual((report["type"], report["uncertain"]), ("udp-blocked", []))
        self.assertTrue(report["relays"][0]["reachable"])

    def test_a_name_without_an_address(self):
        server = self.stun_cts()
        report = self.report("--stun", "chuantou.invalid", "--stun", f"127.0.0.1:{server.port}")
        self.check_no_nat(report)
        self.assertIsNone(report["servers"][0]["address"])

    def test_ipv6(self):
        server = Server(self, host="::1").start()
        report = self.report("--stun", f"[::1]:{server.port}")
        self.check_shape(report)
        self.assertIsNone(report["ipv4"])
        self.assertEqual((report["type"], report["mapping"]), ("none", "none"))
        self.assertTrue(report["publicAddress"].startswith("[::1]:"))
        self.assertEqual(report["ipv6"]["publicAddress"], report["publicAddress"])

    def test_plain_words(self):
        server = self.stun_cts()
        words = ("--server", server.url, "--stun", f"127.0.0.1:{free_port()}")
        english = self.netcheck(*words, "--lang", "en").stdout
        for word in ("NAT type", "none", "public address", "127.0.0.1:", "endpoint-independent", server.url, "nobody listens", "ms", "directly"):
            self.assertIn(word, english)
        self.assertNotIn("\x1b", english)
        chinese = self.netcheck(*words, "--lang", "zh").stdout
        for word in ("NAT 类型", "公网地址", "直连", "endpoint-independent", "该端口无人监听"):
            self.assertIn(word, chinese)
        self.assertIn("直", json.loads(self.netcheck("--json", *words, "--lang", "zh").stdout)["direct"])
        blocked = self.netcheck("--stun", f"127.0.0.1:{free_port()}", "--lang", "en")
        self.assertEqual(blocked.returncode, 0)
        self.assertIn("no server answered", blocked.stdout)
        # One address is not enough, and the report says what would be.
        self.assertIn("--stun HOST:PORT", self.netcheck("--stun", f"127.0.0.1:{Server(self).start().port}").stdout)

    def test_wrong_usage(self):
        for words in (["--stun", "host:port"], ["--stun", ""], ["--stun", "a:0"], ["--server", "ftp://x"], ["--stun"], ["surplus"], ["--lifetime", "0"], ["--lifetime", "3601"], ["--stum", "x"],
                      [word for _ in range(17) for word in ("--stun", "127.0.0.1")]):
            with self.subTest(words=words):
                done = self.netcheck(*words, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr.strip())
                self.assertEqual(done.stdout, "")
        for lang, word in (("en", "--stun"), ("zh", "STUN 服务器")):
            self.assertIn(word, ctc("netcheck", "--help", "--lang", lang).stdout)

    def test_the_running_client(self):
        """Without flags the server of the client that runs here is asked; its admin API has the same report."""
        server = self.stun_cts()
        client = self.client(server, "A")
        report = json.loads(client.command("netcheck", "--json").stdout)
        self.check_no_nat(report)
        self.assertEqual(len(report["relays"]), 1)

        admin = json.loads((client.data_dir / "admin.json").read_text(encoding="utf-8"))

        def call(method, body=None, token=admin["token"]):
            request = urllib.request.Request(admin["url"] + "/api/netcheck", method=method, data=body, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=seconds(20)) as answer:
                self.assertEqual(answer.headers["Content-Type"], "application/json")
                return json.load(answer)

        first = call("GET")
        self.check_no_nat(first)
        self.assertEqual(call("GET")["timestampMs"], first["timestampMs"], "the report is kept")
        self.assertGreater(call("POST", b"{}")["timestampMs"], first["timestampMs"], "it is found out anew")
        for method, body, token, code in (("GET", None, "wrong", 401), ("DELETE", None, admin["token"], 405), ("POST", b'{"x":1}', admin["token"], 400)):
            with self.subTest(method=method), self.assertRaises(urllib.error.HTTPError) as failure:
                call(method, body, token)
            self.assertEqual(failure.exception.code, code)
            failure.exception.close()


if __name__ == "__main__":
    main()
