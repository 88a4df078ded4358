#!/usr/bin/python3
"""Peers that vanish, sleep and come back by another way: found within 10 s on both sides, back at once, nothing lost that could be kept."""
import json
import threading
import time
import unittest

from harness import (IntegrationTest, Server, TcpService, connect, free_port, main, random_bytes, recv_exactly, roundtrip, seconds, serve_echo,
                     wait_until)
from harness import netns

FOUND_WITHIN = 10.0  # seconds from the fault until both sides know
_MISSING = netns.missing()


class Liveness(IntegrationTest):
    """What the tests measure, wherever the programs run."""

    def online(self):
        return [client["id"] for client in json.loads(self.relay.command("clients", "--json").stdout)["clients"]]

    def works(self):
        """One new connection through the tunnel."""
        with self.user(timeout=1) as user:
            user.settimeout(seconds(1))
            return roundtrip(user, b"hello")

    def within(self, limit, begin, what):
        took = time.monotonic() - begin
        print(f"{what} after {took:.2f} s", end="; ", flush=True)
        self.assertLessEqual(took, seconds(limit), what)

    def freeze(self, daemon):
        daemon.process.freeze()
        self.addCleanup(daemon.process.thaw)


class Asleep(Liveness):
    """SIGSTOP is what sleep looks like: the kernel keeps the connections, nobody answers, and then everything goes on."""

    NAP = 30.0

    def setUp(self):
        super().setUp()
        self.service = serve_echo(self)
        self.relay = self.server()
        self.b = self.client(self.relay, "B", args=["--log-level", "debug"])
        self.a = self.client(self.relay, "A", f"B:{self.service.port}")

    def user(self, timeout=10):
        return connect(self.a.local_port(f"B:{self.service.port}"), timeout=timeout)

    def test_a_client_that_sleeps(self):
        """The server finds out within 10 s; awake after 30 s, the client is back at once, with its connections."""
        with self.user() as user:
            roundtrip(user, b"before")
            begin = time.monotonic()
            mark, log = self.b.process.out.mark(), self.b.log.mark()
            self.freeze(self.b)
            user.sendall(b"while it sleeps")
            wait_until(lambda: self.online() == ["A"], "the server finds the sleeper", timeout=FOUND_WITHIN)
            self.within(FOUND_WITHIN, begin, "found by the server")
            time.sleep(max(0, begin + self.NAP - time.monotonic()))  # the nap is what is tested
            self.b.process.thaw()
            awake = time.monotonic()
            self.b.log.wait(r"awake after (2[5-9]|3\d) s", after=log)
            self.b.wait_registered(after=mark)
            self.within(2, awake, "registered again")
            self.assertEqual(recv_exactly(user, 15), b"while it sleeps")
            roundtrip(user, b"after")
        wait_until(self.works, "new connections work", timeout=5)
        self.assertEqual(self.online(), ["A", "B"])

    def test_a_short_nap(self):
        """Too short for anybody to find out: the client asks, is answered, and nothing else happens."""
        with self.user() as user:
            roundtrip(user, b"before")
            mark, log = self.b.process.out.mark(), self.b.log.mark()
            self.freeze(self.b)
            time.sleep(5)  # the nap is what is tested
            self.b.process.thaw()
            self.b.log.wait("awake after", after=log)
            roundtrip(user, b"after")
            self.assertTrue(self.works())
        self.assertEqual(self.b.process.out.lines(after=mark), [])
        self.assertEqual(self.online(), ["A", "B"])

    def test_a_server_that_is_stuck(self):
        """Its clients find out within 10 s. When it moves again they are back, and what it was relaying goes on."""
        with self.user() as user:
            roundtrip(user, b"before")
            marks = [(client, client.process.out.mark(), client.log.mark()) for client in (self.a, self.b)]
            begin = time.monotonic()
            self.freeze(self.relay)
            for client, _, log in marks:
                client.log.wait("nothing heard for too long", after=log, timeout=FOUND_WITHIN + 2)
                self.within(FOUND_WITHIN, begin, f"found by {client.id}")
            user.sendall(b"meanwhile")
            self.relay.process.thaw()
            again = time.monotonic()
            for client, mark, _ in marks:
                client.wait_registered(after=mark)
                self.within(5, again, f"{client.id} is back")
            self.assertEqual(recv_exactly(user, 9), b"meanwhile")
            roundtrip(user, b"after")
        wait_until(self.works, "new connections work", timeout=5)

    def test_who_does_not_come_back(self):
        """After a minute, here a second, the connections of a client that stays silent are given up."""
        relay = self.server(args=["--heartbeat-interval", "300", "--heartbeat-timeout", "1500", "--return-timeout", "1000"])
        b = self.client(relay, "B")
        port = self.client(relay, "A", f"B:{self.service.port}", args=["--patience", "1"]).local_port(f"B:{self.service.port}")
        with connect(port) as user:
            roundtrip(user, b"before")
            self.freeze(b)
            user.settimeout(seconds(10))
            try:
                self.assertEqual(user.recv(1), b"")
            except ConnectionError:
                pass


class Gone(Liveness):
    """A server that is away for longer than the first waits between attempts."""

    AWAY = 12.0

    def test_back_soon_after_it_is(self):
        service = serve_echo(self)
        self.relay = Server(self, port=free_port()).start()
        b = self.client(self.relay, "B")
        a = self.client(self.relay, "A", f"B:{service.port}")
        self.user = lambda timeout=10: connect(a.local_port(f"B:{service.port}"), timeout=timeout)
        marks = [(client, client.process.out.mark()) for client in (a, b)]
        self.relay.kill()
        time.sleep(self.AWAY)  # the absence is what is tested
        self.relay.start()
        begin = time.monotonic()
        for client, mark in marks:
            client.wait_registered(after=mark)
            self.within(2.5, begin, f"{client.id} is back")
        wait_until(self.works, "new connections work", timeout=5)
        self.within(5, begin, "everything works")


@unittest.skipIf(_MISSING, _MISSING)
class Elsewhere(Liveness):
    """The target's client in a network of its own, behind a router; the server and the other client beyond it."""

    def setUp(self):
        super().setUp()
        self.network = netns.Network(self)
        self.cloud = self.network.machine("cloud")
        self.home = self.network.machine("home")
        self.relay = self.server(host=self.cloud.address, token="t", machine=self.cloud)

    def begin(self, handler=None):
        with self.home.inside():
            self.service = TcpService(self, handler) if handler else serve_echo(self)
        self.b = self.client(self.relay, "B", machine=self.home, args=["--log-level", "debug"])
        self.a = self.client(self.relay, "A", f"B:{self.service.port}", machine=self.cloud)
        with self.user() as user:
            if not handler:
                roundtrip(user, b"hello")

    def user(self, timeout=10):
        with self.cloud.inside():
            return connect(self.a.local_port(f"B:{self.service.port}"), timeout=timeout)

    def back(self, mark, begin, limit):
        self.b.wait_registered(after=mark)
        self.within(limit, begin, "registered again")
        self.assertEqual(self.online(), ["A", "B"])
        wait_until(self.works, "new connections work", timeout=5)

    def test_another_address(self):
        """The old address goes, a new one comes: netlink says so, and the client does not wait for a silence."""
        self.begin()
        for old, new in ((self.home.address, "10.2.0.77"), ("10.2.0.77", self.home.address)):
            with self.subTest(new=new):
                mark = self.b.process.out.mark()
                begin = time.monotonic()
                self.home.run("ip", "address", "add", f"{new}/24", "dev", "eth0")
                self.home.run("ip", "address", "del", f"{old}/24", "dev", "eth0")
                # The kernel takes the routes along with an interface's first address.
                self.home.run("ip", "address", "add", f"{new}/24", "dev", "eth0", check=False)
                self.home.run("ip", "route", "replace", "default", "via", self.home.gateway)
                self.back(mark, begin, 3)
                [client] = [one for one in json.loads(self.relay.command("clients", "--json").stdout)["clients"] if one["id"] == "B"]
                self.assertEqual(client["address"], new)

    def test_cable_out_and_in(self):
        """Longer out than anybody waits; back in, the client does not wait either."""
        self.begin()
        mark, log = self.b.process.out.mark(), self.b.log.mark()
        self.home.run("ip", "link", "set", "eth0", "down")
        self.b.log.wait("the network changed", after=log, timeout=3)
        wait_until(lambda: self.online() == ["A"], "the server finds out", timeout=FOUND_WITHIN + 1)
        self.home.run("ip", "link", "set", "eth0", "up")
        begin = time.monotonic()
        self.home.run("ip", "route", "add", "default", "via", self.home.gateway)
        self.back(mark, begin, 3)

    def test_a_black_hole(self):
        """Packets vanish without a word, in both directions or in one: both sides know within 10 s, and it is over soon after it is."""
        self.begin()
        for rules in ((f'iifname "{self.home.link}" drop', f'oifname "{self.home.link}" drop'), (f'iifname "{self.home.link}" drop',)):
            with self.subTest(rules=rules):
                mark, log = self.b.process.out.mark(), self.b.log.mark()
                begin = time.monotonic()
                self.network.router.filter(*rules)
                found = []

                def by_server():
                    wait_until(lambda: self.online() == ["A"], "the server finds out", timeout=FOUND_WITHIN + 2)
                    found.append(time.monotonic() - begin)

                watcher = threading.Thread(target=by_server)
                watcher.start()
                # By itself, or from the server, whose word or reset still reaches it in the second case.
                self.b.log.wait("nothing heard for too long|was lost", after=log, timeout=FOUND_WITHIN + 2)
                self.within(FOUND_WITHIN + 1, begin, "found by the client")
                watcher.join()
                self.assertTrue(found and found[0] <= seconds(FOUND_WITHIN), f"found by the server: {found}")
                self.network.router.filter()
                self.back(mark, time.monotonic(), 5)

    def test_a_nat_that_forgets(self):
        """Its box was restarted: what comes from inside belongs to nothing, and is dropped."""
        self.network.translate(self.home)
        self.begin()
        mark, log = self.b.process.out.mark(), self.b.log.mark()
        begin = time.monotonic()
        self.network.forget()
        self.b.log.wait("nothing heard for too long", after=log, timeout=FOUND_WITHIN + 2)
        self.within(FOUND_WITHIN, begin, "found by the client")
        self.back(mark, begin, FOUND_WITHIN + 1)

    def test_a_reader_that_pauses(self):
        """A connection that nobody reads for longer than any probe waits is not dead, and loses nothing."""
        size = 40_000_000
        content = random_bytes(1 << 20)

        def pour(connection):
            for at in range(0, size, len(content)):
                connection.sendall(content[:min(len(content), size - at)])

        self.begin(pour)
        with self.user() as user:
            user.settimeout(seconds(10))
            self.assertEqual(recv_exactly(user, 1000), content[:1000])
            time.sleep(30)  # the pause is what is tested
            rest = recv_exactly(user, size - 1000)
            self.assertEqual(len(rest), size - 1000)
            self.assertEqual(rest[:len(content) - 1000], content[1000:])
            self.assertEqual(rest[-1000:], content[(size - 1000) % len(content):][:1000])


if __name__ == "__main__":
    main()
