#!/usr/bin/env python3
"""The lab's NATs behave as they claim: by plain sockets, and in the words of STUN programs that nobody here wrote."""
import subprocess

from case import LabTest, main, table
import coturn
from harness.process import need
from probes import Observers, empty, variants

_RFC3489 = {"none": "Open", "firewall": "Firewall", "eif": "Independent Filter", "adf": "Address Dependent Filter",
            "apdf": "Port Dependent Filter", "dependent": "Dependent Mapping", "blocked": "Blocked"}


class LabNats(LabTest):
    def test_every_type_behaves_as_it_claims(self):
        lab = self.make_lab()
        homes = [(label, lab.home(kind, hosts=2, **options), want) for label, kind, options, want in variants()]
        observers = Observers(lab)
        rows, wrong = [], []
        for label, home, want in homes:
            one, two = home.hosts[:2]
            got = dict(zip(("mapping", "ports"), observers.mapping(one)))
            empty(*observers.sockets.values())
            got.update({"filtering": observers.filtering(one), "hairpin": observers.hairpin(one, two),
                        "same port": observers.same_port(one, two), "tcp": observers.tcp(one)})
            bad = [key for key in want if want[key] != got[key]]
            wrong += [f"{label}: {key} is {got[key]}, should be {want[key]}" for key in bad]
            rows.append([label] + [want[key] + (f" ({got[key]}!)" if key in bad else "") for key in want])
        table(["type", *homes[0][2]], rows)
        self.assertEqual(wrong, [])

    def test_stun_programs_agree(self):
        need("stun", "stun-client")
        lab = self.make_lab()
        server = lab.public_host("stun", ips=2)
        coturn.start(self, server)
        jobs = []
        for label, kind, options, want in variants():
            host = lab.home(kind, hosts=1, **options).hosts[0]
            clients = [["stun", server.ip]] + [["turnutils_natdiscovery", flag, server.ip] for flag in ("-m", "-f")]
            jobs.append((label, want, [host.popen(["timeout", "20", *client], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                                  text=True) for client in clients]))
        rows, wrong = [], []
        for label, want, processes in jobs:
            old, *new = [p.communicate()[0] for p in processes]
            said = next((line.split("Primary:")[1].strip() for line in old.splitlines() if line.startswith("Primary:")), "?")
            words = coturn.words_of("\n".join(new))
            rows.append([label, f"{want['mapping']}/{want['filtering']}", said, " | ".join(words) or "no answer"])
            if not _agree(want, said, words):
                wrong.append(rows[-1])
        table(["type", "truth", "stun (RFC 3489)", "turnutils_natdiscovery (RFC 5780)"], rows)
        self.assertEqual(wrong, [])


def _agree(want, said, words):
    mapping, filtering = want["mapping"], want["filtering"]
    if mapping in ("adm", "apdm"):
        old = _RFC3489["dependent"]
    elif mapping == "none":
        old = _RFC3489["none" if filtering == "eif" else "firewall"]
    else:
        old = _RFC3489["blocked" if mapping == "blocked" else filtering]
    if old not in said or words != ([] if mapping == "blocked" else [coturn.WORDS[mapping], coturn.WORDS[filtering]]):
        return False
    return mapping != "eim" or ("will hairpin" in said) == (want["hairpin"] == "yes")


if __name__ == "__main__":
    main()
