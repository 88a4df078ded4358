#!/usr/bin/python3
"""PostgreSQL through the tunnel (11.5): pgbench, psql, large binary fields, many pooled connections."""
import hashlib
import os
import subprocess

from harness import IntegrationTest, main, run
from harness.postgres import PostgresServer, reach, sql


class Postgres(IntegrationTest):
    def setUp(self):
        super().setUp()
        postgres = PostgresServer(self)
        self.local_port = self.tunnel(postgres.port).port(postgres.port)

    def reach(self, program, *words):
        return reach(program, self.local_port, *words)

    def sql(self, *statements):
        return sql(self.local_port, *statements)

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
