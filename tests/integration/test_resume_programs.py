#!/usr/bin/python3
"""Programs that nobody here wrote, through a server that is killed, stays away and comes back: they do not notice."""
import hashlib
import os
import pty
import re
import subprocess
import threading
import time

from harness import SOAK, IntegrationTest, Server, free_port, main, need, wait_until
from harness.openssh import OpenSsh
from harness.postgres import PostgresServer, reach, sql
from harness.resume import TOKEN

MEGABYTES = int(os.environ.get("CHUANTOU_SCP_MB", "64"))
AWAY = 20 if SOAK else 4  # seconds
#: How fast scp goes at most, in Kbit/s, so that it is not over before the server dies; 2 GB need no such help.
SCP_LIMIT = [] if MEGABYTES >= 1000 else ["-l", "80000"]


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Programs(IntegrationTest):
    def through(self, service_port):
        """A's port that leads to a service at B."""
        self.relay = Server(self, port=free_port(), token=TOKEN).start()
        b = self.client(self.relay, "B")
        self.ctcs = [self.client(self.relay, "A", f"B:{service_port}"), b]
        return self.ctcs[0].local_port(f"B:{service_port}")

    def outage(self, away, forget=False, work=lambda: None):
        self.relay.kill()
        self.relay.process.wait()
        begin = time.monotonic()
        work()
        while time.monotonic() < begin + away:
            threading.Event().wait(0.1)
        if forget:
            self.relay.data_dir = self.folder("cts-new")
        self.relay.start()

    def outages(self):
        """Restarted at once, away for a while, and back without its memory."""
        return [(0, False), (AWAY, False), (0.5, True)]


class Ssh(Programs):
    def setUp(self):
        super().setUp()
        self.sshd = OpenSsh(self)
        self.port = self.through(self.sshd.port)

    def test_a_session_with_a_running_top(self):
        """A person's terminal: top goes on painting, keys arrive, also those that were pressed while there was no path; and the end is orderly."""
        need("top", "procps")
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        command = "export TERM=xterm; stty rows 24 cols 80; top -d 0.3; echo top has ended; cat; exit 7"
        ssh = self.start(self.sshd.ssh(self.port, command, flags=["-tt"]), "ssh-top", stdin=slave)
        os.close(slave)
        paint = r"top - (\d\d):(\d\d):(\d\d) up"
        ssh.out.wait(paint)
        for away, forget in self.outages():
            keys = iter("1t1t")

            def press():
                os.write(master, next(keys).encode())

            mark = ssh.out.mark()
            self.outage(away, forget, press)
            back = time.localtime()
            due = back.tm_hour * 3600 + back.tm_min * 60 + back.tm_sec

            def painted():
                times = [int(hour) * 3600 + int(minute) * 60 + int(second)
                         for hour, minute, second in re.findall(paint, ssh.out.text(after=mark))]
                # Painted after the return, by the clock of top; the clock may have passed midnight.
                return any((each - due) % 86400 < 43200 and each != due for each in times)

            wait_until(painted, "top goes on", 20)
            press()
            mark = ssh.out.mark()
            ssh.out.wait(paint, after=mark)
            self.assertTrue(ssh.running)

        def ended():
            # top is deaf while it paints: a key is pressed until it has been heard, as everybody does.
            os.write(master, b"q")
            return "top has ended" in ssh.out.text(after=mark)

        wait_until(ended, "top ends", interval=0.5)
        os.write(master, b"\ntyped\n")
        ssh.out.wait("^typed", after=mark)
        os.write(master, b"\x04")
        self.assertEqual(ssh.wait(), 7)

    def test_lines_to_and_fro(self):
        """Each line once and in order, while nobody types and while somebody does."""
        cat = self.start(self.sshd.ssh(self.port, "cat"), "ssh-cat", stdin=subprocess.PIPE)
        said = []

        def say(count):
            for _ in range(count):
                said.append(f"line {len(said)}")
                cat.stdin.write(said[-1].encode() + b"\n")
                cat.stdin.flush()

        for away, forget in self.outages():
            say(100)
            cat.out.wait(f"^{said[-1]}$", timeout=20)
            say(100)
            self.outage(away, forget, lambda: say(100))
            say(100)
            cat.out.wait(f"^{said[-1]}$", timeout=20)
        cat.stdin.close()
        self.assertEqual(cat.wait(), 0)
        self.assertEqual(cat.out.lines(), said)

    def test_scp(self):
        """Up and down at the same time; the server is killed in the middle of both, more than once."""
        big = self.tmp / "big"
        with open(big, "wb") as file:
            for _ in range(MEGABYTES):
                file.write(os.urandom(1_000_000))
        results = [self.tmp / "up", self.tmp / "down"]
        copies = [self.start(self.sshd.scp(self.port, *SCP_LIMIT, big, self.sshd.there(results[0])), "scp-up"),
                  self.start(self.sshd.scp(self.port, *SCP_LIMIT, self.sshd.there(big), results[1]), "scp-down")]
        total = MEGABYTES * 1_000_000
        for (away, forget), part in zip(self.outages(), (0.2, 0.4, 0.6)):
            wait_until(lambda: all(result.exists() and result.stat().st_size >= total * part for result in results) or
                       any(not each.running for each in copies), f"{part:.0%} of both copies are there", 120)
            for each in copies:
                self.assertTrue(each.running, f"over before the server died: {each.report()}")
            self.outage(away, forget)
        for each, result in zip(copies, results):
            self.assertEqual(each.wait(120 + MEGABYTES / 10), 0, each.report())
            self.assertEqual(digest_of(result), digest_of(big))


class Postgres(Programs):
    def test_a_transaction_in_progress(self):
        """BEGIN, an outage, more of the transaction, COMMIT: by one and the same backend; nobody else sees any of it before."""
        postgres = PostgresServer(self)
        port = self.through(postgres.port)
        sql(postgres.port, "CREATE TABLE notes (number int PRIMARY KEY, text text)")
        psql = self.start(reach("psql", port, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "postgres"), "psql", stdin=subprocess.PIPE)

        def say(*lines):
            psql.stdin.write("".join(line + "\n" for line in lines).encode())
            psql.stdin.flush()

        say("BEGIN;", "SELECT 'backend ' || pg_backend_pid();", "INSERT INTO notes VALUES (0, 'before');", "\\echo begun")
        backend = psql.out.wait(r"^backend (\d+)$")[1]
        psql.out.wait("^begun$")
        number = 0
        for away, forget in self.outages():
            number += 1
            # One statement is under way while the server is gone; its answer is not lost.
            self.outage(away, forget, lambda: say(f"INSERT INTO notes VALUES ({number}, repeat('x', 100000));", f"\\echo said {number}"))
            psql.out.wait(f"^said {number}$", timeout=20)
            self.assertEqual(sql(postgres.port, "SELECT count(*) FROM notes"), "0\n")
        mark = psql.out.mark()
        say("SELECT 'backend ' || pg_backend_pid();", "SELECT 'rows ' || count(*) FROM notes;", "COMMIT;", "\\echo committed")
        self.assertEqual(psql.out.wait(r"^backend (\d+)$", after=mark)[1], backend)
        self.assertEqual(psql.out.wait(r"^rows (\d+)$", after=mark)[1], str(number + 1))
        psql.out.wait("^committed$", after=mark)
        psql.stdin.close()
        self.assertEqual(psql.wait(), 0)
        self.assertEqual(sql(postgres.port, "SELECT count(*), sum(length(text)) FROM notes"), f"{number + 1}|{6 + number * 100000}\n")


if __name__ == "__main__":
    main()
