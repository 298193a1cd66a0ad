"""The weights of a search with a language model: tried on validation lines, looked at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from datasets.progress import track
from models.decoding.beam import BeamSearch
from models.heads.labels import Text

from ..reading.bundle import Bundle
from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, tally_texts
from ..scoring.readings import text_of

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
BETAS = (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
CERTAIN = (0.95, 0.98, 0.99, 0.995)
BONUSES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
ROUNDS = 2  # of each weight in turn


class CachedLogits(NamedTuple):
    """What the network said of them once, for every trial: logits (T_i, L + 1) and readings.

    The logits are log-probabilities in float16.
    """

    logits: list[torch.Tensor]
    readings: list[Text]


class LogitRecognizer(Recognizer):
    """Answers with logits and the greedy reading instead of a reading alone."""

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list:
        logits = logits.float() / self.temperature
        greedy = self.model.head.decode(logits, lengths)
        small = logits.log_softmax(2).half().cpu()  # near 0, where it counts, it is precise
        rows = zip(small, lengths.tolist(), greedy, strict=True)
        return [(row[:steps].clone(), text) for row, steps, text in rows]


def cache_logits(bundle: Bundle, paths: Sequence[str]) -> CachedLogits:
    """Raises ValueError naming the first line that cannot be read."""
    found = CachedLogits([], [])
    for _, answer in track(LogitRecognizer(bundle).read(paths), "reading", len(paths)):
        if isinstance(answer, str):
            raise ValueError(f"{answer}; mend or remove this validation line")
        found.logits.append(answer[0])
        found.readings.append(answer[1])
    return found


def tune(search: BeamSearch, looked: CachedLogits, texts: Sequence[str]) -> BeamSearch:
    """The weights of the fewest edits on the validation lines, one in turn, the others fixed."""
    grids = {"alpha": ALPHAS, "beta": BETAS, "certain": CERTAIN}
    if search.lexicon:
        grids["word_bonus"] = BONUSES
    search = replace(search, alpha=0.3, beta=0.5)
    tried: dict[tuple[float, ...], int] = {}
    for _ in range(ROUNDS):
        for name, grid in grids.items():
            trials = [replace(search, **{name: value}) for value in grid]
            for trial in track(trials, f"weighing {name}", len(trials)):
                key = weights(trial)
                if key not in tried:
                    tried[key] = count_edits(trial, looked, texts)
            search = min(trials, key=lambda trial: tried[weights(trial)])
    return search


def check_gain(search: BeamSearch, looked: CachedLogits, texts: Sequence[str]) -> None:
    """Raises ValueError where even the best weights do harm: then no bundle is to search."""
    found = count_edits(search, looked, texts)
    greedy = count_edits(replace(search, certain=0.0), looked, texts)  # nothing is searched
    if found > greedy:
        raise ValueError(
            f"the language model leaves {found} wrong characters, more than the {greedy} of the "
            "greedy reading; nothing is written; give more texts like these lines"
        )


def weights(search: BeamSearch) -> tuple[float, ...]:
    return search.alpha, search.beta, search.certain, search.word_bonus


def count_edits(search: BeamSearch, looked: CachedLogits, texts: Sequence[str]) -> int:
    """Characters that the searched strings have wrong."""
    said = []
    for logits, greedy in zip(looked.logits, looked.readings, strict=True):
        (reading,) = search.decode(logits[None], torch.tensor([len(logits)]), [greedy])
        said.append(text_of(reading, search.labels))
    tally = tally_texts(said, texts, [""] * len(said), Normalization())
    return int(tally.counts["cer"][0].sum())
