#!/usr/bin/python3
"""`ctc streams` and `ctc status`: what is told of each connection, and of its stalls, resumes and ends, as they happen."""
import json
import time

from harness import Client, IntegrationTest, Server, connect, free_port, main, need, roundtrip, seconds, serve_echo, wait_until
from harness.resume import GAVE_UP, RESUMED, STALLED, Rig, migrate, patience, stats

COUNT = 3


def streams(client):
    return json.loads(client.command("streams", "--json").stdout)


def rows(client):
    return streams(client)["streams"]


class Streams(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.service = serve_echo(self)

    def arrange(self, *args):
        """A server that keeps its port, B with the service, A with the way to it."""
        self.relay = Server(self, port=free_port(), token="t").start()
        self.b = Client(self, self.relay, "B", args=args).start()
        self.a = Client(self, self.relay, "A", f"B:{self.service.port}", args=args).start()
        self.began = time.monotonic()

    def open(self, size):
        """A connection that has carried so many bytes each way."""
        user = connect(self.a.local_port(f"B:{self.service.port}"))
        self.addCleanup(user.close)
        roundtrip(user, bytes(size))
        return user

    def all_of(self, client, count, **wanted):
        """The rows, once there are so many and all of them have these fields."""
        def found():
            told = rows(client)
            return [told] if len(told) == count and all(row[key] == value for row in told for key, value in wanted.items()) else None

        return wait_until(found, f"{client.name} has {count} streams with {wanted}", timeout=20)[0]

    def kill_server(self):
        self.relay.kill()
        self.relay.process.wait()

    def test_what_is_told(self):
        self.arrange()
        self.assertEqual(streams(self.a), {"total": 0, "stalled": 0, "streams": []})
        self.assertIn("no streams are open", self.a.command("streams").stdout)
        self.assertIn("没有打开的流", self.a.command("streams", "--lang", "zh").stdout)
        sizes = [10_000 * (number + 1) for number in range(COUNT)]
        for size in sizes:
            self.open(size)
        told = {client: self.all_of(client, COUNT, state="attached", carrier="relay tcp", port=self.service.port, resumes=0, repeatedBytes=0, lostTimeMs=0)
                for client in (self.a, self.b)}
        lived = (time.monotonic() - self.began) * 1000
        for client, peer, direction in ((self.a, "B", "out"), (self.b, "A", "in")):
            for row in told[client]:
                self.assertEqual((row["peer"], row["direction"]), (peer, direction))
                self.assertNotIn("stalledForMs", row)
                self.assertTrue(0 <= row["ageMs"] <= lived + 1, row)
            self.assertEqual([row["ageMs"] for row in told[client]], sorted(row["ageMs"] for row in told[client]), "the youngest is first")
            self.assertEqual(sorted(row["bytesSent"] for row in told[client]), sizes)
            self.assertEqual(sorted(row["bytesReceived"] for row in told[client]), sizes)
            self.assertEqual(streams(client)["total"], COUNT)
        self.assertEqual({row["id"] for row in told[self.a]}, {row["id"] for row in told[self.b]}, "both sides call them the same")
        lines = self.a.command("streams").stdout.splitlines()
        self.assertEqual(len(lines), 1 + COUNT)
        for row, line in zip(told[self.a], lines[1:]):
            self.assertRegex(line, rf"^{row['id']}  B:{self.service.port} +out +on its way +relay tcp +.* {row['bytesSent'] // 1000} kB ")
        self.assertRegex(self.b.command("streams", "--lang", "zh").stdout, r"A:\d+ +接入 +畅通 +relay tcp")

    def test_a_server_that_is_killed(self):
        self.arrange()
        users = [self.open(1000) for _ in range(COUNT)]
        before = {row["id"]: row for row in self.all_of(self.a, COUNT, state="attached")}
        self.kill_server()
        for client in (self.a, self.b):
            first = {row["id"]: row for row in self.all_of(client, COUNT, state="stalled", carrier="", resumes=0)}
            self.assertEqual(set(first), set(before))
            self.assertEqual(streams(client)["stalled"], COUNT)
            self.assertEqual(stats(client).stalls, COUNT)
            self.assertEqual(json.loads(client.command("status", "--json").stdout)["streams"]["stalled"], COUNT)
            for stream in before:
                client.log.wait(rf"{stream} .*{STALLED}")

            def grown():
                now = {row["id"]: row for row in rows(client)}
                return all(now[each]["stalledForMs"] > first[each]["stalledForMs"] + 300 and now[each]["lostTimeMs"] > first[each]["lostTimeMs"] + 300
                           for each in first)

            wait_until(grown, "the lost time grows while it is lost")
            self.assertGreaterEqual(stats(client).lost_ms, COUNT * 300)
        lines = self.a.command("streams").stdout.splitlines()
        self.assertEqual(len([line for line in lines[1:] if "stalled for " in line]), COUNT)
        self.assertIn(f"{COUNT} are stalled now", self.a.command("status").stdout)
        self.assertIn(f"当前中断 {COUNT}", self.a.command("status", "--lang", "zh").stdout)
        lost = {row["id"]: row["lostTimeMs"] for row in rows(self.a)}

        self.relay.start()
        for client in (self.a, self.b):
            for row in self.all_of(client, COUNT, state="attached", carrier="relay tcp", resumes=1):
                self.assertNotIn("stalledForMs", row)
                self.assertLess(row["lostTimeMs"], row["ageMs"])
                if client is self.a:
                    self.assertGreaterEqual(row["lostTimeMs"], lost[row["id"]])
                client.log.wait(rf"{row['id']} .*{RESUMED}")
        settled = {row["id"]: row["lostTimeMs"] for row in rows(self.a)}
        for user in users:
            roundtrip(user, bytes(2000))
        self.assertEqual({row["id"]: row["lostTimeMs"] for row in rows(self.a)}, settled, "no time is lost any more")
        self.assertEqual(abs(stats(self.a).lost_ms - sum(settled.values())) < COUNT, True, "the sum is that of the parts")
        self.assertIn("0 are stalled now", self.a.command("status").stdout)
        self.assertEqual(sum(row["bytesSent"] for row in rows(self.a)), COUNT * 3000)
        for user in users:
            user.close()
        self.all_of(self.a, 0)
        self.all_of(self.b, 0)

    def test_one_that_comes_meanwhile(self):
        """It has not been resumed, and has lost no time: it has only begun late."""
        self.arrange()
        self.open(1000)
        self.kill_server()
        self.all_of(self.a, 1, state="stalled")
        late = connect(self.a.local_port(f"B:{self.service.port}"))
        self.addCleanup(late.close)
        self.relay.start()
        self.all_of(self.a, 2, state="attached")
        young, old = rows(self.a)
        self.assertEqual((young["resumes"], young["lostTimeMs"], old["resumes"]), (0, 0, 1))
        roundtrip(late, b"there")

    def test_one_that_migrates(self):
        """It loses nothing, and is not called stalled."""
        self.arrange()
        user = self.open(1000)
        migrate(self.a)
        for client in (self.a, self.b):
            self.all_of(client, 1, state="attached", carrier="relay tcp", migrations=1, resumes=0, repeatedBytes=0, lostTimeMs=0)
        roundtrip(user, bytes(1000))

    def test_all_that_migrate(self):
        """`ctc streams --migrate` says how many it has sent over, and moves those that were opened here, not those of the peer."""
        self.arrange()
        self.assertEqual(self.a.command("streams", "--migrate").stdout, "connections that move to new carriers: 0\n")
        users = [self.open(1000) for _ in range(COUNT)]
        self.assertEqual(json.loads(self.a.command("streams", "--migrate", "--json").stdout), {"streams": COUNT})
        for client in (self.a, self.b):
            self.all_of(client, COUNT, state="attached", migrations=1, resumes=0, repeatedBytes=0, lostTimeMs=0)
        self.assertEqual(self.a.command("streams", "--migrate", "--lang", "zh").stdout, f"正在转移到新通路的连接：{COUNT}\n")
        self.all_of(self.a, COUNT, migrations=2)
        self.assertEqual(json.loads(self.b.command("streams", "--migrate", "--json").stdout), {"streams": 0})
        for user in users:
            roundtrip(user, bytes(1000))
        self.assertEqual({row["migrations"] for row in rows(self.a)}, {2})
        self.assertIn("--migrate", self.a.command("streams", "--help").stdout)
        self.a.stop()
        done = self.a.command("streams", "--migrate", check=False)
        self.assertEqual((done.returncode, "ctc is not running" in done.stderr), (1, True))

    def test_one_that_is_given_up(self):
        self.arrange(*patience(1))
        user = self.open(1000)
        stream = rows(self.a)[0]["id"]
        self.kill_server()
        user.settimeout(seconds(20))
        with self.assertRaises(ConnectionResetError):
            user.recv(1)
        for client in (self.a, self.b):
            client.log.wait(rf"{stream} .*{GAVE_UP}")
            self.all_of(client, 0)
            told = stats(client)
            self.assertEqual((told.streams, told.stalls, told.resumes, told.given_up), (0, 1, 0, 1))
            self.assertGreaterEqual(told.lost_ms, 1000, "what was lost in vain is counted as well")
        self.assertIn("1 given up", self.a.command("status").stdout)

    def test_what_is_sent_again(self):
        """The streams' repeated bytes are those of the status."""
        rig = Rig(self)
        transfers = rig.start(2, pace=5_000_000)
        rig.transfers.wait_moving(transfers, 50_000)

        def repeated():
            rig.chaos.cut_all(kind="data")
            rig.goes_on(transfers)
            return any(row["repeatedBytes"] for row in rows(rig.a))

        wait_until(repeated, "a cut loses bytes that were on their way", timeout=30)
        least = stats(rig.a).repeated
        told = sum(row["repeatedBytes"] for row in rows(rig.a))
        self.assertGreater(told, 0)
        self.assertTrue(least <= told <= stats(rig.a).repeated, told)
        rig.completes(transfers)

    def test_which_way_carries_them(self):
        self.relay = Server(self, token="t").start()
        proxy = free_port()
        config = self.tmp / "tinyproxy.conf"
        config.write_text(f"Port {proxy}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\n")
        self.start([need("tinyproxy", "tinyproxy"), "-d", "-c", config])

        def listens():
            with connect(proxy):
                return True

        wait_until(listens, "the proxy listens")
        secure = ["--fingerprint", self.relay.fingerprint]
        self.b = Client(self, self.relay, "B", url=self.relay.secure_url, args=[*secure, "--data-tls"]).start()
        ways = (("P", self.relay.url, ["--proxy", f"http://127.0.0.1:{proxy}"], "relay proxy"), ("S", self.relay.secure_url, secure, "relay tcp"),
                ("T", self.relay.secure_url, [*secure, "--data-tls"], "relay tls"))
        for name, url, args, way in ways:
            with self.subTest(way):
                self.a = Client(self, self.relay, name, f"B:{self.service.port}", url=url, args=args).start()
                user = self.open(100)
                self.all_of(self.a, 1, carrier=way)
                self.all_of(self.b, 1, carrier="relay tls", peer=name)  # its own way to the server
                user.close()
                self.all_of(self.b, 0)

    def test_without_encryption_there_is_none(self):
        self.arrange("--encryption", "none")
        self.open(100)
        self.assertEqual(json.loads(self.a.command("status", "--json").stdout)["outboundActive"], 1)
        self.assertEqual(rows(self.a), [])


if __name__ == "__main__":
    main()
