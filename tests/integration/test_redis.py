#!/usr/bin/python3
"""Redis through the tunnel (11.5): redis-benchmark, binary and large values, a connection pool, publish and subscribe."""
import concurrent.futures
import hashlib
import os
import queue

from harness import IntegrationTest, connect, free_port, main, need, run, seconds


class RedisConnection:
    """As much of the Redis protocol as a pool test needs."""

    def __init__(self, port):
        self._socket = connect(port, timeout=20)
        self._file = self._socket.makefile("rb")

    def call(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.answer()

    def answer(self):
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        raise AssertionError(f"redis answered {line!r}")

    def close(self):
        self._file.close()
        self._socket.close()


class Redis(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()  # port 0 means "no TCP" to redis
        redis = self.start([need("redis-server", "redis-server"), "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                            "--appendonly", "no", "--dir", self.folder("redis")], "redis")
        redis.out.wait("Ready to accept connections")
        self.local_port = self.tunnel(self.port).port(self.port)

    def cli(self, *words, **options):
        return run([need("redis-cli", "redis-tools"), "-h", "127.0.0.1", "-p", str(self.local_port), *words], timeout=60, **options).stdout

    def test_benchmark(self):
        done = run([need("redis-benchmark", "redis-tools"), "-h", "127.0.0.1", "-p", str(self.local_port), "-n", "20000", "-c", "50",
                    "-t", "ping,set,get,lrange_100", "--csv"], timeout=120)
        self.assertNotIn("rror", done.stdout + done.stderr)
        tests = [line.split(",")[0].strip('"') for line in done.stdout.splitlines()]
        for name in ("PING_INLINE", "SET", "GET"):
            self.assertIn(name, tests)
        # Counted by redis itself: the calls did arrive.
        calls = self.cli("info", "commandstats")
        self.assertRegex(calls, r"cmdstat_set:calls=2\d{4},")

    def test_pipelining(self):
        done = run([need("redis-benchmark", "redis-tools"), "-h", "127.0.0.1", "-p", str(self.local_port), "-n", "100000", "-c", "20",
                    "-P", "50", "-t", "incr", "-q"], timeout=120)
        self.assertIn("INCR", done.stdout)
        self.assertEqual(self.cli("get", "counter:__rand_int__").strip(), "100000")

    def test_binary_and_large_values(self):
        """By redis-cli: every byte value, and 64 MB in one value."""
        every_byte = bytes(range(256)) * 40
        self.assertEqual(self.cli("-x", "set", "bytes", input=every_byte, text=False).strip(), b"OK")
        self.assertEqual(self.cli("get", "bytes", text=False), every_byte + b"\n")
        large = os.urandom(64_000_000)
        self.assertEqual(self.cli("-x", "set", "large", input=large, text=False).strip(), b"OK")
        answer = self.cli("get", "large", text=False)
        self.assertEqual(hashlib.sha256(answer[:-1]).digest(), hashlib.sha256(large).digest())

    def test_a_connection_pool(self):
        """25 persistent connections, borrowed 2,000 times by 60 workers; each keeps its own state."""
        size, uses = 25, 2000
        pool = queue.Queue()
        for number in range(size):
            connection = RedisConnection(self.local_port)
            self.addCleanup(connection.close)
            connection.call("CLIENT", "SETNAME", f"pooled-{number}")
            pool.put((number, connection))

        def borrow(use):
            number, connection = pool.get(timeout=seconds(30))
            try:
                if connection.call("CLIENT", "GETNAME") != b"pooled-%d" % number:
                    raise AssertionError("a connection answered with the state of another one")
                value = os.urandom(use % 3000)
                connection.call("SET", f"use-{use}", value)
                if connection.call("GET", f"use-{use}") != value:
                    raise AssertionError("a value came back changed")
                connection.call("INCR", "uses")
            finally:
                pool.put((number, connection))

        with concurrent.futures.ThreadPoolExecutor(60) as workers:
            list(workers.map(borrow, range(uses)))
        self.assertEqual(self.cli("get", "uses").strip(), str(uses))
        self.assertEqual(self.cli("client", "list").count("name=pooled-"), size)

    def test_publish_and_subscribe(self):
        subscriber = RedisConnection(self.local_port)
        publisher = RedisConnection(self.local_port)
        self.addCleanup(subscriber.close)
        self.addCleanup(publisher.close)
        self.assertEqual(subscriber.call("SUBSCRIBE", "news"), [b"subscribe", b"news", 1])
        for number in range(200):
            self.assertEqual(publisher.call("PUBLISH", "news", number), 1)
        for number in range(200):
            self.assertEqual(subscriber.answer(), [b"message", b"news", b"%d" % number])


if __name__ == "__main__":
    main()
