"""What a NAT does, found out with plain sockets: the lab's truth about itself."""
import contextlib
import random
import select
import socket
from dataclasses import replace

from netlab import NAT_TYPES

#: Seconds without an arrival that count as "filtered": a lab has no latency unless it is asked for.
PATIENCE = 0.12


def arrives(sock, timeout=PATIENCE):
    """The next datagram and its sender, or None."""
    return sock.recvfrom(2048) if select.select([sock], [], [], timeout)[0] else None


def empty(*socks):
    for s in socks:
        while arrives(s, 0):
            pass


def variants():
    """(label, NAT type, options, expected): every type and option; `expected` is what the Spec claims."""
    rows = [(kind, kind, {}) for kind in NAT_TYPES]
    rows += [(kind + " +hairpin", kind, {"hairpin": True}) for kind in ("full-cone", "address-restricted", "port-restricted")]
    rows += [(kind + " ports=scramble", kind, {"ports": "scramble"}) for kind in ("full-cone", "port-restricted")]
    rows += [("port-r. scramble +hairpin", "port-restricted", {"ports": "scramble", "hairpin": True}),
             ("cgnat isp=symmetric", "cgnat", {"isp": "symmetric"})]
    for label, kind, options in rows:
        yield label, kind, options, expected(kind, options)


def expected(kind, options):
    spec = replace(NAT_TYPES[kind], **{k: v for k, v in options.items() if k != "isp"})
    mapping, ports = spec.mapping, {"none": "own"}.get(spec.mapping, spec.ports)
    if kind == "cgnat":
        mapping, ports = ("eim", "scramble") if options.get("isp") != "symmetric" else ("apdm", "random")
    want = {"mapping": mapping, "ports": ports, "filtering": spec.filtering,
            "hairpin": "yes" if spec.hairpin or mapping == "none" else "no",
            "same port": "distinct", "tcp": {"web": "443"}.get(spec.egress, "443+8080")}
    if spec.egress != "all":
        want.update(mapping="blocked", ports="-", filtering="blocked", hairpin="blocked", **{"same port": "blocked"})
    return want


class Observers:
    """Two addresses x two ports on a public host; tells which outside endpoint an inside socket appears as."""

    def __init__(self, lab):
        self.host = lab.public_host("observer", ips=2)
        self.sockets = {(i, port): self.host.socket(bind=(self.host.ips[i], port)) for i in (0, 1) for port in (5000, 5001)}
        self.addresses = {where: s.getsockname() for where, s in self.sockets.items()}

    def sees(self, sock, at=(0, 5000), patience=PATIENCE):
        sock.sendto(b"hello", self.addresses[at])
        got = arrives(self.sockets[at], patience)
        return got and got[1]

    def mapping(self, host):
        """(mapping, port allocation)"""
        s = host.socket(bind=(host.ip, 0))
        seen = [self.sees(s, at) for at in ((0, 5000), (0, 5001), (1, 5000))]
        if None in seen:
            return "blocked", "-"
        more = [host.socket(bind=(host.ip, 0)) for _ in range(6)] + [s] * 2
        ports = [self.sees(m, (1, 5001) if m is not s else (1, 5000 + i % 2))[1] for i, m in enumerate(more)]
        kind = "eim" if len(set(seen)) == 1 else "adm" if seen[0] == seen[1] else "apdm"
        if seen[0] == s.getsockname():
            return "none", "own"
        steps = {b - a for (_, a), (_, b) in zip(seen, seen[1:])}
        if kind == "apdm":
            return kind, "sequential" if steps == {1} and ports[1] - ports[0] == 1 else "random"
        return kind, "preserve" if seen[0][1] == s.getsockname()[1] and ports[0] == more[0].getsockname()[1] else "scramble"

    def filtering(self, host):
        s = host.socket(bind=(host.ip, 0))
        mapped = self.sees(s)
        if not mapped:
            return "blocked"
        passed = []
        for at in ((0, 5000), (0, 5001), (1, 5000)):
            self.sockets[at].sendto(b"knock", mapped)
            got = arrives(s)
            passed.append(got is not None)
            if got and got[1] != self.addresses[at]:
                return f"odd: comes from {got[1]}"
        return {(1, 1, 1): "eif", (1, 1, 0): "adf", (1, 0, 0): "apdf"}.get(tuple(map(int, passed)), f"odd {passed}")

    def hairpin(self, one, two):
        a, b = (h.socket(bind=(h.ip, 0)) for h in (one, two))
        mapped_a, mapped_b = self.sees(a), self.sees(b)
        if not mapped_a or not mapped_b:
            return "blocked"
        for _ in range(2):
            a.sendto(b"hair", mapped_b)
            b.sendto(b"hair", mapped_a)
        got_a, got_b = arrives(a), arrives(b)
        if not (got_a and got_b):
            return "yes (half)" if got_a or got_b else "no"
        return "yes" if (got_a[1], got_b[1]) == (mapped_b, mapped_a) else f"yes, from {got_b[1]}"

    def same_port(self, one, two):
        """Two inside hosts with the same source port: RFC 4787 forbids that they share an outside port."""
        port = random.randint(61000, 65000)
        a, b = (h.socket(bind=(h.ip, port)) for h in (one, two))
        # Towards different destinations: towards the same one no NAT can share.
        first, second = [self.sees(a), self.sees(a, (0, 5001))], [self.sees(b, (1, 5000)), self.sees(b, (1, 5001))]
        if None in first + second:
            return "blocked"
        return "shared" if set(first) & set(second) else "distinct"

    def tcp(self, host):
        """The ports that let a connection out."""
        out = []
        for port in (443, 8080):
            with self.host.socket(socket.SOCK_STREAM, bind=(self.host.ip, port)) as server:
                server.listen()
                with host.socket(socket.SOCK_STREAM) as client:
                    client.settimeout(0.3)
                    with contextlib.suppress(OSError):
                        client.connect(server.getsockname())
                        out.append(str(port))
        return "+".join(out) or "none"
