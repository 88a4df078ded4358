#!/usr/bin/python3
"""UDP through the tunnel: every datagram whole, back to the one who asked, flows that end and begin anew."""
import json
import select
import socket
import time

from harness import IntegrationTest, UdpService, free_port, main, random_bytes, seconds, serve_udp_echo, wait_until

SOURCES = 200
SIZES = [0, 1, 2, 100, 512, 1199, 1200, 1400, 1472, 1473, 4096, 8192, 16000, 64999, 65000, 65001, 65507]


class Udp(IntegrationTest):
    def flow(self, port, host="127.0.0.1"):
        flow = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(flow.close)
        flow.settimeout(seconds(5))
        flow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        flow.connect((host, port))
        return flow

    def ask(self, flow, data, tries=5):
        """Sends until an answer comes, as a UDP program must; the answer has to be the echo of this very datagram."""
        for _ in range(tries):
            flow.send(data)
            try:
                answer = flow.recv(65535)
            except TimeoutError:
                continue
            self.assertEqual(len(answer), len(data))
            self.assertEqual(answer, data)
            return
        self.fail(f"no answer to a datagram of {len(data)} bytes in {tries} tries")

    def test_sizes(self):
        service = serve_udp_echo(self)
        flow = self.flow(self.tunnel(f"{service.port}/udp").port(service.port))
        flow.settimeout(seconds(2))
        self.ask(flow, b"first")
        for size in SIZES + SIZES[::-1]:
            with self.subTest(size=size):
                self.ask(flow, random_bytes(size))

    def test_an_empty_datagram_begins_a_flow(self):
        service = serve_udp_echo(self)
        flow = self.flow(self.tunnel(f"{service.port}/udp").port(service.port))
        flow.send(b"")
        self.assertEqual(flow.recv(100), b"")
        self.assertEqual(service.received, [b""])

    def test_the_first_datagrams_of_a_flow_are_kept(self):
        """What a program sends before the flow stands is held back, not lost, and stays in order."""
        service = serve_udp_echo(self)
        flow = self.flow(self.tunnel(f"{service.port}/udp").port(service.port))
        for number in range(30):
            flow.send(b"number %d" % number)
        self.assertEqual([flow.recv(100) for _ in range(30)], [b"number %d" % number for number in range(30)])

    def test_boundaries(self):
        """Many small datagrams in one burst arrive as many, none merged, none cut."""
        service = serve_udp_echo(self)
        flow = self.flow(self.tunnel(f"{service.port}/udp").port(service.port))
        self.ask(flow, b"open")
        for burst in range(20):
            sent = [b"%03d-%02d-" % (burst, number) + random_bytes(number * 37) for number in range(20)]
            for data in sent:
                flow.send(data)
            self.assertEqual([flow.recv(65535) for _ in sent], sent)

    def test_200_sources(self):
        """Each source gets its own answers and nobody else's; the service sees 200 sources as well."""
        service = UdpService(self, lambda data, source: b"re: " + data)
        port = self.tunnel(f"{service.port}/udp").port(service.port)
        flows = {flow.fileno(): (number, flow) for number, flow in enumerate(self.flow(port) for _ in range(SOURCES))}
        poll = select.poll()
        for descriptor in flows:
            poll.register(descriptor, select.POLLIN)
        for turn in range(5):
            waiting = set(flows)
            deadline = time.monotonic() + seconds(20)
            while waiting:
                self.assertLess(time.monotonic(), deadline, f"{len(waiting)} sources wait for an answer in turn {turn}")
                for descriptor in waiting:  # the first time for all, then again for those whose datagram got lost
                    number, flow = flows[descriptor]
                    flow.send(b"turn %d of source %d" % (turn, number))
                while ready := poll.poll(1000 if waiting else 100):
                    for descriptor, _ in ready:
                        number, flow = flows[descriptor]
                        answer = flow.recv(65535)
                        self.assertRegex(answer, rb"^re: turn \d of source %d$" % number, "an answer for somebody else")
                        if answer == b"re: turn %d of source %d" % (turn, number):
                            waiting.discard(descriptor)
        self.assertEqual(len(set(service.sources)), SOURCES)

    def test_a_stranger_gets_nothing(self):
        """A datagram that somebody else sends to the service's side of a flow does not reach the user."""
        service = serve_udp_echo(self)
        flow = self.flow(self.tunnel(f"{service.port}/udp").port(service.port))
        self.ask(flow, b"mine")
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(stranger.close)
        stranger.sendto(b"not yours", service.sources[0])
        self.ask(flow, b"mine again", tries=1)

    def test_idle_flows_are_dropped_and_begin_anew(self):
        service = serve_udp_echo(self)
        through = self.tunnel(f"{service.port}/udp", a_args=["--udp-idle-timeout", "2"], b_args=["--udp-idle-timeout", "2"])
        flow = self.flow(through.port(service.port))
        self.ask(flow, b"first life")
        self.ask(flow, b"still the first life")
        self.assertEqual(len(set(service.sources)), 1)
        wait_until(lambda: self.sessions(through) == 0, "the idle flow's session ends", timeout=15, interval=0.2)
        self.ask(flow, b"second life")
        self.assertEqual(len(set(service.sources)), 2, "the service should see a new flow")

    def test_a_busy_flow_stays(self):
        """Longer than the idle time, but never idle: one flow all along."""
        service = serve_udp_echo(self)
        through = self.tunnel(f"{service.port}/udp", a_args=["--udp-idle-timeout", "2"], b_args=["--udp-idle-timeout", "2"])
        flow = self.flow(through.port(service.port))
        end = time.monotonic() + 6
        while time.monotonic() < end:
            self.ask(flow, b"still here")
            select.select([], [], [], 0.1)  # the point of this test is time that passes
        self.assertEqual(len(set(service.sources)), 1)

    def sessions(self, through):
        answer = json.loads(through.server.command("sessions", "--json").stdout)
        listed = answer if isinstance(answer, list) else answer["sessions"]
        return len([each for each in listed if each.get("protocol") == "udp"])

    def test_ipv6_users(self):
        """The proxy listens on ::1 as well, and the flows of both families stay apart."""
        service = serve_udp_echo(self)
        port = self.tunnel(f"{service.port}/udp").port(service.port)
        four, six = self.flow(port), self.flow(port, "::1")
        for number in range(10):
            self.ask(four, b"four %d" % number)
            self.ask(six, b"six %d" % number)

    def test_no_service_there(self):
        """Datagrams to a port where nobody listens vanish; the tunnel goes on, and a service that starts later is reached."""
        target = free_port()
        through = self.tunnel(f"{target}/udp")
        flow = self.flow(through.port(target))
        flow.send(b"anybody?")
        self.assertEqual(select.select([flow], [], [], 0.5)[0], [])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
            late.bind(("127.0.0.1", target))
            late.settimeout(0.5)

            def reached():
                flow.send(b"hello")
                return late.recv(100) == b"hello"

            wait_until(reached, "a late service is reached")


if __name__ == "__main__":
    main()
