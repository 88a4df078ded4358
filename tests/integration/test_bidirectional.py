#!/usr/bin/python3
"""Both clients are initiator and target at once (11.1); what ends on one side leaves the other alone."""
import concurrent.futures
import threading

from harness import IntegrationTest, Client, TcpService, connect, expect_eof, main, random_bytes, recv_exactly, roundtrip


def greeting_echo(name):
    """A service that says whose it is and then echoes, so that an answer from the wrong side is noticed."""
    def serve(connection):
        connection.sendall(name)
        while data := connection.recv(65536):
            connection.sendall(data)
    return serve


class Bidirectional(IntegrationTest):
    GREETING = {"A": b"Hello from clientA\n", "B": b"Hello from clientB\n"}

    def setUp(self):
        super().setUp()
        self.relay = self.server()
        service_a = TcpService(self, greeting_echo(self.GREETING["A"]))
        service_b = TcpService(self, greeting_echo(self.GREETING["B"]))
        self.a = Client(self, self.relay, "A", f"B:{service_b.port}").spawn()
        self.b = Client(self, self.relay, "B", f"A:{service_a.port}").spawn()
        self.a.wait_registered()
        self.b.wait_registered()
        self.to_b = self.a.local_port(f"B:{service_b.port}")
        self.to_a = self.b.local_port(f"A:{service_a.port}")

    def open(self, port, name):
        connection = connect(port)
        self.addCleanup(connection.close)
        self.assertEqual(recv_exactly(connection, len(self.GREETING[name])), self.GREETING[name])
        return connection

    def test_both_ways_at_once(self):
        """24 connections, half each way, opened and used at the same time, each with bytes of its own."""
        start = threading.Barrier(24)

        def use(number):
            start.wait(30)
            port, name = ((self.to_b, "B"), (self.to_a, "A"))[number % 2]
            connection = self.open(port, name)
            for size in (1, 1000, 300_000):
                roundtrip(connection, random_bytes(size))

        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            for done in [pool.submit(use, number) for number in range(24)]:
                done.result()

    def test_closing_one_leaves_the_other(self):
        """Ends of connections, of a proxy and of a client stay on their side."""
        one_way = self.open(self.to_b, "B")
        other_way = self.open(self.to_a, "A")
        neighbour = self.open(self.to_b, "B")
        one_way.close()
        roundtrip(other_way, random_bytes(100_000))
        roundtrip(neighbour, random_bytes(100_000))

        self.a.command("proxy", "delete", str(self.to_b))
        with self.assertRaises(OSError):
            connect(self.to_b)
        roundtrip(other_way, random_bytes(100_000))
        roundtrip(self.open(self.to_a, "A"), random_bytes(1000))

    def test_a_client_reaches_itself(self):
        """Initiator and target in one program: nothing forbids it, so it must not hang or mix up the two ends."""
        service = TcpService(self, greeting_echo(b"Hello from clientC\n"))
        c = self.client(self.relay, "C", f"C:{service.port}")
        self.GREETING = {**self.GREETING, "C": b"Hello from clientC\n"}
        roundtrip(self.open(c.local_port(f"C:{service.port}"), "C"), random_bytes(500_000))

    def test_half_closed_connections_do_not_mix(self):
        """An end of stream in one connection is not seen by another one of the opposite direction."""
        one_way = self.open(self.to_b, "B")
        other_way = self.open(self.to_a, "A")
        one_way.shutdown(1)
        expect_eof(one_way)
        roundtrip(other_way, random_bytes(50_000))


if __name__ == "__main__":
    main()
