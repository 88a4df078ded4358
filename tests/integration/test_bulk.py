#!/usr/bin/python3
"""1 GB each way at once through one connection, with checksums."""
import concurrent.futures
import hashlib
import os
import queue
import socket
import time

from harness import IntegrationTest, SANITIZED, TcpService, connect, download, main, seconds

MEGABYTES = int(os.environ.get("CHUANTOU_BULK_MB", "1000"))
_BLOCK = 8_000_000


def upload(connection, block, megabytes):
    """Sends pieces of a random block from changing offsets, so that a piece lost, doubled or swapped changes the sum."""
    digest = hashlib.sha256()
    view = memoryview(block + block)
    for number in range(megabytes):
        start = number * 997_001 % len(block)
        piece = view[start:start + 1_000_000]
        connection.sendall(piece)
        digest.update(piece)
    connection.shutdown(socket.SHUT_WR)
    return megabytes * 1_000_000, digest.hexdigest()


class Bulk(IntegrationTest):
    def exchange(self, connections, megabytes):
        """Each connection carries so many megabytes each way; both ends are checked against what the other one sent."""
        block = os.urandom(_BLOCK)
        served = queue.Queue()

        def serve(connection):
            connection.settimeout(seconds(120))
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                sent = pool.submit(upload, connection, block[::-1], megabytes)
                served.put((download(connection), sent.result()))

        service = TcpService(self, serve)
        through = self.tunnel(service.port)

        def use(_):
            with connect(through.port(service.port), timeout=120) as connection, concurrent.futures.ThreadPoolExecutor(1) as pool:
                sent = pool.submit(upload, connection, block, megabytes)
                received = download(connection)
                return received, sent.result()

        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(connections) as pool:
            for received, sent in list(pool.map(use, range(connections))):
                there_received, there_sent = served.get(timeout=seconds(30))
                self.assertEqual(there_received, sent)
                self.assertEqual(received, there_sent)
        took = time.monotonic() - begin
        print(f"{connections} connection(s), {megabytes} MB each way: {2 * connections * megabytes / took:.0f} MB/s", end=" ", flush=True)
        return through

    def test_one_connection_both_ways_at_once(self):
        through = self.exchange(1, MEGABYTES)
        if not SANITIZED:
            for process in through.processes:
                self.assertLess(process.resident_kib(), 100_000, f"{process.name} keeps what it should pass on")

    def test_ten_connections_at_once(self):
        self.exchange(10, max(MEGABYTES // 20, 1))


if __name__ == "__main__":
    main()
