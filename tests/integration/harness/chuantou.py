"""The programs under test: cts, ctc, and the usual arrangement of one server and two clients."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from .process import Process, environment, run

_BIN = Path(os.environ.get("CHUANTOU_BIN") or Path(__file__).resolve().parents[3] / "build" / "dev" / "bin").resolve()
_READY = 20  # seconds to a readiness line


def program(name):
    path = _BIN / name
    if not path.exists():
        raise AssertionError(f"{path} does not exist; build first, or set CHUANTOU_BIN to the folder with cts and ctc")
    return path


def _command(name, words, data_dir, lang, options, machine=None):
    argv = [*(machine.prefix if machine else []), program(name), *words]
    if data_dir is not None:
        argv += ["--data-dir", data_dir]
    env = environment(LANG=lang) if lang else environment()
    return run(argv, env=env, **options)


def cts(*words, data_dir=None, lang=None, machine=None, **options):
    """Runs a cts command to its end."""
    return _command("cts", words, data_dir, lang, options, machine)


def ctc(*words, data_dir=None, lang=None, machine=None, **options):
    """Runs a ctc command to its end."""
    return _command("ctc", words, data_dir, lang, options, machine)


class _Daemon:
    """What cts and ctc have in common: a data folder, and a process that may come and go."""

    def __init__(self, test, name, machine=None):
        """`machine`: where it runs, if not here (netns.py)."""
        self.test = test
        self.name = name
        self.machine = machine
        self.data_dir = test.folder(name)
        self.process = None
        self.env = None

    def spawn(self):
        inside = self.machine.prefix if self.machine else []
        self.process = Process([*inside, *self.argv()], self.name, stdin=subprocess.DEVNULL, env=self.env)
        self.test.started.append(self.process)
        self.test.addCleanup(self.process.stop)
        return self

    @property
    def log(self):
        return self.process.err

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()


class Server(_Daemon):
    """`cts run` on loopback. Port 0 lets the system choose; a restart keeps the port that it chose."""

    def __init__(self, test, host="127.0.0.1", port=0, token=None, args=(), name="cts", machine=None):
        super().__init__(test, name, machine)
        self.host = host
        self.port = port
        self.token = token
        self.args = list(args)

    def argv(self):
        argv = [program("cts"), "run", "--host", self.host, "--port", str(self.port), "--data-dir", self.data_dir]
        if self.token:
            argv += ["--token", self.token]
        return argv + self.args

    def start(self):
        self.spawn()
        self.port = int(self.process.out.wait(r"^listening on \S+:(\d+)$", timeout=_READY)[1])
        return self

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}"

    @property
    def secure_url(self):
        return self.url.replace("ws://", "wss://")

    def status(self):
        return json.loads(self.command("status", "--json").stdout)

    @property
    def fingerprint(self):
        return self.status()["certificateFingerprint"]

    def command(self, *words, **options):
        return cts(*words, data_dir=self.data_dir, machine=self.machine, **options)


class Client(_Daemon):
    """`ctc run`. A forward is what stands behind the local port of -L: "B:3000", "B:3000/udp"; the system chooses the
    local port. One that begins with a number and a colon ("9090:B:3000") is taken as it is. `like` is a client whose data folder
    this one gets a copy of, and with it the key that a name belongs to."""

    def __init__(self, test, server, client_id, *forwards, token=None, args=(), name=None, url=None, trust=None, like=None, machine=None):
        """`url`: another way to the server than its ws://; `trust`: a file of certificate authorities for wss://."""
        super().__init__(test, name or f"ctc-{client_id}", machine)
        if like:
            # Not what belongs to the other process alone, nor a file that is being replaced.
            shutil.copytree(like.data_dir, self.data_dir, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lock", "admin.json*", "*.json.*"))
        self.server = server
        self.url = url or server.url
        if trust:
            self.env = environment(SSL_CERT_FILE=str(trust))
        self.id = client_id
        self.token = token if token is not None else server.token
        self.admin_port = 0
        self.forwards = [each if re.match(r"\d+:", each) else f"0:{each}" for each in forwards]
        self.args = list(args)

    def argv(self):
        argv = [program("ctc"), "run", "--server", self.url, "--id", self.id, "--port", str(self.admin_port), "--data-dir", self.data_dir]
        if self.token:
            argv += ["--token", self.token]
        for forward in self.forwards:
            argv += ["-L", forward]
        return argv + self.args

    def start(self):
        self.spawn()
        self.wait_registered()
        for forward in self.forwards:
            self.local_port(forward.split(":", 1)[1])
        return self

    def wait_registered(self, after=0, timeout=_READY):
        return self.process.out.wait(rf"^registered as {re.escape(self.id)}$", timeout=timeout, after=after)

    def local_port(self, forward, timeout=_READY):
        """The port that the readiness line of a proxy names."""
        target = re.sub(r"/(tcp|udp|both)$", "", str(forward))
        line = rf"^proxy \S+?:(\d+) -> {re.escape(target)}(?:/\w+)?\s*$"
        return int(self.process.out.wait(line, timeout=timeout)[1])

    def command(self, *words, **options):
        return ctc(*words, data_dir=self.data_dir, machine=self.machine, **options)


class Tunnel:
    """A server, a client B beside the services, and a client A with one proxy for each of B's ports.

    A target is a port ("3000" or 3000), or a port with its protocol ("3000/udp").
    """

    def __init__(self, test, targets, server_args=(), a_args=(), b_args=(), token=None):
        self.server = Server(test, args=server_args, token=token).start()
        self.b = Client(test, self.server, "B", args=b_args).start()
        self.a = Client(test, self.server, "A", *[f"B:{target}" for target in targets], args=a_args).start()

    def port(self, target):
        """A's local port for one of B's ports."""
        return self.a.local_port(f"B:{target}")

    @property
    def processes(self):
        return [self.server.process, self.a.process, self.b.process]
