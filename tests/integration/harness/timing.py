"""Deadlines. A slow build of the programs (a sanitizer) stretches all of them by one factor."""
import os
import select
import time

#: CHUANTOU_TIME_FACTOR=4 gives every deadline four times as long.
FACTOR = float(os.environ.get("CHUANTOU_TIME_FACTOR", "1"))
#: Sanitizers need memory of their own, so bounds on resident memory say nothing there.
SANITIZED = os.environ.get("CHUANTOU_SANITIZED", "") not in ("", "0")
#: The long forms: hours-like idle times in minutes instead of seconds.
SOAK = os.environ.get("CHUANTOU_SOAK", "") not in ("", "0")


def seconds(amount):
    return amount * FACTOR


def wait_until(condition, what, timeout=10.0, interval=0.02):
    """Returns the first true value of condition(); for states that nothing announces.

    An AssertionError of the condition counts as "not yet"; the last one is told when the time is up.
    """
    deadline = time.monotonic() + seconds(timeout)
    complaint = ""
    while True:
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError) as error:
            complaint = f" ({error})"
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds(timeout):g} s: {what}{complaint}")
        select.select([], [], [], interval)
