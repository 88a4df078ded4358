"""The lab: makes nodes, wires them, and goes away with its process."""
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from .nat import Nat
from .node import LINK_OPTIONS, Host, Node, Uplink
from .spec import NAT_TYPES, Spec
from .system import STATE, LabError, destroy, labs, sh, start_time

GATEWAY = "192.0.2.1"                   # the internet's own address, next hop of every public node
WAN_NET, PUBLIC_NET = "203.0.113.", "198.51.100."   # homes' public addresses; servers' addresses


class Lab:
    """`name`: its name on this machine (default: unique); `ipv6`: also give every node IPv6. The lab is removed at the end of
    the `with` block, or when the process ends, however it ends."""

    def __init__(self, name=None, ipv6=False):
        if os.geteuid():
            raise LabError("a lab needs root")
        self.name = name or f"p{os.getpid():x}x{time.monotonic_ns() % 0xffff:x}"
        if not re.fullmatch(r"[a-z0-9]{1,14}", self.name):
            raise LabError("name: use 1-14 of a-z 0-9")
        for left_over in [lab for lab, alive in labs().items() if not alive]:
            destroy(left_over)
        self.dir, self.ipv6 = STATE / self.name, ipv6
        self.nodes, self.sockets, self.counters, self.reaper, self.closed = {}, [], {}, None, False
        self._claim()
        try:
            self.reaper = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("reaper.py")), self.name, str(os.getpid())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            net = self._add(Node(self, "internet", "internet"), forward=True)
            net.sysctl(net__ipv4__conf__all__rp_filter=1)   # no spoofed or untranslated sources on the internet
            net.ip_batch(f"addr add {GATEWAY}/32 dev lo", "route add blackhole default")
        except BaseException:
            self.down()
            raise

    def _claim(self):
        """Its folder appears complete or not at all: another process may look."""
        draft = STATE / f".{self.name}.{os.getpid()}"
        draft.mkdir(parents=True, exist_ok=True)
        (draft / "owner").write_text(f"{os.getpid()} {start_time(os.getpid())}", encoding="ascii")
        try:
            draft.rename(self.dir)
        except OSError:
            shutil.rmtree(draft)
            raise LabError(f"a lab named {self.name} is already up") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def __getitem__(self, name):
        if name not in self.nodes:
            raise LabError(f"no node {name!r}; there are: {' '.join(self.nodes)}")
        return self.nodes[name]

    def down(self):
        if self.closed:
            return
        self.closed = True
        if self.reaper:
            self.reaper.kill()
            self.reaper.wait()
        for s in self.sockets:
            s.close()
        started = [p for node in self.nodes.values() for p in node.processes]
        for p in started:
            if p.poll() is None:
                p.terminate()
        destroy(self.name)
        for p in started:
            p.wait()
            for pipe in (p.stdin, p.stdout, p.stderr):
                if pipe:
                    pipe.close()

    # ---- building
    def public_host(self, name=None, ips=1, **link):
        """A server on the public network with `ips` addresses (an RFC 5780 STUN server needs two)."""
        node = self._add(Host(self, name or self._new_name("pub"), "public"))
        addrs = [PUBLIC_NET + str(self._next("public")) for _ in range(ips)]
        node.ip6 = f"2001:db8:0:2::{self._next('public6'):x}"
        self.attach(node, self["internet"], "eth0", addrs, link)
        return node

    def home(self, nat="port-restricted", name=None, hosts=0, via=None, lan=None, isp="port-restricted", wan=None, **options):
        """A NAT router. nat: a key of NAT_TYPES; further keywords are link options of its WAN (see LINK_OPTIONS) or override
        fields of its Spec (ports="scramble", hairpin=True, udp_timeout=5 ...). via: another home whose LAN is this one's WAN.
        hosts: a number, or a list of names. isp: for cgnat, the type of the ISP's NAT. wan: its address, if not the next one."""
        if nat not in NAT_TYPES:
            raise LabError(f"unknown NAT type {nat!r}; there are: {' '.join(NAT_TYPES)}")
        name = name or self._new_name("home")
        if nat == "cgnat" and not via:
            via = self.isp(isp, name=name[:20] + "-isp")
        via = via or self["internet"]
        link = {k: options.pop(k) for k in list(options) if k in LINK_OPTIONS}
        bad = set(options) - set(Spec.__dataclass_fields__)
        if bad:
            raise LabError(f"unknown option of a home: {' '.join(bad)}")
        spec = replace(NAT_TYPES[nat], **options)
        if spec.mapping == "none":                          # the LAN is a public /28
            if lan or via.kind == "nat":
                raise LabError(f"{nat}: takes no lan= or via=")
            lan = f"192.0.2.{16 * self._next('public-lan')}/28"
        node = self._add(Nat(self, name, spec, lan or "192.168.1.0/24", self._next("home") + 0x100), forward=True)
        node.ip_batch("link add lan type bridge mcast_snooping 0", f"addr add {node.router_ip}/{node.lan.prefixlen} dev lan",
                      *(["addr add fe80::1/64 dev lan nodad"] if self.ipv6 else []), "link set lan up")
        node.sysctl(**{f"net__bridge__bridge-nf-call-{t}tables": 0 for t in ("ip", "ip6", "arp")})
        node.set_timeouts()
        self.attach(node, via, "wan", [wan or self.wan_address(via.name)], link)
        if spec.mapping != "none" or spec.filtering != "eif":
            node.load_rules()
        for h in range(hosts) if isinstance(hosts, int) else hosts:
            node.host(h if isinstance(h, str) else None)
        return node

    def isp(self, nat="port-restricted", name=None, **options):
        """A carrier grade NAT: homes attach with via=. Its ports are not preserved (it serves many)."""
        if NAT_TYPES[nat].mapping == "eim":
            options = {"ports": "scramble", **options}
        return self.home(nat, name or self._new_name("isp"), **{"lan": "100.64.0.0/24", **options})

    def add_host(self, name, home, link):
        node = self._add(Host(self, name or f"{home.name[:21]}.{self._next('host ' + home.name)}", "host"))
        self.attach(node, home, "eth0", [self.lan_address(home)], link)
        return node

    # ---- addresses
    def _next(self, what):
        self.counters[what] = self.counters.get(what, 0) + 1
        return self.counters[what]

    def _new_name(self, base):
        return next(n for n in (f"{base}{self._next(base)}" for _ in range(999)) if n not in self.nodes)

    def wan_address(self, parent):
        return WAN_NET + str(self._next("wan")) if parent == "internet" else self.lan_address(self[parent])

    def lan_address(self, home):
        return str(home.lan[(1 if home.spec.mapping == "none" else 9) + self._next("lan " + home.name)])

    def prefix_bits(self, up):
        return 32 if up.parent == "internet" else self[up.parent].lan.prefixlen

    # ---- wiring
    def _add(self, node, forward=False):
        if node.name in self.nodes:
            raise LabError(f"there is already a node {node.name}")
        sh(["ip", "netns", "add", node.ns])
        self.nodes[node.name] = node
        values = {"net__ipv6__conf__all__disable_ipv6": int(not self.ipv6)}
        for where in ("all", "default"):
            values.update({f"net__ipv4__conf__{where}__rp_filter": 0, f"net__ipv4__conf__{where}__send_redirects": 0,
                           f"net__ipv6__conf__{where}__accept_dad": 0, f"net__ipv6__conf__{where}__keep_addr_on_down": 1})
        values["net__ipv6__conf__default__disable_ipv6"] = int(not self.ipv6)
        if forward:
            values.update(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        node.sysctl(**values)
        node.ip_batch("link set lo up")
        return node

    def routes_over(self, node, up):
        """Default route (and, for further uplinks, source routing) of a node over one uplink."""
        gateway = f"via {GATEWAY} dev {up.ifname} onlink" if up.parent == "internet" else \
            f"via {self[up.parent].router_ip} dev {up.ifname}"
        n = int(up.ifname[-1]) if up.ifname[:3] == "eth" else 0
        out = [f"route replace default {gateway} src {up.addrs[0]}" + (f" metric {n}" if n else "")]
        if node.source_routes:
            out += [f"route replace default {gateway} src {up.addrs[0]} table {100 + n}"]
        if self.ipv6:
            out.append(f"route replace ::/0 via fe80::1 dev {up.ifname}" + (f" metric {1024 + n}" if n else ""))
        return out

    def attach(self, node, parent, ifname, addrs, link, slot=None):
        """Wires a node's interface to its parent. `slot`: the uplink that it replaces."""
        bad = set(link) - set(LINK_OPTIONS)
        if bad:
            raise LabError(f"unknown link option: {' '.join(bad)}")
        first = ifname in ("wan", "eth0")
        peer = node.name if first else f"{node.name}.{ifname[-1]}"
        if len(peer) > 15:                                  # the kernel's limit for interface names
            peer = f"{peer[:10]}~{self._next('peer')}"
        up = Uplink(ifname, parent.name, peer, list(addrs))
        node.uplinks[slot:slot + 1 if slot is not None else None] = [up] if slot is not None else node.uplinks + [up]
        if link.pop("wire", False) or any(link.get(k) for k in ("delay", "jitter", "queue", "rate")):
            node.start_wire(up)
        else:
            parent.ip_batch(f"link add name {up.peer} type veth peer name {ifname} netns {node.ns}")
        mtu = link.pop("mtu", 1500)
        public = parent.name == "internet"
        theirs = [f"link set dev {up.peer} mtu {mtu} " + ("up" if public else "master lan up")]
        ours = [f"link set {ifname} mtu {mtu} up"] + [f"addr add {a}/{self.prefix_bits(up)} dev {ifname}" for a in addrs]
        if public:
            theirs += [f"route replace {a}/32 dev {up.peer}" for a in addrs]
            if node.kind == "nat" and node.spec.mapping == "none":
                theirs.append(f"route replace {node.lan} via {addrs[0]} dev {up.peer}")
        if self.ipv6:
            more_theirs, more_ours = self._ipv6_lines(node, parent, up, first)
            theirs += more_theirs
            ours += more_ours
        if not first or node.source_routes:
            self._route_by_source(node, slot)
        parent.ip_batch(*theirs)
        node.ip_batch(*ours, *self.routes_over(node, up))
        if self.ipv6 and node.kind == "nat" and not public:
            top = self[parent.uplinks[0].parent]
            if top.name != "internet":
                raise LabError("IPv6 supports one ISP level")
            top.ip_batch(f"route replace 2001:db8:{node.index:x}::/48 via fe80::a:{parent.index:x} dev {parent.uplinks[0].peer}")
        conditions = {k: v for k, v in link.items() if v}
        if conditions:
            node.link(uplink=node.uplinks.index(up), **conditions)

    def _ipv6_lines(self, node, parent, up, first):
        """IPv6 is routed, never translated: a home has a /48."""
        theirs, ours = [], []
        if parent.name == "internet":
            node.ip6 = node.ip6 or f"2001:db8:0:1::{node.index:x}"
            theirs += [f"addr add fe80::1/64 dev {up.peer} nodad", f"route replace {node.ip6}/128 dev {up.peer}"]
            ours.append(f"addr add {node.ip6}/128 dev {up.ifname} nodad")
        else:
            address = f"2001:db8:{parent.index:x}:1::{up.addrs[0].rsplit('.')[-1]}"
            if first:
                node.ip6 = address
            ours.append(f"addr add {address}/64 dev {up.ifname} nodad")
        if node.kind == "nat":                          # its /48 is routed to it, through its ISP if it has one
            ours += [f"addr add fe80::a:{node.index:x}/64 dev {up.ifname} nodad", f"addr add 2001:db8:{node.index:x}:1::1/64 dev lan nodad"]
            theirs.append(f"route replace 2001:db8:{node.index:x}::/48 via fe80::a:{node.index:x} "
                          f"dev {up.peer if parent.name == 'internet' else 'lan'}")
        return theirs, ours

    def _route_by_source(self, node, slot):
        known = dict(node.source_routes)
        for u in node.uplinks:
            table = 100 + int(u.ifname[-1])
            node.ip_batch(*([f"rule del priority {table}"] if table in known else []),
                          f"rule add from {u.addrs[0]} table {table} priority {table}")
            node.source_routes[table] = u.addrs[0]
        if len(node.uplinks) == 2 and slot is None:     # the first uplink's table as well
            node.ip_batch(*self.routes_over(node, node.uplinks[0]))
