"""Temperature scaling (Guo et al. 2017), a bundle's calibration, and calibration error.

A network trained to convergence is overconfident. Dividing its logits by one number that is fitted
on the validation split keeps their order, so no prediction changes, only the confidence. Strings
also get a slope and an offset: see string_confidence.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.heads.labels import (
    IGNORED,
    Head,
    SequenceClassificationHead,
    Text,
    TokenClassificationHead,
)

from .string_confidence import (
    StringCalibration,
    character_confidences,
    fit_character_temperature,
    fit_platt_scaling,
    negative_log_likelihood,
)
from .string_evidence import StringEvidence, concatenate_evidence

# 0.05 is reached if validation has no error (more confidence is always better), 20 at chance level
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
HALVINGS = 30  # of the interval between them on a logarithmic scale: to 6e-9
BINS = 15
MIN_PER_BIN = 100  # answers; the error of smaller bins would be mostly chance

Decoder = Literal["greedy", "beam"]


def decoder_name(search: object | None) -> Decoder:
    """The name under which a calibration stores this decoder; None is greedy."""
    return "greedy" if search is None else "beam"


@dataclass(frozen=True)
class Calibration:
    """The calibration stored in a bundle.

    temperature: divides the logits; 1 changes nothing. strings: for CTC networks, the calibration
    of whole strings for each decoder that was calibrated. Raises ValueError for a temperature that
    no fit gives.
    """

    temperature: float = 1.0
    strings: dict[Decoder, StringCalibration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = isinstance(self.temperature, float | int)
        if not (number and MIN_TEMPERATURE <= self.temperature <= MAX_TEMPERATURE):
            raise ValueError(
                f"temperature {self.temperature!r} is no number from {MIN_TEMPERATURE} to "
                f"{MAX_TEMPERATURE:g}"
            )


def calibration_to_metadata(calibration: Calibration) -> dict:
    """The calibration as JSON content; without `strings`, in the form of older versions."""
    content = asdict(calibration)
    return content if calibration.strings else {"temperature": calibration.temperature}


class LabelEvidence(NamedTuple):
    """Logits (N, L) float32 of N labelled sequences or steps, and their labels (N,) int64."""

    logits: np.ndarray
    labels: np.ndarray


def label_evidence(head: Head, logits: Tensor, targets: Tensor) -> LabelEvidence | None:
    """The logits of a batch and their labels; None if the head has no single label for each.

    Of a head that labels steps, each labelled step counts. The string of a CTC head has many paths
    (see `string_evidence`), and the labels of a multi-label head do not exclude each other: a
    temperature for a softmax fits neither.
    """
    steps = isinstance(head, TokenClassificationHead) and not head.multi_label
    if not (steps or isinstance(head, SequenceClassificationHead)):
        return None
    labels = targets.flatten()
    known = labels != IGNORED
    rows = logits.float().flatten(0, -2)[known]
    return LabelEvidence(rows.cpu().numpy(), labels[known].cpu().numpy())


def fit_calibration(
    evidence: Iterable[LabelEvidence | StringEvidence],
) -> tuple[Calibration, dict[str, float]]:
    """Fit a calibration to the evidence of batches, all of one kind; returns it with its scores.

    Scores: nll (nats) and ece (percent, see `expected_calibration_error`) without calibration, and
    with it as nll_calibrated and ece_calibrated; for strings, those of the whole string and, as
    characters_nll etc., of its characters. Temperature 1 and no scores if nothing was labelled.
    """
    parts = list(evidence)
    if not sum(len(part[-1]) for part in parts):
        return Calibration(), {}
    joined = concatenate_evidence(parts)
    if isinstance(joined, StringEvidence):
        return fit_string_calibration(joined)
    logits, labels = torch.from_numpy(joined.logits).double(), torch.from_numpy(joined.labels)
    temperature = fit_temperature(logits, labels)
    scores = {}
    for suffix, t in (("", 1.0), ("_calibrated", temperature)):
        confidences, ids = (logits / t).softmax(1).max(1)
        correct = (ids == labels).numpy()
        scores[f"nll{suffix}"] = float(cross_entropy(logits / t, labels))
        scores[f"ece{suffix}"] = expected_calibration_error(confidences.numpy(), correct)
    return Calibration(temperature), scores


def fit_string_calibration(evidence: StringEvidence) -> tuple[Calibration, dict[str, float]]:
    """`fit_calibration` for M >= 1 greedily decoded strings; their ECE has `num_bins` bins."""
    fitted = fit_platt_scaling(evidence.scores, evidence.exact)
    logits, ids = torch.from_numpy(evidence.logits), torch.from_numpy(evidence.ids)
    temperature = fit_character_temperature(evidence) if len(ids) else 1.0
    scores, bins = {}, num_bins(len(evidence.exact))
    for suffix, t, confidences in (
        ("", 1.0, np.exp(evidence.scores)),
        ("_calibrated", temperature, fitted.confidences(evidence.scores)),
    ):
        scores[f"nll{suffix}"] = negative_log_likelihood(confidences, evidence.exact)
        scores[f"ece{suffix}"] = expected_calibration_error(confidences, evidence.exact, bins)
        if len(ids):
            characters = character_confidences(logits, ids, t), evidence.correct
            scores[f"characters_nll{suffix}"] = negative_log_likelihood(*characters)
            scores[f"characters_ece{suffix}"] = expected_calibration_error(*characters)
    return Calibration(temperature, {"greedy": fitted}), scores


def string_confidence(
    calibration: Calibration, reading: Text, decoder: Decoder = "greedy"
) -> float | None:
    """P(no error) of a string whose `confidence` is its probability; None without calibration.

    If this decoder was not calibrated, the calibration of another one is used: better than none,
    but without any guarantee.
    """
    strings = calibration.strings
    fitted = strings.get(decoder) or next(iter(strings.values()), None)
    return None if fitted is None else fitted.confidence(reading.confidence)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature within the bounds that minimizes the cross-entropy; logits (N, L) float64.

    The cross-entropy is convex in 1 / temperature with slope mean(E[logit] - logit[label]), so
    bisection finds the only sign change of the slope.
    """
    true = logits.gather(1, labels[:, None]).mean()
    low, high = np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = ((logits / np.exp(middle)).softmax(1) * logits).sum(1).mean()
        if expected > true:  # overconfident: the temperature must be higher
            low = middle
        else:
            high = middle
    return float(np.clip(np.exp((low + high) / 2), MIN_TEMPERATURE, MAX_TEMPERATURE))


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[bool], bins: int = BINS
) -> float:
    """Expected calibration error (ECE) in percent: the gap between mean confidence and accuracy in
    each bin, averaged over N answers.

    Bins of equal mass (Nguyen and O'Connor 2015): the answers sorted by confidence are cut into
    equal parts, but never between two of equal confidence, so that the order of answers does not
    matter. nan without any answer.
    """
    confidences, correct = np.asarray(confidences, float), np.asarray(correct, float)
    if not len(correct):
        return float("nan")
    gaps = np.bincount(_bin_indices(confidences, bins), correct - confidences)
    return float(100 * np.abs(gaps).sum() / len(correct))


def chance_calibration_error(confidences: Sequence[float], bins: int = BINS) -> float:
    """The `expected_calibration_error`, in percent, to expect of perfectly calibrated confidences.

    With finitely many answers accuracy deviates from confidence by chance: a bin's gap is about
    normal with variance sum p (1 - p), so its mean size is sqrt(2 / pi) standard deviations. A
    measured error of about this size is no evidence of miscalibration.
    """
    confidences = np.asarray(confidences, float)
    if not len(confidences):
        return float("nan")
    variances = np.bincount(_bin_indices(confidences, bins), confidences * (1 - confidences))
    return float(100 * np.sqrt(2 / np.pi * variances).sum() / len(confidences))


def num_bins(answers: int) -> int:
    """BINS, or fewer so that each holds at least MIN_PER_BIN answers; at least 1."""
    return max(1, min(BINS, answers // MIN_PER_BIN))


def _bin_indices(confidences: np.ndarray, bins: int) -> np.ndarray:
    """(N,) the index of the equal-mass bin of each of N >= 1 confidences."""
    cuts = np.arange(1, bins) * len(confidences) // bins
    edges = np.unique(np.sort(confidences)[cuts])
    return np.searchsorted(edges, confidences, side="right")
