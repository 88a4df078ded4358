#!/usr/bin/python3
"""STUN: our responder judged by the clients of coturn and of RFC 3489's days, our client by coturn's server; what strangers get."""
import re
import socket
import threading
import time

from harness import IntegrationTest, SANITIZED, cts, free_port, main, need, run, seconds, serve_udp_echo, wait_until
from harness import stun
from harness.chuantou import program
from harness.coturn import Coturn

SECOND = "127.0.0.2"
ALTERNATE = ["--stun-alt-address", SECOND]


class StunTest(IntegrationTest):
    def socket(self, host="127.0.0.1", timeout=5):
        end = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(end.close)
        end.bind((host, 0))
        end.settimeout(seconds(timeout))
        return end

    def ask(self, server, asked, end=None, to="127.0.0.1", port=None):
        """Returns the answer, and where it came from."""
        end = end or self.socket("::1" if ":" in to else "127.0.0.1")
        end.sendto(asked, (to, port or server.port))
        data, source = end.recvfrom(65535)
        return stun.Answer(data, asked), source[:2]

    def other(self, server):
        """Where the server is besides."""
        address = self.ask(server, stun.request())[0].address(stun.OTHER_ADDRESS)
        self.assertEqual(address[0], SECOND)
        self.assertNotEqual(address[1], server.port)
        return address

    def silent(self, server, data, **options):
        """What gets no answer; the one that does comes after it."""
        end = self.socket()
        end.sendto(data, ("127.0.0.1", server.port))
        asked = stun.request()
        end.sendto(asked, ("127.0.0.1", server.port))
        stun.Answer(end.recv(65535), asked)

    def counts(self, server):
        status = server.status()
        return {key: status[key] for key in ("stunRequests", "stunAnswers", "stunRefused")}


class Foreign(StunTest):
    """turnutils_stunclient, turnutils_natdiscovery and Debian's stun."""

    def stunclient(self, server, host="127.0.0.1"):
        tool = need("turnutils_stunclient", "coturn")
        return run([tool, "-p", server.port, host]).stdout

    def natdiscovery(self, server, *flags):
        tool = need("turnutils_natdiscovery", "coturn")
        return run([tool, *flags, "-p", server.port, "127.0.0.1"]).stdout

    def classic(self, server):
        # It ends with a number for what it found.
        tool = need("stun", "stun-client")
        return run([tool, f"127.0.0.1:{server.port}", "-v"], check=False, stderr=-2)

    def test_a_plain_server(self):
        said = self.stunclient(self.server())
        self.assertRegex(said, r"UDP reflexive addr: 127\.0\.0\.1:\d+")
        self.assertNotIn("RFC 5780", said)

    def test_a_plain_server_over_ipv6(self):
        said = self.stunclient(self.server(host="::1"), "::1")
        self.assertRegex(said, r"IPv6. UDP reflexive addr: ::1:\d+")

    def check_stunclient(self, server):
        other = self.other(server)[1]
        said = self.stunclient(server)
        self.assertEqual(re.findall(r"RFC 5780 response (\d)", said), ["1", "2", "3"])
        origins = re.findall(r"Response origin: : (\S+)", said)
        # Asked plainly (told twice), then with CHANGE-REQUEST and RESPONSE-PORT, then from there with padding.
        self.assertEqual(origins, [f"127.0.0.1:{server.port}"] * 2 + [f"{SECOND}:{other}"] * 2)
        self.assertEqual(re.findall(r"Other addr: : (\S+)", said), [f"{SECOND}:{other}"] * 3)
        self.assertEqual(len(re.findall(r"UDP reflexive addr: 127\.0\.0\.1:\d+", said)), 3)

    def test_stunclient_with_a_second_address(self):
        self.check_stunclient(self.server(args=ALTERNATE))

    def test_stunclient_with_a_server_on_all_addresses(self):
        self.check_stunclient(self.server(host="0.0.0.0", args=["--allow-anonymous", *ALTERNATE]))

    def check_natdiscovery(self, server):
        for padding in ([], ["-P"]):
            said = self.natdiscovery(server, "-m", "-f", *padding)
            self.assertIn("Endpoint Independent Mapping", said)
            self.assertIn("Endpoint Independent Filtering", said)
            self.assertEqual(len(re.findall("No ALG: Mapped == XOR-Mapped", said)), 4)

    def test_natdiscovery(self):
        server = self.server(args=ALTERNATE)
        self.check_natdiscovery(server)
        self.assertIn("successful hairpinning", self.natdiscovery(server, "-H"))
        # The second request has RESPONSE-PORT: the answer goes to the first one's socket, whose mapping still stands.
        said = self.natdiscovery(server, "-t", "-T", "1")
        self.assertIn("RFC 5780 response 2", said)

    def test_natdiscovery_with_a_server_on_all_addresses(self):
        self.check_natdiscovery(self.server(host="0.0.0.0", args=["--allow-anonymous", *ALTERNATE]))

    def test_natdiscovery_with_a_plain_server(self):
        said = self.natdiscovery(self.server(), "-m")
        self.assertNotIn("Mapping!", said)

    def test_the_client_of_rfc_3489(self):
        for host, args in (("127.0.0.1", []), ("0.0.0.0", ["--allow-anonymous"])):
            server = self.server(host=host, args=[*args, *ALTERNATE])
            done = self.classic(server)
            self.assertIn("Primary: Open", done.stdout)
            for test in ("I", "II", "III", "I(2)"):
                self.assertIn(f"test {test} = 1\n", done.stdout)
            self.assertIn("is nat  = 0", done.stdout)
            self.assertIn(f"ChangedAddress = {SECOND}:{self.other(server)[1]}", done.stdout)


class Second(StunTest):
    """--stun-alt-address."""

    def test_every_change_from_every_address(self):
        for host, args in (("127.0.0.1", []), ("0.0.0.0", ["--allow-anonymous"])):
            server = self.server(host=host, args=[*args, *ALTERNATE])
            port = self.other(server)[1]
            ips, ports = ["127.0.0.1", SECOND], [server.port, port]
            end = self.socket()
            for ip in ips:
                for at in ports:
                    for flags in (0, stun.CHANGE_IP, stun.CHANGE_PORT, stun.CHANGE_IP | stun.CHANGE_PORT):
                        answer, source = self.ask(server, stun.request(stun.change(flags)), end, ip, at)
                        turned = (ips[1 - ips.index(ip)], ports[1 - ports.index(at)])
                        wanted = (turned[0] if flags & stun.CHANGE_IP else ip, turned[1] if flags & stun.CHANGE_PORT else at)
                        self.assertEqual(source, wanted)
                        self.assertEqual(answer.address(stun.RESPONSE_ORIGIN), wanted)
                        self.assertEqual(answer.address(stun.OTHER_ADDRESS), turned)
                        for kind in (stun.MAPPED_ADDRESS, stun.XOR_MAPPED_ADDRESS):
                            self.assertEqual(answer.address(kind), end.getsockname())

    def test_a_port_of_the_operators_choice(self):
        port = free_port()
        server = self.server(args=["--stun-alt-address", f"{SECOND}:{port}"])
        self.assertEqual(self.other(server), (SECOND, port))

    def test_the_next_port(self):
        port = free_port(2)
        server = self.server(port=port, args=ALTERNATE)
        self.assertEqual(self.other(server), (SECOND, port + 1))

    def test_from_a_configuration_file(self):
        config = self.tmp / "server.toml"
        config.write_text(f'stun-alt-address = "{SECOND}"\nmax-stun-per-minute = 4000\n', encoding="utf-8")
        server = self.server(args=["--config", config])
        self.other(server)
        [limit] = [each for each in server.status()["limits"] if each["name"] == "max-stun-per-minute"]
        self.assertEqual((limit["limit"], limit["refused"]), (4000, 0))

    def test_an_answer_comes_from_the_address_that_was_asked(self):
        server = self.server(host="0.0.0.0", args=["--allow-anonymous"])
        for ip in ("127.0.0.1", "127.0.0.7", "127.99.0.1"):
            answer, source = self.ask(server, stun.request(), to=ip)
            self.assertEqual(source, (ip, server.port))
            self.assertEqual(set(answer.attributes), {stun.XOR_MAPPED_ADDRESS})
        answer, source = self.ask(server, stun.request(), to="::1")
        self.assertEqual(source, ("::1", server.port))

    def test_ordinary_addresses_of_both_families(self):
        """In a network of the test's own, with two addresses of each family, the server on all of them."""
        for first, second in (("198.51.100.1", "198.51.100.2"), ("2001:db8:5::1", "2001:db8:5::2")):
            script = r"""set -e
                trap 'kill $!' EXIT
                cts=$1 data=$2 first=$3 second=$4
                ip link set lo up
                for address in "$first" "$second"; do ip address add "$address" dev lo; done
                setpriv --pdeathsig KILL "$cts" run --allow-anonymous --port 8200 --stun-alt-address "$second" --data-dir "$data" >"$data.log" 2>&1 &
                until "$cts" status --data-dir "$data" >/dev/null 2>&1; do kill -0 $!; done
                timeout 10 turnutils_natdiscovery -f -p 8200 "$first"
                timeout 10 turnutils_stunclient -p 8200 "$second"
                """
            need("turnutils_natdiscovery", "coturn")
            data = self.folder("own-network")
            said = run([need("unshare", "util-linux"), "-rn", need("setpriv", "util-linux"), "--pdeathsig", "KILL", "sh", "-c", script,
                        "sh", program("cts"), data, first, second], timeout=60).stdout
            self.assertIn("Endpoint Independent Filtering", said)
            self.assertEqual(re.findall(r"Response origin: : (\S+)", said),
                             [f"{first}:8200"] * 2 + [f"{second}:8201"]  # natdiscovery -f: plain, then both changed
                             + [f"{second}:8200"] * 2 + [f"{first}:8201"] * 2)  # stunclient, as in check_stunclient()

    def test_what_does_not_go(self):
        taken = self.socket("127.0.0.1")
        port = taken.getsockname()[1]
        for args, complaint in (
                (["--stun-alt-address", "here"], "here is not valid: an address is wanted"),
                (["--stun-alt-address", "127.0.0.2:x"], "127.0.0.2:x is not valid"),
                (["--stun-alt-address", "127.0.0.1"], "it is the server's first one"),
                (["--stun-alt-address", "::1"], "the server does not listen on IPv6"),
                (["--stun-alt-address", "0.0.0.0"], "0.0.0.0 is not valid: no host's address"),
                (["--stun-alt-address", "192.0.2.77"], "this machine has no address 192.0.2.77"),
                (["--stun-alt-address", f"127.0.0.2:{port}"], f"port {port} is in use; choose another with --stun-alt-address"),
                (["--port", str(free_port()), "--max-stun-per-minute", "0"], "--max-stun-per-minute")):
            with self.subTest(args=args):
                done = cts("run", "--host", "127.0.0.1", *([] if "--port" in args else ["--port", "0"]), *args,
                           data_dir=self.folder("data"), check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(complaint, done.stderr)


class Strangers(StunTest):
    """Anybody may ask, in anybody's name."""

    def test_no_answer_has_more_than_the_rfc_asks_for(self):
        plain, second = self.server(), self.server(args=ALTERNATE)
        padding, port = stun.attribute(stun.PADDING, bytes(1000)), stun.attribute(stun.RESPONSE_PORT, b"\x99\x99\0\0")
        rows = (  # request, bytes of the plain server's answer, of the other's
            (stun.request(), 32, 68),
            (stun.request(stun.change(0)), 36, 68),
            (stun.request(stun.change(6)), 36, 68),
            (stun.request(padding), 1060, 1072),
            (stun.request(stun.attribute(stun.PADDING, bytes(60_000))), 1560, 1572),
            (stun.request(padding, port), 28, 28),
            (stun.request(stun.attribute(0x7FFF)), 36, 36),
            (stun.request(*[stun.attribute(0x7F00 + i) for i in range(60)]), 152, 152),
            (stun.request(stun.attribute(2, b"\0\1\x0d\x96\xc0\0\2\5")), 36, 36),  # RESPONSE-ADDRESS of RFC 3489
            (stun.request(stun.attribute(0x8022, bytes(700))), 32, 68),
            (stun.request(cookie=1), 44, 56),
            (stun.request(stun.change(0), cookie=1), 44, 56),
            (stun.request(stun.change(6), cookie=1), 36, 56),
        )
        asked = answered = 0
        for request, *sizes in rows:
            for server, size in zip((plain, second), sizes):
                answer, _ = self.ask(server, request)
                self.assertEqual(answer.size, size, request[:40].hex())
                if size > len(request):  # then these are addresses that were asked for, or a code with what it is about
                    self.assertLessEqual(size - len(request), 48)
                asked += len(request)
                answered += size
        self.assertLess(answered, asked)

    def test_an_answer_goes_to_who_asked(self):
        """RESPONSE-PORT changes the port and nothing else; RESPONSE-ADDRESS is refused."""
        server = self.server(args=ALTERNATE)
        asker, other, stranger = self.socket(), self.socket(), self.socket("127.0.0.5")
        request = stun.request(stun.attribute(stun.RESPONSE_PORT, other.getsockname()[1].to_bytes(2, "big")))
        asker.sendto(request, ("127.0.0.1", server.port))
        self.assertEqual(stun.Answer(other.recv(65535), request).address(stun.XOR_MAPPED_ADDRESS), asker.getsockname())
        ip, port = stranger.getsockname()
        request = stun.request(stun.attribute(2, b"\0\1" + port.to_bytes(2, "big") + socket.inet_aton(ip)), cookie=1)
        answer, _ = self.ask(server, request, asker)
        self.assertEqual(answer.code, 420)
        stranger.settimeout(0.2)
        self.assertRaises(TimeoutError, stranger.recv, 1)

    def test_what_gets_no_answer(self):
        server = self.server(args=ALTERNATE)
        good = stun.request()
        for data in (stun.request(kind=0x0011), stun.request(kind=stun.BINDING_SUCCESS), stun.request(kind=stun.BINDING_ERROR),
                     stun.request(kind=0x0003), good[:19], good + b"\0", good + bytes(4), good[:2] + b"\0\4" + good[4:], b"",
                     bytes(20_000), stun.request(stun.attribute(0x8028, bytes(4))), stun.request(kind=0x0101, cookie=1)):
            self.silent(server, data)
        self.assertEqual(self.counts(server)["stunRefused"], 0)

    def test_the_status(self):
        server = self.server(args=["--max-stun-per-minute", "10"])
        end = self.socket()
        for _ in range(10):
            self.ask(server, stun.request(), end)
        for _ in range(5):
            end.sendto(stun.request(), ("127.0.0.1", server.port))
        wait_until(lambda: self.counts(server)["stunRequests"] == 15, "all were counted")
        self.assertEqual(self.counts(server), {"stunRequests": 15, "stunAnswers": 10, "stunRefused": 5})
        self.assertRegex(server.command("status").stdout, r"STUN +15 requests, 10 answers, 5 refused")
        self.assertRegex(server.command("status", "--lang", "zh").stdout, r"STUN +15 个请求，10 个应答，拒绝 5 个")
        [limit] = [each for each in server.status()["limits"] if each["name"] == "max-stun-per-minute"]
        self.assertEqual((limit["limit"], limit["refused"]), (10, 5))


class Flood(StunTest):
    """For about two seconds each: some 100,000 requests a second."""

    def flood(self, server, sources, stop):
        """Requests from these addresses until told to stop; returns when it was."""
        ends = [self.socket(ip) for ip in sources]
        for end in ends:
            end.setblocking(False)
        request, at, sent = stun.request(), ("127.0.0.1", server.port), 0
        while not stop.wait(0.002):
            for number in range(sent, sent + 200):
                try:
                    ends[number % len(ends)].sendto(request, at)
                    sent += 1
                except BlockingIOError:
                    pass
        return sent

    def during(self, server, sources, work):
        """Does `work` while the flood goes on. Returns how many requests were sent, and for how long."""
        stop = threading.Event()
        sent = []
        began = time.monotonic()
        thread = threading.Thread(target=lambda: sent.append(self.flood(server, sources, stop)))
        thread.start()
        try:
            wait_until(lambda: self.counts(server)["stunRequests"] > 1000, "the flood has come")
            work()
            wait_until(lambda: time.monotonic() > began + 2, "two seconds are over", interval=0.2)
        finally:
            stop.set()
            thread.join()
        return sent[0], time.monotonic() - began

    def test_one_source(self):
        """It gets what it may and no more; others are answered, and the relay relays."""
        service = serve_udp_echo(self)
        tunnel = self.tunnel(f"{service.port}/udp", server_args=["--max-stun-per-minute", "600"])
        server, flow = tunnel.server, self.socket(timeout=1)
        flow.connect(("127.0.0.1", tunnel.port(service.port)))

        def echoed(number):
            data = b"number %d" % number
            flow.send(data)
            try:
                return flow.recv(65535) == data
            except TimeoutError:
                return False
        wait_until(lambda: echoed(0), "the flow stands")

        def work():
            good = sum(echoed(number) for number in range(200))
            self.assertGreaterEqual(good, 190, "the relay goes on")
            other = self.socket(timeout=1)

            def answered():
                asked = stun.request()
                other.sendto(asked, ("127.0.0.1", server.port))
                return stun.Answer(other.recv(65535), asked).address(stun.XOR_MAPPED_ADDRESS) == other.getsockname()
            wait_until(answered, "another source is answered")
        sent, took = self.during(server, ["127.0.0.3"], work)
        counts = self.counts(server)
        print(f"{sent} requests sent in {took:.1f} s, {counts}")
        # A minute's worth at once, what has come back since, and what the other one asked.
        self.assertLessEqual(counts["stunAnswers"], 600 + 10 * (took + 2) + 50)
        self.assertGreaterEqual(counts["stunAnswers"], 600)
        self.assertEqual(counts["stunAnswers"] + counts["stunRefused"], counts["stunRequests"])

    def test_many_sources(self):
        """Each has its own allowance, and none of them makes the server grow."""
        server = self.server(args=["--max-stun-per-minute", "60"])
        self.ask(server, stun.request())
        before = server.process.resident_kib()
        sources = [f"127.1.{i // 200}.{i % 200 + 1}" for i in range(800)]
        sent, took = self.during(server, sources, lambda: None)
        counts = self.counts(server)
        grown = server.process.resident_kib() - before
        print(f"{sent} requests of {len(sources)} sources sent in {took:.1f} s, {counts}, grown by {grown} KiB")
        self.assertLessEqual(counts["stunAnswers"], len(sources) * (60 + took + 2))
        if not SANITIZED:
            self.assertLess(grown, 8 * 1024)
        self.ask(server, stun.request())


class Client(StunTest):
    """stun::ClientTransactions, as chuantou-stun-ask."""

    def asked(self, *words, check=True):
        """What each server said, by its address; the keys of a success are its fields."""
        done = run([program("chuantou-stun-ask"), *words], check=check)
        out = {}
        for line in done.stdout.splitlines():
            server, result, *rest = line.split()
            out[server] = (result, dict(field.split("=") for field in rest) if result == "success" else rest[0])
        return out

    def test_several_servers_at_once(self):
        coturn = Coturn(self)
        port, second = coturn.port, coturn.second_port
        ours = self.server()
        servers = [f"{ip}:{at}" for ip in ("127.0.0.1", SECOND) for at in (port, second)]
        said = self.asked(*servers, f"127.0.0.1:{ours.port}")
        mapped = {fields["mapped"] for _, fields in said.values()}
        self.assertEqual(len(mapped), 1, said)  # one socket, no NAT
        for server in servers:
            result, fields = said[server]
            self.assertEqual((result, fields["from"], fields["origin"]), ("success", server, server))
        self.assertEqual(said[servers[0]][1]["other"], f"{SECOND}:{second}")
        self.assertEqual(said[f"127.0.0.1:{ours.port}"][1]["other"], "-")

    def test_changes(self):
        coturn = Coturn(self)
        port, second = coturn.port, coturn.second_port
        ours = self.server(args=ALTERNATE)
        theirs, our = (port, second), (ours.port, self.other(ours)[1])
        for flags, ip, turned in ((["--change-ip", "--change-port"], SECOND, 1), (["--change-ip"], SECOND, 0),
                                  (["--change-port"], "127.0.0.1", 1)):
            for ports in (theirs, our):
                said = self.asked(*flags, f"127.0.0.1:{ports[0]}")
                [(result, fields)] = said.values()
                self.assertEqual((result, fields["from"]), ("success", f"{ip}:{ports[turned]}"))
                self.assertEqual(fields["from"], fields["origin"])

    def test_padding(self):
        port = Coturn(self).port
        [(result, fields)] = self.asked("--padding", "1200", f"127.0.0.1:{port}").values()
        self.assertEqual((result, fields["padding"]), ("success", "1500"))

    def test_credentials(self):
        port = Coturn(self, "--secure-stun", "--lt-cred-mech", "--user", "me:secret", "--realm", "example.org").port
        self.assertEqual(self.asked(f"127.0.0.1:{port}", check=False), {f"127.0.0.1:{port}": ("error", "401")})
        [(result, fields)] = self.asked("--user", "me", "--password", "secret", f"127.0.0.1:{port}").values()
        self.assertEqual((result, fields["integrity"]), ("success", "sha1"))
        # Nobody without the password can make an answer that counts, and coturn does not try.
        said = self.asked("--user", "me", "--password", "guess", "--rto", "20", "--requests", "3", f"127.0.0.1:{port}", check=False)
        self.assertEqual(said, {f"127.0.0.1:{port}": ("failed", "protocol_error")})

    def test_what_gets_lost_is_sent_again(self):
        """Through a middle that loses the first two requests, and the first answer."""
        port = Coturn(self).port
        near, far = self.socket(timeout=20), self.socket(timeout=20)
        lost = {"requests": 2, "answers": 1}
        asker = []

        def forward(source, key, send):
            while True:
                try:
                    data, address = source.recvfrom(65535)
                except OSError:
                    return
                if lost[key] > 0:
                    lost[key] -= 1
                else:
                    send(data, address)

        def request(data, address):
            asker[:] = [address]
            far.sendto(data, ("127.0.0.1", port))
        for args in ((near, "requests", request), (far, "answers", lambda data, _: near.sendto(data, asker[0]))):
            threading.Thread(target=forward, args=args, daemon=True).start()
        at = f"127.0.0.1:{near.getsockname()[1]}"
        [(result, fields)] = self.asked("--rto", "50", at).values()
        self.assertEqual((result, fields["sent"], fields["mapped"]), ("success", "4", f"127.0.0.1:{far.getsockname()[1]}"))

    def test_nobody_there(self):
        gone = self.socket()
        at = f"127.0.0.1:{gone.getsockname()[1]}"
        began = time.monotonic()
        said = self.asked("--rto", "50", "--requests", "3", at, check=False)
        self.assertEqual(said, {at: ("failed", "timed_out")})
        # 50 + 100 ms, and 16 × 50 ms after the last one.
        self.assertGreaterEqual(time.monotonic() - began, 0.95)


if __name__ == "__main__":
    main()
