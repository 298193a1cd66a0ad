"""The words of a text that carried its label, by occlusion (Zeiler & Fergus 2014)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..reading.prediction import BATCH, Recognizer
from ..reading.threads import single_threaded

MAX_PARTS = 128  # of a text that are left out one after the other
GONE = ""  # is no token of any vocabulary


class WordEvidence(NamedTuple):
    """tokens: K tokens that were read. effects: (K,) by how much each raised the log-odds of the
    label, which is how much these fall when it is unknown; of longer texts, that of its part.
    """

    tokens: list[str]
    effects: np.ndarray


def word_evidence(recognizer: Recognizer, tokens: Sequence[str], label: int) -> WordEvidence:
    """Return what each token of a text did for a label.

    tokens: of the whole text; what the bundle does not read of it is left out.
    """
    reader = recognizer.bundle.reader
    length = reader.max_length or len(tokens)
    own = list(tokens[-length:] if reader.keep == "end" else tokens[:length])
    if not own:
        return WordEvidence([], np.zeros(0))
    parts = np.array_split(np.arange(len(own)), min(len(own), MAX_PARTS))
    inputs = [reader.encode(own)]
    for part in parts:
        start, end = int(part[0]), int(part[-1]) + 1
        inputs.append(reader.encode([*own[:start], *[GONE] * (end - start), *own[end:]]))
    whole, *without = log_odds(recognizer, inputs, label)
    effects = np.repeat(whole - np.array(without), [len(part) for part in parts])
    return WordEvidence(own, effects)


@torch.inference_mode()
def log_odds(recognizer: Recognizer, inputs: Sequence[np.ndarray], label: int) -> list[float]:
    """Return log p / (1 - p) of a label for each of N inputs (T, ...), calibrated."""
    odds: list[float] = []
    with single_threaded():
        for start in range(0, len(inputs), BATCH):
            logits, _ = recognizer.logits_of(list(inputs[start : start + BATCH]))
            logits = logits.float() / recognizer.temperature
            others = torch.cat([logits[:, :label], logits[:, label + 1 :]], 1)
            odds += (logits[:, label] - others.logsumexp(1)).tolist()
    return odds
