"""The base class of all tests: a folder of its own, and nothing left behind."""
import os
import re
import resource
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from .chuantou import Client, Server, Tunnel
from .process import Process

_SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error: ")


class IntegrationTest(unittest.TestCase):
    maxDiff = 4000
    # What a sanitizer says by mistake where a test takes from it what it needs itself.
    false_complaint = None

    def setUp(self):
        self.tmp = Path(tempfile.mkdtemp(prefix="chuantou-test-"))
        # Services that refuse to run as root get folders of their own inside, and must be able to walk in.
        self.tmp.chmod(0o711)
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)
        self.started = []
        # Cleanups run backwards: this one after all programs have ended, when leaks have been told as well.
        self.addCleanup(self.no_sanitizer_complained)

    def tearDown(self):
        # Shown here, before the cleanups stop everything, so that the states are those of the failure.
        result = self._outcome.result
        if any(getattr(test, "test_case", test) is self for test, _ in result.failures + result.errors):  # or a subtest of it
            for process in self.started:
                print(process.report(), file=sys.stderr)

    def no_sanitizer_complained(self):
        for process in self.started:
            process.err.join(5)
            text = process.err.text()
            if self.false_complaint:
                text = re.sub(self.false_complaint, "", text)
            complaint = _SANITIZER.search(text)
            if complaint:
                self.fail(f"{process.name}:\n{text[complaint.start():][:8000]}")

    def start(self, argv, name=None, **options):
        """Starts a program that ends with the test at the latest."""
        process = Process(argv, name, **options)
        self.started.append(process)
        self.addCleanup(process.stop)
        return process

    def folder(self, name):
        """A new folder inside the test's own; a name that is taken gets a number."""
        path = self.tmp / name
        number = 1
        while path.exists():
            number += 1
            path = self.tmp / f"{name}-{number}"
        path.mkdir()
        return path

    def server(self, **options):
        return Server(self, **options).start()

    def client(self, server, client_id, *forwards, **options):
        """A ctc that is registered and whose proxies accept."""
        return Client(self, server, client_id, *forwards, **options).start()

    def tunnel(self, *targets, **options):
        return Tunnel(self, targets, **options)


def raise_open_files(wanted=65536):
    """As many descriptors as we may have, for us and for what we start. Returns the number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        except (ValueError, OSError):  # not root
            wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def main():
    # One line a test, since ctest shows the output of a whole file.
    unittest.main(verbosity=2, failfast=bool(os.environ.get("CHUANTOU_FAILFAST")))
