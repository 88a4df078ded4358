"""reaper.py LAB PID: waits for the owner's end (any end, kill -9 too), then removes its lab. Outlives the owner."""
import contextlib
import os
import select
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from netlab.system import STATE, destroy  # noqa: E402

if __name__ == "__main__":
    lab, owner = sys.argv[1], int(sys.argv[2])
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(owner)
        while not select.select([fd], [], [], 1.0)[0]:
            if not (STATE / lab).exists():
                sys.exit()
    destroy(lab)
