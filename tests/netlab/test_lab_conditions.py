#!/usr/bin/env python3
"""Links and routers change as they are told: timeouts, cuts, losses, rates, delays, new addresses, other homes; IPv6."""
import socket
import time

from case import LabTest, main
from harness.timing import wait_until
from netlab import LabError
from probes import PATIENCE, Observers, arrives, empty


#: Seconds for what must arrive. A machine that is busy with other things may take long; one that is not does not wait.
DEADLINE = 10


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

    def passes(self, want):
        """Whether (up, down) pass through a mapping that is open: who is expected has time to come."""
        empty(self.there, self.socket)
        self.socket.sendto(b"u", self.address)
        up = arrives(self.there, DEADLINE if want[0] else PATIENCE) is not None
        self.there.sendto(b"d", self.mapped)
        return up, arrives(self.socket, DEADLINE if want[1] else PATIENCE) is not None

    def lives(self, pauses, sender):
        """Whether a mapping of 2 s lets something in after these pauses, each ended by the inside. The clock is what is tested, so
        the pauses are the test; one that became longer than they should be, on a busy machine, proves nothing and is repeated."""
        def attempt():
            empty(self.there, self.socket, sender)
            mapped = self.observers.sees(self.socket, patience=DEADLINE)
            for number, pause in enumerate(pauses):
                if number:
                    self.socket.sendto(b"keepalive", self.address)
                since = time.monotonic()
                time.sleep(pause)
                if time.monotonic() - since > 1.6:
                    return None
            sender.sendto(b"x", mapped)
            came = arrives(self.socket, 0.3) is not None
            return (came,) if came or time.monotonic() - since < 2 else None
        return wait_until(attempt, "the machine has time for pauses", timeout=60)[0]

    def test_mappings_live_and_expire(self):
        self.home.configure(udp_timeout=2)
        self.assertTrue(self.lives([1.2], self.there), "1.2 s of 2 s")
        stranger = self.observers.sockets[1, 5001]
        self.assertTrue(self.lives([0.8] * 5, stranger), "kept alive, it is open for strangers")
        empty(self.there, self.socket)
        mapped = self.observers.sees(self.socket, patience=DEADLINE)
        time.sleep(3.2)
        self.there.sendto(b"x", mapped)
        self.assertFalse(arrives(self.socket), "3.2 s of 2 s")

    def test_cuts_and_plugs(self):
        self.mapped = self.observers.sees(self.socket, patience=DEADLINE)
        for way, want in (("up", (False, True)), ("down", (True, False)), ("both", (False, False))):
            with self.subTest(way):
                self.home.cut(way)
                self.assertEqual(self.passes(want), want)
                self.home.heal(way)
        self.assertEqual(self.passes((True, True)), (True, True))
        self.home.unplug()
        self.assertEqual(self.passes((False, False)), (False, False))
        self.home.replug()
        self.mapped = self.observers.sees(self.socket, patience=DEADLINE)
        self.assertEqual(self.passes((True, True)), (True, True))

    def passed(self, sent):
        """How many of so many datagrams pass the link; then it loses nothing any more."""
        empty(self.there)
        passed = 0
        for _ in range(sent):
            self.socket.sendto(b"x", self.address)
            while arrives(self.there, 0):
                passed += 1
        self.home.link("up", loss=None, every=None)
        self.socket.sendto(b"last", self.address)
        while (got := arrives(self.there, DEADLINE)) and got[0] != b"last":
            passed += 1
        self.assertTrue(got, "the last one arrives")
        return passed

    def test_losses(self):
        self.home.link("up", loss=20)
        passed = self.passed(4000)
        self.assertTrue(3120 <= passed <= 3280, f"{passed} of 4000")     # four standard deviations
        self.home.link("up", every=10)
        self.assertEqual(self.passed(1000), 900)

    def rate(self, source, kbit):
        """Offers more than the link takes; the kbit/s that pass between two datagrams that it dropped. Then its credit was used up both
        times, so that it does not matter how regularly this process has its turn. None: it had none for too long, or nothing was dropped."""
        empty(self.there)
        sent, came = [], set()
        wanted = kbit // 8 * 23 // 10                   # 2.3 s at 1000 bytes each; a policer lets the first second's pass at once
        while len(came) < wanted and (not sent or sent[-1] - sent[0] < DEADLINE):
            sent.append(time.monotonic())
            source.sendto(b"%-972d" % (len(sent) - 1), self.address)
            while got := arrives(self.there, 0.0005):
                came.add(int(got[0]))
        while got := arrives(self.there):
            came.add(int(got[0]))
        dropped = [number for number in range(len(sent)) if number not in came]
        if len(dropped) < 2:
            return None
        first, last = dropped[0], dropped[-1]
        if max(b - a for a, b in zip(sent[first:last], sent[first + 1:])) > 0.5:    # its credit may have been at its limit
            return None
        return sum(first < number < last for number in came) * 8 / (sent[last] - sent[first])

    def assert_rate(self, source, kbit):
        """Of several attempts, since a link that waits for its turn itself, on a busy machine, passes on less or at other times."""
        def right():
            rate = self.rate(source, kbit)
            self.assertIsNotNone(rate)
            self.assertAlmostEqual(rate, kbit, delta=kbit / 10)
            return True
        wait_until(right, f"{kbit} kbit/s", timeout=40)

    def test_rates_and_delays(self):
        self.home.link("up", rate=800)
        self.assert_rate(self.socket, 800)
        with self.assertRaises(LabError):
            self.home.link(delay=5)
        slow = self.lab.home("port-restricted", "slow", hosts=1, delay=30)
        s = slow.hosts[0].socket(bind=(slow.hosts[0].ip, 0))
        empty(self.there)

        def round_trip():
            empty(self.there, s)
            begin = time.monotonic()
            s.sendto(b"x", self.address)
            self.there.sendto(b"y", arrives(self.there, DEADLINE)[1])
            self.assertTrue(arrives(s, DEADLINE))
            return (time.monotonic() - begin) * 1000

        def assert_delay(least, most):
            """Never less; and not more, if nothing else on the machine adds to it."""
            times = [round_trip() for _ in range(9)]
            while len(times) < 200 and min(times) >= most:
                times.append(round_trip())
            self.assertTrue(least <= min(times) < most, times)
        round_trip()                                            # ARP
        assert_delay(60, 75)
        slow.link(delay=5, jitter=4)
        assert_delay(2, 20)
        slow.link(delay=None, jitter=None, rate=2000, queue=500)  # it stays full while nobody has his turn
        self.assert_rate(s, 2000)

    def test_routers_and_hosts_move(self):
        old, new = self.observers.sees(self.socket, patience=DEADLINE)[0], self.home.roam()
        self.assertNotEqual(old, new)
        self.assertEqual(self.observers.sees(self.socket, patience=DEADLINE)[0], new)
        mapped = self.observers.sees(self.socket, patience=DEADLINE)
        self.home.reboot()
        self.there.sendto(b"x", mapped)
        self.assertFalse(arrives(self.socket), "a mapping that a restart has forgotten")
        self.home.forward(7000, self.host, 7001)
        target = self.host.socket(bind=(self.host.ip, 7001))
        self.observers.sockets[1, 5001].sendto(b"x", (self.home.ip, 7000))
        self.assertTrue(arrives(target, DEADLINE), "a static forward")
        other = self.lab.home("symmetric", "other")
        self.host.move(other)
        self.assertEqual(self.observers.sees(self.host.socket(), patience=DEADLINE)[0], other.ip)
        self.host.add_uplink(self.home)
        ends = [self.observers.sees(self.host.socket(bind=(u.addrs[0], 0)), patience=DEADLINE)[0] for u in self.host.uplinks]
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
                got = arrives(b, DEADLINE)
                self.assertEqual(got and got[1][0], host.ip6)
                b.sendto(b"x", (host.ip6, 6000))
                self.assertTrue(arrives(a, DEADLINE), "a reply")
                c.sendto(b"x", (host.ip6, 6000))
                self.assertEqual(arrives(a, DEADLINE if open_to_all else PATIENCE) is not None, open_to_all, "a stranger")
                b.close()
                c.close()


if __name__ == "__main__":
    main()
