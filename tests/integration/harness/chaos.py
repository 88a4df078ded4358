"""The handle of a bad way to the server (peers/chaos_proxy.py): a port for each client, and what may happen to its connections."""
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

from .timing import wait_until

UP, DOWN, BOTH = "up", "down", ("up", "down")  # from the client, to the client
FOR_EVER = 1e9


class Chaos:
    """Each client gets a door of its own, so that one client's way can be bad while another's is good. Connections are known as
    control channels, data channels or, with wss, "tls", by their first bytes."""

    def __init__(self, test, server_port, *doors):
        self._process = test.start([sys.executable, Path(__file__).resolve().parents[1] / "peers" / "chaos_proxy.py", server_port],
                                   "chaos", stdin=subprocess.PIPE)
        self._process.out.wait("^ready$")
        self._lock = threading.Lock()
        self._number = 0
        self._mark = 1
        self._ports = {door: self._do("door", name=door) for door in doors}

    def url(self, door):
        return f"ws://127.0.0.1:{self._ports[door]}"

    def links(self, door=None, kind=None, busy=None):
        """What is open now: dicts with id, door, kind, stalled, and the bytes that passed up and down. `busy`: only those
        through which more than so many bytes have passed."""
        return [link for link in self._do("links") if (door is None or link["door"] == door) and
                (kind is None or link["kind"] == kind) and (busy is None or link[UP] + link[DOWN] > busy)]

    def totals(self):
        return self._do("totals")

    def cut(self, links, how="rst"):
        """Ends connections; what is under way in them is lost. `rst` and `fin` are what both sides see; `near` (the client's) or `far`
        (the server's) is reset while the other side hears nothing any more. Returns how many there still were."""
        return self._do("cut", ids=_ids(links), how=how)

    def cut_all(self, door=None, kind=None, how="rst"):
        return self.cut(self.links(door, kind), how)

    def stall(self, links, directions=BOTH, swallow=False):
        """A black hole: nothing is lost, nothing moves, nobody is told, not even of an end. With `swallow` the system of the sender sees
        its bytes go, and they are lost."""
        return self._do("stall", ids=_ids(links), directions=_directions(directions), on=True, swallow=swallow)

    def go_on(self, links, directions=BOTH):
        return self._do("stall", ids=_ids(links), directions=_directions(directions), on=False, swallow=False)

    def spoil(self, links, direction, how="flip"):
        """Changes one byte of what comes next in a direction, or (`drop`) leaves a piece of it out."""
        return self._do("spoil", ids=_ids(links), direction=direction, how=how)

    def policy(self, door, mode, kind="all", seconds=FOR_EVER):
        """What becomes of new connections, for so long: "open", "refuse" (nobody listens; of one kind: reset once it says what it is),
        "reset", or "hang" (accepted, and then nothing)."""
        self._do("policy", door=door, mode=mode, kind=kind, seconds=seconds)

    def shape(self, door, delay=0.0, rate=0):
        """Seconds that all bytes take longer, and bytes a second of each direction of each connection (0: no limit)."""
        self._do("shape", door=door, delay=delay, rate=rate)

    def source(self, door, address):
        """The address from which the server sees this client's new connections come."""
        self._do("source", door=door, address=address)

    def lead_to(self, server_port):
        self._do("server", port=server_port)

    def wait_for(self, count=1, door=None, kind=None, busy=None, timeout=10.0):
        """The links that fit, once there are so many."""
        def enough():
            found = self.links(door, kind, busy)
            return found if len(found) >= count else None

        return wait_until(enough, f"{count} connections of kind {kind} by door {door}", timeout)

    def _do(self, command, **arguments):
        with self._lock:
            self._number += 1
            self._process.stdin.write(json.dumps([self._number, command, arguments]).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.out.wait(rf"^\[{self._number}, .*\]$", after=self._mark)[0]
            self._mark = self._process.out.mark()
            return json.loads(answer)[1]


def _ids(links):
    return [link["id"] if isinstance(link, dict) else link for link in ([links] if isinstance(links, dict) else links)]


def _directions(directions):
    return [directions] if isinstance(directions, str) else list(directions)


def seeded(test):
    """The chance of one test: by CHUANTOU_SEED, or a new one. Either way it is told, so that a failure can be played again."""
    seed = int(os.environ.get("CHUANTOU_SEED") or int.from_bytes(os.urandom(4), "big"))
    print(f"{test.id().split('.')[-1]}: CHUANTOU_SEED={seed}", file=sys.stderr, flush=True)
    return random.Random(seed)
