"""A small internet with homes behind real NATs, on one Linux machine.

Every node is a network namespace; every wire is a veth pair (or a TAP pair with a delay queue); every NAT is the kernel's own
conntrack, driven by nftables. Nothing is created outside of the lab's namespaces, so that the host's interfaces and rules stay
as they are and no packet can leave the lab. See ../README.md.

    with Lab() as lab:
        stun = lab.public_host("stun", ips=2)
        alice = lab.home("symmetric").host()
        bob = lab.home("port-restricted", hairpin=True).host()
        peer = alice.popen(["./peer", "--stun", stun.ip, stun.ips[1]])
"""
from .lab import Lab
from .spec import NAT_TYPES, Spec
from .system import LabError, why_not

__all__ = ["Lab", "LabError", "NAT_TYPES", "Spec", "why_not"]
