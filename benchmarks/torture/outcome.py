"""A row of the table of all torture: what was tried, how often, and what was lost."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..table import aligned

HEAD = ("what was tried", "how often", "of these", "lost or failed", "s")


class Outcome(NamedTuple):
    """times: kills or cases. of_these: counts that say what the times were."""

    what: str
    times: int
    of_these: str
    lost: int
    seconds: float


def table(outcomes: Iterable[Outcome], markdown: bool = False) -> str:
    rows = [
        (row.what, f"{row.times:,}", row.of_these, str(row.lost), f"{row.seconds:.0f}")
        for row in outcomes
    ]
    return aligned([HEAD, *rows], markdown)


def attempt(call: Callable[[], Outcome], what: str) -> Outcome:
    """Make a row of the table: one that says so if what is tried fails without any torture."""
    started = time.perf_counter()
    try:
        return call()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"{what}: {error}", file=sys.stderr)
        return Outcome(what, 0, "failed by itself", 1, time.perf_counter() - started)
