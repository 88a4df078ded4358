"""Programs: started in a process group of their own, read line by line, stopped for certain."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

from .timing import seconds, wait_until

#: Where Debian keeps daemons, which is not in everybody's PATH.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])


def need(program, package):
    """The path of a program that the test cannot do without. A missing one fails the test: a skip would hide it."""
    found = shutil.which(program, path=_PATH)
    if found is None:
        raise AssertionError(f"this test needs the program {program}; install the package {package}")
    return found


def environment(**changes):
    """A plain English, UTF-8 environment, so that neither the tester's language nor his proxies change a result."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("LC_") and key.lower() not in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "language")}
    env.update({"LANG": "C.UTF-8", "PATH": _PATH})
    env.update(changes)
    return env


def run(argv, timeout=30, check=True, text=True, **options):
    """Runs a program to its end. With `check` a failure is an assertion that shows what the program said."""
    options.setdefault("env", environment())
    if "input" not in options and "stdin" not in options:
        options["stdin"] = subprocess.DEVNULL
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    argv = [str(word) for word in argv]
    try:
        done = subprocess.run(argv, timeout=seconds(timeout), text=text, errors="replace" if text else None, **options)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"{' '.join(argv)} did not end within {late.timeout:g} s; "
                             f"stdout: {late.stdout!r}; stderr: {late.stderr!r}") from None
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)} ended with {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}")
    return done


class Output:
    """The lines of one stream of a process, as they come."""

    def __init__(self, pipe, name):
        self._name = name
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        with pipe:
            for raw in pipe:
                with self._changed:
                    self._lines.append(raw.decode(errors="replace").rstrip("\r\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def mark(self):
        """The number of lines so far; give it to wait() as `after` to look only at later ones."""
        with self._changed:
            return len(self._lines)

    def lines(self, after=0):
        with self._changed:
            return self._lines[after:]

    def text(self, after=0):
        return "\n".join(self.lines(after))

    def wait(self, pattern, timeout=10.0, after=0):
        """Waits for a line in which the pattern is found and returns the match."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + seconds(timeout)
        with self._changed:
            while True:
                while after < len(self._lines):
                    match = expression.search(self._lines[after])
                    after += 1
                    if match:
                        return match
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the stream ended" if self._ended else f"{seconds(timeout):g} s passed"
                    raise AssertionError(f"{self._name}: {why} without a line like {pattern!r}")
                self._changed.wait(left)

    def join(self, timeout):
        self._thread.join(timeout)


class Process:
    """A running program. `out` and `err` are its streams; `stdin` (if asked for) takes bytes."""

    def __init__(self, argv, name=None, stdin=subprocess.DEVNULL, env=None, cwd=None):
        self.argv = [str(word) for word in argv]
        self.name = name or os.path.basename(self.argv[0])
        # Its own session: one signal reaches everything it started. And it dies with us, also when ctest kills us.
        wrapped = [need("setpriv", "util-linux"), "--pdeathsig", "KILL", "--", *self.argv]
        self._popen = subprocess.Popen(wrapped, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env=env or environment(), cwd=cwd, start_new_session=True)
        self.pid = self._popen.pid
        self.stdin = self._popen.stdin
        self.out = Output(self._popen.stdout, f"{self.name} stdout")
        self.err = Output(self._popen.stderr, f"{self.name} stderr")

    @property
    def running(self):
        return self._popen.poll() is None

    def wait(self, timeout=10.0):
        """The exit code, once the program has ended by itself; all its output has then been read."""
        try:
            code = self._popen.wait(seconds(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds(timeout):g} s") from None
        self.out.join(5)
        self.err.join(5)
        return code

    def signal(self, number):
        if self.running:
            self._popen.send_signal(number)

    def freeze(self):
        """SIGSTOP, and every thread of it has stopped: one that was running may go on for a while after the signal."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: not self.running or all(state in "TtZ" for state in self._thread_states()), f"{self.name} has stopped", 10)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def _thread_states(self):
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            try:
                yield (task / "stat").read_text().rpartition(")")[2].split()[0]
            except FileNotFoundError:
                pass  # a thread that has ended

    def kill(self):
        """The hard way, the whole group: what a power cut does."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait()

    def stop(self, timeout=10.0):
        """Asks politely; whoever does not go within the deadline is killed. Returns the exit code."""
        self.signal(signal.SIGTERM)
        try:
            self._popen.wait(seconds(timeout))
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        if self.stdin:
            self.stdin.close()
        return self._popen.returncode

    def resident_kib(self):
        """Resident memory in KiB, all threads of this one process."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise AssertionError(f"{self.name} is not running")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def report(self, lines=int(os.environ.get("CHUANTOU_REPORT_LINES", "60"))):
        code = self._popen.poll()
        state = "still running" if code is None else f"ended with {code}"
        parts = [f"--- {self.name} (pid {self.pid}, {state}): {' '.join(self.argv)}"]
        for output, title in ((self.out, "out"), (self.err, "err")):
            parts += [f"    {title}: {line[:400]}" for line in output.lines()[-lines:]]
        return "\n".join(parts)
