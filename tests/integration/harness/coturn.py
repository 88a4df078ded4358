"""coturn's turnserver as a STUN server that we did not write."""
import socket

from . import stun
from .net import free_port
from .process import need
from .timing import wait_until


def answers(host, port):
    """Whether a Binding request is answered there, be it by a refusal."""
    asked = stun.request()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        try:
            asking.sendto(asked, (host, port))
            return stun.Answer(asking.recv(2048), asked).kind in (stun.BINDING_SUCCESS, stun.BINDING_ERROR)
        except OSError:
            return False


class Coturn:
    """With two addresses and two ports on loopback (RFC 5780); `args` are more of its options."""

    def __init__(self, test, *args):
        self.port = free_port()
        self.second_port = free_port()
        folder = test.folder("coturn")
        config = folder / "turnserver.conf"
        config.touch()
        self.process = test.start(
            [need("turnserver", "coturn"), "-n", "-S", "-c", config, "-L", "127.0.0.1", "-L", "127.0.0.2", "--listening-port", str(self.port),
             "--alt-listening-port", str(self.second_port), "--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--simple-log",
             "--pidfile", folder / "pid", "--userdb", folder / "db", *args], "turnserver")
        for host in ("127.0.0.1", "127.0.0.2"):
            for port in (self.port, self.second_port):
                wait_until(lambda: answers(host, port), f"turnserver answers on {host}:{port}", timeout=20)
        self.address = f"127.0.0.1:{self.port}"
