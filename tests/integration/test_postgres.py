#!/usr/bin/python3
"""PostgreSQL through the tunnel (11.5): pgbench, psql, large binary fields, many pooled connections."""
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from harness import IntegrationTest, free_port, main, need, run, wait_until


def postgres_program(name):
    """Debian keeps the programs of each major version in a folder of their own."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return folder / name
    raise AssertionError(f"this test needs the program {name}; install the package postgresql-15")


class Postgres(IntegrationTest):
    def setUp(self):
        super().setUp()
        folder = self.folder("postgres")
        # PostgreSQL refuses to run as root. A change of user forgets what dies with whom, hence once more.
        self.as_postgres = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self.as_postgres = [need("setpriv", "util-linux"), "--reuid=postgres", "--regid=postgres", "--init-groups",
                                "--pdeathsig", "KILL", "--"]
        data = folder / "data"
        run([*self.as_postgres, postgres_program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"], timeout=60, cwd=folder)
        self.port = free_port()  # postgres takes no port 0
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off",
                    "shared_buffers": "64MB", "max_connections": "120"}
        flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self.postgres = self.start([*self.as_postgres, postgres_program("postgres"), "-D", data, *flags], "postgres", cwd=folder)
        wait_until(lambda: run([postgres_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", self.port], check=False).returncode == 0,
                   "postgres accepts", timeout=30)
        self.local_port = self.tunnel(self.port).port(self.port)

    def reach(self, program, *words):
        return [postgres_program(program), "-h", "127.0.0.1", "-p", str(self.local_port), "-U", "postgres", *words]

    def sql(self, *statements):
        words = [word for statement in statements for word in ("-c", statement)]
        return run(self.reach("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words, "postgres"), timeout=60).stdout

    def test_pgbench(self):
        run(self.reach("pgbench", "-i", "-q", "-s", "1", "postgres"), timeout=60)
        self.assertEqual(self.sql("SELECT count(*) FROM pgbench_accounts").strip(), "100000")
        done = run(self.reach("pgbench", "-c", "8", "-j", "2", "-T", "3", "postgres"), timeout=60)
        self.assertRegex(done.stdout, r"number of failed transactions: 0 ")
        transactions = int(done.stdout.split("number of transactions actually processed: ")[1].split()[0].split("/")[0])
        self.assertGreater(transactions, 50)
        # The money that moved is booked: every transaction writes one row of history, and the sums agree.
        self.assertEqual(int(self.sql("SELECT count(*) FROM pgbench_history")), transactions)
        balances = self.sql("SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)")
        self.assertEqual(balances.strip(), "t")

    def test_a_connection_for_each_transaction(self):
        """The pattern that costs a tunnel most: connect, one statement, close."""
        run(self.reach("pgbench", "-i", "-q", "-s", "1", "postgres"), timeout=60)
        done = run(self.reach("pgbench", "-S", "-C", "-c", "4", "-t", "50", "postgres"), timeout=60)
        self.assertRegex(done.stdout, r"number of transactions actually processed: 200/200")

    def test_a_pool_of_connections(self):
        """40 connections stay open side by side and each serves 50 prepared transactions."""
        run(self.reach("pgbench", "-i", "-q", "-s", "1", "postgres"), timeout=60)
        done = run(self.reach("pgbench", "-S", "-M", "prepared", "-c", "40", "-j", "4", "-t", "50", "postgres"), timeout=90)
        self.assertRegex(done.stdout, r"number of transactions actually processed: 2000/2000")

    def test_large_binary_fields(self):
        """30 MB of every byte value, in and out again by COPY in the binary format."""
        content = os.urandom(30_000_000)
        source = self.tmp / "source"
        # One tuple with one bytea field: signature, flags, extension, then count, length, bytes, trailer.
        source.write_bytes(b"PGCOPY\n\xff\r\n\0" + bytes(8) + (1).to_bytes(2, "big") + len(content).to_bytes(4, "big") + content +
                           b"\xff\xff")
        result = self.tmp / "result"
        self.sql("CREATE TABLE blobs (content bytea)", f"\\copy blobs FROM '{source}' (FORMAT binary)")
        self.assertEqual(self.sql("SELECT encode(sha256(content), 'hex') FROM blobs").strip(), hashlib.sha256(content).hexdigest())
        self.sql(f"\\copy blobs TO '{result}' (FORMAT binary)")
        self.assertEqual(hashlib.sha256(result.read_bytes()).digest(), hashlib.sha256(source.read_bytes()).digest())

    def test_notifications_reach_an_idle_connection(self):
        """LISTEN waits in silence; a NOTIFY of another connection wakes it."""
        listener = self.start(self.reach("psql", "-X", "-q", "postgres"), "psql-listen", stdin=subprocess.PIPE)
        listener.stdin.write(b"LISTEN news;\n\\echo listening\n")
        listener.stdin.flush()
        listener.out.wait("^listening$")
        self.sql("NOTIFY news, 'it arrived'")
        listener.stdin.write(b"SELECT 1;\n")
        listener.stdin.flush()
        listener.out.wait('notification "news" with payload "it arrived"')


if __name__ == "__main__":
    main()
