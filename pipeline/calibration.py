"""One temperature that makes a network's confidence mean what it says (Guo et al. 2017).

A network trained to the end is surer than it is right. Its logits, divided by one number that is
fitted on the validation split, keep their order, so no reading changes; only the confidence does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.heads import IGNORED, Head, SequenceClassificationHead, TokenClassificationHead

# 0.05 is reached if validation has no error (the surer, the better), 20 if hits are mere chance
LOWEST, HIGHEST = 0.05, 20.0
HALVINGS = 30  # of the interval between them on a logarithmic scale: to 6e-9


@dataclass(frozen=True)
class Calibration:
    """What a bundle keeps. temperature: what its logits are divided by; 1 changes nothing.

    Raises ValueError for a temperature that no fit gives.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        number = isinstance(self.temperature, float | int)
        if not (number and LOWEST <= self.temperature <= HIGHEST):
            raise ValueError(
                f"temperature {self.temperature!r} is no number from {LOWEST} to {HIGHEST:g}"
            )


class Told(NamedTuple):
    """What a network said of N labelled things: logits (N, L) float32, their labels (N,) int64."""

    logits: np.ndarray
    labels: np.ndarray


def labelled_logits(head: Head, logits: Tensor, targets: Tensor) -> Told | None:
    """The logits of a batch that stand beside one label; None if the head's are not of that kind.

    Of a head that labels steps each labelled step counts for itself. The string of a CTC head has
    many paths, and the labels of a multi-label head are no alternatives: one temperature over a
    softmax fits neither.
    """
    steps = isinstance(head, TokenClassificationHead) and not head.multi_label
    if not (steps or isinstance(head, SequenceClassificationHead)):
        return None
    labels = targets.flatten()
    known = labels != IGNORED
    rows = logits.float().flatten(0, -2)[known]
    return Told(rows.cpu().numpy(), labels[known].cpu().numpy())


def calibrate(told: Iterable[Told]) -> tuple[Calibration, dict[str, float]]:
    """Fit on these logits -> the calibration, and what it changes.

    nll (nats) and ece (percent, see `expected_calibration_error`) without it, and with it as
    nll_calibrated and ece_calibrated. Temperature 1 and no scores if nothing was labelled.
    """
    told = list(told)
    if not sum(len(part.labels) for part in told):
        return Calibration(), {}
    logits = torch.from_numpy(np.concatenate([part.logits for part in told])).double()
    labels = torch.from_numpy(np.concatenate([part.labels for part in told]))
    temperature = fit_temperature(logits, labels)
    found = {}
    for ending, t in (("", 1.0), ("_calibrated", temperature)):
        sure, ids = (logits / t).softmax(1).max(1)
        found[f"nll{ending}"] = float(cross_entropy(logits / t, labels))
        found[f"ece{ending}"] = expected_calibration_error(sure.numpy(), (ids == labels).numpy())
    return Calibration(temperature), found


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of the lowest mean -log p(label), within the bounds; logits (N, L) float64.

    In 1 / temperature that mean is convex and its slope is the mean of E[logit] - logit[label], so
    halving the interval finds the one place where the slope changes its sign.
    """
    true = logits.gather(1, labels[:, None]).mean()
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = ((logits / np.exp(middle)).softmax(1) * logits).sum(1).mean()
        if expected > true:  # too sure of what is wrong: a higher temperature
            low = middle
        else:
            high = middle
    return float(np.clip(np.exp((low + high) / 2), LOWEST, HIGHEST))


def expected_calibration_error(
    confidences: Sequence[float], hits: Sequence[bool], bins: int = 15
) -> float:
    """How far confidence is from the share of hits, in percent: the mean over N answers.

    Bins of equal mass (Nguyen and O'Connor 2015): the answers in the order of their confidence are
    cut into equal shares, but never between two of the same confidence, so that their order does
    not matter. nan without any answer.
    """
    confidences, hits = np.asarray(confidences, float), np.asarray(hits, float)
    if not len(hits):
        return float("nan")
    cuts = np.arange(1, bins) * len(hits) // bins
    edges = np.unique(np.sort(confidences)[cuts])
    member = np.searchsorted(edges, confidences, side="right")
    gaps = np.bincount(member, hits - confidences)
    return float(100 * np.abs(gaps).sum() / len(hits))
