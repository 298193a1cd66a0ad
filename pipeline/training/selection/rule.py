"""The rule by which an epoch is selected: the lowest error; of equal ones the lowest loss; of equal
ones the first.

The checkpoint, the bundle, the history and early stopping all compare one number, so that they
cannot disagree on the best epoch.
"""

import pytorch_lightning as pl
import torch
from jsonargparse import Namespace
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import Tensor

from models import CTCHead, Head, SequenceClassificationHead, TokenClassificationHead

from ...scoring.segment_metrics import OVERLAPS

MONITOR = "validation/selection"
MONITORS = ("checkpoint", "early_stopping")  # the groups of options that name a score
TIE = 1.0e-8  # percent: errors differ by more, and float64 resolves 1e-6 of it
# the scores that a validation may give, by the mode in which they are better
SCORES = {
    "min": ("selection", "error", "loss", "cer", "wer"),
    "max": ("exact", "accuracy", "frame_accuracy", "mean_class_accuracy", "mean_label_f1", "edit",
            *OVERLAPS),
}  # fmt: skip


def selection_value(error: float, loss: float) -> Tensor:
    """The error in percent, () float64, plus less than TIE that orders equal errors by their
    losses. A loss of nan counts as infinite.
    """
    loss, error = torch.tensor([loss, error], dtype=torch.float64)
    share = torch.nan_to_num(loss / (1 + loss.abs()), nan=1.0)  # -1 to 1, rising with the loss
    return error + TIE * share


def check_monitor(option: str, monitor: str | None, mode: str) -> None:
    """Raise ValueError for a score of the validation that there is not, or whose mode is the other.

    option: `checkpoint` or `early_stopping`. Metrics of the user's own callbacks are let pass.
    """
    group, _, name = (monitor or "").partition("/")
    if group != "validation":
        return
    right = next((key for key, names in SCORES.items() if name in names), None)
    if right is None:
        known = ", ".join(f"validation/{name}" for names in SCORES.values() for name in names)
        raise ValueError(f"{option}.monitor {monitor}: there is no such score; take one of {known}")
    if mode != right:
        better = {"min": "lower", "max": "higher"}[right]
        raise ValueError(
            f"{option}.monitor {monitor}: the {better} the better; give {option}.mode {right} too"
        )


def scores_of(head: Head) -> tuple[str, ...]:
    """The scores that a validation gives for a head; all of them for one of one's own."""
    common = ("selection", "error", "loss")
    if isinstance(head, CTCHead):
        return (*common, "cer", "wer", "exact")
    if isinstance(head, SequenceClassificationHead):
        return (*common, "accuracy", "mean_class_accuracy")
    if isinstance(head, TokenClassificationHead):
        more = ("mean_label_f1",) if head.multi_label else ("edit", *OVERLAPS)
        return (*common, "frame_accuracy", "mean_class_accuracy", *more)
    return tuple(name for names in SCORES.values() for name in names)


def check_scored(options: Namespace, head: Head) -> None:
    """Raise ValueError for a monitor among the options of `fit` that a head has no score for."""
    scores = scores_of(head)
    for option in MONITORS:
        group, _, name = (options[option].monitor or "").partition("/")
        if group == "validation" and name not in scores:
            known = ", ".join(f"validation/{score}" for score in scores)
            raise ValueError(
                f"{option}.monitor {group}/{name}: a {type(head).__name__} has no such score; take "
                f"one of {known}"
            )


def monitored(trainer: pl.Trainer, option: str, monitor: str) -> float:
    """The value of a score after a validation.

    Raises MisconfigurationException if this head has no such score.
    """
    metrics = trainer.callback_metrics
    if monitor not in metrics:
        known = ", ".join(sorted(name for name in metrics if name.startswith("validation/")))
        raise MisconfigurationException(
            f"{option}.monitor {monitor}: this training has no such score; it has {known}"
        )
    return float(metrics[monitor])


def is_better(value: float, best: float, mode: str) -> bool:
    """Whether a value is better than the best so far; nan and equal ones are not."""
    return value < best if mode == "min" else value > best


def worst(mode: str) -> float:
    """The value that any other is better than."""
    return float("inf") if mode == "min" else float("-inf")
