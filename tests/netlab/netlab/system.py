"""The kernel's side: commands, namespaces, and removing what a lab made."""
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

STATE = Path("/run/chuantou-netlab")    # one folder a lab: its owner, parameters of wires, files of daemons
NETNS = Path("/run/netns")
PREFIX = "ctlab"

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
#: Where Debian keeps ip, nft and conntrack, which is not in everybody's PATH.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])


class LabError(Exception):
    pass


def sh(args, text=None):
    done = subprocess.run(args, input=text, text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"{' '.join(args)}: {done.stderr.strip() or done.stdout.strip()}\n{text or ''}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace):
    """Within this block the calling thread is in the namespace: sockets and processes made here stay there."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(NETNS / namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(there, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {namespace}")
        finally:
            os.close(there)
        yield
    finally:
        _libc.setns(back, _CLONE_NEWNET)
        os.close(back)


def why_not():
    """Why no lab can be made here; empty: it can. A missing program is not a reason: it is to be installed."""
    if os.geteuid():
        return "not root"
    for program, package in (("ip", "iproute2"), ("nft", "nftables"), ("conntrack", "conntrack")):
        if not shutil.which(program):
            raise LabError(f"the lab needs the program {program}; install the package {package}")
    name = f"{PREFIX}-try{os.getpid():x}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode:
        return tried.stderr.strip()
    try:
        with inside(name):
            rules = subprocess.run(["nft", "-f", "-"], input="add table inet t\nadd chain inet t c { type nat hook prerouting priority 0; }\n",
                                   capture_output=True, text=True)
        return rules.stderr.strip().split("\n")[0] if rules.returncode else ""
    except OSError as error:
        return str(error)
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def namespaces(lab):
    return sorted(p.name for p in NETNS.glob(f"{PREFIX}-{lab}-*")) if NETNS.exists() else []


def is_alive(pid, start=None):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return stat[0] != "Z" and start in (None, stat[19])
    except OSError:
        return False


def start_time(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]


def owner_of(lab):
    """(pid, start time) of the process that made it, or None."""
    try:
        pid, start = (STATE / lab / "owner").read_text().split()
        return int(pid), start
    except (OSError, ValueError):
        return None


def labs():
    """{name: is its owner alive?} of every lab on this machine, whole or left over."""
    found = {p.name for p in STATE.glob("[a-z0-9]*/") if p.name != "bin"}
    found |= {n.name.split("-")[1] for n in NETNS.glob(f"{PREFIX}-*-*")}
    owners = {lab: owner_of(lab) for lab in found}
    return {lab: owner is not None and is_alive(*owner) for lab, owner in owners.items()}


def destroy(lab):
    """Removes everything that a lab made: the processes inside of its namespaces, the namespaces, its folder."""
    owner = owner_of(lab)
    spare = {os.getpid()} | ({owner[0]} if owner else set())
    names = namespaces(lab)
    inodes = {os.stat(NETNS / n).st_ino for n in names} - {os.stat("/proc/self/ns/net").st_ino}    # never our own

    def processes():
        found = []
        for p in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                if int(p.name) not in spare and os.stat(p / "ns/net").st_ino in inodes and is_alive(p.name):
                    found.append(int(p.name))
        return found
    for number in (signal.SIGTERM, signal.SIGKILL):
        end, pids = time.monotonic() + 1.0, processes()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while pids and processes() and time.monotonic() < end:
            time.sleep(0.01)
    if names:
        subprocess.run(["ip", "-force", "-batch", "-"], input="".join(f"netns del {n}\n" for n in names), text=True,
                       capture_output=True)                 # its reaper may be at it as well
    shutil.rmtree(STATE / lab, ignore_errors=True)
