"""coturn's turnserver as a STUN server that we did not write."""
import socket

from . import stun
from .net import free_port
from .process import need
from .timing import wait_until


def answers(host, port):
    """Whether a Binding request is answered there."""
    asked = stun.request()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        try:
            asking.sendto(asked, (host, port))
            return stun.Answer(asking.recv(2048), asked).kind == stun.BINDING_SUCCESS
        except OSError:
            return False


class Coturn:
    """With two addresses and two ports on loopback (RFC 5780)."""

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
                wait_until(lambda: answers(host, port), f"turnserver answers on {host}:{port}")
        self.address = f"127.0.0.1:{self.port}"
