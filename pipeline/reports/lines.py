"""report for lines: what a bundle, or several beside each other, read in labelled text lines."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.lines.reader import load_grey
from datasets.progress import track
from models.heads.labels import Text

from ..evaluation.evaluate import labelled_lines
from ..reading.bundle import find_bundle, load_bundle
from ..reading.inputs import KINDS
from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, Score, Tally, line, scores, tally_texts
from ..scoring.paired_bootstrap import Paired, paired_bootstrap, sentence
from ..scoring.readings import spell, text_of


class LinesRead(NamedTuple):
    """N labelled lines as one bundle read them.

    name: the bundle's. items: the lines' images. truths, said: as they were compared. confidences:
    (N,) that each line is right as a whole. failed: place -> why a line could not be read; it is ""
    in said, with confidence 0. tally: of cer, wer and exact. unscored: what has no transcript.
    compared: how texts were made comparable.
    """

    name: str
    recognizer: Recognizer
    items: list[str]
    groups: list[str]
    truths: list[str]
    said: list[str]
    readings: list[Text]
    confidences: np.ndarray
    failed: dict[int, str]
    tally: Tally
    unscored: list[str]
    compared: Normalization

    @property
    def edits(self) -> np.ndarray:
        """(N,) of each line."""
        return self.tally.counts["cer"][0][:, 0]

    @property
    def lengths(self) -> np.ndarray:
        """(N,) code points of each transcript."""
        return self.tally.counts["cer"][1][:, 0]

    @property
    def hits(self) -> np.ndarray:
        """(N,) bool: lines without any error."""
        return self.tally.counts["exact"][0][:, 0] > 0

    @property
    def read(self) -> np.ndarray:
        """(N,) bool: lines that could be read."""
        return np.array([i not in self.failed for i in range(len(self.items))], bool)

    def title(self, place: int) -> str:
        return Path(self.items[place]).name

    def image(self, place: int) -> np.ndarray:
        """Grey (H, W). Raises OSError or ValueError naming the file."""
        return load_grey(self.items[place])


def read_lines(recognizer: Recognizer, model: str, options) -> LinesRead:
    """Every labelled line of --data as a bundle reads it; what it cannot read is named and "".

    Raises ValueError for a bundle that reads no lines.
    """
    kind = type(recognizer.bundle.reader).__name__
    if kind != "LineReader":
        raise ValueError(f"{model} reads {KINDS[kind][0]}; the others read lines, choose another")
    data = labelled_lines(recognizer.bundle.labels, options)
    answers = list(track(recognizer.answers(data.items), f"reading by {model}", len(data.items)))
    failed = {i: a.reading for i, a in enumerate(answers) if isinstance(a.reading, str)}
    for reason in failed.values():
        print(f"error: {reason} (counted as read empty)", file=sys.stderr)
    readings = [data.nothing if i in failed else a.reading for i, a in enumerate(answers)]
    compared = Normalization(options.ignore_case)
    truths = [compared(spell(target, data.labels)) for target in data.targets]
    said = [compared(text_of(reading, data.labels)) for reading in readings]
    sure = [0.0 if i in failed else recognizer.confidence(r) for i, r in enumerate(readings)]
    name = find_bundle(model).stem
    tally = tally_texts(said, truths, data.groups, compared)
    return LinesRead(
        name, recognizer, data.items, data.groups, truths, said, readings,
        np.array(sure), failed, tally,
        data.unscored, compared,
    )  # fmt: skip


def read_all(recognizer: Recognizer, bundles: Sequence[str], options) -> list[LinesRead]:
    """The model's lines and those of each bundle beside it, with names that tell them apart."""
    found = [read_lines(recognizer, options.model, options)]
    for model in bundles:
        one = read_lines(Recognizer(load_bundle(model)), model, options)
        if any(one.name == other.name for other in found):
            one = one._replace(name=f"{one.name} ({len(found) + 1})")
        found.append(one)
    return found


def all_scores(own: LinesRead) -> dict[Normalization, dict[str, Score]]:
    """The scores as the texts are, and with quotes, dashes and white space folded."""
    folded = Normalization(own.compared.ignore_case, fold_punctuation=True)
    tally = tally_texts(own.said, own.truths, own.groups, folded)
    return {own.compared: scores(own.tally), folded: scores(tally)}


def compare(own: LinesRead, other: LinesRead) -> Paired | None:
    """By how much the first reads better; None if the transcripts hold no character."""
    if not own.lengths.sum():
        return None
    return paired_bootstrap(own.edits, other.edits, own.lengths, own.groups)


def headline(
    found: dict[Normalization, dict[str, Score]], pairs: Sequence[tuple[Paired | None, str, str]]
) -> list[str]:
    """What the terminal says: the scores under both normalisations, and each comparison."""
    told = []
    for normalization, values in found.items():
        told.append(f"compared after {normalization.describe()}:")
        told += [f"  {line(name, score)}" for name, score in values.items()]
    return told + [sentence(*pair) for pair in pairs if pair[0] is not None]


def report_lines(
    recognizer: Recognizer, bundles: Sequence[str], tables: dict[str, dict[str, float]], options
) -> tuple[str, list[str], list[str], int]:
    """The page's lead and sections, what the terminal says, and the exit status.

    bundles: beside the model's. tables: scores of others, by name, in percent.
    """
    from .line_sections import page_sections

    every = read_all(recognizer, bundles, options)
    own, others = every[0], every[1:]
    pairs = [(compare(own, other), own.name, other.name) for other in others]
    found = all_scores(own)
    lead = f"{len(own.items)} lines of {options.data}, read by {options.model}"
    sections = page_sections(own, others, pairs, found, tables, options.shown)
    return lead, sections, headline(found, pairs), int(any(one.failed for one in every))
