"""Tune the weights of a beam search with a language model on cached logits of validation lines."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from datasets.progress import track
from models.decoding.beam import BeamSearch
from models.heads.labels import Text

from ..reading.bundle import Bundle
from ..reading.prediction import Recognizer
from ..scoring.metrics import tally_texts
from ..scoring.readings import text_of

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
BETAS = (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
CERTAIN = (0.95, 0.98, 0.99, 0.995)
BONUSES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
ROUNDS = 2  # of coordinate descent over the weights

# log-probabilities (T, L + 1) of a line in float16, and its greedy decoding
CachedOutput = tuple[torch.Tensor, Text]


class LogitRecognizer(Recognizer):
    """A recognizer that returns the `CachedOutput` of each line instead of a reading."""

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list[CachedOutput]:
        logits = logits.float() / self.temperature
        greedy = self.model.head.decode(logits, lengths)
        logits = logits.log_softmax(2).half().cpu()  # float16 is precise near 0, where it matters
        rows = zip(logits, lengths.tolist(), greedy, strict=True)
        return [(row[:steps].clone(), text) for row, steps, text in rows]


def cache_logits(bundle: Bundle, paths: Sequence[str]) -> list[CachedOutput]:
    """Run the network once on every line. Raises ValueError naming the first unreadable one."""
    cached = []
    for _, answer in track(LogitRecognizer(bundle).read(paths), "reading", len(paths)):
        if isinstance(answer, str):
            raise ValueError(f"{answer}; mend or remove this validation line")
        cached.append(answer)
    return cached


def tune(search: BeamSearch, cached: Sequence[CachedOutput], texts: Sequence[str]) -> BeamSearch:
    """The search with the weights of the fewest edits, by coordinate descent over their grids."""
    grids = {"alpha": ALPHAS, "beta": BETAS, "certain": CERTAIN}
    if search.lexicon:
        grids["word_bonus"] = BONUSES
    search = replace(search, alpha=0.3, beta=0.5)
    edits: dict[tuple[float, ...], int] = {}
    for _ in range(ROUNDS):
        for name, grid in grids.items():
            trials = [replace(search, **{name: value}) for value in grid]
            for trial in track(trials, f"weighing {name}", len(trials)):
                if weights(trial) not in edits:
                    edits[weights(trial)] = count_edits(trial, cached, texts)
            search = min(trials, key=lambda trial: edits[weights(trial)])
    return search


def check_gain(search: BeamSearch, cached: Sequence[CachedOutput], texts: Sequence[str]) -> None:
    """Raises ValueError if the tuned search makes more edits than greedy decoding."""
    edits = count_edits(search, cached, texts)
    greedy = count_edits(replace(search, certain=0.0), cached, texts)  # certain 0 searches nothing
    if edits > greedy:
        raise ValueError(
            f"the language model leaves {edits} wrong characters, more than the {greedy} of the "
            "greedy reading; nothing is written; give more texts like these lines"
        )


def weights(search: BeamSearch) -> tuple[float, ...]:
    """The tuned weights of a search, to recognize repeated trials."""
    return search.alpha, search.beta, search.certain, search.word_bonus


def count_edits(search: BeamSearch, cached: Sequence[CachedOutput], texts: Sequence[str]) -> int:
    """Character edits (Levenshtein) between the decoded strings and their texts."""
    decoded = []
    for logits, greedy in cached:
        (reading,) = search.decode(logits[None], torch.tensor([len(logits)]), [greedy])
        decoded.append(text_of(reading, search.labels))
    tally = tally_texts(decoded, texts, [""] * len(decoded))
    return int(tally.counts["cer"][0].sum())
