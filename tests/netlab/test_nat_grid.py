#!/usr/bin/env python3
"""Every NAT of the lab in every condition: what `ctc netcheck` says is the lab's truth, and turnutils_natdiscovery agrees.

netcheck asks `cts` and coturn in turn. natdiscovery asks coturn, whose way of naming its other address it relies on: of an
answer from the other address it takes OTHER-ADDRESS to be on the same address, where RFC 5780, section 7.4, has the first.

CHUANTOU_GRID_ROUNDS: how often each cell is asked (2). CHUANTOU_GRID_ONLY: cells whose names contain this.
"""
import collections
import concurrent.futures
import json
import os
from dataclasses import replace

from case import LabTest, binary, main, table
import coturn
from harness.chuantou import Server
from harness.process import environment
from harness.timing import seconds
from netlab import NAT_TYPES

ROUNDS = int(os.environ.get("CHUANTOU_GRID_ROUNDS", "2"))
ONLY = os.environ.get("CHUANTOU_GRID_ONLY", "")
#: Cells that are asked at the same time: they wait most of their time.
AT_ONCE = 16
#: natdiscovery sends each question once, and takes what is lost for filtered. Where packets get lost it is asked until one
#: answer was given so many times more often than any other.
LEAD_WITH_LOSS = 4
TRIES_WITH_LOSS = 20

_BEHAVIOR = {"none": "none", "eim": "endpoint-independent", "adm": "address-dependent", "apdm": "address-and-port-dependent",
             "eif": "endpoint-independent", "adf": "address-dependent", "apdf": "address-and-port-dependent"}
_CLASSIC = {"eif": "full-cone", "adf": "restricted", "apdf": "port-restricted"}
_PORTS = {"preserve": "preserving", "scramble": "random", "random": "random", "sequential": "sequential"}
_STRICTER = ("eif", "adf", "apdf")


class Cell:
    """One NAT in one condition, and what is true of it. `outer`: what stands before the home's NAT."""

    def __init__(self, nat, condition, options=None, outer=None, hairpin=False):
        self.nat, self.condition, self.options, self.outer = nat, condition, options or {}, outer
        self.name = f"{nat}, {condition}"
        link = {"loss", "delay"}
        spec = replace(NAT_TYPES[nat], **{k: v for k, v in self.options.items() if k not in link})
        self.spec, self.hairpin = spec, hairpin or spec.hairpin

    def build(self, lab):
        options = dict(self.options)
        if self.outer:
            outer = dict(self.outer)
            options["via"] = lab.isp(outer.pop("nat"), **outer)
        self.host = lab.home("port-restricted" if self.nat == "cgnat" else self.nat, **options).host()
        return self

    @property
    def truth(self):
        spec = self.spec
        if spec.egress != "all":
            return {"udp": False, "type": "udp-blocked", "mapping": "unknown", "filtering": "unknown", "hairpin": None,
                    "portAllocation": "unknown", "portStep": 0, "firewall": False, "doubleNat": None}
        filtering, ports = spec.filtering, spec.ports
        if self.outer:
            outer = NAT_TYPES[self.outer["nat"]]
            filtering = max(filtering, outer.filtering, key=_STRICTER.index)
            ports = ports if self.outer.get("ports") == "preserve" else "scramble"
        dependent = spec.mapping in ("adm", "apdm")
        no_nat = spec.mapping == "none"
        return {"udp": True, "type": "none" if no_nat else "symmetric" if dependent else _CLASSIC[filtering],
                "mapping": _BEHAVIOR[spec.mapping], "filtering": _BEHAVIOR[filtering], "hairpin": self.hairpin or no_nat,
                "portAllocation": "preserving" if no_nat else _PORTS[ports], "portStep": int(ports == "sequential"),
                "firewall": no_nat and filtering != "eif", "doubleNat": self.outer is not None}

    @property
    def words(self):
        """The same, as turnutils_natdiscovery puts it."""
        truth = {value: key for key, value in _BEHAVIOR.items() if key.endswith("m")}
        if not self.truth["udp"]:
            return []
        mapping = truth.get(self.truth["mapping"], "none")
        filtering = next(k for k in _STRICTER if _BEHAVIOR[k] == self.truth["filtering"])
        return [coturn.WORDS[mapping], coturn.WORDS[filtering]]


def cells():
    out = []
    for nat, spec in NAT_TYPES.items():
        carrier = {"nat": "port-restricted"} if nat == "cgnat" else None
        blocked, translated = spec.egress != "all", spec.mapping != "none"
        out.append(Cell(nat, "plain", outer=carrier))
        if nat == "cgnat":
            out.append(Cell(nat, "hairpin", outer={**carrier, "hairpin": True}, hairpin=True))
        elif spec.mapping == "eim" and not blocked:
            out.append(Cell(nat, "hairpin", {"hairpin": True}))
            out.append(Cell(nat, "scrambled ports", {"ports": "scramble"}))
        if translated and nat != "cgnat":
            # The carrier's NAT adds nothing but itself: what is seen through it is the home's.
            out.append(Cell(nat, "double NAT", outer={"nat": "full-cone", "ports": "preserve"}))
        out.append(Cell(nat, "5 % loss", {"loss": 5}, outer=carrier))
        out.append(Cell(nat, "40 ms delay", {"delay": 40}, outer=carrier))
    return [cell for cell in out if ONLY in cell.name]


class NatGrid(LabTest):
    def setUp(self):
        super().setUp()
        lab = self.make_lab()
        ours, other = lab.public_host("cts", ips=2), lab.public_host("coturn", ips=2)
        with ours.inside():
            server = Server(self, host=ours.ip, args=["--stun-alt-address", ours.ips[1]]).start()
        coturn.start(self, other)
        self.other = other.ip
        self.servers = {"cts": f"{ours.ip}:{server.port}", "coturn": f"{other.ip}:{coturn.PORT}"}
        self.cells = [cell.build(lab) for cell in cells()]
        self.assertTrue(self.cells, f"no cell's name contains {ONLY!r}")

    def netcheck(self, cell, server):
        done = cell.host.run([binary("ctc"), "netcheck", "--json", "--data-dir", self.tmp / "none", "--stun", server],
                             timeout=seconds(30), env=environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def natdiscovery(self, cell):
        """[what it says of mapping, of filtering]"""
        out = []
        for flag in ("-m", "-f"):
            said = collections.Counter()
            for _ in range(TRIES_WITH_LOSS if cell.options.get("loss") and cell.truth["udp"] else 1):
                done = cell.host.run(["turnutils_natdiscovery", flag, self.other], timeout=seconds(30))
                said.update(coturn.words_of(done.stdout))
                first, second = (*(count for _, count in said.most_common(2)), 0, 0)[:2]
                if first - second >= LEAD_WITH_LOSS:
                    break
            out += [word for word, _ in said.most_common(1)]
        return out

    def ask(self, cell, server):
        """A row of the table; its last word is what was wrong."""
        report = self.netcheck(cell, self.servers[server])
        wrong = [f"{key} is {report[key]}, should be {value}" for key, value in cell.truth.items() if report[key] != value]
        words = self.natdiscovery(cell)
        if words != cell.words:
            wrong.append(f"natdiscovery says {words}")
        return [cell.nat, cell.condition, server, report["type"], report["mapping"], report["filtering"], report["hairpin"],
                report["portAllocation"], report["doubleNat"], f"{report['durationMs']} ms", " ".join(report["uncertain"]),
                "; ".join(wrong) or "ok"]

    def test_every_cell(self):
        rows = []
        # Round by round, not cell by cell: a router grants few ICMP errors to one host in a short time.
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for number in range(ROUNDS):
                server = list(self.servers)[number % 2]
                rows += pool.map(self.ask, self.cells, [server] * len(self.cells))
        rows.sort(key=lambda row: [(cell.nat, cell.condition) for cell in self.cells].index((row[0], row[1])))
        table(["NAT", "condition", "asked", "type", "mapping", "filtering", "hairpin", "ports", "double", "took", "uncertain", ""], rows)
        wrong = [f"{row[0]}, {row[1]}, asked {row[2]}: {row[-1]}" for row in rows if row[-1] != "ok"]
        print(f"{len(rows) - len(wrong)} of {len(rows)} agree with the lab and with natdiscovery")
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    main()
