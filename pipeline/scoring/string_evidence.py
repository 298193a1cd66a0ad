"""Collect a CTC network's outputs on labelled strings, to fit a calibration on them."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor

from models.heads.labels import Text

MAX_CHARACTERS = 20_000  # an even subsample: enough to fit one number in about a second

Evidence = TypeVar("Evidence", bound=tuple)


class StringEvidence(NamedTuple):
    """A network's outputs on M labelled strings of N recognized characters.

    logits: (N, L + 1) float32 of each recognized character at its most confident step. ids,
    correct: (N,) their labels, and whether they are correct. scores, exact: (M,) log p of the
    recognized strings, and whether they equal the reference.
    """

    logits: np.ndarray
    ids: np.ndarray
    correct: np.ndarray
    scores: np.ndarray
    exact: np.ndarray


def string_evidence(
    logits: Tensor, lengths: Tensor, readings: Sequence[Text], targets: Sequence[np.ndarray]
) -> StringEvidence:
    """The evidence of a batch: logits (B, T, L + 1), blank last, their readings, the true ids."""
    logits = logits.float().cpu()
    pairs = [(r.ids, target.tolist()) for r, target in zip(readings, targets, strict=True)]
    return StringEvidence(
        peak_logits(logits, readings),
        np.array([i for reading in readings for i in reading.ids], np.int64),
        np.concatenate([np.zeros(0, bool), *(correct_symbols(*pair) for pair in pairs)]),
        log_probabilities(logits, lengths.cpu(), readings).double().numpy(),
        np.array([ids == true for ids, true in pairs], bool),
    )


def peak_logits(logits: Tensor, readings: Sequence[Text]) -> np.ndarray:
    """(B, T, L + 1) -> (N, L + 1) float32: each recognized character's logits at its most confident
    step, the first of equally confident ones.
    """
    scores = (logits - logits.logsumexp(2, keepdim=True)).numpy()
    peaks = [
        (row, first + scores[row, first : last + 1, i].argmax())
        for row, reading in enumerate(readings)
        for i, (first, last) in zip(reading.ids, reading.steps, strict=True)
    ]
    rows, steps = np.array(peaks, np.int64).reshape(-1, 2).T
    return logits.numpy()[rows, steps]


class EvidenceBuffer:
    """Accumulates the evidence of batches in nearly constant memory.

    All strings are kept, two numbers each; of the characters only every k-th, so that at most
    2 MAX_CHARACTERS are.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.parts: list[StringEvidence] = []
        self.stride, self.seen, self.kept = 1, 0, 0

    def add(self, evidence: StringEvidence) -> None:
        """Add a batch; if more than 2 MAX_CHARACTERS are kept, drop every other character."""
        part = subsample_characters(evidence, -self.seen % self.stride, self.stride)
        self.parts.append(part)
        self.seen += len(evidence.ids)
        self.kept += len(part.ids)
        while self.kept > 2 * MAX_CHARACTERS:
            joined = subsample_characters(concatenate_evidence(self.parts), 0, 2)
            self.parts, self.stride, self.kept = [joined], 2 * self.stride, len(joined.ids)

    def evidence(self) -> list[StringEvidence]:
        """All evidence as one element, or an empty list if nothing was added."""
        return [concatenate_evidence(self.parts)] if self.parts else []


def subsample_characters(evidence: StringEvidence, first: int, stride: int) -> StringEvidence:
    """The same strings with every `stride`-th character, copied so that the others are freed."""
    kept = (column[first::stride].copy() for column in evidence[:3])
    return StringEvidence(*kept, *evidence[3:])


def concatenate_evidence(parts: Sequence[Evidence]) -> Evidence:
    """Join named tuples of arrays column by column."""
    return type(parts[0])(*map(np.concatenate, zip(*parts, strict=True)))


def correct_symbols(ids: Sequence[int], true: Sequence[int]) -> np.ndarray:
    """(N,) bool: which of N recognized ids are aligned with an equal true one."""
    correct = np.zeros(len(ids), bool)
    for block in Levenshtein.opcodes(ids, true):
        if block.tag == "equal":
            correct[block.src_start : block.src_end] = True
    return correct


def log_probabilities(logits: Tensor, lengths: Tensor, readings: Sequence[Text]) -> Tensor:
    """log p (B,) of each string, summed over all its CTC paths (Graves et al. 2006); blank is last.

    The logits are not divided by a temperature: that brings no improvement (`string_confidence`),
    and the weights of a beam search were tuned on these logits.
    """
    if not logits.shape[1]:
        logits = torch.nn.functional.pad(logits, (0, 0, 0, 1))
    counts = torch.tensor([len(reading.ids) for reading in readings], device=logits.device)
    ids = torch.tensor([i for reading in readings for i in reading.ids], device=logits.device)
    steps = logits.float().log_softmax(2).transpose(0, 1)
    blank = logits.shape[2] - 1
    return -torch.nn.functional.ctc_loss(
        steps, ids.long(), lengths, counts, blank, reduction="none"
    )
