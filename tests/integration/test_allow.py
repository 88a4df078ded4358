#!/usr/bin/python3
"""What a target offers: its loopback unless --allow says more, never an address that is forbidden, however it is spelled.

The file runs itself in a network of its own, where this "machine" has every address that a spelling might lead to, among
them 169.254.169.254, and names of its own in /etc/hosts. Whatever is dialled would be served and counted.
"""
import copy
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import (IntegrationTest, TcpService, connect, ctc, echo, expect_reset_user, free_port, main, recv_exactly, roundtrip, seconds,
                     serve_echo, wait_until)
from harness.net import abandon
from harness.protocol import ACCEPT, PLAIN, REJECT, ControlChannel, Identity, UdpEnd, open_frame, read_frame

OWN, OTHER, OWN6 = "10.99.0.1", "10.99.0.2", "fd99::1"
ADDRESSES = [f"{OWN}/24", f"{OTHER}/24", "192.168.77.7/32", "169.254.169.254/32", "100.100.100.200/32", "168.63.129.16/32", f"{OWN6}/64",
             "fd00:ec2::254/128", "fe80::5/64", "64:ff9b::7f00:1/128", "2002:7f00:1::1/128", "2001:db8::5efe:7f00:1/128"]
HOSTS = f"""127.0.0.1 localhost loop
{OWN} own db.lan
{OWN6} own6
{OTHER} both
127.0.0.1 both
169.254.169.254 metadata
0.0.0.0 zero
127.0.1.1 debian
::ffff:127.0.0.1 mapped
fe80::5 linklocal
"""
_KEY = Identity()  # of our own client, which registers the same name again and again
_INSIDE = "CHUANTOU_TEST_NETWORK"
_NOT_ALLOWED = 108
IP_PKTINFO = 8  # Linux; the socket module does not have it

# What is never offered, whatever the rules; and what a resolver would read as an address though it is none.
FORBIDDEN = ["0.0.0.0", "0.0.0.1", "::", "0:0:0:0:0:0:0:0", "0::0", "::0.0.0.0", "::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:7F00:0001",
             "0:0:0:0:0:ffff:127.0.0.1", f"::ffff:{OWN}", "::ffff:a63:1", "::127.0.0.1", "::7f00:1", f"::{OWN}", "::ffff:0:127.0.0.1",
             "64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2001:0:7f00:1::1", "2001:db8::5efe:7f00:1",
             "169.254.169.254", "169.254.1.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "fd00:0ec2:0::0254",
             "100.100.100.200", "168.63.129.16", "fe80::5", "FE80:0::5", "fe80::5%lo", "fe80::5%1", "fec0::1", "224.0.0.1",
             "239.255.255.250", "ff02::1", "ff02::1%lo", "255.255.255.255"]
ODD = ["127.1", "127.0.1", "0x7f.0.0.1", "0x7f.1", "0X7F.0.0.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "0177.1",
       "127.0.0.01", "127.000.000.001", "127.0.0.0x1", "127.0.0.1.", "127.0.0.1..", "127.1.", "127.0.0.1.0x0", "0", "0x0", "00", "0.0",
       "0.", "10.99.1", "0xa630001", "0x0a.99.0.1", "174260225", "1099.1", "169.254.43518", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376",
       "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "ｌocalhost", "localhost..", ".localhost", "localhost。", "::1%lo", "::1%1",
       "127.0.0.1:80", "%31%32%37.0.0.1", "127.0.0.1#", "::ffff:127.1", "0:0:0:0:0:0:0:0:1", "::00001"]
# Only a client that is not ours would send these.
UNPRINTABLE = ["[::1]", "[::]", "127.0.0.1/8", "user@127.0.0.1", "//127.0.0.1", "127.0.0.1\x80"]
OTHERS = ["127.0.0.2", "127.1.2.3", "127.255.255.254", OWN, OTHER, OWN6, "192.168.77.7", "own", "OWN.", "loop", "both", "metadata", "zero",
          "debian", "mapped", "linklocal", "no-such-host.invalid"]


class Everywhere:
    """A service on one port of all addresses of this machine, TCP and UDP; counts what reaches it, and where."""

    def __init__(self, test, hosts=("0.0.0.0", "::")):
        self.port = free_port()
        self.reached = []
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                one = socket.socket(family, kind)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((host, self.port))
                if kind == socket.SOCK_STREAM:
                    one.listen(512)
                elif family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                else:
                    one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
                test.addCleanup(one.close)
                test.addCleanup(abandon, one)
                threading.Thread(target=self._accept if kind == socket.SOCK_STREAM else self._answer, args=(one,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
                self.reached.append(connection.getsockname()[0])
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with connection:
            try:
                echo(connection)
            except OSError:
                pass

    def _answer(self, service):
        while True:
            try:
                data, asked_at, _, source = service.recvmsg(65535, 100)
                if not source:  # shut down
                    return
                _, _, info = asked_at[0]  # the answer leaves from the address that was asked
                self.reached.append(socket.inet_ntop(service.family, info[:16] if service.family == socket.AF_INET6 else info[4:8]))
                service.sendmsg([data], asked_at, 0, source)
            except ConnectionRefusedError:
                continue
            except OSError:
                return


@unittest.skipUnless(os.environ.get(_INSIDE), "no network namespace may be made here (unshare)")
class Allow(IntegrationTest):
    def raw(self, server, name="raw"):
        me = ControlChannel(self, server.port, server.host)
        self.assertTrue(me.register(name, key=_KEY)["success"])
        return me

    def asked(self, me, peer, port, host):
        """The answer to an OPEN for a host, on a carrier that was asked for without: a code, or "accepted"."""
        [key] = me.request(peer, 0)
        with me.data_channel(key) as channel:
            channel.sendall(open_frame(port, host) + b"hello")
            kind, _, payload = read_frame(channel)
            opened = int.from_bytes(payload[:2], "big") if kind == REJECT else "accepted"
            if kind == ACCEPT:
                self.assertEqual(recv_exactly(channel, 5), b"hello")
        return opened

    def refused_at_once(self, me, peer, port, host, protocol):
        """The code with which the request itself is refused."""
        [key] = me.request(peer, port, host=host, protocol=protocol)
        session = next(s["sessionId"] for s in me.expect("create_session")["sessions"] if s["key"] == key)
        refusal = me.expect("reject_session")
        self.assertEqual(refusal["sessions"][0]["sessionId"], session)
        return refusal["code"]

    def by_udp(self, me, server, peer, port, host):
        """The echo of a datagram through a new flow, or the code of the refusal."""
        [key] = me.request(peer, port, host=host, protocol="udp")
        session = me.expect("create_session")["sessions"][0]
        got, payload = me.receive()
        while got not in ("accept_session", "reject_session") or payload["sessions"][0]["sessionId"] != session["sessionId"]:
            got, payload = me.receive()
        if got == "reject_session":
            return payload["code"]
        end = UdpEnd(self, server.port, session["udpSession"], key)
        end.bind()
        for _ in range(5):
            end.send(b"hello")
            try:
                return end.receive().decode()
            except TimeoutError:
                continue
        return "silence"

    def test_default(self):
        """Loopback under its names, TCP and UDP; no other address of this machine, no name."""
        server = self.server()
        service = Everywhere(self)
        self.client(server, "B", args=PLAIN)
        me = self.raw(server)
        for host in ("", "localhost", "LocalHost", "localhost.", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1"):
            with self.subTest(host):
                self.assertEqual(self.asked(me, "B", service.port, host), "accepted")
        self.assertLessEqual(set(service.reached), {"127.0.0.1", "::1"})
        me = self.raw(server, "raw2")
        for host in ("", "LOCALHOST.", "127.0.0.1", "::1"):
            with self.subTest(host, protocol="udp"):
                self.assertEqual(self.by_udp(me, server, "B", service.port, host), "hello")
        service.reached.clear()
        for host in OTHERS:
            for protocol in ("tcp", "udp"):
                with self.subTest(host, protocol=protocol):
                    self.assertEqual(self.refused_at_once(me, "B", service.port, host, protocol), "not_allowed")
            with self.subTest(host, opened=True):
                self.assertEqual(self.asked(self.raw(server, "raw3"), "B", service.port, host), _NOT_ALLOWED)
        self.assertEqual(service.reached, [])

    def test_spellings(self):
        """Forbidden addresses and odd spellings, asked for by a client that would send anything, of targets with and without rules."""
        server = self.server()
        service = Everywhere(self)
        self.client(server, "default", args=PLAIN)
        self.client(server, "generous", args=[*PLAIN, "--allow", "*", "--allow", "0.0.0.0/0:*,[::]/0:*,127.0.0.0/8:*"])
        spellings = FORBIDDEN + ODD + UNPRINTABLE
        self.assertGreaterEqual(len(spellings), 80)
        for peer in ("default", "generous"):
            me = self.raw(server)
            for host in spellings:
                for protocol in ("tcp", "udp"):
                    with self.subTest(host, peer=peer, protocol=protocol):
                        self.assertEqual(self.refused_at_once(me, peer, service.port, host, protocol), "not_allowed")
            for host in spellings:
                with self.subTest(host, peer=peer, opened=True):
                    [key] = me.request(peer, 0)
                    with me.data_channel(key) as channel:
                        channel.sendall(open_frame(service.port, host) + b"hello")
                        kind, _, payload = read_frame(channel)
                        self.assertEqual((kind, int.from_bytes(payload[:2], "big")), (REJECT, _NOT_ALLOWED))
        self.assertEqual(service.reached, [])

    def test_spellings_by_command(self):
        """The same through `ctc proxy create`: users are reset and told why, datagrams go nowhere."""
        server = self.server()
        service = Everywhere(self)
        self.client(server, "B", args=["--allow", "*", "--allow", "0.0.0.0/0:*,[::]/0:*"])
        a = self.client(server, "A")
        spellings = [host for host in FORBIDDEN + ODD if "%" not in host]
        self.assertGreaterEqual(len(spellings), 60)
        flows = []
        for number, host in enumerate(spellings):
            name = f"odd{number}"
            a.command("proxy", "create", "--local-port", "0", "--target-client", "B", "--target-port", service.port, "--target-host", host,
                      "--name", name)
        ports = {p["name"]: p["localPort"] for p in json.loads(a.command("proxy", "list", "--json").stdout)["proxies"]}
        for number, host in enumerate(spellings):
            with self.subTest(host):
                flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.addCleanup(flow.close)
                flow.connect(("127.0.0.1", ports[f"odd{number}"]))
                flow.send(b"anybody there?")
                flows.append(flow)
                before = a.log.text().count("the peer does not offer")
                expect_reset_user(ports[f"odd{number}"], b"anybody there?")
                wait_until(lambda: a.log.text().count("the peer does not offer") > before, "A says why")
        self.assertEqual(select.select(flows, [], [], 0)[0], [])
        self.assertEqual(service.reached, [])

    def test_another_host_of_the_targets_network(self):
        """Reached with a rule: an address, a block, a name; by TCP and UDP, and only on its ports."""
        server = self.server()
        service, closed = Everywhere(self), Everywhere(self)
        port = service.port
        cases = [(f"{OWN}:{port}", OWN, True), (f"10.99.0.0/24:{port}", OWN, True), (f"10.99.0.0/24:{port}", OTHER, True),
                 (f"10.99.0.0/24:{port}", "192.168.77.7", False), (f"[{OWN6}]:{port}", "FD99:0::1", True), (f"[fd99::]/16:{port}", OWN6, True),
                 (f"[fd00::]/8:{port}", "fd00:ec2::254", False), (f"own:{port}", "own", True), (f"own:{port}", "OWN.", True),
                 (f"DB.lan.:{port}", "db.LAN", True), (f"own6:{port}", "own6", True), (f"own:{port}", OWN, False), (f"own:{port}", "", False),
                 (f"127.0.0.2:{port}", "127.0.0.2", True), (f"127.0.0.2:{port}", "127.0.0.1", False), (f"{OWN}:{port}@raw", OWN, True),
                 (f"{OWN}:{port}@other", OWN, False)]
        for number, (rule, host, allowed) in enumerate(cases):
            with self.subTest(rule=rule, host=host):
                b = self.client(server, f"B{number}", args=[*PLAIN, "--allow", rule])
                me = self.raw(server)
                if allowed:
                    self.assertEqual(self.by_udp(me, server, b.id, port, host), "hello")
                    self.assertEqual(self.asked(me, b.id, port, host), "accepted")
                else:
                    for protocol in ("tcp", "udp"):
                        self.assertEqual(self.refused_at_once(me, b.id, port, host, protocol), "not_allowed")
                    self.assertEqual(self.asked(self.raw(server), b.id, port, host), _NOT_ALLOWED)
                self.assertEqual(self.refused_at_once(self.raw(server), b.id, closed.port, host, "tcp"), "not_allowed")
                b.stop()
        self.assertEqual(closed.reached, [])
        self.assertLessEqual(set(service.reached), {OWN, OTHER, OWN6, "127.0.0.2"})

    def test_names_that_lead_where_no_rule_does(self):
        """Rebinding: the name is allowed, its address decides. Of several addresses only those are dialled that may be."""
        server = self.server()
        service = Everywhere(self)
        port = service.port
        names = ["loop", "both", "metadata", "zero", "debian", "mapped", "linklocal"]
        rules = [*PLAIN, *(word for name in names for word in ("--allow", f"{name}:{port}"))]
        self.client(server, "B", args=rules)
        me = self.raw(server)
        for name in names:
            if name == "both":
                continue
            with self.subTest(name):
                self.assertEqual(self.asked(me, "B", port, name), _NOT_ALLOWED)
                self.assertEqual(self.by_udp(self.raw(server, "udp"), server, "B", port, name), "not_allowed")
        self.assertEqual(service.reached, [])
        for _ in range(5):
            self.assertEqual(self.asked(me, "B", port, "both"), "accepted")
        self.assertEqual(set(service.reached), {OTHER})
        # The same name where the loopback's port is offered too.
        self.client(server, "C", args=[*rules, "--allow", str(port)])
        self.assertEqual(self.asked(self.raw(server, "other"), "C", port, "loop"), "accepted")
        self.assertEqual(service.reached[-1], "127.0.0.1")

    def test_a_name_that_nobody_knows(self):
        server = self.server()
        self.client(server, "B", args=[*PLAIN, "--allow", "no-such-host.invalid:80"])
        me = self.raw(server)
        self.assertEqual(self.asked(me, "B", 80, "no-such-host.invalid"), 107)
        self.assertEqual(self.by_udp(self.raw(server, "udp"), server, "B", 80, "no-such-host.invalid"), "target_unreachable")

    def test_through_the_real_client(self):
        """A user of a proxy for another host, TCP and UDP."""
        server = self.server()
        service = Everywhere(self)
        self.client(server, "B", args=["--allow", f"own:{service.port}"])
        a = self.client(server, "A", f"B:own:{service.port}")
        local = a.local_port(f"B:own:{service.port}")
        with connect(local) as user:
            roundtrip(user, bytes(100_000))
        flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(flow.close)
        flow.settimeout(seconds(5))
        flow.connect(("127.0.0.1", local))
        flow.send(b"by name")
        self.assertEqual(flow.recv(100), b"by name")
        self.assertEqual(set(service.reached), {OWN})


class Strangers(IntegrationTest):
    """A target hears from the server whether a peer is of its group. Here it does not hear it: the word is taken out on the way."""

    def behind_silence(self, server):
        def forward(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data.replace(b'"sameGroup"', b'"otherWord"'))
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                abandon(sink)

        def serve(connection):
            with connect(server.port) as upstream:
                upstream.settimeout(None)
                back = threading.Thread(target=forward, args=(upstream, connection), daemon=True)
                back.start()
                forward(connection, upstream)
                back.join()

        silent = copy.copy(server)
        silent.port = TcpService(self, serve).port
        return silent

    def test_peers_of_another_group(self):
        """They get what a rule with their name offers, and nothing else; not even on a carrier that is there already."""
        server = self.server()
        silent = self.behind_silence(server)
        service = serve_echo(self)
        cases = [([], False), ([f"{service.port}"], False), (["*"], False), ([f"{service.port}@other,{service.port}"], False),
                 ([f"{service.port}@raw"], True), (["*@raw"], True), (["none"], False)]
        for number, (rules, allowed) in enumerate(cases):
            with self.subTest(rules=rules):
                peer = f"B{number}"
                b = self.client(silent, peer, args=[*PLAIN, *(word for rule in rules for word in ("--allow", rule))])
                me = ControlChannel(self, server.port)
                self.assertTrue(me.register("raw", key=_KEY)["success"])
                if not allowed:
                    for protocol in ("tcp", "udp"):
                        me.request(peer, service.port, protocol=protocol)
                        self.assertEqual(me.expect("reject_session")["code"], "not_allowed")
                [key] = me.request(peer, 0)
                with me.data_channel(key) as channel:
                    channel.sendall(open_frame(service.port))
                    kind, _, payload = read_frame(channel)
                    self.assertEqual((kind, payload), (ACCEPT, b"") if allowed else (REJECT, _NOT_ALLOWED.to_bytes(2, "big")))
                b.stop()
        self.assertEqual(service.accepted, 2)


class Rules(IntegrationTest):
    def test_rules_that_are_refused(self):
        """ctc says what is wrong with a rule, and does not start."""
        for rule, why in {"169.254.169.254:80": "a cloud's metadata address, which is never offered", "0.0.0.0:22": "which is never offered",
                          "[::ffff:10.0.0.1]:22": "an IPv4 address inside an IPv6 address", "224.0.0.0/4:22": "a multicast address",
                          "127.1:22": "a host is a name of ASCII letters and digits, or an address", "10.0.0.1/24:22": "more bits set",
                          "fd00::/8:22": "in brackets"}.items():
            with self.subTest(rule):
                done = ctc("run", "--server", "ws://127.0.0.1:1", "--port", "0", "--allow", rule, data_dir=self.folder("data"), check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"--allow {rule}", done.stderr)
                self.assertIn(why, done.stderr)


def enter_own_network():
    """Runs this file again in a network namespace with the addresses and names above, if that can be done here."""
    if os.environ.get(_INSIDE):
        return
    space = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    folder = tempfile.mkdtemp(prefix="chuantou-test-")
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w", encoding="ascii") as text:
        text.write(HOSTS)
    script = "set -e; ip link set lo up\n"
    script += "".join(f"ip addr add {address} dev lo {'nodad' if ':' in address else ''}\n" for address in ADDRESSES)
    script += f'mount --bind {hosts} /etc/hosts; rm -r {folder}; exec "$@"\n'
    try:
        able = subprocess.run([*space, "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        able = False
    if able:
        os.environ[_INSIDE] = "1"
        os.execvp("unshare", [*space, "sh", "-c", script, "sh", sys.executable, *sys.argv])


if __name__ == "__main__":
    enter_own_network()
    main()
