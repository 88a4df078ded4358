#!/usr/bin/python3
"""5,000 forwarded connections at the same time, each echoing its own bytes."""
import os
import sys
from pathlib import Path

from harness import IntegrationTest, SANITIZED, TcpService, connect, main, random_bytes, recv_exactly, roundtrip, wait_until
from harness.base import raise_open_files
from harness.crowd import Crowd

CONNECTIONS = int(os.environ.get("CHUANTOU_CONNECTIONS", "5000"))


class ManyConnections(IntegrationTest):
    def setUp(self):
        super().setUp()
        # Two descriptors a connection in each of the programs; they inherit our limit.
        raise_open_files()
        service = self.start([sys.executable, Path(__file__).parent / "peers" / "echo_server.py"], "echo-server")
        self.service = int(service.out.wait(r"^listening (\d+)$")[1])
        self.through = self.tunnel(self.service)
        self.port = self.through.port(self.service)

    def test_all_echo_their_own_bytes(self):
        crowd = Crowd(self, self.port)
        crowd.open(CONNECTIONS, timeout=60)
        self.assertEqual(len(crowd), CONNECTIONS)
        # The second round proves that all of them were still there after the first.
        crowd.echo(200, timeout=60, salt="first")
        crowd.echo(3000, timeout=60, salt="second")

        # Half go; the others do not notice.
        crowd.close(CONNECTIONS // 2)
        crowd.echo(500, timeout=60, salt="third")
        with connect(self.port) as another:
            roundtrip(another, random_bytes(100_000))

    def test_nothing_is_left_over(self):
        """After everybody has gone the programs hold no more descriptors than before, and memory does not climb."""
        def visit(salt):
            crowd = Crowd(self, self.port)
            crowd.open(1000, timeout=60)
            crowd.echo(500, timeout=60, salt=salt)
            crowd.close()

        visit("warm-up")
        settled = {process: self.settled(process) for process in self.through.processes}
        resident = {process: process.resident_kib() for process in self.through.processes}
        for number in range(4):
            visit(f"visit-{number}")
        for process in self.through.processes:
            # Warm carriers may come and go; a thousand connections may not stay.
            wait_until(lambda: process.open_files() <= settled[process] + 200,
                       f"{process.name} has closed what it opened ({settled[process]} descriptors before)", timeout=20)
            if not SANITIZED:
                self.assertLess(process.resident_kib(), resident[process] * 1.5 + 16_000, process.name)

    def test_many_proxies(self):
        """150 proxies of one client to 150 services, all in use at once, each leading to its own."""
        services = [TcpService(self, lambda connection, number=number: connection.sendall(b"service %03d" % number)) for number in range(150)]
        client = self.client(self.through.server, "A-many", *[f"B:{service.port}" for service in services])
        users = [connect(client.local_port(f"B:{service.port}")) for service in services]
        for number, user in enumerate(users):
            with user:
                self.assertEqual(recv_exactly(user, 11), b"service %03d" % number)

    def settled(self, process):
        """The number of descriptors after the last connections have been taken down."""
        return wait_until(lambda: process.open_files() < 1000 and process.open_files(), f"{process.name} closes its connections",
                          timeout=20)


if __name__ == "__main__":
    main()
