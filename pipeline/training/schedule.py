"""Learning rate schedules: the factor on the peak learning rate at a step."""

import math
from typing import Literal

Schedule = Literal["cosine", "one_cycle", "constant"]

# of the one-cycle policy: fraction of the training with rising rate, first and last factor, as
# torch's OneCycleLR has them
RISE, START, END = 0.3, 1 / 25, 1 / 250_000


def learning_rate_factor(
    schedule: Schedule, step: int, warmup_steps: int, progress: float
) -> float:
    """Factor on the peak rate, 0 to 1, at a step; progress: fraction of the training done, 0 to 1.

    `cosine` falls to 0 over the training, `constant` stays at 1; both after a linear warm-up.
    `one_cycle` (Smith and Topin 2019) rises from 1/25 over the first 30 % of the training and falls
    to 1/250 000 over the rest, both along a cosine; it ignores warmup_steps.
    """
    progress = min(1.0, progress)
    if schedule == "one_cycle":
        if progress < RISE:
            return cosine_between(START, 1.0, progress / RISE)
        return cosine_between(1.0, END, (progress - RISE) / (1 - RISE))
    warmup = min(1.0, (step + 1) / max(1, warmup_steps))
    return warmup if schedule == "constant" else warmup * cosine_between(1.0, 0.0, progress)


def check_length_known(schedule: Schedule, known: bool) -> None:
    """Raise ValueError if a schedule needs the training's length and this is not known.

    Its progress, and with it the learning rate, would stay where it starts.
    """
    if schedule != "constant" and not known:
        raise ValueError(
            f"schedule {schedule} goes by the share of the training that is done, but this one has "
            "no end; set trainer.max_epochs, trainer.max_steps or trainer.max_time, or take "
            "schedule: constant"
        )


def cosine_between(start: float, end: float, fraction: float) -> float:
    """Interpolate from start to end along half a cosine wave; fraction: 0 to 1."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * fraction))
