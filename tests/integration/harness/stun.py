"""STUN servers of others."""
from .net import free_port
from .process import need
from .timing import wait_until
import socket
import struct


def stun_answers(host, port):
    """Whether a Binding request (RFC 8489) is answered there."""
    request = struct.pack(">HHI12s", 1, 0, 0x2112A442, b"are you up? ")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        try:
            asking.sendto(request, (host, port))
            return asking.recv(2048)[8:20] == b"are you up? "
        except OSError:
            return False


class Coturn:
    """coturn's turnserver as a STUN server (RFC 5780) with two addresses and two ports on loopback."""

    def __init__(self, test):
        self.port = free_port()
        other = free_port()
        folder = test.folder("coturn")
        config = folder / "turnserver.conf"
        config.touch()
        self.process = test.start(
            [need("turnserver", "coturn"), "-n", "-S", "-c", config, "-L", "127.0.0.1", "-L", "127.0.0.2", "--listening-port", str(self.port),
             "--alt-listening-port", str(other), "--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--simple-log",
             "--pidfile", folder / "pid", "--userdb", folder / "db"], "turnserver")
        for host in ("127.0.0.1", "127.0.0.2"):
            for port in (self.port, other):
                wait_until(lambda: stun_answers(host, port), f"turnserver answers on {host}:{port}")
        self.address = f"127.0.0.1:{self.port}"
