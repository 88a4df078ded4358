#!/usr/bin/python3
"""Name servers that do not answer: nobody waits for them longer than he must."""
import socket
import unittest

from harness import Client, IntegrationTest, Server, connect, main, seconds
from harness import netns
from harness.protocol import PLAIN

_MISSING = netns.missing()


@unittest.skipIf(_MISSING, _MISSING)
class SilentNameServer(IntegrationTest):
    """Where no name server answers the system waits for long; nobody waits for the system."""

    def setUp(self):
        super().setUp()
        self.machine = netns.Machine(self, "alone")
        with self.machine.inside():
            self.name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.name_server.close)
        self.name_server.bind(("127.0.0.1", 53))
        self.name_server.settimeout(seconds(10))
        resolver = self.tmp / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n", encoding="ascii")
        resolver.chmod(0o644)
        # Its own mounts as well: the system's resolver looks nowhere else.
        self.machine.prefix += ["unshare", "--mount", "--", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver]

    def asked_for(self, name):
        while name not in self.name_server.recv(512):
            pass

    def test_the_servers_name(self):
        client = Client(self, None, "A", url="ws://relay.example:8200", token="", machine=self.machine).spawn()
        self.asked_for(b"\x05relay\x07example")
        self.assertEqual(client.stop(), 0)

    def test_a_targets_name(self):
        server = Server(self, machine=self.machine).start()
        for number, plain in enumerate(([], PLAIN)):
            with self.subTest(plain=plain):
                name = f"service{number}.example"  # questions for the other one may still come
                b = self.client(server, f"B{number}", args=["--allow", f"{name}:80", *plain], machine=self.machine)
                forward = f"B{number}:{name}:80"
                a = self.client(server, f"A{number}", forward, args=plain, machine=self.machine)
                with self.machine.inside():
                    user = connect(a.local_port(forward))
                with user:
                    user.sendall(b"anybody there?")
                    self.asked_for(b"\x08service%d\x07example" % number)
                    self.assertEqual(b.stop(), 0)
                    self.assertEqual(a.stop(), 0)


if __name__ == "__main__":
    main()
