"""coturn as an RFC 5780 STUN server with two addresses, and what turnutils_natdiscovery says of it."""
from harness.process import need
from harness.timing import wait_until

PORT = 3478     # and the next one

WORDS = {"none": "Endpoint Independent Mapping", "eim": "Endpoint Independent Mapping", "adm": "Address Dependent Mapping",
         "apdm": "Address and Port Dependent Mapping", "eif": "Endpoint Independent Filtering",
         "adf": "Address Dependent Filtering", "apdf": "Address and Port Dependent Filtering"}


def start(test, node):
    need("turnutils_natdiscovery", "coturn")
    test.start_in(node, [need("turnserver", "coturn"), "-n", "-L", node.ips[0], "-L", node.ips[1], "--no-auth", "--no-tls", "--no-dtls",
                         "--no-cli", "--stun-only", "--log-file", "stdout", "--pidfile", "/dev/null",
                         "--userdb", test.folder("coturn") / "turn.db"])
    wait_until(lambda: f":{PORT + 1}" in node.run(["ss", "-Hlun"]).stdout, "coturn listens on its second port")


def words_of(output):
    """What natdiscovery's output says of mapping (-m) and filtering (-f): a list."""
    return [" ".join(line.split("NAT with")[-1].split()).strip("!= ") for line in output.splitlines()
            if "NAT with" in line or "No NAT" in line or "no NAT" in line]
