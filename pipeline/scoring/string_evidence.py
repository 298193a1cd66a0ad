"""What a network says of labelled strings, gathered for a calibration (calibrate_strings.py)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor

from models.heads.labels import Text

MOST = 20_000  # characters, evenly from all: plenty for one number, and a second of work


class StringEvidence(NamedTuple):
    """What a network said of labelled strings.

    logits: (N, L + 1) float32 of the characters that were read, each at its surest step. ids, hits:
    (N,) which they are, and whether they were right. scores, exact: (M,) log p of the strings that
    were read, and whether they were right altogether.
    """

    logits: np.ndarray
    ids: np.ndarray
    hits: np.ndarray
    scores: np.ndarray
    exact: np.ndarray


def string_evidence(
    logits: Tensor, lengths: Tensor, readings: Sequence[Text], targets: Sequence[np.ndarray]
) -> StringEvidence:
    """Logits (B, T, L + 1), blank last, what was read in them, and the true ids."""
    logits = logits.float().cpu()
    true = [target.tolist() for target in targets]
    hits = [correct_symbols(reading.ids, row) for reading, row in zip(readings, true, strict=True)]
    return StringEvidence(
        peak_logits(logits, readings),
        np.array([i for reading in readings for i in reading.ids], np.int64),
        np.concatenate(hits) if hits else np.zeros(0, bool),
        log_probabilities(logits, lengths.cpu(), readings).double().numpy(),
        np.array([r.ids == row for r, row in zip(readings, true, strict=True)], bool),
    )


def peak_logits(logits: Tensor, readings: Sequence[Text]) -> np.ndarray:
    """Logits (B, T, L + 1) -> (N, L + 1): of each character read, those of its surest step."""
    ids = np.array([i for reading in readings for i in reading.ids], np.int64)
    if not len(ids):
        return np.zeros((0, logits.shape[2]), np.float32)
    rows = np.repeat(np.arange(len(readings)), [len(reading.ids) for reading in readings])
    spans = np.array([span for reading in readings for span in reading.steps], np.int64)
    counts = spans[:, 1] - spans[:, 0] + 1
    firsts = counts.cumsum() - counts  # of each character, among the steps of all of them
    owner = np.repeat(np.arange(len(ids)), counts)
    steps = np.arange(counts.sum()) - np.repeat(firsts - spans[:, 0], counts)
    sums = logits.logsumexp(2).numpy()
    sure = logits.numpy()[rows[owner], steps, ids[owner]] - sums[rows[owner], steps]
    best = np.flatnonzero(sure == np.maximum.reduceat(sure, firsts)[owner])
    _, first = np.unique(owner[best], return_index=True)  # of equally sure ones
    return logits.numpy()[rows, steps[best[first]]]


class EvidenceTally:
    """What batches tell of strings, one after the other, in memory that hardly grows with them.

    All strings stay, two numbers each; of the characters every k-th, so that at most 2 MOST do.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.parts: list[StringEvidence] = []
        self.every, self.seen, self.kept = 1, 0, 0

    def add(self, told: StringEvidence) -> None:
        part = thin(told, -self.seen % self.every, self.every)
        self.parts.append(part)
        self.seen += len(told.ids)
        self.kept += len(part.ids)
        while self.kept > 2 * MOST:
            joined = thin(join(self.parts), 0, 2)
            self.parts, self.every, self.kept = [joined], 2 * self.every, len(joined.ids)

    def told(self) -> list[StringEvidence]:
        """All in one; none of nothing."""
        return [join(self.parts)] if self.parts else []


def thin(told: StringEvidence, first: int, every: int) -> StringEvidence:
    """The same strings with so few of their characters."""
    logits, ids, hits = (part[first::every].copy() for part in told[:3])  # or the whole stays too
    return told._replace(logits=logits, ids=ids, hits=hits)


def join(parts: Sequence[StringEvidence]) -> StringEvidence:
    return StringEvidence(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def correct_symbols(read: Sequence[int], true: Sequence[int]) -> np.ndarray:
    """(N,) bool: which of the N ids read stand beside an equal one when both are aligned."""
    right = np.zeros(len(read), bool)
    for block in Levenshtein.opcodes(read, true):
        if block.tag == "equal":
            right[block.src_start : block.src_end] = True
    return right


def log_probabilities(logits: Tensor, lengths: Tensor, readings: Sequence[Text]) -> Tensor:
    """(B,) log p of each string over all its paths (Graves et al. 2006); blank is the last class.

    No temperature: it would change nothing for the better (see calibrate_strings.py), and a search
    whose weights were tuned on these logits goes on seeing them.
    """
    if not logits.shape[1]:
        logits = torch.nn.functional.pad(logits, (0, 0, 0, 1))
    counts = torch.tensor([len(reading.ids) for reading in readings], device=logits.device)
    flat = torch.tensor([i for reading in readings for i in reading.ids], device=logits.device)
    steps = logits.float().log_softmax(2).transpose(0, 1)
    blank = logits.shape[2] - 1
    return -torch.nn.functional.ctc_loss(
        steps, flat.long(), lengths, counts, blank, reduction="none"
    )
