#!/usr/bin/python3
"""The ways to peers: what came of each is counted and timed, by TCP and by UDP, and told in `ctc status`, `ctc peers` and `ctc ping`."""
import json
import socket

from harness import Client, IntegrationTest, Server, connect, expect_reset_user, free_port, main, need, roundtrip, seconds, serve_echo, serve_udp_echo, wait_until


def ways(client, peer="B"):
    told = json.loads(client.command("status", "--json").stdout)["peerWays"]
    return {way["kind"]: way for each in told if each["id"] == peer for way in each["ways"]}


class PeerWays(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.tcp, self.udp = serve_echo(self), serve_udp_echo(self)
        self.relay = Server(self, token="t").start()

    def client_b(self, *args, url=None):
        self.b = Client(self, self.relay, "B", url=url, args=args).start()

    def client_a(self, *args, peer="B", url=None):
        self.targets = f"{peer}:{self.tcp.port}/tcp", f"{peer}:{self.udp.port}/udp"
        self.a = Client(self, self.relay, "A", *self.targets, url=url, args=args).start()

    def use_tcp(self):
        with connect(self.a.local_port(self.targets[0])) as user:
            roundtrip(user, b"hello")

    def use_udp(self):
        flow = self.send_udp()
        for _ in range(10):
            try:
                self.assertEqual(flow.recv(100), b"hello")
                return
            except TimeoutError:
                flow.send(b"hello")
        self.fail("no answer over UDP")

    def send_udp(self):
        flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(flow.close)
        flow.settimeout(seconds(1))
        flow.connect(("127.0.0.1", self.a.local_port(self.targets[1])))
        flow.send(b"hello")
        return flow

    def fail_tcp(self):
        expect_reset_user(self.a.local_port(self.targets[0]))

    def works(self, kind, where, peer="B"):
        way = wait_until(lambda: ways(self.a, peer).get(kind), f"{kind} to {peer} was tried")
        self.assertTrue(way["ok"], way)
        self.assertGreaterEqual(way["successes"], 1)
        self.assertEqual((way["failures"], way["lastError"], way["where"]), (0, "", where))
        self.assertTrue(0 < way["latencyUs"] < seconds(10) * 1e6, way)
        return way

    def fails(self, kind, why, peer="B", least=1):
        def found():
            way = ways(self.a, peer).get(kind)
            return way if way and way["failures"] >= least else None

        way = wait_until(found, f"a failure of {kind} to {peer} is counted", timeout=30)
        self.assertFalse(way["ok"], way)
        self.assertRegex(way["lastError"], why)
        return way

    def test_both_work(self):
        self.client_b()
        self.client_a()
        self.assertEqual(ways(self.a), {}, "nothing was tried yet")
        self.assertNotIn("WAY", self.a.command("peers").stdout)
        self.use_tcp()
        self.works("relay tcp", self.relay.url)
        self.assertNotIn("relay udp", ways(self.a))
        self.use_udp()
        self.works("relay udp", f"127.0.0.1:{self.relay.port}")
        self.assertEqual(ways(self.b, "A"), {}, "who is called has tried nothing")
        text = self.a.command("peers").stdout
        self.assertRegex(text, rf"(?m)^B +relay tcp +{self.relay.url} +works +\d\S* m?s +\d+ +0$")
        self.assertRegex(text, rf"(?m)^B +relay udp +127.0.0.1:{self.relay.port} +works +\d\S* m?s +1 +0$")
        self.assertRegex(self.a.command("peers", "--lang", "zh").stdout, r"(?m)^B +relay tcp .* 可用 ")

    def test_ping_tries_and_tells(self):
        self.client_b()
        self.client_a()
        lines = self.a.command("ping", "B", "--count", "3", "--interval", "0").stdout.splitlines()
        self.assertRegex(lines[-1], rf"^B +relay tcp +{self.relay.url} +works .* 3 +0$")
        self.assertEqual(self.works("relay tcp", self.relay.url)["successes"], 3)
        self.assertNotEqual(self.a.command("ping", "C", "--count", "1", check=False).returncode, 0)
        self.fails("relay tcp", 'no client "C" is known', peer="C")

    def test_a_peer_that_goes_and_comes(self):
        """What has worked stays counted; the last word is that of the last try."""
        self.client_b()
        self.client_a()
        self.use_tcp()
        self.use_udp()
        before = ways(self.a)
        self.b.stop()
        self.fail_tcp()
        self.fails("relay tcp", 'client "B" is offline')
        self.send_udp()
        self.fails("relay udp", 'client "B" is offline')
        after = ways(self.a)
        for kind, way in before.items():
            self.assertGreaterEqual(after[kind]["successes"], way["successes"])
            self.assertGreater(after[kind]["latencyUs"], 0)
        text = self.a.command("peers").stdout
        self.assertRegex(text, r'(?m)^B +relay tcp .* fails .* [1-9]\d* +client "B" is offline')
        self.b.start()
        self.use_tcp()
        way = ways(self.a)["relay tcp"]
        self.assertTrue(way["ok"] and way["failures"] >= 1 and way["successes"] > before["relay tcp"]["successes"], way)

    def test_a_peer_that_nobody_knows(self):
        self.client_a(peer="C")
        self.fail_tcp()
        self.fails("relay tcp", 'no client "C" is known', peer="C")
        self.send_udp()
        self.fails("relay udp", 'no client "C" is known', peer="C")
        self.assertEqual([way["successes"] for way in ways(self.a, "C").values()], [0, 0])
        self.assertRegex(self.a.command("peers").stdout, r"no peer is known[\s\S]*\nC +relay tcp .* fails ")

    def test_a_peer_that_denies(self):
        self.client_b("--allow", "none")
        self.client_a()
        self.fail_tcp()
        self.fails("relay tcp", f"the peer does not offer B:{self.tcp.port};")
        self.send_udp()
        self.assertEqual(self.fails("relay udp", f"the peer does not offer B:{self.udp.port};")["successes"], 0)

    def test_without_encryption(self):
        self.client_b("--encryption", "none")
        self.client_a("--encryption", "none")
        self.use_tcp()
        self.use_udp()
        self.works("relay tcp", self.relay.url)
        self.works("relay udp", f"127.0.0.1:{self.relay.port}")

    def test_inside_tls(self):
        secure = ["--fingerprint", self.relay.fingerprint, "--data-tls"]
        self.client_b()
        self.client_a(*secure, url=self.relay.secure_url)
        self.use_tcp()
        self.works("relay tls", self.relay.secure_url)
        self.assertEqual(list(ways(self.a)), ["relay tls"])

    def test_through_a_proxy(self):
        """TCP passes, UDP cannot, and it is said why."""
        port = free_port()
        config = self.tmp / "tinyproxy.conf"
        config.write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\n")
        self.start([need("tinyproxy", "tinyproxy"), "-d", "-c", config])

        def listens():
            with connect(port):
                return True

        wait_until(listens, "the proxy listens")
        self.client_b()
        self.client_a("--proxy", f"http://127.0.0.1:{port}")
        self.use_tcp()
        self.works("relay proxy", f"{self.relay.url} through http://127.0.0.1:{port}")
        self.send_udp()
        self.assertEqual(self.fails("relay udp", "over UDP")["successes"], 0)


if __name__ == "__main__":
    main()
