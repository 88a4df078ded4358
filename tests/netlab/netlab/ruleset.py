"""A NAT's behaviour as nftables rules.

Names in the table: @owner (inside endpoint -> has an outside port of its own), @taken (outside ports that are given away),
@sent (whom an inside endpoint has sent to), @inside (outside port -> inside endpoint). Marks of connections: 1 a static
forward, 2 a hairpin.
"""
from .spec import SEQUENTIAL_PORTS

_UDP = "meta l4proto udp"
_HOOKS = {"seen": "filter hook prerouting priority -110", "inbound": "nat hook prerouting priority dstnat",
          "note": "filter hook postrouting priority 200", "forward": "filter hook forward priority 0; policy drop",
          "input": "filter hook input priority 0; policy drop"}

#: The chains that a port mapping daemon fills.
DAEMON_TABLE, DAEMON_FORWARD, DAEMON_PREROUTING, DAEMON_POSTROUTING = "nat", "mapped", "mapped_in", "mapped_out"


def nat_ruleset(spec, wan, lan):
    """The whole ruleset of a NAT router (interfaces wan and lan) with the public address `wan`."""
    return _Ruleset(spec, wan, lan).text()


class _Ruleset:
    def __init__(self, spec, wan, lan):
        self.spec, self.wan, self.lan = spec, wan, lan
        self.translates = spec.mapping != "none"
        # Where unsolicited packets may come from. For APDF conntrack alone lets replies in, @inside then only serves hairpins.
        self.doors = ["wan"] * (self.translates and spec.filtering != "apdf") + ["lan"] * spec.hairpin
        # Whom each inside endpoint sent to is recorded before translation (a hairpin may be dropped later) ...
        self.tracks = bool(self.doors) and spec.filtering != "eif"
        port = " . inet_service" if spec.filtering == "apdf" else ""
        self.sent_type = f"ipv4_addr . inet_service . ipv4_addr{port}"
        self.record = "ip saddr . udp sport . ip daddr" + (" . udp dport" if port else "")
        self.check = "ip daddr . udp dport . ip saddr" + (" . udp sport" if port else "")
        if spec.mapping == "adm":               # ... but here an endpoint has many mappings, each with its own filter
            self.sent_type, self.record, self.check = "inet_service . ipv4_addr", "udp sport . ip daddr", ""

    def text(self):
        out = ["table inet nat", "delete table inet nat", "table inet nat {"]
        for kind, name, type_ in (("set", "owner", "ipv4_addr . inet_service"), ("set", "taken", "inet_service"),
                                  ("set", "sent", self.sent_type), ("map", "inside", "inet_service : ipv4_addr . inet_service")):
            out.append(f" {kind} {name} {{ type {type_}; flags dynamic,timeout; timeout {self.spec.udp_timeout}s; size 131072; }}")
        out += [f" chain {name} {{ }}" for name in (DAEMON_FORWARD, DAEMON_PREROUTING, DAEMON_POSTROUTING)]
        chains = {"seen": self.seen(), "inbound": self.inbound(),
                  "out_wan": self.outbound("masquerade to") if self.translates else [],
                  "out_hair": self.outbound(f"snat ip to {self.wan}") if self.spec.hairpin else [],
                  "note": self.note(), "forward": self.forward(), "input": self.input()}
        for name, body in chains.items():
            out += [f" chain {name} {{ " + (f"type {_HOOKS[name]};" if name in _HOOKS else ""), *(f"  {rule}" for rule in body), " }"]
        out += [" chain outbound { type nat hook postrouting priority srcnat;",
                f'  oifname "wan" jump {DAEMON_POSTROUTING}', '  oifname "wan" meta nfproto ipv4 jump out_wan']
        if self.spec.hairpin:
            out.append("  ct mark 2 ct status dnat jump out_hair")
        return "\n".join(out + [" }", "}", ""])

    def seen(self):
        """Remember whom we sent to."""
        return [f'iifname "lan" {_UDP} update @sent {{ {self.record} }}'] if self.tracks and self.spec.mapping == "eim" else []

    def inbound(self):
        """Towards the inside endpoint that owns the port."""
        known = "udp dport . ip saddr @sent " if self.spec.mapping == "adm" else ""
        return [f'iifname "wan" jump {DAEMON_PREROUTING}'] + [
            f'iifname "{door}" {known}ip daddr {self.wan} {_UDP} ' + ("ct mark set 2 " if door == "lan" else "")
            + "dnat ip to udp dport map @inside" for door in self.doors]

    def outbound(self, act):
        """Choose the outside port. `act` is masquerade, or for hairpins snat to the public address.

        Random and sequential are one rule each. EIM needs an owner per outside port, because plain Linux lets two inside hosts
        share one outside port towards different destinations; who comes second gets a hashed port. (numgen and jhash are in
        host byte order: hence a map, and 0x80 to set the port's highest bit.)
        """
        spec, plain = self.spec, act.removesuffix(" to")
        hashed = f"{_UDP} {act} :jhash %s mod 65536 seed {spec.seed:#x} | 0x80"
        if spec.mapping == "apdm" and spec.ports == "random":
            return [f"{plain} fully-random"]
        if spec.mapping == "apdm":
            ports = ", ".join(f"{n} : {port}" for n, port in enumerate(SEQUENTIAL_PORTS))
            return [f"meta l4proto {{ udp, tcp }} {act} :numgen inc mod {len(SEQUENTIAL_PORTS)} map {{ {ports} }}", plain]
        if spec.mapping == "adm":
            return [hashed % "ip saddr . udp sport . ip daddr", plain]
        scrambled = f"udp sport ^ {0x1000 | spec.seed * 0x9e5 & 0x7fff:#x}"
        new, act = ("udp sport", plain) if spec.ports == "preserve" else (scrambled, f"{act} :{scrambled}")
        return [f"{_UDP} ip saddr . udp sport @owner {act}",
                f"{_UDP} {new} != @taken add @taken {{ {new} }} add @owner {{ ip saddr . udp sport }} {act}",
                hashed % "ip saddr . udp sport", plain]

    def note(self):
        """After translation: filter hairpins, then remember mappings (outbound packets refresh them)."""
        spec, rules = self.spec, []
        if spec.hairpin and self.tracks:
            rules.append(f"ct mark 2 ct state new ct direction original {self.check} != @sent drop")
        if self.tracks and spec.mapping == "adm":
            rules.append(f'oifname "wan" {_UDP} update @sent {{ {self.record} }}')
        for where in ['oifname "wan"'] * (spec.mapping in ("eim", "adm")) + ["ct mark 2"] * spec.hairpin:
            for way in ("original", "reply"):
                inner = f"ct {way} ip saddr . ct {way} proto-src"
                rules += [f"{where} {_UDP} ct direction {way} update @taken {{ udp sport }} update @inside {{ udp sport : {inner} }}",
                          f"{where} {_UDP} ct direction {way} {inner} @owner update @owner {{ {inner} }}"]
        return rules

    def forward(self):
        spec = self.spec
        rules = ["ct state established,related accept", "ct state invalid drop", "ct mark 1 accept",
                 f'iifname "wan" jump {DAEMON_FORWARD}']
        if spec.firewall6 == "open":
            rules.append("meta nfproto ipv6 accept")
        allowed = {"all": "", "tcp": "meta l4proto != udp ", "web": "tcp dport { 80, 443 } "}[spec.egress]
        rules.append(f'iifname "lan" oifname "wan" {allowed}accept')
        if not self.translates and spec.filtering == "eif":
            rules.append('iifname "wan" oifname "lan" accept')
        elif "wan" in self.doors:
            known = f"{self.check} @sent " if self.tracks and self.check else ""
            rules.append(f'iifname "wan" oifname "lan" ct status dnat {known}accept')
        if spec.hairpin:
            rules.append("ct mark 2 ct status dnat accept")
        return rules

    def input(self):
        """The router itself is silent to the WAN: an unanswered packet must leave no conntrack entry behind, or it would take
        the very port that a later punch needs. LAN hosts may talk to its LAN address."""
        return ["ct state established,related accept", "icmp type echo-request accept", "meta l4proto ipv6-icmp accept",
                'iifname "lo" accept', f'iifname "lan" ip daddr {self.lan} accept', 'iifname "lan" meta pkttype != host accept',
                'iifname "lan" meta nfproto ipv6 accept']
