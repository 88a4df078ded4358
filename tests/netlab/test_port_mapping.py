#!/usr/bin/env python3
"""Port mappings on a gateway that nobody here wrote (miniupnpd), and on gateways that mean no good."""
import contextlib
import json
import socket
import subprocess
import threading
import time

from case import LabTest, binary, main
from harness.process import environment
from harness.timing import seconds, wait_until
from mapping_daemon import ROUTABLE_WAN, MappingDaemon
from probes import arrives

PROTOCOLS = ("pcp", "nat-pmp", "upnp-igd")
PORT = 7001


class PortMapping(LabTest):
    def setUp(self):
        super().setUp()
        self.lab = self.make_lab()
        self.router = self.lab.home("port-restricted", wan=ROUTABLE_WAN, hosts=2)
        self.host, self.neighbour = self.router.hosts
        self.outside = self.lab.public_host()

    # ---- what a test does
    def probe(self):
        done = self.host.run([binary("port-map-peer"), "probe"], timeout=seconds(10))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def keep(self, protocol, transport="udp", lifetime=600, port=PORT, host=None):
        """A program that keeps a mapping until its standard input ends."""
        return self.start_in(host or self.host, [binary("port-map-peer"), "map", transport, port, lifetime, *protocol.split()],
                             stdin=subprocess.PIPE)

    def mapping(self, peer, after=0, timeout=10):
        """The next mapping that the program tells, or None for "there is none"."""
        return json.loads(peer.out.wait(r'^(\{"mapping".*)$', timeout=timeout, after=after)[1])["mapping"]

    def stop(self, peer, timeout=10):
        """Milliseconds that it took."""
        peer.stdin.close()
        took = json.loads(peer.out.wait(r'^(\{"stopped".*)$', timeout=timeout)[1])["ms"]
        self.assertEqual(peer.wait(timeout), 0)
        return took

    def comes_in(self, port=PORT, inside=PORT):
        receiver = self.host.socket(bind=(self.host.ip, inside))
        try:
            self.outside.socket(bind=(self.outside.ip, 0)).sendto(b"from outside", (self.router.ip, port))
            got = arrives(receiver)
            return got is not None and got[0] == b"from outside"
        finally:
            receiver.close()

    # ---- a gateway that speaks
    def test_probe_finds_what_is_spoken(self):
        for upnp, pmp, want in ((True, True, list(PROTOCOLS)), (True, False, ["upnp-igd"]), (False, True, ["pcp", "nat-pmp"])):
            with self.subTest(want):
                daemon = MappingDaemon(self, self.router, upnp=upnp, pmp=pmp).start()
                found = self.probe()
                self.assertEqual(found["protocols"], want)
                self.assertTrue(found["available"])
                self.assertEqual(found["externalAddress"], ROUTABLE_WAN)
                self.assertEqual(found["gateway"], self.router.router_ip)
                self.assertLess(found["ms"], seconds(2.2) * 1000)
                daemon.process.stop()

    def test_netcheck_tells_what_is_spoken(self):
        # An answer that does not come keeps nobody waiting: here UPnP's.
        MappingDaemon(self, self.router, upnp=False).start()
        done = self.host.run([binary("ctc"), "netcheck", "--json", "--data-dir", self.tmp / "none", "--stun", f"{self.outside.ip}:3478"],
                             timeout=seconds(20), env=environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)["portMapping"]
        self.assertEqual(told, {"available": True, "protocols": ["pcp", "nat-pmp"], "gateway": self.router.router_ip,
                                "externalAddress": ROUTABLE_WAN})

    def test_a_datagram_comes_in_until_the_end(self):
        daemon = MappingDaemon(self, self.router).start()
        self.assertFalse(self.comes_in(), "nothing is mapped yet")
        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                peer = self.keep(protocol)
                self.assertEqual(self.mapping(peer), {"protocol": protocol, "address": ROUTABLE_WAN, "port": PORT})
                self.assertEqual(daemon.mappings(), {("udp", PORT): f"{self.host.ip}:{PORT}"})
                self.assertTrue(self.comes_in())
                self.assertLess(self.stop(peer), seconds(1.7) * 1000)
                self.assertEqual(daemon.mappings(), {})
                self.router.run(["conntrack", "-F"])
                self.assertFalse(self.comes_in())

    def test_a_connection_comes_in(self):
        MappingDaemon(self, self.router).start()
        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                peer = self.keep(protocol, transport="tcp")
                port = self.mapping(peer)["port"]
                server = self.host.socket(socket.SOCK_STREAM, bind=(self.host.ip, PORT))
                server.listen()
                server.settimeout(seconds(5))
                client = self.outside.socket(socket.SOCK_STREAM)
                client.settimeout(seconds(5))
                client.connect((self.router.ip, port))
                accepted, _ = server.accept()
                client.sendall(b"hello")
                self.assertEqual(accepted.recv(5), b"hello")
                for s in (accepted, client, server):
                    s.close()
                self.stop(peer)

    def test_the_best_protocol_is_used(self):
        MappingDaemon(self, self.router).start()
        peer = self.keep(" ".join(PROTOCOLS))
        self.assertEqual(self.mapping(peer)["protocol"], "pcp")
        self.stop(peer)

    def test_a_mapping_is_renewed(self):
        daemon = MappingDaemon(self, self.router).start()
        peers = {protocol: self.keep(protocol, lifetime=8, port=PORT + i) for i, protocol in enumerate(PROTOCOLS)}
        for peer in peers.values():
            self.assertTrue(self.mapping(peer))
        # The clock is what is tested: after three lifetimes they would be gone.
        end = time.monotonic() + 24
        while time.monotonic() < end:
            self.assertEqual(len(daemon.mappings()), 3, daemon.mappings())
            time.sleep(0.5)
        for i, (protocol, peer) in enumerate(peers.items()):
            with self.subTest(protocol):
                self.assertTrue(self.comes_in(PORT + i, PORT + i))
                self.assertEqual(len(peer.out.lines()), 1, "it never changed")

    def test_a_program_that_dies_leaves_no_mapping_for_long(self):
        daemon = MappingDaemon(self, self.router).start()
        peer = self.keep("pcp", lifetime=8)
        self.assertTrue(self.mapping(peer))
        peer.kill()
        wait_until(lambda: not daemon.mappings(), "the mapping expires", 20)

    def test_a_gateway_that_restarts_is_asked_again(self):
        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                daemon = MappingDaemon(self, self.router).start()
                # NAT-PMP and PCP are told of a restart; UPnP notices it when it renews.
                peer = self.keep(protocol, lifetime=600 if protocol != "upnp-igd" else 8)
                self.assertTrue(self.mapping(peer))
                # An epoch that has not begun to count does not show that it began anew.
                begin = time.monotonic()
                wait_until(lambda: time.monotonic() - begin > 4, "the gateway's clock runs")
                daemon.crash()
                self.assertEqual(daemon.mappings(), {})
                daemon.start()
                wait_until(lambda: daemon.mappings() == {("udp", PORT): f"{self.host.ip}:{PORT}"}, "mapped again", 30)
                wait_until(self.comes_in, "datagrams come in again")
                self.stop(peer)
                daemon.process.stop()

    def test_a_port_that_a_neighbour_has(self):
        MappingDaemon(self, self.router).start()
        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                first = self.keep(protocol, host=self.neighbour)
                self.assertEqual(self.mapping(first)["port"], PORT)
                second = self.keep(protocol)
                other = self.mapping(second)["port"]
                self.assertNotEqual(other, PORT)
                self.assertTrue(self.comes_in(other))
                self.stop(second)
                self.stop(first)

    def test_a_gateway_that_refuses(self):
        # Ports under 1024 are denied: every protocol says no, and the last one's no is told. Not by PCP: miniupnpd then looks at each of
        # its 65,535 ports, which keeps the kernel so busy that tests beside this one miss their deadlines.
        MappingDaemon(self, self.router).start()
        for protocol in ("nat-pmp", "upnp-igd", "nat-pmp upnp-igd"):
            with self.subTest(protocol):
                peer = self.keep(protocol, port=700)
                mapping = self.mapping(peer, timeout=90)  # for UPnP, too, it looks at many ports
                # NAT-PMP may give another port outside than the one that is denied.
                if mapping is not None:
                    self.assertGreaterEqual(mapping["port"], 1024)
                self.stop(peer, timeout=60)

    def test_another_gateway_begins_anew(self):
        MappingDaemon(self, self.router).start()
        peer = self.keep("pcp")
        self.assertTrue(self.mapping(peer))
        told = peer.out.mark()
        other = self.lab.home("port-restricted", wan="12.0.113.2", lan="192.168.2.0/24")
        daemon = MappingDaemon(self, other).start()
        self.host.move(other)
        # The way to the internet is looked at every 15 s.
        wait_until(lambda: len(daemon.mappings()) == 1, "mapped on the new gateway", 30)
        peer.out.wait(r'"address":"12\.0\.113\.2"', after=told)

    # ---- gateways that do not speak, or lie
    def test_no_gateway_and_silent_gateways(self):
        found = self.probe()
        self.assertEqual((found["available"], found["protocols"], found["externalAddress"]), (False, [], None))
        self.assertLess(found["ms"], seconds(2.2) * 1000)
        peer = self.keep(" ".join(PROTOCOLS))
        self.assertIsNone(self.mapping(peer))
        self.assertLess(self.stop(peer), 1000)

        self.router.cut()          # towards the internet; towards the host nothing changes
        self.host.cut()            # a black hole
        found = self.probe()
        self.assertFalse(found["available"])
        self.assertLess(found["ms"], seconds(2.2) * 1000)
        peer = self.keep(" ".join(PROTOCOLS))
        self.assertIsNone(self.mapping(peer))
        self.stop(peer)

        self.host.ip_batch("route del default")
        found = self.probe()
        self.assertEqual((found["available"], found["gateway"]), (False, None))
        self.assertLess(found["ms"], 1000)

    def test_stop_is_bounded_when_the_gateway_is_gone(self):
        daemon = MappingDaemon(self, self.router).start()
        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                peer = self.keep(protocol)
                self.assertTrue(self.mapping(peer))
                self.host.cut()
                self.assertLess(self.stop(peer), seconds(2) * 1000)
                self.host.heal()
        self.assertTrue(daemon.mappings(), "they stay until they expire")

    def test_a_gateway_that_floods_and_lies(self):
        liar = Liar(self.router, self.neighbour)
        self.addCleanup(liar.stop)
        found = self.probe()
        self.assertLess(found["ms"], seconds(2.5) * 1000)
        self.assertNotIn("upnp-igd", found["protocols"], "its description never ends")
        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                peer = self.keep(protocol)
                # Mappings to addresses that nobody can reach are no mappings.
                self.assertIsNone(self.mapping(peer, timeout=30))
                self.assertLess(peer.resident_kib(), 200 * 1024)
                self.assertLess(self.stop(peer), seconds(2) * 1000)
        self.assertEqual(liar.stranger_connections, 0, "nobody but the gateway is asked for a description")

    def test_only_the_gateway_is_believed(self):
        """A neighbour answers everything, from his own address."""
        liar = Liar(self.neighbour, self.neighbour)
        self.addCleanup(liar.stop)
        self.assertFalse(self.probe()["available"])
        self.assertTrue(liar.searched, "he was asked, with everybody")
        self.assertEqual(liar.stranger_connections, 0)


class Liar:
    """Says yes to everything in PCP and NAT-PMP, points to a neighbour and to an endless description in UPnP. It sends as fast
    as it is asked, each answer many times, and announces restarts."""

    def __init__(self, node, neighbour):
        self.stranger_connections = self.searched = 0
        self.epoch = 100000
        self.ended = False
        address = node.router_ip if node.kind == "nat" else node.ip
        self.urls = [f"http://{neighbour.ip}:8080/d.xml", f"http://{address}:8081/d.xml", "http://example.org/d.xml", "http://[", "x" * 1000]
        group = socket.inet_aton("239.255.255.250") + socket.inet_aton(address)
        self.sockets = [(node.socket(bind=("", 5351)), self.pmp), (node.socket(bind=("", 1900)), self.ssdp),
                        (self.listens(neighbour, 8080), self.stranger), (self.listens(node, 8081), self.endless)]
        self.sockets[1][0].setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        for s, handle in self.sockets:
            threading.Thread(target=self.serve, args=(s, handle), daemon=True).start()

    def serve(self, s, handle):
        while not self.ended:
            with contextlib.suppress(OSError):          # who was lied to has gone
                handle(s)

    @staticmethod
    def listens(node, port):
        s = node.socket(socket.SOCK_STREAM, bind=("", port))
        s.listen()
        return s

    def stop(self):
        self.ended = True
        for s, _ in self.sockets:
            with contextlib.suppress(OSError):              # an unconnected one is woken all the same
                s.shutdown(socket.SHUT_RDWR)

    def pmp(self, s):
        data, where = s.recvfrom(2048)
        if len(data) < 2:
            return
        self.epoch = 100000 - self.epoch                    # each answer: a restart
        epoch = self.epoch.to_bytes(4, "big")
        if data[0] == 2:
            reply = bytearray(data)
            reply[1] |= 0x80
            reply[3] = 0
            reply[8:12] = epoch
            if len(reply) >= 60:
                reply[44:60] = bytes(10) + b"\xff\xff" + bytes([127, 0, 0, 1])
        elif data[1] == 0:
            reply = bytes([0, 128, 0, 0]) + epoch + bytes(4)
        else:
            reply = bytes([0, data[1] | 128, 0, 0]) + epoch + data[4:8] + data[8:12]
        for _ in range(50):
            s.sendto(bytes(reply), where)

    def ssdp(self, s):
        data, where = s.recvfrom(2048)
        if not data:
            return
        self.searched += 1
        for url in self.urls * 20:
            s.sendto(f"HTTP/1.1 200 OK\r\nLOCATION: {url}\r\nST: x\r\n\r\n".encode(), where)

    def stranger(self, s):
        connection, _ = s.accept()
        self.stranger_connections += 1
        connection.close()

    def endless(self, s):
        connection, _ = s.accept()
        with connection:
            connection.settimeout(10)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n<root>")
            while not self.ended:
                connection.sendall(b"<a>" * 1000)


if __name__ == "__main__":
    main()
