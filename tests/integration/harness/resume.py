"""What the tests of connections that outlive their path have in common. The names of flags, figures and log lines are in here only."""
import json
import types
import urllib.request

from .chaos import Chaos, seeded
from .chuantou import Client, Server
from .net import free_port
from .timing import wait_until
from .transfer import Transfers

TOKEN = "a token that outlives the server's memory"
PATIENCE = 60.0  # seconds that a connection waits for its path, unless told otherwise
PROBED_AFTER = 3.0  # seconds without progress
GIVEN_UP_AFTER = 10.0  # seconds until a carrier that says nothing is replaced
STALLED, RESUMED, GAVE_UP = r"\bstalled\b", r"\bresumed\b", r"\bgave up\b"  # in the log

_STATS = {"streams": "open", "resumes": "resumes", "stalls": "stalls", "given_up": "givenUp", "repeated": "repeatedBytes",
          "lost_ms": "lostTimeMs", "migrations": "migrations"}


def patience(amount):
    """The flags of a ctc that waits so many seconds."""
    return ["--patience", str(amount)]


def stats(client):
    """What a ctc counts of its streams."""
    told = json.loads(client.command("status", "--json").stdout)["streams"]
    return types.SimpleNamespace(**{name: told[key] for name, key in _STATS.items()})


def migrate(client):
    """Sends all streams that were opened there to new carriers; returns how many."""
    admin = json.loads((client.data_dir / "admin.json").read_text())
    request = urllib.request.Request(admin["url"] + "/api/streams/migrate", b"{}",
                                     {"Authorization": "Bearer " + admin["token"], "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["streams"]


class Rig:
    """A server that keeps its port, B with the service of `transfers`, and A with the proxy that leads to it. With `doors` both
    reach the server through a bad way: `chaos` has a door A and a door B."""

    def __init__(self, test, doors=True, chance=None, server_args=(), args=(), more=(), secure=False):
        """`more`: what else A has proxies for, as "B:3000"."""
        self.test = test
        self.chance = chance or seeded(test)
        self.transfers = Transfers(test, self.chance.getrandbits(64))
        self.relay = Server(test, port=free_port(), token=TOKEN, args=server_args).start()
        self.chaos = Chaos(test, self.relay.port, "A", "B") if doors else None
        trust = ["--fingerprint", self.relay.fingerprint] if secure else []

        def client(name, *forwards):
            url = self.chaos.url(name) if doors else self.relay.url
            return Client(test, self.relay, name, *forwards, url=url.replace("ws:", "wss:") if secure else url, args=[*trust, *args]).start()

        self.b = client("B")
        self.a = client("A", f"B:{self.transfers.port}", *more)
        self.port = self.a.local_port(f"B:{self.transfers.port}")

    def start(self, count=1, **options):
        """Transfers that are under way."""
        started = [self.transfers.start(self.port, **options) for _ in range(count)]
        self.transfers.wait_open(started)
        return started

    def carriers(self, door, busy=30_000):
        """The data channels of a client through which something has gone, once there is one."""
        return self.chaos.wait_for(1, door, "data", busy)

    def forget_everything(self):
        """The server that comes next has the token, and nothing else of the one before."""
        self.relay.data_dir = self.test.folder("cts-new")

    def restart(self, kill=True):
        self.end_server(kill)
        self.relay.start()

    def end_server(self, kill=True):
        if kill:
            self.relay.kill()
            self.relay.process.wait()
        else:
            self.test.assertEqual(self.relay.stop(), 0)

    def goes_on(self, transfers, timeout=20.0):
        self.transfers.wait_past(transfers, timeout)

    def completes(self, transfers, timeout=60.0):
        """To the last byte and both ends; those without an end of their own get one."""
        self.transfers.finish(*transfers)
        self.transfers.wait_done(transfers, timeout)

    def counted(self, name, least, client=None):
        """A figure of the status, once it is so high."""
        client = client or self.a
        return wait_until(lambda: getattr(stats(client), name) >= least and getattr(stats(client), name),
                          f"{client.name} counts {least} {name}")
