"""A row of the table of all torture: what was tried, how often, and what was lost."""

from collections.abc import Iterable
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
