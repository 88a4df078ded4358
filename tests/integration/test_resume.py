#!/usr/bin/python3
"""Connections outlive their path: carriers cut, servers killed, streams that go on with every byte once and in order."""
import threading
import time

from harness import IntegrationTest, main, seconds, wait_until
from harness.chaos import BOTH
from harness.resume import RESUMED, Rig
from harness.transfer import ANSWER, QUESTION

PACE = 2_000_000  # bytes a second and direction
BACK_WITHIN = 5.0  # seconds from the server's return to the last stream that goes on


class Cuts(IntegrationTest):
    """The way is bad, the programs live."""

    def setUp(self):
        super().setUp()
        self.rig = Rig(self)
        self.chaos = self.rig.chaos

    def moving(self, count=1, **options):
        started = self.rig.start(count, **{"pace": PACE, **options})
        self.rig.transfers.wait_moving(started, 50_000)
        return started

    def test_carriers(self):
        """Each half of a carrier, and both; by a reset and by an end; in the middle of transfers both ways."""
        streams = self.moving()
        cuts = 0
        for how in ("rst", "fin"):
            for doors in ("A", "B", "AB"):
                found = [link for door in doors for link in self.rig.carriers(door)]
                self.assertGreaterEqual(self.chaos.cut(found, how), 1)
                cuts += 1
                self.rig.goes_on(streams)
        self.rig.completes(streams)
        self.rig.counted("resumes", cuts)
        self.assertEqual(self.rig.a.log.text().count("gave up"), 0)
        self.rig.a.log.wait(RESUMED)

    def test_at_full_speed(self):
        """Buffers are full when it happens, in both directions."""
        streams = [self.rig.transfers.start(self.rig.port, up=150_000_000, down=150_000_000)]
        for number in range(6):
            self.rig.transfers.wait_moving(streams, (number + 1) * 15_000_000, timeout=60)
            self.assertGreater(self.chaos.cut_all("AB"[number % 2], "data"), 0)
        self.rig.completes(streams)
        self.rig.counted("resumes", 3)

    def test_everything_at_once(self):
        streams = self.moving(8)
        for _ in range(3):
            self.assertGreater(self.chaos.cut_all(), 3)
            self.rig.goes_on(streams)
        self.rig.completes(streams)

    def test_the_control_channels_alone(self):
        """The data channels live, and streams do not even notice; afterwards they can be cut as well."""
        streams = self.moving(2)
        for doors in ("A", "B", "AB"):
            marks = {door: client.process.out.mark() for door, client in (("A", self.rig.a), ("B", self.rig.b))}
            for door in doors:
                self.assertEqual(self.chaos.cut_all(door, "control"), 1)
            self.rig.goes_on(streams, timeout=3)
            for door, client in (("A", self.rig.a), ("B", self.rig.b)):
                if door in doors:
                    client.wait_registered(after=marks[door])
        self.chaos.cut_all(kind="data")
        self.rig.goes_on(streams)
        self.rig.completes(streams)

    def test_data_cut_and_not_to_be_had(self):
        """Control lives, but data channels are refused for a while: no hurry, and no end."""
        streams = self.moving(2)
        for door in "AB":
            self.chaos.policy(door, "reset", "data", seconds=2)
            self.chaos.cut_all(door, "data")
            self.rig.goes_on(streams)
        self.rig.completes(streams)

    def test_control_gone_when_data_is_cut(self):
        streams = self.moving(2)
        for door in "AB":
            self.chaos.policy(door, "reset", "control", seconds=2)
            self.chaos.cut_all(door)
            self.rig.goes_on(streams)
        self.rig.completes(streams)

    def test_bytes_that_are_changed_on_the_way(self):
        """The carrier that they were in is worth nothing; the stream is unharmed."""
        streams = self.moving()
        for how in ("flip", "drop"):
            for direction in BOTH:
                for door in "AB":
                    before = self.chaos.totals().get("spoilt", 0)
                    self.chaos.spoil(self.rig.carriers(door), direction, how)
                    wait_until(lambda: self.chaos.totals().get("spoilt", 0) > before, "it happens")
                    self.rig.goes_on(streams)
        self.rig.completes(streams)

    def test_again_and_again(self):
        """The next cut comes while the last one is being mended."""
        streams = self.moving(5)
        for _ in range(40):
            links = self.chaos.links(kind="data")
            self.chaos.cut(self.rig.chance.sample(links, min(len(links), 3)), self.rig.chance.choice(["rst", "fin"]))
            threading.Event().wait(self.rig.chance.uniform(0, 0.1))  # chance is the point
        self.rig.goes_on(streams)
        self.rig.completes(streams)

    def test_half_closed(self):
        """One direction has ended before the cut: it stays ended, the other goes on."""
        user_first = self.rig.start(up=200_000, order=ANSWER, pace=PACE)
        service_first = self.rig.start(down=200_000, order=QUESTION, pace=PACE)
        self.rig.transfers.wait_until(user_first, lambda each: each.service.outcome == "end" and each.user.received > 50_000, "half closed", 20)
        self.rig.transfers.wait_until(service_first, lambda each: each.user.outcome == "end" and each.service.received > 50_000, "half closed", 20)
        for door in "AB":
            marks = [user_first[0].service.sent, service_first[0].user.sent]
            self.chaos.cut_all(door, "data")
            self.rig.transfers.wait_until(user_first, lambda each: each.user.received > marks[0], "went on", 20)
            self.rig.transfers.wait_until(service_first, lambda each: each.service.received > marks[1], "went on", 20)
        self.rig.completes(user_first + service_first)

    def test_ends_that_come_while_there_is_no_path(self):
        """A FIN during the outage arrives after it, behind all bytes."""
        streams = [*self.moving(3), *self.rig.start(2, pace=PACE, order=ANSWER), *self.rig.start(2, pace=PACE, order=QUESTION)]
        self.without_a_path(lambda: self.rig.transfers.finish(*streams, more=1000))
        self.rig.completes(streams)

    def without_a_path(self, work):
        for door in "AB":
            self.chaos.policy(door, "reset")
        self.chaos.cut_all()
        work()
        threading.Event().wait(seconds(1))  # an outage is time that passes
        for door in "AB":
            self.chaos.policy(door, "open")

    def test_resets(self):
        """A crash of either user's program reaches the other: after a resume, and when it comes while there is no path."""
        for who in ("user", "service"):
            after, meanwhile = self.moving(), self.moving()
            self.chaos.cut_all(kind="data")
            self.rig.goes_on(after + meanwhile)
            self.reset(after[0], who)
            self.is_reset(after[0], who)
            self.without_a_path(lambda: self.reset(meanwhile[0], who))
            self.is_reset(meanwhile[0], who)

    def reset(self, stream, who):
        self.rig.transfers.reset(stream, getattr(stream, who))

    def is_reset(self, stream, who):
        other = stream.service if who == "user" else stream.user
        wait_until(lambda: other.outcome, "the reset arrives", 15)
        self.assertEqual(other.outcome, "reset", stream)
        self.assertIsNone(stream.failure)

    def test_who_does_not_read(self):
        """Back-pressure holds across a resume: what could not be delivered before it is delivered after."""
        streams = self.rig.start(2)
        stuck, running = streams
        self.rig.transfers.pace(running, PACE)
        for end in (stuck.user, stuck.service):
            self.rig.transfers.read(stuck, end, False)

        def full():
            before = stuck.user.sent, stuck.service.sent
            threading.Event().wait(0.5)
            return before == (stuck.user.sent, stuck.service.sent)

        wait_until(full, "all buffers are full", 30)
        for door in "AB":
            self.chaos.cut_all(door, "data")
            self.rig.goes_on([running])
        for end in (stuck.user, stuck.service):
            self.rig.transfers.read(stuck, end, True)
        self.rig.goes_on([stuck])
        self.rig.completes(streams)

    def test_carriers_with_tls_to_the_server(self):
        rig = Rig(self, chance=self.rig.chance, secure=True, args=["--data-tls"])
        streams = rig.start(3, pace=PACE)
        for _ in range(3):
            self.assertGreater(rig.chaos.cut_all(), 3)
            rig.goes_on(streams)
        rig.restart()
        rig.goes_on(streams)
        rig.completes(streams)


class ServerRestarts(IntegrationTest):
    """No proxy between: what the programs see is what the system says of a server that is gone."""

    def setUp(self):
        super().setUp()
        self.rig = Rig(self, doors=False)

    def streams(self):
        free = self.rig.start(6, pace=PACE)
        mixed = self.rig.start(2, up=300_000, order=ANSWER, pace=PACE) + self.rig.start(2, down=300_000, order=QUESTION, pace=PACE)
        self.rig.transfers.wait_moving(free, 50_000)
        return free, free + mixed

    def test_killed(self):
        moving, streams = self.streams()
        for _ in range(3):
            self.rig.restart()
            self.rig.goes_on(moving)
        self.rig.completes(streams)

    def test_killed_and_all_forgotten(self):
        """The new process has an empty data folder: no names, no sessions, nothing but the token."""
        moving, streams = self.streams()
        for _ in range(2):
            self.rig.end_server()
            self.rig.forget_everything()
            self.rig.relay.start()
            self.rig.goes_on(moving)
        self.rig.completes(streams)

    def test_stopped(self):
        """In good order: the server takes leave of its clients, the streams stay."""
        moving, streams = self.streams()
        for _ in range(2):
            self.rig.restart(kill=False)
            self.rig.goes_on(moving)
        self.rig.completes(streams)

    def test_away_for_a_while(self):
        """Users keep sending into it; and no socket of theirs hears of it."""
        moving, streams = self.streams()
        self.rig.end_server()
        end = time.monotonic() + seconds(4)
        while time.monotonic() < end:
            self.rig.transfers.check()
            threading.Event().wait(0.1)
        self.rig.relay.start()
        self.rig.goes_on(moving)
        self.rig.completes(streams)

    def test_killed_again_before_all_is_well(self):
        moving, streams = self.streams()
        for _ in range(6):
            self.rig.restart()
            threading.Event().wait(self.rig.chance.uniform(0, 1))  # chance is the point
        self.rig.goes_on(moving)
        self.rig.completes(streams)

    def test_idle_streams(self):
        """Nothing is owed when the server dies, nobody sends for a while; then they work."""
        idle = self.rig.start(20, up=50_000, down=50_000, pace=1)
        # A pace of one byte a second: at most a few pieces have gone, and all is quiet.
        self.rig.transfers.wait_until(idle, lambda each: each.user.sent == each.service.received and each.service.sent == each.user.received,
                                      "without anything owed", 20)
        for kill in (True, False):
            mark = self.rig.a.process.out.mark(), self.rig.b.process.out.mark()
            self.rig.restart(kill)
            self.rig.a.wait_registered(after=mark[0])
            self.rig.b.wait_registered(after=mark[1])
        for each in idle:
            self.rig.transfers.pace(each, None)
        self.rig.transfers.wait_done(idle, 20)

    def test_200_open_ones(self):
        streams = self.rig.start(200, pace=20_000)
        self.rig.end_server()
        marks = {each: (each.user.sent, each.service.sent) for each in streams}
        self.rig.relay.start()
        begin = time.monotonic()
        self.rig.transfers.wait_until(streams, lambda each: each.service.received > marks[each][0] and each.user.received > marks[each][1],
                                      "went on", BACK_WITHIN)
        print(f"200 go on {time.monotonic() - begin:.1f} s after the server's return", end=" ", flush=True)
        self.rig.completes(streams)


if __name__ == "__main__":
    main()
