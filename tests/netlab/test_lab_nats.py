#!/usr/bin/env python3
"""The lab's NATs behave as they claim: by plain sockets, and in the words of STUN programs that nobody here wrote."""
import subprocess
import unittest

from case import LabTest, main, table
from harness.process import need
from harness.timing import wait_until
from probes import Observers, empty, variants

_RFC5780 = {"none": "Endpoint Independent Mapping", "eim": "Endpoint Independent Mapping", "adm": "Address Dependent Mapping",
            "apdm": "Address and Port Dependent Mapping", "eif": "Endpoint Independent Filtering",
            "adf": "Address Dependent Filtering", "apdf": "Address and Port Dependent Filtering"}
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
        for program, package in (("turnserver", "coturn"), ("turnutils_natdiscovery", "coturn"), ("stun", "stun-client")):
            need(program, package)
        lab = self.make_lab()
        server = lab.public_host("stun", ips=2)
        self.start_in(server, ["turnserver", "-n", "-L", server.ips[0], "-L", server.ips[1], "--no-auth", "--no-tls", "--no-dtls",
                               "--no-cli", "--stun-only", "--log-file", "stdout", "--pidfile", "/dev/null",
                               "--userdb", self.tmp / "turn.db"])
        wait_until(lambda: ":3479" in server.run(["ss", "-Hlun"]).stdout, "coturn listens on its second port")
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
            words = natdiscovery_words("\n".join(new))
            rows.append([label, f"{want['mapping']}/{want['filtering']}", said, " | ".join(words) or "no answer"])
            if not _agree(want, said, words):
                wrong.append(rows[-1])
        table(["type", "truth", "stun (RFC 3489)", "turnutils_natdiscovery (RFC 5780)"], rows)
        self.assertEqual(wrong, [])


def natdiscovery_words(output):
    """What turnutils_natdiscovery -m and -f say of mapping and filtering."""
    return [" ".join(line.split("NAT with")[-1].split()).strip("!= ") for line in output.splitlines()
            if "NAT with" in line or "No NAT" in line or "no NAT" in line]


def _agree(want, said, words):
    mapping, filtering = want["mapping"], want["filtering"]
    if mapping in ("adm", "apdm"):
        old = _RFC3489["dependent"]
    elif mapping == "none":
        old = _RFC3489["none" if filtering == "eif" else "firewall"]
    else:
        old = _RFC3489["blocked" if mapping == "blocked" else filtering]
    if old not in said or words != ([] if mapping == "blocked" else [_RFC5780[mapping], _RFC5780[filtering]]):
        return False
    return mapping != "eim" or ("will hairpin" in said) == (want["hairpin"] == "yes")


if __name__ == "__main__":
    main()
