"""miniupnpd (its nftables build) on a home's router: a gateway that speaks PCP, NAT-PMP and UPnP IGD."""
import signal

from harness.process import need
from harness.timing import wait_until
from netlab.ruleset import DAEMON_FORWARD, DAEMON_POSTROUTING, DAEMON_PREROUTING, DAEMON_TABLE

#: miniupnpd maps nothing where its own address is one for documentation, as those of the lab are. Nothing leaves the lab.
ROUTABLE_WAN = "12.0.113.1"

_CONFIGURATION = f"""
ext_ifname=wan
ext_ip={{wan}}
listening_ip=lan
port={{port}}
enable_upnp={{upnp}}
enable_natpmp={{pmp}}
secure_mode=yes
min_lifetime=2
max_lifetime=86400
upnp_table_name={DAEMON_TABLE}
upnp_nat_table_name={DAEMON_TABLE}
upnp_forward_chain={DAEMON_FORWARD}
upnp_nat_chain={DAEMON_PREROUTING}
upnp_nat_postrouting_chain={DAEMON_POSTROUTING}
uuid=6f3a2f0e-8a52-4c1d-9d0e-3b9d2f6f8a10
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


class MappingDaemon:
    def __init__(self, test, router, upnp=True, pmp=True, port=0):
        """`pmp`: NAT-PMP and PCP, which miniupnpd has only both or neither. `port`: of UPnP's HTTP; 0: another each time."""
        self.test, self.router = test, router
        self.folder = test.folder("miniupnpd")
        self.configuration = self.folder / "miniupnpd.conf"
        self.configuration.write_text(_CONFIGURATION.format(wan=router.ip, port=port, upnp="yes" if upnp else "no",
                                                            pmp="yes" if pmp else "no"), encoding="ascii")
        self.upnp, self.pmp = upnp, pmp
        self.process = None

    def start(self):
        self.process = self.test.start_in(self.router, [need("miniupnpd", "miniupnpd-nftables"), "-d", "-f", self.configuration,
                                                        "-P", self.folder / "pid"])
        if self.pmp:
            wait_until(lambda: ":5351" in self.router.run(["ss", "-Hlun"]).stdout, "miniupnpd listens for PCP")
        if self.upnp:
            wait_until(lambda: ":1900" in self.router.run(["ss", "-Hlun"]).stdout, "miniupnpd listens for SSDP")
        return self

    def crash(self):
        """Ends without a word, and what it had mapped is gone: a router that lost its power."""
        self.process.signal(signal.SIGKILL)
        self.process.wait()
        self.router.reboot()

    def mappings(self):
        """{(protocol, outside port): inside endpoint}, as the router's rules have it."""
        rules = self.router.run(["nft", "list", "chain", "inet", DAEMON_TABLE, DAEMON_PREROUTING]).stdout
        found = {}
        for line in rules.splitlines():
            words = line.split()
            if "dnat" in words:
                protocol = "udp" if "0x11" in words or "udp" in words else "tcp"
                found[protocol, int(words[words.index("dport") + 1])] = words[-1]
        return found
