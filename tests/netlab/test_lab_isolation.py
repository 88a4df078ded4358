#!/usr/bin/env python3
"""A lab touches nothing outside of itself, and nothing of it is left behind."""
import subprocess
import sys
from pathlib import Path

from case import LabTest, main
from harness.timing import wait_until
from netlab import Lab
from netlab.system import STATE, is_alive, namespaces, sh
from probes import arrives

_ABANDONED = """
import time
from netlab import Lab
lab = Lab({name!r})
host = lab.home(hosts=1, delay=5).hosts[0]
print(host.popen(["sleep", "600"]).pid, *(u.pid for n in lab.nodes.values() for u in n.uplinks if u.pid), flush=True)
time.sleep(600)
"""


def state_of_this_machine():
    """What a lab must not change."""
    sysctls = ["ipv4/ip_forward", "ipv4/conf/all/rp_filter", "netfilter/nf_conntrack_udp_timeout"]
    values = [path.read_text() for path in (Path("/proc/sys/net", s) for s in sysctls) if path.exists()]
    return values + [sh(c) for c in (["ip", "-o", "link"], ["ip", "-o", "addr", "show", "scope", "global"], ["ip", "route"],
                                     ["ip", "rule"], ["nft", "list", "ruleset"])]


class LabIsolation(LabTest):
    def test_labs_reach_neither_each_other_nor_anything_else(self):
        before = state_of_this_machine()
        with Lab() as one, Lab() as two:
            a, b = one.home(hosts=1).hosts[0], two.public_host()
            sender, receiver = a.socket(bind=(a.ip, 0)), b.socket(bind=(b.ip, 5000))
            sender.sendto(b"x", (b.ip, 5000))
            self.assertFalse(arrives(receiver))
            self.assertIn("blackhole default", one["internet"].run(["ip", "route"]).stdout)
            sleeper = a.popen(["sleep", "600"]).pid
            names = one.name, two.name
        self.assertFalse(is_alive(sleeper))
        for name in names:
            self.assertEqual(namespaces(name), [])
            self.assertFalse((STATE / name).exists())
        self.assertEqual(state_of_this_machine(), before)

    def test_an_owner_that_is_killed_leaves_nothing(self):
        name = f"kill{self.tmp.name[-6:].lower().replace('_', 'x')}"
        owner = subprocess.Popen([sys.executable, "-c", _ABANDONED.format(name=name)], stdout=subprocess.PIPE, text=True,
                                 cwd=Path(__file__).parent)
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        self.assertEqual(len(pids), 2)
        self.assertTrue(namespaces(name))
        owner.kill()
        owner.wait()
        owner.stdout.close()
        wait_until(lambda: not namespaces(name) and not any(map(is_alive, pids)) and not (STATE / name).exists(),
                   "the lab of a killed process goes away", 5)


if __name__ == "__main__":
    main()
