"""A home's (or ISP's) router: `wan` towards its parent, the bridge `lan` for its hosts."""
import ipaddress
from dataclasses import replace

from .node import Node
from .ruleset import nat_ruleset
from .system import LabError, sh


class Nat(Node):
    def __init__(self, lab, name, spec, lan, index):
        super().__init__(lab, name, "nat")
        self.spec, self.lan, self.index = spec, ipaddress.ip_network(lan), index
        self.forwards = []

    router_ip = property(lambda self: str(self.lan[1]), doc="the router's own LAN address")

    @property
    def public_ip(self):
        """As the internet sees the home."""
        parent = self.lab[self.uplinks[0].parent]
        return self.ip if parent.kind == "internet" else parent.public_ip

    @property
    def hosts(self):
        return [n for n in self.lab.nodes.values() if any(u.parent == self.name for u in n.uplinks)]

    def host(self, name=None, **link):
        return self.lab.add_host(name, self, link)

    def load_rules(self):
        self.nft(nat_ruleset(self.spec, self.ip, self.router_ip))

    def set_timeouts(self):
        self.sysctl(net__netfilter__nf_conntrack_udp_timeout=self.spec.udp_timeout,
                    net__netfilter__nf_conntrack_udp_timeout_stream=self.spec.udp_timeout)

    def configure(self, **spec):
        """Change the NAT's behaviour in place, e.g. configure(hairpin=True, udp_timeout=5); mappings are lost."""
        self.spec = replace(self.spec, **spec)
        self.set_timeouts()
        self.reboot()

    def reboot(self):
        """Forget every mapping, as a power cycle does; port counters start again."""
        self.load_rules()
        with self.inside():
            sh(["conntrack", "-F"])

    def roam(self):
        """The home gets a new address from its parent; every mapping is gone. Returns the new address."""
        if self.spec.mapping == "none":
            raise LabError("roam: homes without NAT have fixed addresses; use host.move(home)")
        up = self.uplinks[0]
        old, up.addrs = up.addrs[0], [self.lab.wan_address(up.parent)]
        bits = self.lab.prefix_bits(up)
        if up.parent == "internet":
            self.lab["internet"].ip_batch(f"route del {old}/32", f"route replace {up.addrs[0]}/32 dev {up.peer}")
        self.ip_batch(f"addr del {old}/{bits} dev wan", f"addr add {up.addrs[0]}/{bits} dev wan", *self.lab.routes_over(self, up))
        self.reboot()
        return up.addrs[0]

    def forward(self, port, host, inner_port=None, protocol="udp"):
        """A static port forward, as a user's manual rule would make."""
        self.forwards.append((protocol, port, host.ip, inner_port or port))
        lines = [f'  iifname "wan" {p} dport {o} ct mark set 1 dnat ip to {h}:{i}' for p, o, h, i in self.forwards]
        self.nft("table inet forwards\ndelete table inet forwards\ntable inet forwards {\n chain pre { type nat hook "
                 "prerouting priority dstnat - 1;\n" + "\n".join(lines) + "\n }\n}\n")
