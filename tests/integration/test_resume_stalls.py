#!/usr/bin/python3
"""Paths that die without a word, programs that sleep, and connections whose patience ends."""
import json
import threading
import time

from harness import IntegrationTest, main, seconds, wait_until
from harness.chaos import DOWN, UP
from harness.resume import GAVE_UP, GIVEN_UP_AFTER, STALLED, Rig, patience
from harness.transfer import QUESTION

PACE = 1_000_000  # bytes a second and direction
MARGIN = 6.0  # seconds: the new carrier, and a machine that is busy
ASLEEP = 12.0


class Stalls(IntegrationTest):
    def moving(self, rig, count=1):
        started = rig.start(count, pace=PACE)
        rig.transfers.wait_moving(started, 50_000)
        return started

    def alone(self, rig, door, known):
        """The carrier that the newest stream has got: the one through which more goes now than before."""
        def grown():
            found = [link for link in rig.chaos.links(door, "data", 30_000) if link["id"] not in known]
            return found if len(found) == 1 else None

        link, = wait_until(grown, f"the carrier of a new stream by door {door}")
        known.add(link["id"])
        return link

    def test_silent_carriers(self):
        """Black holes of every kind, each under a stream of its own, all at once: found and replaced."""
        rig = Rig(self)
        ways = [(door, what) for door in "AB" for what in ("both", UP, DOWN, "swallow", "near", "far")]
        known, streams, links = set(), [], []
        for door, _ in ways:
            streams += self.moving(rig)
            links.append({each: self.alone(rig, each, known) for each in "AB"}[door])
        for (door, what), link in zip(ways, links):
            if what in ("near", "far"):
                self.assertEqual(rig.chaos.cut([link], what), 1)
            elif what in (UP, DOWN):
                self.assertEqual(rig.chaos.stall([link], what), 1)
            else:
                self.assertEqual(rig.chaos.stall([link], swallow=what == "swallow"), 1)
        begin = time.monotonic()
        marks = {each: (each.user.sent, each.service.sent) for each in streams}
        took = {}

        def all_on():
            for each, way in zip(streams, ways):
                if way not in took and each.service.received > marks[each][0] and each.user.received > marks[each][1]:
                    took[way] = round(time.monotonic() - begin, 1)
            return len(took) == len(ways)

        try:
            wait_until(all_on, "all go on", GIVEN_UP_AFTER + MARGIN)
        except AssertionError:
            rig.transfers.check(streams)
            self.fail(f"still black: {[way for way in ways if way not in took]}; the others went on after {took} s")
        print(took, end=" ", flush=True)
        rig.completes(streams)
        rig.counted("stalls", 1)
        rig.a.log.wait(STALLED)

    def test_a_stall_that_ends_by_itself(self):
        """Shorter than the patience with a carrier: whatever the programs do about it, no byte is lost or repeated."""
        rig = Rig(self)
        streams = self.moving(rig, 4)
        for pause in (0.5, 4.0, 5.0):
            links = rig.chaos.links(kind="data")
            rig.chaos.stall(links)
            threading.Event().wait(seconds(pause))  # a stall is time that passes
            rig.chaos.go_on(links)
            rig.goes_on(streams)
        rig.completes(streams)

    def test_all_is_silent_and_the_address_is_another(self):
        """A client that changed its network: what it had is dead without a word, control and data; new connections come from elsewhere."""
        rigs = {door: Rig(self) for door in "AB"}
        streams = {door: self.moving(rig, 3) + rig.start(3) for door, rig in rigs.items()}
        for door, rig in rigs.items():
            for each in streams[door][3:]:
                rig.transfers.pace(each, 1)  # idle
            rig.chaos.stall(rig.chaos.links(door))
            rig.chaos.source(door, "127.0.0.9")
        begin = time.monotonic()
        for door, rig in rigs.items():
            rig.goes_on(streams[door][:3], 40)
            print(f"{door}: {time.monotonic() - begin:.1f} s", end=" ", flush=True)
        for door, rig in rigs.items():
            for each in streams[door][3:]:
                rig.transfers.pace(each, None)
            rig.completes(streams[door])

    def test_idle_streams_whose_mapping_is_forgotten(self):
        """Nobody says anything while the way dies; who then says something is answered, after the time that it takes to find out."""
        rig = Rig(self)
        idle = rig.start(6, up=50_000, down=50_000, pace=1)
        rig.chaos.stall(rig.chaos.links(kind="data"))
        for each in idle:
            rig.transfers.pace(each, None)
        rig.transfers.wait_done(idle, GIVEN_UP_AFTER + MARGIN)


class Sleepers(IntegrationTest):
    """A stopped process is a machine that sleeps."""

    def test_who_sleeps(self):
        rigs = {name: Rig(self, doors=False) for name in ("A", "B", "server")}
        streams = {}
        for name, rig in rigs.items():
            streams[name] = rig.start(4, pace=PACE) + rig.start(4, up=20_000, down=20_000, pace=1)
            rig.transfers.wait_moving(streams[name][:4], 50_000)
        sleepers = [{"A": rig.a, "B": rig.b, "server": rig.relay}[name].process for name, rig in rigs.items()]
        for each in sleepers:
            each.freeze()
            self.addCleanup(each.thaw)
        end = time.monotonic() + seconds(ASLEEP)
        while time.monotonic() < end:
            for rig in rigs.values():
                rig.transfers.check()
            threading.Event().wait(0.1)
        for each in sleepers:
            each.thaw()
        for name, rig in rigs.items():
            begin = time.monotonic()
            rig.goes_on(streams[name][:4])
            print(f"{name}: {time.monotonic() - begin:.1f} s", end=" ", flush=True)
            for each in streams[name][4:]:
                rig.transfers.pace(each, None)
            rig.completes(streams[name])


class Patience(IntegrationTest):
    SHORT = 5

    def ended(self, ends, timeout):
        """When each of these was reset."""
        wait_until(lambda: all(end.outcome for end in ends), "all are reset", timeout)
        for end in ends:
            self.assertEqual(end.outcome, "reset", end.name)
        return [end.ended_at for end in ends]

    def both_ends(self, streams):
        return [end for each in streams for end in (each.user, each.service)]

    def beside(self, name, streams):
        """The ends that are not those of the client `name`, whose kernel may end what it had with a FIN when it is killed."""
        return [each.service if name == "A" else each.user for each in streams]

    def test_it_ends(self):
        """No server for longer than the patience: both users are reset, at about the same time; and the programs live on. It makes no
        difference whether they read, write, or wait for each other."""
        rig = Rig(self, doors=False, args=patience(self.SHORT))
        moving = rig.start(3, pace=PACE)
        rig.transfers.wait_moving(moving, 50_000)
        stuck, = rig.start(1)
        for end in (stuck.user, stuck.service):
            rig.transfers.read(stuck, end, False)
        half, = rig.start(1, down=20_000, order=QUESTION, pace=10_000)
        rig.transfers.wait_until([half], lambda each: each.user.outcome == "end", "half closed", 20)
        rig.transfers.pace(half, 1)  # hardly a word any more
        begin = time.monotonic()
        rig.end_server()
        times = self.ended(self.both_ends(moving), self.SHORT + 10)
        self.ended(self.both_ends([stuck]), 5)
        wait_until(lambda: half.user.outcome == half.service.outcome == "reset", "who had heard the end is reset as well", 5)
        print(f"after {min(times) - begin:.1f} to {max(times) - begin:.1f} s", end=" ", flush=True)
        self.assertGreater(min(times) - begin, self.SHORT - 0.5)
        self.assertLess(max(times) - min(times), seconds(4))
        rig.a.log.wait(GAVE_UP)
        rig.b.log.wait(GAVE_UP)
        rig.counted("given_up", 5)
        marks = {client: client.process.out.mark() for client in (rig.a, rig.b)}
        rig.relay.start()
        for client, mark in marks.items():
            client.wait_registered(after=mark, timeout=30)
        again = rig.start(2, up=100_000, down=100_000)
        rig.transfers.wait_done(again, 30)

    def test_of_one_proxy(self):
        """A proxy may have its own: its connections end, those of the others wait."""
        rig = Rig(self, doors=False)
        ports = [rig.port]
        for flags in (patience(2), patience(0)):
            rig.a.command("proxy", "create", "--local-port", "0", "--name", f"brief-{flags[1]}", "--target-client", "B", "--target-port",
                          str(rig.transfers.port), *flags)
            proxies = json.loads(rig.a.command("proxy", "list", "--json").stdout)["proxies"]
            ports.append(next(each["localPort"] for each in proxies if each.get("name") == f"brief-{flags[1]}"))
        usual, brief, none = [rig.transfers.start(port, pace=PACE) for port in ports]
        rig.transfers.wait_moving([usual, brief, none], 50_000)
        begin = time.monotonic()
        rig.end_server()
        self.assertLess(max(self.ended(self.both_ends([none]), 10)) - begin, seconds(4))
        times = self.ended(self.both_ends([brief]), 2 + 10)
        self.assertGreater(min(times) - begin, 1.5)
        rig.transfers.check([usual])
        rig.relay.start()
        rig.goes_on([usual])
        rig.completes([usual])

    def test_an_outage_just_within_it(self):
        rig = Rig(self, doors=False, args=patience(8))
        streams = rig.start(3, pace=PACE)
        rig.transfers.wait_moving(streams, 50_000)
        rig.end_server()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            rig.transfers.check()
            threading.Event().wait(0.1)
        rig.relay.start()
        rig.goes_on(streams)
        # It begins anew with each outage.
        rig.end_server()
        threading.Event().wait(5)
        rig.relay.start()
        rig.goes_on(streams)
        rig.completes(streams)

    def test_a_client_that_is_gone(self):
        """The peer's program was killed: its own users are gone at once, the other's wait, and no longer than the patience."""
        rigs = {name: Rig(self, doors=False, args=patience(self.SHORT)) for name in "AB"}
        streams = {}
        for name, rig in rigs.items():
            streams[name] = rig.start(3, pace=PACE)
            rig.transfers.wait_moving(streams[name], 50_000)
        begin = time.monotonic()
        for name, rig in rigs.items():
            (rig.a if name == "A" else rig.b).kill()
        for name in rigs:
            times = self.ended(self.beside(name, streams[name]), self.SHORT + 10)
            print(f"{name}: after {max(times) - begin:.1f} s", end=" ", flush=True)

    def test_a_client_that_has_forgotten(self):
        """The peer's program was killed and is back, with the same key and no memory of streams. Who goes to it is told so at once; who
        waits for it waits for as long as its patience, and both have new connections meanwhile."""
        rigs = {"B": Rig(self, doors=False), "A": Rig(self, doors=False, args=patience(self.SHORT))}
        for name, rig in rigs.items():
            streams = rig.start(3, pace=PACE)
            rig.transfers.wait_moving(streams, 50_000)
            client = rig.a if name == "A" else rig.b
            client.kill()
            client.start()
            begin = time.monotonic()
            fresh = rig.transfers.start(client.local_port(f"B:{rig.transfers.port}") if name == "A" else rig.port, 10_000, 10_000)
            times = self.ended(self.beside(name, streams), 15)
            print(f"{name}: {max(0, max(times) - begin):.1f} s after its return", end=" ", flush=True)
            rig.transfers.wait_done([fresh], 20)

    def test_a_client_that_died_with_a_request(self):
        """The server had told it of a connection, and it was killed before it dialled: it is told again when it is back."""
        rig = Rig(self, doors=False)
        rig.b.process.freeze()
        waiting = [rig.transfers.start(rig.port, 50_000, 50_000) for _ in range(2)]
        wait_until(lambda: self.pairing(rig) >= 2, "the server waits for B's data channels", 10)
        begin = time.monotonic()
        rig.b.kill()
        rig.b.start()
        rig.transfers.wait_done(waiting, 8)
        print(f"after {time.monotonic() - begin:.1f} s", end=" ", flush=True)

    def pairing(self, rig):
        sessions = json.loads(rig.relay.command("sessions", "--json").stdout)["sessions"]
        return sum(each["state"] == "pairing" for each in sessions)


if __name__ == "__main__":
    main()
