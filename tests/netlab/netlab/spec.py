"""What a NAT does, in the terms of RFC 4787."""
from dataclasses import dataclass

from .system import LabError

#: Outside ports of "sequential" allocation; hashed ones are 32768-65535.
SEQUENTIAL_PORTS = range(20000, 24096)

_ALLOWED = {"mapping": "none eim adm apdm", "filtering": "eif adf apdf", "egress": "all tcp web",
            "ports": "preserve scramble random sequential", "firewall6": "stateful open"}


@dataclass(frozen=True)
class Spec:
    mapping: str = "eim"         # none | eim | adm | apdm: endpoint independent / address (and port) dependent
    filtering: str = "apdf"      # eif | adf | apdf: who may send to a mapping (the same scale)
    ports: str = "preserve"      # preserve | scramble | random | sequential: outside port of a new mapping
    egress: str = "all"          # all | tcp | web: what the firewall lets out (web: TCP 80 and 443 only)
    hairpin: bool = False        # may inside hosts reach each other through the public address?
    udp_timeout: int = 30        # seconds that an idle UDP mapping and its filter entries live
    firewall6: str = "stateful"  # stateful | open: IPv6 is never translated, only filtered
    seed: int = 1                # of the "scramble" port allocation

    def __post_init__(self):
        for key, allowed in _ALLOWED.items():
            if getattr(self, key) not in allowed.split():
                raise LabError(f"{key} must be one of: {allowed}")
        if self.mapping == "adm" and (self.ports != "scramble" or self.filtering == "eif"):
            raise LabError("address dependent mapping exists only with ports=scramble and filtering=adf or apdf")
        if self.mapping == "eim" and self.ports not in ("preserve", "scramble"):
            raise LabError("endpoint independent mapping exists only with ports=preserve or scramble")
        if self.mapping == "apdm" and (self.ports not in ("random", "sequential") or self.filtering != "apdf"):
            raise LabError("apdm mapping exists only with ports=random or sequential and filtering=apdf")
        if self.hairpin and self.mapping != "eim":
            raise LabError("hairpinning needs endpoint independent mapping: no other mapping can pass a hairpin")


NAT_TYPES = {
    "none": Spec(mapping="none", filtering="eif", firewall6="open"),    # public addresses, no filter
    "firewall": Spec(mapping="none", filtering="apdf"),                 # public addresses, stateful filter
    "full-cone": Spec(filtering="eif"),
    "address-restricted": Spec(filtering="adf"),
    "port-restricted": Spec(),
    "symmetric": Spec(mapping="apdm", ports="random"),
    "symmetric-seq": Spec(mapping="apdm", ports="sequential"),
    "address-dependent": Spec(mapping="adm", filtering="adf", ports="scramble"),
    "udp-blocked": Spec(egress="tcp"),
    "strict": Spec(egress="web"),
    "cgnat": Spec(),                                                    # home NAT behind an ISP's NAT
}
