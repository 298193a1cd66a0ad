"""evaluate: how often a bundle is right on labelled data, how sure it is, and how fast."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.progress import track
from models import SequenceClassificationHead
from models.heads.labels import Label, Text

from ..reading.prediction import Answer, Recognizer
from ..reading.records import Reading, confidence_of
from ..scoring.metrics import Normalization, describe_score, scores
from ..scoring.readings import tally_readings
from ..scoring.temperature import (
    BINS,
    chance_calibration_error,
    expected_calibration_error,
    num_bins,
)
from .clip_tables import clip_details
from .labelled import LabelledData
from .labelled_clips import labelled_clips
from .labelled_lines import labelled_lines
from .labelled_reviews import labelled_reviews


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
        print(describe_score(name, score))
    content = {name: score.value for name, score in found.items()}
    hits = tally.counts["exact"][0][:, 0] if isinstance(data.nothing, Text) else None
    sure = confidences_and_hits(recognizer, readings, data, hits)
    if sure is not None:
        bins = BINS if hits is None else num_bins(len(sure[0]))
        content["ece"] = expected_calibration_error(*sure, bins)
        print(
            f"ece {content['ece']:.2f} % (how far confidence is from the share that is right; "
            f"{bins} bins; {chance_calibration_error(sure[0], bins):.2f} % comes by chance)"
        )
    if data.unit == "clips":
        told, more = clip_details(answers, data, tally)
        print(*told, sep="\n")
        content |= more
    told = f"; compared after {compared.describe()}" if isinstance(data.nothing, Text) else ""
    rate = f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.2g}"
    print(f"{len(readings)} {data.unit}, {rate} a second{told}")
    if options.json:
        content |= {"n": len(readings), "per_second": per_second}
        Path(options.json).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 1 if unread else 0


def read_all(recognizer: Recognizer, data: LabelledData) -> tuple[list[Answer], float]:
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


def confidences_and_hits(
    recognizer: Recognizer,
    readings: Sequence[Reading],
    data: LabelledData,
    exact: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray] | None:
    """(N,) confidences and whether each was right, over the items that were read.

    exact: (M,) of strings, whether each is equal to its target as compared. None for segments.
    """
    if exact is None:
        if not isinstance(data.nothing, Label):
            return None
        exact = [r.id == t for r, t in zip(readings, data.targets, strict=True)]
    read = [(r, e) for r, e in zip(readings, exact, strict=True) if r is not data.nothing]
    sure = np.array([confidence_of(recognizer.bundle, reading) for reading, _ in read])
    return sure, np.array([right for _, right in read], bool)


def labelled_data(recognizer: Recognizer, options) -> LabelledData:
    """What --data holds for the reader of this bundle."""
    bundle = recognizer.bundle
    kind = type(bundle.reader).__name__
    if kind == "LineReader":
        return labelled_lines(bundle.labels, options)
    if kind == "TextReader" and isinstance(bundle.model.head, SequenceClassificationHead):
        return labelled_reviews(bundle.reader, bundle.labels, options)
    if kind == "ClipReader":
        return labelled_clips(bundle, options)
    raise ValueError(
        f"{options.model} reads with {kind} for a {type(bundle.model.head).__name__}; evaluate "
        "takes bundles that read lines, videos, or texts that have one label each"
    )
