#!/usr/bin/python3
"""Carriers, servers and links killed at random under transfers both ways; a thousand open streams and a server that dies; memory."""
import collections
import concurrent.futures
import os
import sys
import threading
import time
from pathlib import Path

from harness import SANITIZED, SOAK, IntegrationTest, main, seconds, wait_until
from harness.base import raise_open_files
from harness.chaos import DOWN, UP
from harness.crowd import Crowd
from harness.resume import Rig, migrate, stats
from harness.transfer import ORDERS

KILLS = int(os.environ.get("CHUANTOU_KILLS") or (1000 if SOAK else 40))
OPEN = int(os.environ.get("CHUANTOU_OPEN_STREAMS") or (1000 if SOAK else 300))
STREAMS = int(os.environ.get("CHUANTOU_STREAMS") or (100_000 if SOAK else 6_000))
BACK_WITHIN = 5.0  # seconds from the server's return to the last stream that goes on
LONGEST_SILENCE = 40.0  # seconds; what kills in a row and a dead carrier each time can add up to
LONG, SHORT = 12, 8  # transfers that last through the whole storm, and those that come and go in it


class Storm:
    """What can happen, drawn by chance; each entry is one kill."""

    def __init__(self, rig):
        self.rig, self.chaos, self.chance = rig, rig.chaos, rig.chance
        self.counts = collections.Counter()
        self._kinds = [(self.cut_some, 40), (self.cut_client, 10), (self.cut_everything, 5), (self.cut_control, 8), (self.half_cut, 5), (self.stall, 8),
                       (self.pause, 6), (self.spoil, 8), (self.close_door, 6), (self.kill_server, 5), (self.stop_server, 3), (self.sleep, 4),
                       (self.slow_way, 3)]

    def strike(self):
        kind, = self.chance.choices([kind for kind, _ in self._kinds], [weight for _, weight in self._kinds])
        self.counts[kind.__name__] += 1
        if self.chance.random() < 0.3:  # and the carriers go while streams are about to leave them
            migrate(self.rig.a)
        kind()

    def some(self, kind="data", most=4):
        links = self.chaos.links(kind=kind)
        return self.chance.sample(links, min(len(links), self.chance.randint(1, most)))

    def door(self):
        return self.chance.choice("AB")

    def how(self):
        return self.chance.choice(["rst", "rst", "fin"])

    def later(self, most, work):
        """Something that ends, while the storm goes on."""
        timer = threading.Timer(self.chance.uniform(0.2, most), work)
        timer.daemon = True
        timer.start()
        self.rig.test.addCleanup(timer.cancel)

    def cut_some(self):
        self.chaos.cut(self.some(), self.how())

    def cut_client(self):
        self.chaos.cut_all(self.door(), how=self.how())

    def cut_everything(self):
        self.chaos.cut_all(how=self.how())

    def cut_control(self):
        self.chaos.cut_all(self.door(), "control", self.how())

    def half_cut(self):
        self.chaos.cut(self.some(most=2), self.chance.choice(["near", "far"]))

    def stall(self):
        self.chaos.stall(self.some(most=2), self.chance.choice([UP, DOWN, (UP, DOWN)]), swallow=self.chance.random() < 0.3)

    def pause(self):
        links = self.some(most=6)
        self.chaos.stall(links)
        self.later(5, lambda: self.chaos.go_on(links))

    def spoil(self):
        self.chaos.spoil(self.some(most=2), self.chance.choice([UP, DOWN]), self.chance.choice(["flip", "drop"]))

    def close_door(self):
        self.chaos.policy(self.door(), self.chance.choice(["refuse", "reset", "hang"]), self.chance.choice(["all", "all", "data", "control"]),
                          seconds=self.chance.uniform(0.2, 2))
        self.cut_some()

    def kill_server(self):
        self.rig.end_server()
        if self.chance.random() < 0.5:
            self.rig.forget_everything()
        threading.Event().wait(self.chance.uniform(0, 2))
        self.rig.relay.start()

    def stop_server(self):
        self.rig.restart(kill=False)

    def sleep(self):
        process = self.chance.choice([self.rig.a, self.rig.b, self.rig.relay]).process
        process.freeze()
        threading.Event().wait(self.chance.uniform(0.1, 2))
        process.thaw()

    def slow_way(self):
        door = self.door()
        self.chaos.shape(door, delay=self.chance.uniform(0, 0.1), rate=self.chance.choice([0, 2_000_000]))
        self.later(5, lambda: self.chaos.shape(door))


class Chance(IntegrationTest):
    def test_random_kills(self):
        """No transfer that was open loses its connection, and each has every byte once, in order, with its ends where they belong."""
        rig = Rig(self)
        transfers = rig.transfers
        long = [transfers.start(rig.port, pace=rig.chance.choice([30_000, 200_000, 800_000])) for _ in range(LONG)]
        transfers.wait_open(long)
        short = []
        left = []  # one end of them was reset: (transfer, the end that has to learn of it)
        finished = refused = 0

        def abandon():
            """What a crash of the user's program or the service looks like, in the middle of a transfer."""
            candidates = [each for each in short if each.opened and not each.done and not each.failure]
            if not candidates:
                return
            each = rig.chance.choice(candidates)
            gone, other = rig.chance.choice(each.ends)
            if gone.finished or gone.outcome or other.outcome:
                return
            transfers.reset(each, gone)
            short.remove(each)
            left.append((each, other))

        def tend():
            """The short ones that have ended make room for new ones. One that was refused before the service heard of it may be tried again."""
            nonlocal finished, refused
            transfers.check(long)
            for each in list(short):
                if each.failure and not each.met:
                    refused += 1
                elif each.done:
                    transfers.check([each])
                    finished += 1
                else:
                    continue
                short.remove(each)
                transfers.forget([each])
            while len(short) < SHORT:
                sizes = [int(2 ** rig.chance.uniform(0, 21)) for _ in range(2)]
                short.append(transfers.start(rig.port, *sizes, order=rig.chance.choice(ORDERS), pace=rig.chance.choice([100_000, 1_000_000, None])))

        storm = Storm(rig)
        begin = time.monotonic()
        for number in range(KILLS):
            storm.strike()
            tend()
            if rig.chance.random() < 0.5:
                abandon()
            threading.Event().wait(rig.chance.expovariate(1 / 0.25))  # chance is the point
            if number % 100 == 99:
                now = stats(rig.a)
                print(f"\n{number + 1} kills in {time.monotonic() - begin:.0f} s, {finished} transfers, {refused} refused, A: {vars(now)}",
                      file=sys.stderr, flush=True)
        for door in "AB":
            rig.chaos.shape(door)
            for kind in ("all", "data", "control"):
                rig.chaos.policy(door, "open", kind)
        tend()
        opened = [each for each in short if each.met or not each.failure]
        transfers.wait_past(long, 60)
        rig.completes(long, 120)
        wait_until(lambda: all(each.done for each in opened), "the short ones have ended", 120)
        transfers.check([each for each in opened if each.met])
        wait_until(lambda: all(other.outcome for _, other in left), "who was left alone learns of it", 120)
        wrong = [each for each, other in left if other.outcome != "reset"]
        self.assertFalse(wrong, "half of a transfer, and no reset")
        silence = max(end.longest_silence for each in long for end in (each.user, each.service))
        print(f"\n{KILLS} kills in {time.monotonic() - begin:.0f} s: {dict(storm.counts)}; {LONG} long and {finished + len(opened)} short transfers, "
              f"{refused} refused before the service heard of them, {len(left)} abandoned; longest silence {silence:.1f} s; A: {vars(stats(rig.a))}", file=sys.stderr, flush=True)
        self.assertGreaterEqual(stats(rig.a).resumes, KILLS // 4)
        self.assertLess(silence, seconds(LONGEST_SILENCE), "a transfer was forgotten for a while")
        for each in (rig.a, rig.b):
            self.assertTrue(each.process.running)


class Many(IntegrationTest):
    def setUp(self):
        super().setUp()
        raise_open_files()
        service = self.start([sys.executable, Path(__file__).parent / "peers" / "echo_server.py"], "echo-server")
        self.service = int(service.out.wait(r"^listening (\d+)$")[1])

    def test_a_dead_server_under_many_open_streams(self):
        """All go on within 5 s of its return, those that were idle and those that were not; and again."""
        rig = Rig(self, doors=False, more=[f"B:{self.service}"])
        crowd = Crowd(self, rig.a.local_port(f"B:{self.service}"))
        crowd.open(OPEN, timeout=60)
        crowd.echo(500, timeout=60, salt="before")
        for number in range(3):
            rig.end_server()
            if number == 2:
                rig.relay.start()  # in the last round nobody says anything meanwhile
                returned = time.monotonic()
                times = crowd.echo(2000, timeout=BACK_WITHIN + 15, salt=f"outage-{number}")
            else:
                with concurrent.futures.ThreadPoolExecutor(1) as pool:
                    echoes = pool.submit(crowd.echo, 2000, timeout=1 + BACK_WITHIN + 15, salt=f"outage-{number}")
                    threading.Event().wait(1)  # an outage is time that passes
                    # Of this thread: what a thread has started dies with it.
                    rig.relay.start()
                    returned = time.monotonic()
                    times = echoes.result()
            after = [at - returned for at in times]
            marks = [after[min(len(after) - 1, len(after) * part // 100)] for part in (0, 50, 90, 99, 100)]
            print(f"\n{OPEN} streams go on after (s): least {marks[0]:.2f}, median {marks[1]:.2f}, 90 % {marks[2]:.2f}, 99 % {marks[3]:.2f}, "
                  f"last {marks[4]:.2f}", file=sys.stderr, flush=True)
            self.assertLess(marks[4], seconds(BACK_WITHIN))
        crowd.echo(500, timeout=60, salt="after")

    def test_memory(self):
        """Streams that have come and gone leave nothing, whether their carriers lived or were cut."""
        rig = Rig(self, more=[f"B:{self.service}"])
        port = rig.a.local_port(f"B:{self.service}")
        programs = [rig.relay.process, rig.a.process, rig.b.process]
        batch = 200
        figures = []

        def visit(count):
            for number in range(count // batch):
                crowd = Crowd(self, port)
                crowd.open(batch, timeout=60)
                crowd.echo(300, timeout=60, salt=f"{number}")
                if number % 10 == 9:
                    rig.chaos.cut_all("AB"[number // 10 % 2], "data")
                    crowd.echo(300, timeout=60, salt=f"{number}-after-the-cut")
                crowd.close()

        def measure():
            # What goes away by itself has gone.
            wait_until(lambda: stats(rig.a).streams == 0 and stats(rig.b).streams == 0, "no stream is left", 30)
            for each in programs:
                wait_until(lambda: each.open_files() < 400, f"{each.name} closes its connections", 60)
            figures.append([proportional_kib(each) for each in programs])
            return figures[-1]

        visit(max(STREAMS // 10, 2000))
        before = measure()
        begin = time.monotonic()
        half = STREAMS // 2
        visit(half)
        middle = measure()
        visit(half)
        after = measure()
        print(f"\n{STREAMS} streams in {time.monotonic() - begin:.0f} s, {stats(rig.a).resumes} resumes; PSS in KiB before, after half, after all: "
              f"{list(zip((each.name for each in programs), before, middle, after))}", file=sys.stderr, flush=True)
        if not SANITIZED:
            for each, first, second, last in zip(programs, before, middle, after):
                self.assertLess(last, first * 1.15 + 4_000, f"{each.name} grows")
                self.assertLess(last, second * 1.1 + 2_000, f"{each.name} still grows")


def proportional_kib(process):
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as text:
        return next(int(line.split()[1]) for line in text if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
