#!/usr/bin/python3
"""Streams that go over to new carriers while the old ones live: nothing waits, nothing is sent twice, nothing is lost."""
import threading

from harness import IntegrationTest, main, seconds, wait_until
from harness.resume import Rig, migrate, stats
from harness.transfer import ANSWER, QUESTION

PACE = 3_000_000  # bytes a second and direction


class Migration(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.rig = Rig(self)

    def moves(self):
        """All streams move; returns once they have."""
        before = stats(self.rig.a).migrations
        count = migrate(self.rig.a)
        self.rig.counted("migrations", before + count)
        return count

    def unnoticed(self):
        for client in (self.rig.a, self.rig.b):
            figures = stats(client)
            self.assertEqual((figures.resumes, figures.stalls, figures.repeated, figures.given_up), (0, 0, 0, 0))

    def test_while_bytes_flow(self):
        """Again and again, both ways, with buffers full and with little to do."""
        streams = self.rig.start(2) + self.rig.start(4, pace=PACE)
        for number in range(12):
            self.rig.transfers.wait_past(streams, 20)
            self.assertEqual(self.moves(), 6)
            wait_until(lambda: stats(self.rig.b).migrations >= 6 * (number + 1), "B has gone over as well")
        self.rig.completes(streams)
        self.unnoticed()

    def test_the_old_carrier_is_not_needed(self):
        """What was a stream's carrier is closed behind it, and only the new one is left."""
        streams = self.rig.start(3, pace=PACE)
        wait_until(lambda: len(self.rig.chaos.links("A", "data")) >= 3, "each has its carrier")
        old = {link["id"] for link in self.rig.chaos.links("A", "data")}
        self.assertEqual(self.moves(), 3)
        def closed():
            return len(old - {link["id"] for link in self.rig.chaos.links("A", "data")}) >= 3

        wait_until(closed, "three of them are closed")
        self.rig.transfers.wait_past(streams, 10)
        self.rig.completes(streams)
        self.unnoticed()

    def test_half_closed(self):
        user_first = self.rig.start(up=200_000, order=ANSWER, pace=PACE)
        service_first = self.rig.start(down=200_000, order=QUESTION, pace=PACE)
        self.rig.transfers.wait_until(user_first, lambda each: each.service.outcome == "end" and each.user.received > 50_000, "half closed", 20)
        self.rig.transfers.wait_until(service_first, lambda each: each.user.outcome == "end" and each.service.received > 50_000, "half closed", 20)
        for _ in range(3):
            self.assertEqual(self.moves(), 2)
        self.rig.completes(user_first + service_first)
        self.unnoticed()

    def test_short_lives(self):
        """Streams begin and end while all are told to move: some have nothing left to move."""
        self.brief_ones()
        self.assertGreater(stats(self.rig.a).migrations, 0)

    def test_short_lives_far_away(self):
        """So that the last words of one side and the move of the other one cross: nobody waits for what is not said any more."""
        for delay in (0.004, 0.02):
            for door in "AB":
                self.rig.chaos.shape(door, delay=delay)
            self.brief_ones()

    def brief_ones(self):
        stop = threading.Event()

        def again():
            while not stop.is_set():
                migrate(self.rig.a)

        mover = threading.Thread(target=again)
        mover.start()
        try:
            for _ in range(15):
                self.rig.transfers.wait_done(self.rig.start(10, up=300_000, down=300_000, pace=PACE), 30)
        finally:
            stop.set()
            mover.join()
        wait_until(lambda: [stats(client).streams for client in (self.rig.a, self.rig.b)] == [0, 0], "nothing is left", 5)
        self.unnoticed()

    def test_carriers_that_die_meanwhile(self):
        """Old and new carriers are cut at any moment of it: then it is a resumption, and no byte is wrong."""
        streams = self.rig.start(6, pace=PACE)
        for number in range(25):
            migrate(self.rig.a)
            threading.Event().wait(self.rig.chance.uniform(0, 0.03))  # chance is the point
            links = self.rig.chaos.links(kind="data")
            self.rig.chaos.cut(self.rig.chance.sample(links, min(len(links), 3)), self.rig.chance.choice(["rst", "fin"]))
            if number % 5 == 4:
                self.rig.goes_on(streams)
        self.rig.goes_on(streams)
        self.rig.completes(streams)

    def test_an_old_carrier_that_stalls(self):
        """SWITCH never arrives: after 10 s it is given up, and the stream resumes."""
        streams = self.rig.start(1, pace=PACE)
        self.rig.chaos.stall(self.rig.carriers("A"))
        migrate(self.rig.a)
        self.rig.goes_on(streams, timeout=seconds(25))
        self.rig.completes(streams)
        self.assertGreaterEqual(stats(self.rig.a).resumes, 1)

    def test_no_new_carrier_to_be_had(self):
        """They stay where they are, and do not notice."""
        streams = self.rig.start(2, pace=PACE)
        self.rig.chaos.policy("A", "reset", "data", seconds=3)
        self.assertEqual(migrate(self.rig.a), 2)
        self.rig.goes_on(streams)
        self.rig.completes(streams)
        self.unnoticed()
        self.assertEqual(stats(self.rig.a).migrations, 0)


if __name__ == "__main__":
    main()
