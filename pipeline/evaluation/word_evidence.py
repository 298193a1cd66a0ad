"""The words of a text that carried its label, by occlusion (Zeiler & Fergus 2014)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..reading.prediction import BATCH, Recognizer
from ..reading.threads import single_threaded

MAX_WORDS = 128  # of a text that are hidden one by one
PARTS, CLOSER = 64, 16  # of a longer text: hidden as a whole, and then the strongest word by word
GONE = ""  # is no token of any vocabulary


class WordEvidence(NamedTuple):
    """tokens: K tokens that were read. effects: (K,) by how much each raised the log-odds of the
    label: how much these fall when it is unknown. A weak part of a long text shares its effect.
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
    (whole,) = log_odds(recognizer, [reader.encode(own)], label)

    def effects_of(parts: Sequence[np.ndarray]) -> np.ndarray:
        hidden = [hide(own, part) for part in parts]
        return whole - np.array(log_odds(recognizer, list(map(reader.encode, hidden)), label))

    words = np.arange(len(own))[:, None]
    if len(own) <= MAX_WORDS:
        return WordEvidence(own, effects_of(words))
    parts = np.array_split(words[:, 0], PARTS)
    coarse = effects_of(parts)
    effects = np.concatenate(
        [np.full(len(p), e / len(p)) for p, e in zip(parts, coarse, strict=True)]
    )
    closer = np.concatenate([parts[i] for i in np.argsort(-np.abs(coarse))[:CLOSER]])
    effects[closer] = effects_of(words[closer])
    return WordEvidence(own, effects)


def hide(tokens: Sequence[str], part: np.ndarray) -> list[str]:
    """Return the tokens with those at these indices unknown."""
    hidden = set(part.tolist())
    return [GONE if index in hidden else token for index, token in enumerate(tokens)]


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
