"""Learning rate schedules: the share of the peak that holds at a step."""

import math
from typing import Literal

Schedule = Literal["cosine", "one_cycle", "constant"]

# of the one-cycle policy, as in torch's OneCycleLR
RISE, START, END = 0.3, 1 / 25, 1 / 250_000


def learning_rate_share(schedule: Schedule, step: int, warmup_steps: int, progress: float) -> float:
    """Share of the peak, 0 to 1, at a step; progress: share of the training that is done, 0 to 1.

    `cosine` falls to 0 over the training, `constant` stays; both rise over the warm-up steps first.
    `one_cycle` (Smith and Topin 2019) rises from 1/25 over the first 30 % of the training and falls
    to almost nothing over the rest, both along a cosine; it has no other warm-up.
    """
    progress = min(1.0, progress)
    if schedule == "one_cycle":
        if progress < RISE:
            return cosine_between(START, 1.0, progress / RISE)
        return cosine_between(1.0, END, (progress - RISE) / (1 - RISE))
    warm = min(1.0, (step + 1) / max(1, warmup_steps))
    return warm if schedule == "constant" else warm * cosine_between(1.0, 0.0, progress)


def check_end(schedule: Schedule, ends: bool) -> None:
    """ends: whether it is known when the training will be over. Raises ValueError for a schedule
    that goes by that: it would stay where it starts.
    """
    if schedule != "constant" and not ends:
        raise ValueError(
            f"schedule {schedule} goes by the share of the training that is done, but this one has "
            "no end; set trainer.max_epochs, trainer.max_steps or trainer.max_time, or take "
            "schedule: constant"
        )


def cosine_between(start: float, end: float, share: float) -> float:
    """Half a cosine wave from start to end; share: of the way, 0 to 1."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
