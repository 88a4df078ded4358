#!/usr/bin/env python3
"""Links and routers change as they are told: timeouts, cuts, losses, rates, delays, new addresses, other homes; IPv6."""
import socket
import time

from case import LabTest, main
from netlab import LabError
from probes import Observers, arrives, empty


class LabConditions(LabTest):
    def setUp(self):
        super().setUp()
        self.lab = self.make_lab()
        self.observers = Observers(self.lab)
        self.there = self.observers.sockets[0, 5000]
        self.address = self.observers.addresses[0, 5000]
        self.home = self.lab.home("full-cone", "h", hosts=1)
        self.host = self.home.hosts[0]
        self.socket = self.host.socket(bind=(self.host.ip, 0))

    def passes(self):
        """(up, down) through a mapping that is open."""
        empty(self.there, self.socket)
        self.socket.sendto(b"u", self.address)
        up = arrives(self.there) is not None
        self.there.sendto(b"d", self.mapped)
        return up, arrives(self.socket) is not None

    def test_mappings_live_and_expire(self):
        # The clock is what is tested, so these waits are the test.
        self.home.configure(udp_timeout=2)
        mapped = self.observers.sees(self.socket)
        time.sleep(1.2)
        self.there.sendto(b"x", mapped)
        self.assertTrue(arrives(self.socket), "1.2 s of 2 s")
        time.sleep(3.2)
        self.there.sendto(b"x", mapped)
        self.assertFalse(arrives(self.socket), "3.2 s of 2 s")
        mapped = self.observers.sees(self.socket)
        for _ in range(4):
            time.sleep(0.8)
            self.socket.sendto(b"keepalive", self.address)
        self.observers.sockets[1, 5001].sendto(b"x", mapped)
        self.assertTrue(arrives(self.socket), "kept alive, it is open for strangers")

    def test_cuts_and_plugs(self):
        self.mapped = self.observers.sees(self.socket)
        for way, want in (("up", (False, True)), ("down", (True, False)), ("both", (False, False))):
            with self.subTest(way):
                self.home.cut(way)
                self.assertEqual(self.passes(), want)
                self.home.heal(way)
        self.assertEqual(self.passes(), (True, True))
        self.home.unplug()
        self.assertEqual(self.passes(), (False, False))
        self.home.replug()
        self.mapped = self.observers.sees(self.socket)
        self.assertEqual(self.passes(), (True, True))

    def test_losses(self):
        self.home.link("up", loss=20)
        passed = 0
        for i in range(4000):
            self.socket.sendto(b"%d" % i, self.address)
            passed += arrives(self.there, 0) is not None
        self.assertTrue(3120 <= passed <= 3280, f"{passed} of 4000")     # four standard deviations
        self.home.link("up", loss=None, every=10)
        empty(self.there)
        passed = 0
        for _ in range(1000):
            self.socket.sendto(b"x", self.address)
            passed += arrives(self.there, 0) is not None
        self.assertEqual(passed, 900)

    def flood(self, source, seconds):
        """Offers 16 Mbit/s; the kbit/s that pass, measured once the limiter has no credit left."""
        end, passed = time.monotonic() + 2 * seconds, 0
        while (now := time.monotonic()) < end:
            source.sendto(b"x" * 972, self.address)
            passed += 1000 * (arrives(self.there, 0.0005) is not None) * (now > end - seconds)
        return passed * 8 / 1000 / seconds

    def assert_rate(self, source, kbit, seconds):
        """A machine that is busy with other things offers or passes on less at times, but nothing lets more through."""
        rates = [self.flood(source, seconds) for _ in range(3)]
        self.assertAlmostEqual(max(rates), kbit, delta=kbit / 10, msg=rates)

    def test_rates_and_delays(self):
        self.home.link("up", rate=800)
        self.assert_rate(self.socket, 800, 1.2)
        with self.assertRaises(LabError):
            self.home.link(delay=5)
        slow = self.lab.home("port-restricted", "slow", hosts=1, delay=30)
        s = slow.hosts[0].socket(bind=(slow.hosts[0].ip, 0))
        empty(self.there)

        def round_trip():
            empty(self.there, s)
            begin = time.monotonic()
            s.sendto(b"x", self.address)
            self.there.sendto(b"y", arrives(self.there, 1)[1])
            self.assertTrue(arrives(s, 1))
            return (time.monotonic() - begin) * 1000
        round_trip()                                            # ARP
        times = [round_trip() for _ in range(9)]
        self.assertTrue(60 <= min(times) < 75, times)
        slow.link(delay=5, jitter=4)
        times = [round_trip() for _ in range(20)]
        self.assertTrue(2 <= min(times) < 20, times)
        slow.link(delay=None, jitter=None, rate=2000, queue=50)
        self.assert_rate(s, 2000, 0.5)

    def test_routers_and_hosts_move(self):
        old, new = self.observers.sees(self.socket)[0], self.home.roam()
        self.assertNotEqual(old, new)
        self.assertEqual(self.observers.sees(self.socket)[0], new)
        mapped = self.observers.sees(self.socket)
        self.home.reboot()
        self.there.sendto(b"x", mapped)
        self.assertFalse(arrives(self.socket), "a mapping that a restart has forgotten")
        self.home.forward(7000, self.host, 7001)
        target = self.host.socket(bind=(self.host.ip, 7001))
        self.observers.sockets[1, 5001].sendto(b"x", (self.home.ip, 7000))
        self.assertTrue(arrives(target), "a static forward")
        other = self.lab.home("symmetric", "other")
        self.host.move(other)
        self.assertEqual(self.observers.sees(self.host.socket())[0], other.ip)
        self.host.add_uplink(self.home)
        ends = [self.observers.sees(self.host.socket(bind=(u.addrs[0], 0)))[0] for u in self.host.uplinks]
        self.assertEqual(ends, [other.ip, self.home.ip])

    def test_ipv6_is_filtered_and_not_translated(self):
        lab = self.make_lab(ipv6=True)
        server = lab.public_host("v6")
        for nat, open_to_all in (("none", True), ("port-restricted", False), ("cgnat", False)):
            with self.subTest(nat):
                host = lab.home(nat, hosts=1).hosts[0]
                a = host.socket(family=socket.AF_INET6, bind=(host.ip6, 6000))
                b, c = (server.socket(family=socket.AF_INET6, bind=(server.ip6, port)) for port in (6000, 6001))
                a.sendto(b"x", (server.ip6, 6000))
                got = arrives(b, 0.5)
                self.assertEqual(got and got[1][0], host.ip6)
                b.sendto(b"x", (host.ip6, 6000))
                self.assertTrue(arrives(a), "a reply")
                c.sendto(b"x", (host.ip6, 6000))
                self.assertEqual(arrives(a) is not None, open_to_all, "a stranger")
                b.close()
                c.close()


if __name__ == "__main__":
    main()
