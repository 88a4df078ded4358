"""A network namespace and its links: the internet, a server, a NAT router or a host."""
import contextlib
import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .system import NETNS, PREFIX, LabError, inside, sh
from .wire import wire_program

#: What a node's link can be given when it is made; see Node.link.
LINK_OPTIONS = "wire delay jitter queue rate burst loss every mtu".split()


@dataclass
class Uplink:
    """A node's link towards its parent; conditions are kept per direction (up: node -> parent)."""
    ifname: str
    parent: str
    peer: str                                   # name of the parent's end
    addrs: list
    pid: int = 0                                # of the wire process when the link has a delay queue
    cond: dict = field(default_factory=lambda: {"up": {}, "down": {}})


class Node:
    def __init__(self, lab, name, kind):
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,23}", name):
            raise LabError(f"node name {name!r}: use 1-24 of a-z 0-9 _ . -")
        self.lab, self.name, self.kind = lab, name, kind
        self.uplinks, self.processes = [], []
        self.ip6 = None
        self.source_routes = {}                     # table number -> source address, once there is a second uplink

    ns = property(lambda self: f"{PREFIX}-{self.lab.name}-{self.name}")
    ip = property(lambda self: self.uplinks[0].addrs[0], doc="first IPv4 address")
    ips = property(lambda self: self.uplinks[0].addrs, doc="IPv4 addresses of the first uplink")

    def __repr__(self):
        return f"<{self.kind} {self.name} {self.ip if self.uplinks else ''}>"

    # ---- living in it
    def inside(self):
        """Within this block the calling thread is in the node's namespace: sockets and processes made here stay there."""
        return inside(self.ns)

    def popen(self, cmd, **options):
        with self.inside():
            process = subprocess.Popen(cmd, **options)
        self.processes.append(process)
        return process

    def run(self, cmd, timeout=60, **options):
        """Run to the end; output captured as text; a CompletedProcess comes back."""
        with self.inside():
            return subprocess.run([str(word) for word in cmd], timeout=timeout, capture_output=True, text=True, **options)

    def socket(self, kind=socket.SOCK_DGRAM, bind=None, family=socket.AF_INET):
        """A socket of this process that lives in the node, closed with the lab at the latest."""
        with self.inside():
            s = socket.socket(family, kind)
        self.lab.sockets.append(s)
        if bind is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(bind)
        return s

    def sysctl(self, **values):
        """sysctl(net__ipv4__ip_forward=1): a double underscore stands for the slash."""
        with self.inside():
            for key, value in values.items():
                with contextlib.suppress(FileNotFoundError):     # e.g. no br_netfilter, IPv6 compiled out
                    Path("/proc/sys", key.replace("__", "/")).write_text(str(value), encoding="ascii")

    def ip_batch(self, *lines):
        sh(["ip", "-n", self.ns, "-batch", "-"], "\n".join(lines) + "\n")

    def nft(self, text):
        with self.inside():
            sh(["nft", "-f", "-"], text)

    # ---- link conditions
    def link(self, direction="both", uplink=0, **cond):
        """Set link conditions; None removes one. cut=True | loss=percent (random) | every=n (drops each n-th packet) |
        rate=kbit/s | burst=bytes; on wire links also delay=ms | jitter=ms (reorders) | queue=ms (the rate's buffer)."""
        up = self.uplinks[uplink]
        bad = set(cond) - (set(LINK_OPTIONS) - {"wire", "mtu"} | {"cut"})
        if bad or direction not in ("up", "down", "both"):
            raise LabError(f"unknown link condition or direction: {bad or direction}")
        if not up.pid and any(cond.get(k) for k in ("delay", "jitter", "queue")):
            raise LabError(f"{self.name}: delay is not supported on this link; create the node with wire=True, delay= or rate=")
        for way in ("up", "down") if direction == "both" else (direction,):
            up.cond[way] = {k: v for k, v in {**up.cond[way], **cond}.items() if v}
            # At ingress of the far end: lost in the wire, no local error.
            place, dev = (self.lab[up.parent], up.peer) if way == "up" else (self, up.ifname)
            place.nft(_condition_rules(f"{way}_{dev}", dev, up.cond[way], is_wire=bool(up.pid)))
        if up.pid:
            self._wire_parameters(up)
            if b"wire-" not in Path(f"/proc/{up.pid}/cmdline").read_bytes():    # it ended and its pid was given away
                raise LabError(f"{self.name}: the link's wire process is gone")
            os.kill(up.pid, signal.SIGHUP)

    def cut(self, direction="both", uplink=0):
        """A silent hole: packets vanish, nobody gets an error."""
        self.link(direction, uplink, cut=True)

    def heal(self, direction="both", uplink=0):
        self.link(direction, uplink, cut=None)

    def unplug(self, uplink=0):
        """Interface down: routes vanish, senders get ENETUNREACH, netlink listeners are told."""
        self.ip_batch(f"link set {self.uplinks[uplink].ifname} down")

    def replug(self, uplink=0):
        up = self.uplinks[uplink]
        self.ip_batch(f"link set {up.ifname} up", *self.lab.routes_over(self, up))

    # ---- wires: a veth pair, or a TAP pair with a process that delays
    def _wire_parameters(self, up):
        def line(cond):
            scales = (("delay", 1000), ("jitter", 1000), ("rate", 125), ("queue", 1000))
            return " ".join(str(round(float(cond.get(key) or 0) * scale)) for key, scale in scales)
        path = self.lab.dir / f"wire-{self.name}-{up.ifname}"
        path.write_text(line(up.cond["up"]) + "\n" + line(up.cond["down"]) + "\n", encoding="ascii")
        return str(path)

    def start_wire(self, up):
        parent = self.lab[up.parent]
        cmd = [wire_program(), str(NETNS / self.ns), up.ifname, str(NETNS / parent.ns), up.peer, self._wire_parameters(up)]
        process = subprocess.Popen(cmd, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, start_new_session=True)
        self.processes.append(process)
        if process.stdout.readline() != "ready\n":
            raise LabError("the wire process did not start")
        up.pid = process.pid


def _condition_rules(table, dev, cond, is_wire):
    rules = []
    if cond.get("cut"):
        rules.append("drop")
    if cond.get("loss"):
        rules.append(f"numgen random mod 100000 < {round(float(cond['loss']) * 1000)} drop")
    if cond.get("every"):
        rules.append(f"numgen inc mod {round(float(cond['every']))} == 0 drop")
    if cond.get("rate") and not is_wire:        # a policer whose bucket holds one second; a wire link queues instead
        byte = float(cond["rate"]) * 125
        burst = cond.get("burst") or max(3000, byte / 10)
        rules.append(f"limit rate over {byte:.0f} bytes/second burst {burst:.0f} bytes drop")
    text = f"table netdev {table}\ndelete table netdev {table}\n"
    if not rules:
        return text
    # ARP and ND pass: a cut is a silent hole, not a dead neighbour.
    return text + (f'table netdev {table} {{\n chain wire {{ type filter hook ingress device "{dev}" priority 0;\n'
                   "  meta protocol arp accept\n  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n  "
                   + "\n  ".join(rules) + "\n }\n}\n")


class Host(Node):
    def add_uplink(self, home, **link):
        """A second (third, ...) interface into another home, with source routing: for failover tests."""
        self.lab.attach(self, home, f"eth{len(self.uplinks)}", [self.lab.lan_address(home)], link)

    def move(self, home, uplink=0):
        """Leave one network and join another (Wi-Fi to mobile): the interface goes away and comes back."""
        up = self.uplinks[uplink]
        if up.pid:
            raise LabError("move: not supported on wire links")
        self.link(uplink=uplink, cut=None, loss=None, every=None, rate=None)
        self.ip_batch(f"link del dev {up.ifname}")
        addr = self.lab.lan_address(home)
        self.lab.attach(self, home, up.ifname, [addr], {}, slot=uplink)
        return addr
