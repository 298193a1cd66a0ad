"""One temperature that makes a network's confidence mean what it says (Guo et al. 2017).

A network trained to the end is surer than it is right. Its logits, divided by one number that is
fitted on the validation split, keep their order, so no reading changes; only the confidence does.
Strings have two numbers more: see calibrate_strings.py.
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

from .risk_coverage import RiskCoverageCurve
from .string_confidence import (
    StringCalibration,
    character_confidences,
    fit_character_temperature,
    fit_platt_scaling,
    negative_log_likelihood,
)
from .string_evidence import StringEvidence

# 0.05 is reached if validation has no error (the surer, the better), 20 if hits are mere chance
LOWEST, HIGHEST = 0.05, 20.0
HALVINGS = 30  # of the interval between them on a logarithmic scale: to 6e-9
BINS = 15
IN_A_BIN = 100  # answers at least, before there are more bins: fewer measure chance

Decoder = Literal["greedy", "beam"]


def decoder_name(search: object | None) -> Decoder:
    """What a calibration calls this way of reading strings; None is greedy."""
    return "greedy" if search is None else "beam"


@dataclass(frozen=True)
class Calibration:
    """What a bundle keeps.

    temperature: what its logits are divided by; 1 changes nothing. strings: of a network that reads
    strings, what makes the whole one's confidence hold, for each way of decoding that was
    calibrated. Raises ValueError for a temperature that no fit gives.
    """

    temperature: float = 1.0
    strings: dict[Decoder, StringCalibration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = isinstance(self.temperature, float | int)
        if not (number and LOWEST <= self.temperature <= HIGHEST):
            raise ValueError(
                f"temperature {self.temperature!r} is no number from {LOWEST} to {HIGHEST:g}"
            )


def to_metadata(calibration: Calibration) -> dict:
    """For a bundle's JSON; without strings it is as older versions of Strand know it."""
    content = asdict(calibration)
    return content if calibration.strings else {"temperature": calibration.temperature}


def from_metadata(content: dict) -> Calibration:
    """The reverse of `to_metadata`.

    Raises TypeError, ValueError, KeyError or AttributeError for what it never wrote.
    """
    rest = dict(content)
    strings = {
        name: StringCalibration(**(one | {"curve": RiskCoverageCurve(**one["curve"])}))
        for name, one in rest.pop("strings", {}).items()
    }
    return Calibration(strings=strings, **rest)


class LabelEvidence(NamedTuple):
    """What a network said of N labelled things: logits (N, L) float32, their labels (N,) int64."""

    logits: np.ndarray
    labels: np.ndarray


def label_evidence(head: Head, logits: Tensor, targets: Tensor) -> LabelEvidence | None:
    """The logits of a batch that stand beside one label; None if the head's are not of that kind.

    Of a head that labels steps each labelled step counts for itself. The string of a CTC head has
    many paths (see `told_strings`), and the labels of a multi-label head are no alternatives: one
    temperature over a softmax fits neither.
    """
    steps = isinstance(head, TokenClassificationHead) and not head.multi_label
    if not (steps or isinstance(head, SequenceClassificationHead)):
        return None
    labels = targets.flatten()
    known = labels != IGNORED
    rows = logits.float().flatten(0, -2)[known]
    return LabelEvidence(rows.cpu().numpy(), labels[known].cpu().numpy())


def fit_calibration(
    told: Iterable[LabelEvidence | StringEvidence],
) -> tuple[Calibration, dict[str, float]]:
    """Fit on what was told -> the calibration, and what it changes.

    nll (nats) and ece (percent, see `expected_calibration_error`) without it, and with it as
    nll_calibrated and ece_calibrated; of strings, those of the whole string and, as characters_nll
    and so on, of its characters. Temperature 1 and no scores if nothing was labelled.
    """
    told = list(told)
    if not sum(len(part[-1]) for part in told):
        return Calibration(), {}
    joined = [np.concatenate(parts) for parts in zip(*told, strict=True)]
    if isinstance(told[0], StringEvidence):
        return fit_string_calibration(StringEvidence(*joined))
    logits, labels = torch.from_numpy(joined[0]).double(), torch.from_numpy(joined[1])
    temperature = fit_temperature(logits, labels)
    found = {}
    for ending, t in (("", 1.0), ("_calibrated", temperature)):
        sure, ids = (logits / t).softmax(1).max(1)
        found[f"nll{ending}"] = float(cross_entropy(logits / t, labels))
        found[f"ece{ending}"] = expected_calibration_error(sure.numpy(), (ids == labels).numpy())
    return Calibration(temperature), found


def fit_string_calibration(told: StringEvidence) -> tuple[Calibration, dict[str, float]]:
    """Of M >= 1 strings read greedily, as `calibrate`; bins of the ECE are those of `bins_for`."""
    fitted = fit_platt_scaling(told)
    logits, ids = torch.from_numpy(told.logits), torch.from_numpy(told.ids)
    temperature = fit_character_temperature(told) if len(ids) else 1.0
    found = {}
    for ending, t in (("", 1.0), ("_calibrated", temperature)):
        p = np.exp(told.scores)
        sure = np.array([fitted.confidence(one) for one in p]) if ending else p
        found[f"nll{ending}"] = negative_log_likelihood(sure, told.exact)
        bins = num_bins(len(sure))
        found[f"ece{ending}"] = expected_calibration_error(sure, told.exact, bins)
        if len(ids):
            single = character_confidences(logits, ids, t)
            found[f"characters_nll{ending}"] = negative_log_likelihood(single, told.hits)
            found[f"characters_ece{ending}"] = expected_calibration_error(single, told.hits)
    return Calibration(temperature, {"greedy": fitted}), found


def string_confidence(
    calibration: Calibration, reading: Text, decoder: Decoder = "greedy"
) -> float | None:
    """P(no error) of a string whose `confidence` is its probability; None without calibration.

    What was calibrated for another way of decoding is better than nothing: it serves where there is
    none for this one, but promises nothing.
    """
    strings = calibration.strings
    fitted = strings.get(decoder) or next(iter(strings.values()), None)
    return None if fitted is None else fitted.confidence(reading.confidence)


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
    confidences: Sequence[float], hits: Sequence[bool], bins: int = BINS
) -> float:
    """How far confidence is from the share of hits, in percent: the mean over N answers.

    Bins of equal mass (Nguyen and O'Connor 2015): the answers in the order of their confidence are
    cut into equal shares, but never between two of the same confidence, so that their order does
    not matter. nan without any answer.
    """
    confidences, hits = np.asarray(confidences, float), np.asarray(hits, float)
    if not len(hits):
        return float("nan")
    member = _bins(confidences, bins)
    gaps = np.bincount(member, hits - confidences)
    return float(100 * np.abs(gaps).sum() / len(hits))


def chance_calibration_error(confidences: Sequence[float], bins: int = BINS) -> float:
    """The `expected_calibration_error` that confidences have which hold exactly, in percent.

    Few answers are never right in just the share that is expected: a bin's gap is then nearly
    normal with the variance sum p (1 - p), so its size is sqrt(2 / pi) deviations. A measured
    error of about this size is no sign of any.
    """
    confidences = np.asarray(confidences, float)
    if not len(confidences):
        return float("nan")
    variances = np.bincount(_bins(confidences, bins), confidences * (1 - confidences))
    return float(100 * np.sqrt(2 / np.pi * variances).sum() / len(confidences))


def num_bins(answers: int) -> int:
    """BINS, or so many fewer that each holds IN_A_BIN answers."""
    return max(1, min(BINS, answers // IN_A_BIN))


def _bins(confidences: np.ndarray, bins: int) -> np.ndarray:
    """(N,) which bin of equal mass each of N >= 1 falls into."""
    cuts = np.arange(1, bins) * len(confidences) // bins
    edges = np.unique(np.sort(confidences)[cuts])
    return np.searchsorted(edges, confidences, side="right")
