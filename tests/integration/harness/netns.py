"""Machines of their own: network namespaces, joined by a router. They go with the test, however it ends."""
import contextlib
import ctypes
import os
import shutil

from .process import need, run

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """Why there can be no networks here; empty: there can be."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "nft", "unshare", "nsenter"):
        if shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
            return f"no program {program}"
    return ""


class Machine:
    """A network namespace. It lives as long as its first process."""

    def __init__(self, test, name):
        self.name = name
        self._test = test
        # It says so when it lives in its own network; before, its pid would lead into ours.
        self._process = test.start(["unshare", "--net", "--", "sh", "-c", "echo ready; exec sleep infinity"], name=f"machine {name}")
        self._process.out.wait("ready")
        self.pid = self._process.pid
        self.prefix = [need("nsenter", "util-linux"), f"--net=/proc/{self.pid}/ns/net", "--"]
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *words, **options):
        return run([*self.prefix, *words], **options)

    def start(self, argv, name=None, **options):
        return self._test.start([*self.prefix, *argv], name=name, **options)

    @contextlib.contextmanager
    def inside(self):
        """This thread's new sockets belong to the machine, and stay there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            self._enter(there)
            yield self
        finally:
            self._enter(home)
            os.close(home)
            os.close(there)

    @staticmethod
    def _enter(descriptor):
        if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def filter(self, *rules, hook="forward"):
        """What passes through (or in, or out of) the machine: these rules instead of those before, in nft's words."""
        body = "\n".join(rules)
        script = f"""
            add table inet test
            delete table inet test
            table inet test {{
                chain {hook} {{ type filter hook {hook} priority 0; policy accept;
                    {body}
                }}
            }}"""
        self.run("nft", "-f", "-", input=script)


class Network:
    """Machines around one router: machine number n of it has the address 10.n.0.2 and the router 10.n.0.1."""

    def __init__(self, test):
        self._test = test
        self.router = Machine(test, "router")
        self.router.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self._count = 0

    def machine(self, name):
        self._count += 1
        one = Machine(self._test, name)
        one.number = self._count
        one.address = f"10.{one.number}.0.2"
        one.gateway = f"10.{one.number}.0.1"
        one.link = f"to{one.number}"  # the router's side
        self.router.run("ip", "link", "add", one.link, "type", "veth", "peer", "name", "eth0", "netns", str(one.pid))
        self.router.run("ip", "address", "add", f"{one.gateway}/24", "dev", one.link)
        self.router.run("ip", "link", "set", one.link, "up")
        one.run("ip", "address", "add", f"{one.address}/24", "dev", "eth0")
        one.run("ip", "link", "set", "eth0", "up")
        one.run("ip", "route", "add", "default", "via", one.gateway)
        return one

    def translate(self, machine):
        """A NAT between this machine and all others; only what it knows passes."""
        self.router.run("nft", "-f", "-", input=f"""
            table ip nat {{
                chain out {{ type nat hook postrouting priority srcnat; iifname "{machine.link}" masquerade; }}
                chain pass {{ type filter hook forward priority 0; policy accept; ct state invalid drop; }}
            }}""")
        # Else it would take a connection that it does not know for one of its own, and go on.
        self.router.run("sh", "-c", "echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose")

    def forget(self):
        """The NAT's memory is gone."""
        self.router.run(need("conntrack", "conntrack"), "-F")
