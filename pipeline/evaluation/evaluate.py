"""evaluate: how often a bundle is right on labelled data, how sure it is, and how fast."""

import json
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets import TextReader
from datasets.progress import track
from models import SequenceClassificationHead
from models.heads.labels import Label, Text

from ..reading.inputs import from_text
from ..reading.prediction import Answer, Item, Recognizer
from ..reading.records import Reading
from ..scoring.metrics import Normalization, line, scores
from ..scoring.readings import tally_readings
from ..scoring.temperature import (
    BINS,
    bins_for,
    chance_calibration_error,
    expected_calibration_error,
)

WARM_UP = 4  # items read before the clock starts: the first batches are slow


class Labelled(NamedTuple):
    """What a bundle is scored on: N items, their targets (ids of `labels`) and their groups.

    targets: or, if they hang on the times at which a video was read, what makes them of the
        answers, together with notes on what does not fit.
    labels: those of the bundle, and behind them symbols that only the targets have.
    nothing: the reading, wrong in any case, that stands for an item that could not be read.
    unit: what an item is, plural. unscored: what has no target, with the reason.
    background: ids of labels that make no segments.
    warm_up: items read before the clock starts.
    """

    items: list[str | Item]
    targets: list[np.ndarray] | Callable[[Sequence[Answer]], tuple[list[np.ndarray], list[str]]]
    groups: list[str]
    labels: list[str]
    nothing: Reading
    unit: str
    unscored: list[str]
    background: Sequence[int] = ()
    warm_up: int = WARM_UP

    def settled(self, answers: Sequence[Answer]) -> tuple["Labelled", list[str]]:
        """With targets that hang on no answer any more, and the notes."""
        if not callable(self.targets):
            return self, []
        targets, notes = self.targets(answers)
        return self._replace(targets=targets), notes


def evaluate(recognizer: Recognizer, options) -> int:
    """Corpus scores. 0, or 1 if an item could not be read (it counts as wrong)."""
    if options.json and not Path(options.json).parent.is_dir():
        raise ValueError(f"--json {options.json}: no such folder to write into")
    data = labelled_data(recognizer, options)
    for reason in data.unscored:
        print(reason, file=sys.stderr)
    answers, per_second = read_all(recognizer, data)
    data, notes = data.settled(answers)
    for note in notes:
        print(note, file=sys.stderr)
    readings = [answer.reading for answer in answers]
    unread = sum(reading is data.nothing for reading in readings)
    compared = Normalization(options.ignore_case, options.fold_punctuation)
    tally = tally_readings(
        readings, data.targets, data.groups, data.labels, compared, data.background
    )
    found = scores(tally)
    for name, score in found.items():
        print(line(name, score))
    content = {name: score.value for name, score in found.items()}
    hits = tally.counts["exact"][0][:, 0] if isinstance(data.nothing, Text) else None
    sure = told_confidences(recognizer, readings, data, hits)
    if sure is not None:
        bins = BINS if hits is None else bins_for(len(sure[0]))
        content["ece"] = expected_calibration_error(*sure, bins)
        print(
            f"ece {content['ece']:.2f} % (how far confidence is from the share that is right; "
            f"{bins} bins; {chance_calibration_error(sure[0], bins):.2f} % comes by chance)"
        )
    if data.unit == "clips":
        from .clip_tables import details

        told, more = details(answers, data, tally)
        print(*told, sep="\n")
        content |= more
    told = f"; compared after {compared.describe()}" if isinstance(data.nothing, Text) else ""
    rate = f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.2g}"
    print(f"{len(readings)} {data.unit}, {rate} a second{told}")
    if options.json:
        content |= {"n": len(readings), "per_second": per_second}
        Path(options.json).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 1 if unread else 0


def read_all(recognizer: Recognizer, data: Labelled) -> tuple[list[Answer], float]:
    """An answer to each item, and items read a second; those that fail are named."""
    for _ in recognizer.answers(data.items[: data.warm_up]):
        pass
    started = time.perf_counter()
    answers = list(track(recognizer.answers(data.items), "reading", len(data.items)))
    spent = time.perf_counter() - started
    for place, answer in enumerate(answers):
        if isinstance(answer.reading, str):
            counted = "read empty" if isinstance(data.nothing, Text) else "wrong"
            print(f"error: {answer.reading} (counted as {counted})", file=sys.stderr)
            answers[place] = answer._replace(reading=data.nothing)
    return answers, len(answers) / spent


def told_confidences(
    recognizer: Recognizer, readings: Sequence[Reading], data: Labelled, exact: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """(N,) confidences and whether each was right, over the items that were read.

    exact: (M,) of strings, whether each is equal to its target as compared. None for segments.
    """
    if exact is None:
        if not isinstance(data.nothing, Label):
            return None
        exact = [r.id == t for r, t in zip(readings, data.targets, strict=True)]
    read = [(r, e) for r, e in zip(readings, exact, strict=True) if r is not data.nothing]
    sure = np.array([recognizer.confidence(reading) for reading, _ in read])
    return sure, np.array([right for _, right in read], bool)


def labelled_data(recognizer: Recognizer, options) -> Labelled:
    """What --data holds for the reader of this bundle."""
    bundle = recognizer.bundle
    kind = type(bundle.reader).__name__
    if kind == "LineReader":
        return labelled_lines(bundle.labels, options)
    if kind == "TextReader" and isinstance(bundle.model.head, SequenceClassificationHead):
        return labelled_reviews(bundle.reader, bundle.labels, options)
    if kind == "ClipReader":
        from .labelled_clips import labelled_clips

        return labelled_clips(bundle, options)
    raise ValueError(
        f"{options.model} reads with {kind} for a {type(bundle.model.head).__name__}; evaluate "
        "takes bundles that read lines, videos, or texts that have one label each"
    )


def labelled_lines(labels: Sequence[str], options) -> Labelled:
    """Line images and their transcripts, which may hold characters that the bundle cannot read."""
    from datasets.lines.containers import container_problems
    from datasets.lines.source import LineFolder, transcripts, unlabelled
    from datasets.paths import resolve

    folder = LineFolder(options.data, options.group_pattern)
    rows = list(transcripts(folder))
    texts = [unicodedata.normalize("NFC", text) for _, text, _ in rows]
    symbols = [*labels, *sorted(set("".join(texts)).difference(labels))]
    ids = {symbol: place for place, symbol in enumerate(symbols)}
    return Labelled(
        items=[str(path) for path, _, _ in rows],
        targets=[np.array([ids[c] for c in text], dtype=np.int64) for text in texts],
        groups=[group for *_, group in rows],
        labels=symbols,
        nothing=Text([], [], [], 0.0),
        unit="lines",
        unscored=[f"{path}: no transcript, so not scored" for path in unlabelled(folder)]
        + [f"{p.reason}; not scored" for p in container_problems(resolve(options.data))],
    )


def labelled_reviews(reader: TextReader, labels: Sequence[str], options) -> Labelled:
    """The rows of a table, or of one part of a folder or archive of reviews."""
    from datasets.paths import resolve
    from datasets.source import Problem
    from datasets.text.files import find_reviews

    files = find_reviews(options.data)
    whole = resolve(options.data).is_file() and not files.own_test  # one table has no parts
    if options.split == "test" and not (whole or files.own_test):
        raise ValueError(f"{options.data}: no test reviews; add test.parquet, or --split train")
    found = list(files.rows("train" if whole else options.split))
    rows = [row for row in found if not isinstance(row, Problem)]
    if not rows:
        raise ValueError(f"{options.data}: no labelled review to score")
    targets = label_ids([row.label for row in rows], labels, options.data)
    return Labelled(
        items=[from_text(row.text, reader, row.name) for row in rows],
        targets=[np.array(target, dtype=np.int64) for target in targets],
        groups=[row.group for row in rows],
        labels=list(labels),
        nothing=Label(-1, 0.0),
        unit="reviews",
        unscored=[f"{p.reason}; not scored" for p in found if isinstance(p, Problem)],
    )


def label_ids(given: Sequence[str], labels: Sequence[str], where: str) -> list[int]:
    """Names of labels, or numbers that all are places in the bundle's list of them -> their ids."""
    ids = {label: place for place, label in enumerate(labels)}
    strange = sorted(set(given) - ids.keys())
    if strange and all(label.isdecimal() and int(label) < len(labels) for label in set(given)):
        return [int(label) for label in given]
    if strange:
        named = ", ".join(map(repr, strange[:3]))
        raise ValueError(
            f"{where}: {len(strange)} labels that the bundle does not know, such as {named}; it "
            f"knows {', '.join(map(repr, list(labels)[:12]))}, or their numbers from 0"
        )
    return [ids[label] for label in given]
