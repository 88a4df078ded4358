#!/usr/bin/python3
"""WebSocket, HTTP, TCP and UDP through one pair of clients at the same time (11.2)."""
import concurrent.futures
import hashlib
import socket

from harness import IntegrationTest, connect, main, need, random_bytes, roundtrip, run, seconds, serve_echo, serve_udp_echo
from harness.nginx import Nginx
from harness.peers import node, start_ws_server


class ProtocolsAtOnce(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.ws_port = start_ws_server(self)
        self.web = Nginx(self)
        self.content = random_bytes(3_000_000)
        (self.web.root / "file").write_bytes(self.content)
        self.tcp = serve_echo(self)
        self.udp = serve_udp_echo(self)
        self.through = self.tunnel(self.ws_port, self.web.port, f"{self.tcp.port}/tcp", f"{self.udp.port}/udp")

    def websocket(self):
        url = f"ws://127.0.0.1:{self.through.port(self.ws_port)}/ws"
        done = run(node("ws_client.mjs", "echo", url, "60", "200000"), timeout=60)
        self.assertEqual(done.stdout.split("\n")[-2], "ok 60")

    def http(self):
        url = f"http://127.0.0.1:{self.through.port(self.web.port)}/file"
        for number in range(5):
            target = self.tmp / f"download-{number}"
            run([need("curl", "curl"), "-sS", "--fail", "-o", target, url], timeout=60)
            self.assertEqual(hashlib.sha256(target.read_bytes()).digest(), hashlib.sha256(self.content).digest())

    def plain_tcp(self):
        with connect(self.through.port(self.tcp.port), timeout=30) as connection:
            for _ in range(40):
                roundtrip(connection, random_bytes(100_000))

    def plain_udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
            flow.settimeout(seconds(10))
            flow.connect(("127.0.0.1", self.through.port(self.udp.port)))
            for number in range(300):
                data = number.to_bytes(4, "big") + random_bytes(number * 4)
                flow.send(data)
                self.assertEqual(flow.recv(65535), data)

    def test_all_at_once(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            jobs = [pool.submit(job) for job in (self.websocket, self.http, self.plain_tcp, self.plain_udp)]
            for job in jobs:
                job.result()

    def test_tcp_and_udp_share_one_proxy_port(self):
        """A proxy without a protocol serves both: the same number, one service each."""
        through = self.tunnel_to_pair()
        with connect(through) as connection, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
            flow.settimeout(seconds(10))
            flow.connect(("127.0.0.1", through))
            roundtrip(connection, b"over tcp")
            flow.send(b"over udp")
            self.assertEqual(flow.recv(100), b"udp: over udp")
            roundtrip(connection, b"over tcp again")

    def tunnel_to_pair(self):
        """A proxy to a TCP service and a UDP service that sit on one port number; returns its local port."""
        for _ in range(50):
            tcp = serve_echo(self)
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(udp.close)
            try:
                udp.bind(("127.0.0.1", tcp.port))
                break
            except OSError:
                continue
        client = self.client(self.through.server, "A2", f"B:{tcp.port}")

        def answer():
            data, source = udp.recvfrom(1000)
            udp.sendto(b"udp: " + data, source)

        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        udp.settimeout(seconds(20))
        pool.submit(answer)
        return client.local_port(f"B:{tcp.port}")


if __name__ == "__main__":
    main()
