"""report for lines: what a bundle, or several beside each other, read in labelled text lines."""

import sys
from collections.abc import Sequence

import numpy as np

from datasets.progress import track

from ..evaluation.labelled_lines import labelled_lines
from ..reading.bundle import find_bundle, load_bundle
from ..reading.inputs import KINDS
from ..reading.prediction import Recognizer
from ..reading.records import confidence_of
from ..scoring.metrics import Normalization, Score, describe_score, scores, tally_texts
from ..scoring.paired_bootstrap import PairedDifference, describe_difference, paired_bootstrap
from ..scoring.readings import spell, text_of
from .line_sections import page_sections
from .lines_read import LinesRead


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
    sure = [
        0.0 if i in failed else confidence_of(recognizer.bundle, r) for i, r in enumerate(readings)
    ]
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


def compare(own: LinesRead, other: LinesRead) -> PairedDifference | None:
    """By how much the first reads better; None if the transcripts hold no character."""
    if not own.lengths.sum():
        return None
    return paired_bootstrap(own.edits, other.edits, own.lengths, own.groups)


def headline(
    found: dict[Normalization, dict[str, Score]],
    pairs: Sequence[tuple[PairedDifference | None, str, str]],
) -> list[str]:
    """What the terminal says: the scores under both normalisations, and each comparison."""
    told = []
    for normalization, values in found.items():
        told.append(f"compared after {normalization.describe()}:")
        told += [f"  {describe_score(name, score)}" for name, score in values.items()]
    return told + [describe_difference(*pair) for pair in pairs if pair[0] is not None]


def report_lines(
    recognizer: Recognizer, bundles: Sequence[str], tables: dict[str, dict[str, float]], options
) -> tuple[str, list[str], list[str], int]:
    """The page's lead and sections, what the terminal says, and the exit status.

    bundles: beside the model's. tables: scores of others, by name, in percent.
    """
    every = read_all(recognizer, bundles, options)
    own, others = every[0], every[1:]
    pairs = [(compare(own, other), own.name, other.name) for other in others]
    found = all_scores(own)
    lead = f"{len(own.items)} lines of {options.data}, read by {options.model}"
    sections = page_sections(own, others, pairs, found, tables, options.shown)
    return lead, sections, headline(found, pairs), int(any(one.failed for one in every))
