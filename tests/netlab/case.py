"""What the tests here share: a lab, the harness of the integration tests, and a skip where there can be no lab."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from harness.base import IntegrationTest, main as run_tests  # noqa: E402
from netlab import Lab, why_not  # noqa: E402

#: What CTest reports as "Skipped".
SKIPPED = 77


class LabTest(IntegrationTest):
    def make_lab(self, **options):
        lab = Lab(**options)
        self.addCleanup(lab.down)
        return lab

    def start_in(self, node, argv, name=None, **options):
        """As start(), in a node of the lab."""
        with node.inside():
            return self.start(argv, name, **options)


def main():
    reason = why_not()
    if reason:
        print(f"skipped: no network namespaces can be made here ({reason})")
        sys.exit(SKIPPED)
    run_tests()


def table(head, rows):
    width = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["-" * w for w in width], *rows]:
        print("  ".join(str(cell).ljust(w) for cell, w in zip(row, width)).rstrip(), flush=True)


def binary(name):
    """A program of the build."""
    return Path(os.environ.get("CHUANTOU_BIN") or Path(__file__).resolve().parents[2] / "build" / "dev" / "bin").resolve() / name
