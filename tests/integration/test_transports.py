#!/usr/bin/python3
"""Ways to the server where its own port is not let through: port 443, HTTP proxies, SOCKS5; with tinyproxy and microsocks."""
import json
import socket
import time
import unittest

from harness import Client, IntegrationTest, connect, main, need, random_bytes, roundtrip, seconds, serve_echo, wait_until
from harness import netns
from harness.process import environment

WORKS_WITHIN = 5.0  # seconds from the start of the client to bytes through the relay
PASSWORD = "open-sesame"
_MISSING = netns.missing()


@unittest.skipIf(_MISSING, _MISSING)
class Transports(IntegrationTest):
    """The client B at home behind a firewall; the server and the client A in the cloud; a proxy between them."""

    def setUp(self):
        super().setUp()
        self.network = netns.Network(self)
        self.cloud = self.network.machine("cloud")
        self.home = self.network.machine("home")
        self.dmz = self.network.machine("dmz")
        self.relay = self.server(host=self.cloud.address, port=8200, token="t", machine=self.cloud, args=["--extra-port", "443"])
        self.relay.process.out.wait("^also on port 443$")
        with self.home.inside():
            self.service = serve_echo(self)
        self.first = None
        self.a = self.client(self.relay, "A", f"B:{self.service.port}", machine=self.cloud)

    def only(self, *allowed, verdict="drop"):
        """What may leave the home: these rules' packets, and what belongs to connections of them."""
        self.network.router.filter("ct state established,related accept", *[f'iifname "{self.home.link}" {rule} accept' for rule in allowed],
                                   f'iifname "{self.home.link}" {verdict}')

    def strict(self, **options):
        self.only("tcp dport 443", **options)

    def via_dmz(self):
        self.only(f"ip daddr {self.dmz.address} tcp dport {{ 1080, 3128 }}")

    def client_b(self, *args, url=None, env=None):
        """B, from its start to an echo through it; and how that went."""
        b = Client(self, self.relay, "B", url=url, machine=self.home, args=["--log-level", "debug", *args], like=self.first)
        self.first = self.first or b  # whose key the name belongs to
        if env:
            b.env = environment(**env)
        begin = time.monotonic()
        b.start()
        self.works()
        took = time.monotonic() - begin
        print(f"{took:.2f} s", end=" ", flush=True)
        self.assertLessEqual(took, seconds(WORKS_WITHIN))
        return b

    def works(self):
        def once():
            with self.cloud.inside(), connect(self.a.local_port(f"B:{self.service.port}"), timeout=1) as user:
                user.settimeout(seconds(2))
                roundtrip(user, random_bytes(200_000))
            return True
        return wait_until(once, "bytes pass through the relay", timeout=10)

    def status(self, client):
        return json.loads(client.command("status", "--json").stdout)

    def steps(self, client):
        """What was tried, by kind and place."""
        return {(each["kind"], each["where"]): each for each in self.status(client)["transports"]}

    # Without a proxy.

    def test_nothing_in_the_way(self):
        b = self.client_b()
        self.assertEqual(self.status(b)["way"], self.relay.url)
        steps = self.steps(b)
        for kind, where in (("tcp", "10.1.0.2:8200"), ("websocket", self.relay.url)):
            self.assertTrue(steps[kind, where]["ok"], steps)
            self.assertEqual((steps[kind, where]["successes"], steps[kind, where]["failures"]), (1, 0))
            self.assertGreater(steps[kind, where]["latencyUs"], 0)
        self.assertEqual(len(steps), 2, steps)

    def test_only_443(self):
        """The firewall drops, or refuses, everything but TCP to port 443."""
        for verdict in ("drop", "reject with tcp reset"):
            with self.subTest(verdict):
                self.strict(verdict=f"meta l4proto tcp {verdict}")
                b = self.client_b()
                self.assertEqual(self.status(b)["way"], f"wss://{self.cloud.address}:443")
                steps = self.steps(b)
                self.assertTrue(steps["tls", "10.1.0.2:443"]["ok"])
                if verdict != "drop":
                    self.assertIn("refused", steps["tcp", "10.1.0.2:8200"]["lastError"])
                b.stop()
                self.network.router.filter()

    def test_only_443_with_a_pinned_key(self):
        self.strict()
        b = self.client_b("--fingerprint", self.relay.fingerprint, url=self.relay.secure_url)
        self.assertEqual(self.status(b)["way"], f"wss://{self.cloud.address}:443")

    def test_somebody_else_on_443(self):
        """Whoever listens there and is not the server does not get the client, and is not taken for a reason to give up."""
        self.strict()
        b = Client(self, self.relay, "B", url=self.relay.secure_url, machine=self.home,
                   args=["--fingerprint", "sha256:" + "ab" * 32, "--log-level", "debug"]).spawn()
        b.log.wait("cannot be reached|took too long", timeout=15)
        self.assertTrue(b.process.running)
        self.assertNotIn("registered as", b.process.out.text())

    def test_the_way_is_remembered(self):
        """Back through 443 after the server's restart, without waiting for the port that does not answer; and when the firewall has gone,
        another network's change leads back to the server's own port."""
        self.strict()
        b = self.client_b()
        mark = b.process.out.mark()
        self.relay.kill()
        self.relay.start()
        begin = time.monotonic()
        b.wait_registered(after=mark)
        self.assertLessEqual(time.monotonic() - begin, seconds(3))
        self.assertEqual(self.status(b)["way"], f"wss://{self.cloud.address}:443")
        self.works()
        self.network.router.filter()
        mark = b.process.out.mark()
        self.home.run("ip", "address", "add", "10.2.0.99/24", "dev", "eth0")
        self.home.run("ip", "address", "del", f"{self.home.address}/24", "dev", "eth0")
        self.home.run("ip", "address", "add", "10.2.0.99/24", "dev", "eth0", check=False)
        self.home.run("ip", "route", "replace", "default", "via", self.home.gateway)
        b.wait_registered(after=mark)
        self.assertEqual(self.status(b)["way"], self.relay.url)
        self.works()

    def test_streams_follow_to_the_new_way(self):
        """The firewall is closed for all but 443, though connections that are open may stay; the client comes back through 443, and an
        open stream moves there, losing and repeating nothing."""
        with self.cloud.inside():
            service = serve_echo(self)
        c = Client(self, self.relay, "C", f"A:{service.port}", machine=self.home).start()
        to_server = ("ss", "-Htn", "state", "established", "dport", "=", ":8200")
        control = self.home.run(*to_server).stdout.split()[2]
        with self.home.inside():
            user = connect(c.local_port(f"A:{service.port}"))
        self.addCleanup(user.close)
        roundtrip(user, random_bytes(100_000))
        mark = c.process.out.mark()
        port = control.rsplit(":", 1)[1]
        self.only("tcp dport 443", verdict="drop")
        self.home.filter(f"tcp sport {port} reject with tcp reset", hook="output")
        c.wait_registered(after=mark, timeout=30)
        self.assertEqual(self.status(c)["way"], f"wss://{self.cloud.address}:443")
        wait_until(lambda: self.status(c)["streams"]["migrations"] == 1, "the stream moves")
        wait_until(lambda: all(f":{port} " in line for line in self.home.run(*to_server).stdout.splitlines()), "nothing is left of the old way")
        roundtrip(user, random_bytes(100_000))
        figures = self.status(c)["streams"]
        self.assertEqual((figures["resumes"], figures["stalls"], figures["repeatedBytes"]), (0, 0, 0))

    def test_port_443_is_not_wanted(self):
        self.strict()
        b = Client(self, self.relay, "B", machine=self.home, args=["--fallback-port", "0", "--log-level", "debug"]).spawn()
        b.log.wait("cannot be reached|took too long", timeout=15)
        self.assertNotIn(":443", b.log.text())

    def test_a_port_that_is_taken(self):
        """The server says which of its ports it could not have."""
        done = self.relay.command("run", "--host", self.cloud.address, "--port", "0", "--token", "t", "--extra-port", "443", "--data-dir",
                                  self.folder("second"), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("port 443 is in use; choose another with --extra-port", done.stderr)

    # Through a proxy that somebody else wrote.

    def tinyproxy(self, auth=False):
        config = self.tmp / "tinyproxy.conf"
        config.write_text("\n".join([
            "Port 3128", f"Listen {self.dmz.address}", "Timeout 600", "MaxClients 500", "LogLevel Connect", "User nobody",
            *([f"BasicAuth me {PASSWORD}"] if auth else [])]) + "\n")
        config.chmod(0o644)
        self._beside_the_proxy([need("tinyproxy", "tinyproxy"), "-d", "-c", config], 3128)

    def microsocks(self, auth=False):
        words = ["-u", "me", "-P", PASSWORD] if auth else []
        self._beside_the_proxy([need("microsocks", "microsocks"), "-i", self.dmz.address, "-p", "1080", *words], 1080)

    def _beside_the_proxy(self, argv, port):
        """It alone knows the server's name."""
        hosts = self.tmp / f"hosts-{port}"
        hosts.write_text(f"127.0.0.1 localhost\n{self.cloud.address} relay.internal\n")
        hosts.chmod(0o644)
        self.proxy = self.dmz.start(["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh", *argv])

        def listens():
            with self.dmz.inside(), connect(port, self.dmz.address, timeout=1):
                return True

        wait_until(listens, f"{argv[0]} listens")

    def no_secret(self, client):
        """The password is nowhere that anybody looks."""
        status = client.command("status", "--json").stdout + client.command("status").stdout
        for text in (client.log.text(), client.process.out.text(), status):
            self.assertNotIn("sesame", text)

    def test_http_proxy(self):
        self.tinyproxy()
        self.via_dmz()
        for url in ("ws://relay.internal:8200", "ws://10.1.0.2:8200"):
            with self.subTest(url):
                b = self.client_b("--proxy", f"http://{self.dmz.address}:3128", url=url)
                self.assertEqual(self.status(b)["way"], f"{url} through http://{self.dmz.address}:3128")
                self.assertTrue(self.steps(b)["http-proxy", f"http://{self.dmz.address}:3128"]["ok"])
                b.stop()

    def test_http_proxy_with_a_password(self):
        self.tinyproxy(auth=True)
        self.via_dmz()
        at = f"{self.dmz.address}:3128"
        for proxy, complaint in ((f"http://{at}", "(wants a user and password|401|407)"), (f"http://me:wrong@{at}", "(refuses the user and password|401|407)")):
            with self.subTest(proxy):
                b = Client(self, self.relay, "B", machine=self.home, args=["--proxy", proxy]).spawn()
                b.log.wait(complaint)
                self.assertNotIn("wrong", b.log.text())
                b.stop()
        b = self.client_b("--proxy", f"http://me:open%2Dsesame@{at}", "--fingerprint", self.relay.fingerprint, url="wss://relay.internal:8200")
        self.assertEqual(self.status(b)["way"], f"wss://relay.internal:8200 through http://{at}")
        self.no_secret(b)

    def test_socks(self):
        self.microsocks()
        self.via_dmz()
        b = self.client_b("--proxy", f"socks5://{self.dmz.address}", url="ws://relay.internal:8200")
        self.assertEqual(self.status(b)["way"], f"ws://relay.internal:8200 through socks5://{self.dmz.address}:1080")
        self.assertTrue(self.steps(b)["socks5", f"socks5://{self.dmz.address}:1080"]["ok"])

    def test_socks_with_a_password(self):
        self.microsocks(auth=True)
        self.via_dmz()
        b = Client(self, self.relay, "B", machine=self.home, args=["--proxy", f"socks5://me:wrong@{self.dmz.address}"]).spawn()
        b.log.wait("refuses the user and password")
        b.stop()
        b = self.client_b("--proxy", f"socks5://me:open%2Dsesame@{self.dmz.address}", url="ws://relay.internal:8200")
        self.no_secret(b)

    def test_the_environments_proxy(self):
        self.tinyproxy()
        at = f"http://{self.dmz.address}:3128"
        self.via_dmz()
        for env, url in (({"http_proxy": at}, "ws://10.1.0.2:8200"), ({"HTTPS_PROXY": at}, "wss://10.1.0.2:8200"), ({"ALL_PROXY": at}, "ws://10.1.0.2:8200")):
            with self.subTest(env):
                pin = ["--fingerprint", self.relay.fingerprint] if url.startswith("wss") else []
                b = self.client_b(*pin, url=url, env=env)
                self.assertEqual(self.status(b)["way"], f"{url} through {at}")
                b.stop()
        # What the environment spares is called directly, and a proxy that does not work does not keep the client from going there.
        self.network.router.filter()
        for env in ({"http_proxy": at, "no_proxy": "10.1.0.0/16"}, {"http_proxy": f"http://{self.dmz.address}:9"}, {"HTTP_PROXY": at}):
            with self.subTest(env):
                b = self.client_b(url="ws://10.1.0.2:8200", env=env)
                self.assertEqual(self.status(b)["way"], "ws://10.1.0.2:8200")
                b.stop()

    def test_proxy_and_only_443(self):
        """As squid does it by default: CONNECT to port 443 alone."""
        config = self.tmp / "tinyproxy.conf"
        config.write_text(f"Port 3128\nListen {self.dmz.address}\nUser nobody\nConnectPort 443\n")
        config.chmod(0o644)
        self._beside_the_proxy([need("tinyproxy", "tinyproxy"), "-d", "-c", config], 3128)
        self.via_dmz()
        b = self.client_b("--proxy", f"http://{self.dmz.address}:3128", url="ws://relay.internal:8200")
        self.assertEqual(self.status(b)["way"], f"wss://relay.internal:443 through http://{self.dmz.address}:3128")

    def test_udp_says_why_it_does_not_work(self):
        self.tinyproxy()
        self.via_dmz()
        b = self.client_b("--proxy", f"http://{self.dmz.address}:3128")
        flow = self.client(self.relay, "C", f"B:{self.service.port}/udp", machine=self.cloud)
        with self.cloud.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sender:
            sender.sendto(b"hello", ("127.0.0.1", flow.local_port(f"B:{self.service.port}/udp")))
            b.log.wait("UDP does not pass through the proxy")
        self.assertEqual(self.steps(b)["udp", "10.1.0.2:8200"]["lastError"], "UDP does not pass through a proxy")

    def test_udp_that_does_not_pass(self):
        """A firewall without UDP: the relay works for TCP, and the diagnostics say what does not."""
        self.strict()
        b = self.client_b()
        flow = self.client(self.relay, "C", f"B:{self.service.port}/udp", machine=self.cloud)
        with self.cloud.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sender:
            sender.sendto(b"hello", ("127.0.0.1", flow.local_port(f"B:{self.service.port}/udp")))
            wait_until(lambda: self.steps(b).get(("udp", "10.1.0.2:8200")), "it is found out", timeout=15, interval=0.2)
        self.assertEqual(self.steps(b)["udp", "10.1.0.2:8200"]["lastError"], "the server does not answer")

    def test_a_proxy_that_is_none(self):
        for proxy, complaint in (("ftp://x", "it looks like"), ("https://me:sesame@x", "TLS to a proxy is not spoken")):
            done = self.a.command("run", "--server", self.relay.url, "--proxy", proxy, "--id", "X", "--port", "0", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(complaint, done.stderr)
            self.assertNotIn("sesame", done.stderr)


if __name__ == "__main__":
    main()
