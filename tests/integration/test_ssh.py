#!/usr/bin/python3
"""A real OpenSSH through the tunnel (11.4): login, half-close, scp and sftp of 200 MB, an idle session that stays up."""
import hashlib
import os
import select
import subprocess
import time

from harness import SOAK, IntegrationTest, main, need, run
from harness.openssh import OpenSsh

MEGABYTES = int(os.environ.get("CHUANTOU_SCP_MB", "200"))
#: How long nobody types. In the soak form longer than the heartbeat's death sentence of 60 s.
IDLE = 150 if SOAK else 20


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Ssh(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.sshd = OpenSsh(self)
        self.port = self.sshd.port
        self.through = self.tunnel(self.port)
        self.local_port = self.through.port(self.port)

    def ssh(self, *command, flags=()):
        return self.sshd.ssh(self.local_port, *command, flags=flags)

    def big_file(self):
        path = self.tmp / "big"
        with open(path, "wb") as file:
            for _ in range(MEGABYTES):
                file.write(os.urandom(1_000_000))
        return path

    def test_login_with_a_command(self):
        done = run(self.ssh("echo hello from $SSH_CONNECTION; exit 7"), check=False)
        self.assertRegex(done.stdout, rf"^hello from 127\.0\.0\.1 \d+ 127\.0\.0\.1 {self.port}\n$")
        self.assertEqual(done.returncode, 7)

    def test_an_interactive_terminal(self):
        """A pty, as a person has it: each line is echoed and answered."""
        shell = self.start(self.ssh("cat", flags=["-tt"]), "ssh-tty", stdin=subprocess.PIPE)
        for number in range(20):
            shell.stdin.write(b"line %d\n" % number)
            shell.stdin.flush()
            shell.out.wait(rf"^line {number}$", after=2 * number)      # the terminal's echo
            shell.out.wait(rf"^line {number}$", after=2 * number + 1)  # cat's
        shell.stdin.write(b"\x04")
        shell.stdin.flush()
        self.assertEqual(shell.wait(), 0)

    def test_half_close(self):
        """`ssh host cat < file`: the end of stdin must arrive while the answer still flows the other way."""
        content = os.urandom(8_000_000)
        done = run(self.ssh("cat"), input=content, text=False, timeout=60)
        self.assertEqual(hashlib.sha256(done.stdout).digest(), hashlib.sha256(content).digest())
        count = run(self.ssh("wc -c"), input=content, text=False, timeout=60)
        self.assertEqual(int(count.stdout), len(content))

    def test_scp(self):
        big = self.big_file()
        there = self.sshd.there(self.tmp / "up")
        run(self.sshd.scp(self.local_port, big, there), timeout=180)
        run(self.sshd.scp(self.local_port, there, self.tmp / "down"), timeout=180)
        self.assertEqual(os.path.getsize(self.tmp / "up"), MEGABYTES * 1_000_000)
        self.assertEqual(digest_of(self.tmp / "up"), digest_of(big))
        self.assertEqual(digest_of(self.tmp / "down"), digest_of(big))

    def test_sftp(self):
        big = self.big_file()
        sftp = [need("sftp", "openssh-client"), *self.sshd.options, "-q", "-b", "-", "-P", str(self.local_port), f"{self.sshd.user}@127.0.0.1"]
        commands = f"put {big} {self.tmp}/up\nget {self.tmp}/up {self.tmp}/down\nls -l {self.tmp}/up\n"
        done = run(sftp, input=commands, timeout=240)
        self.assertIn(str(MEGABYTES * 1_000_000), done.stdout)
        self.assertEqual(digest_of(self.tmp / "up"), digest_of(big))
        self.assertEqual(digest_of(self.tmp / "down"), digest_of(big))

    def test_an_idle_session_stays_up(self):
        """A session in which nobody types, while others come and go, answers at once afterwards."""
        idle = self.start(self.ssh("cat", flags=["-o", "ServerAliveInterval=0"]), "ssh-idle", stdin=subprocess.PIPE)
        idle.stdin.write(b"before\n")
        idle.stdin.flush()
        idle.out.wait("^before$")
        end = time.monotonic() + IDLE
        number = 0
        while time.monotonic() < end:
            self.assertEqual(run(self.ssh(f"echo {number}")).stdout, f"{number}\n")
            number += 1
            select.select([], [], [], 1)  # the point of this test is time that passes
        self.assertTrue(idle.running)
        idle.stdin.write(b"after\n")
        idle.stdin.flush()
        idle.out.wait("^after$", timeout=3)
        idle.stdin.close()
        self.assertEqual(idle.wait(), 0)


if __name__ == "__main__":
    main()
