#!/usr/bin/python3
"""A server with more relaying threads than this machine would give it: both ends of a session on different threads."""
import concurrent.futures
import json
import socket
import sys
from pathlib import Path

from harness import IntegrationTest, connect, expect_reset, main, random_bytes, roundtrip, seconds, serve_echo, serve_udp_echo, wait_until
from harness.base import raise_open_files
from harness.crowd import Crowd
from harness.protocol import ControlChannel


class Threads(IntegrationTest):
    def setUp(self):
        super().setUp()
        raise_open_files()
        self.udp = serve_udp_echo(self)
        service = self.start([sys.executable, Path(__file__).parent / "peers" / "echo_server.py"], "echo-server")
        self.service = int(service.out.wait(r"^listening (\d+)$")[1])
        self.through = self.tunnel(self.service, f"{self.udp.port}/udp", server_args=["--threads", "4"])
        self.port = self.through.port(self.service)

    def test_many_connections(self):
        crowd = Crowd(self, self.port)
        crowd.open(600, timeout=30)
        for turn in range(5):
            crowd.echo(20_000, timeout=30, salt=str(turn))
        crowd.close()
        wait_until(lambda: self.through.server.process.open_files() < 500, "the server has closed its side")

    def test_connections_come_and_go(self):
        def use(number):
            for turn in range(30):
                with connect(self.port, timeout=20) as user:
                    roundtrip(user, random_bytes(100 * turn + number))

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for done in [pool.submit(use, number) for number in range(16)]:
                done.result()

    def test_datagrams(self):
        flows = []
        for _ in range(40):
            flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(flow.close)
            flow.settimeout(seconds(10))
            flow.connect(("127.0.0.1", self.through.port(f"{self.udp.port}/udp")))
            flows.append(flow)
        for turn in range(20):
            for number, flow in enumerate(flows):
                flow.send(b"%d of %d" % (turn, number))
            for number, flow in enumerate(flows):
                self.assertEqual(flow.recv(100), b"%d of %d" % (turn, number))

    def test_control_channels_and_the_end_of_a_client(self):
        """Messages, kicks and the end of a target reach connections on every thread."""
        echo = serve_echo(self)
        users = [connect(self.client(self.through.server, f"A{number}", f"B:{echo.port}").local_port(f"B:{echo.port}"))
                 for number in range(8)]
        for user in users:
            self.addCleanup(user.close)
            roundtrip(user, random_bytes(10_000))
        controls = [ControlChannel(self, self.through.server.port) for _ in range(16)]
        for number, control in enumerate(controls):
            self.assertTrue(control.register(f"raw-{number}")["success"])
        for control in controls:
            self.assertEqual(len(control.clients()), 2 + 8 + 16)
        sessions = json.loads(self.through.server.command("sessions", "--json").stdout)["sessions"]
        self.assertGreaterEqual(len(sessions), 8)
        self.through.server.command("kick", "B")
        for user in users:
            try:
                expect_reset(user)
            except AssertionError as orderly:
                self.assertIn("orderly", str(orderly))  # ended either way


if __name__ == "__main__":
    main()
