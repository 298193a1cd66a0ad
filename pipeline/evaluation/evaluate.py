"""Scores a bundle on labelled data: accuracy, calibration and speed."""

import json
import time
from collections.abc import Sequence

import numpy as np

from datasets.output.files import write_whole
from datasets.output.text import print_error, print_lines, print_notes
from datasets.progress import track
from datasets.source import Split
from models import CTCHead, SequenceClassificationHead
from models.heads.labels import StepLabels, Text

from ..reading.bundle import Bundle
from ..reading.items import Answer
from ..reading.prediction import Recognizer
from ..reading.records import reading_confidence
from ..scoring.metrics import Normalization, Tally, compute_scores, describe_score
from ..scoring.temperature import (
    BINS,
    chance_calibration_error,
    expected_calibration_error,
    num_bins,
)
from .clip_tables import clip_details
from .labelled import LabelledData, background_ids
from .labelled_clips import labelled_clips
from .labelled_lines import labelled_lines
from .labelled_split import labelled_split
from .labelled_texts import labelled_reviews, labelled_tags
from .seen import describe_unknown, leave_out_seen


def evaluate(recognizer: Recognizer, options) -> int:
    """Print corpus scores, and write them to --json.

    Returns 1 if an item could not be read (it counts as wrong), else 0.
    """
    data = labelled_data(recognizer, options)
    print_notes(*data.notes, *data.unscored)
    data, told, seen = leave_out_seen(recognizer.bundle, data, options)
    print_lines(*told)
    answers, per_second = read_all(recognizer, data)
    data, notes = data.with_targets(answers)
    print_notes(*notes)
    readings = [answer.reading for answer in answers]
    normalization = Normalization(options.ignore_case, options.fold_punctuation)
    tally = data.tally(readings, normalization)
    values = {}
    for name, score in compute_scores(tally).items():
        print_lines(describe_score(name, score))
        values[name] = score.value
    is_text = isinstance(data.nothing, Text)
    if not isinstance(data.nothing, StepLabels):
        confidences, correct = confidences_and_correct(recognizer, answers, data, tally)
        bins = num_bins(len(confidences)) if is_text else BINS
        values["ece"] = expected_calibration_error(confidences, correct, bins)
        print_lines(
            f"ece {values['ece']:.2f} % (how far confidence is from the share that is right; "
            f"{bins} bins; {chance_calibration_error(confidences, bins):.2f} % comes by chance)"
        )
    if data.unit in ("clips", "sentences"):
        lines, more_values = clip_details(answers, data, tally)
        print_lines(*lines)
        values |= more_values
    rate = f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.2g}"
    remarks = [
        f"{len(readings)} {data.unit}, {rate} a second",
        f"compared after {normalization.describe()}" if is_text else "",
        f"the {options.split} split of {options.config}" if options.config else "",
        describe_unknown(recognizer.bundle),
    ]
    print_lines("; ".join(filter(None, remarks)))
    if options.json:
        values |= {"n": len(readings), "per_second": per_second} | ({"seen": seen} if seen else {})
        write_whole(options.json, json.dumps(values, indent=1) + "\n")
    return int(any(reading is data.nothing for reading in readings))


def read_all(recognizer: Recognizer, data: LabelledData) -> tuple[list[Answer], float]:
    """Return an answer to each item, and items read per second.

    Failures are printed, and replaced by the reading `data.nothing`.
    """
    for _ in recognizer.answers(data.items[: data.warm_up]):
        pass
    start = time.perf_counter()
    answers = list(track(recognizer.answers(data.items), "reading", len(data.items)))
    seconds = time.perf_counter() - start
    for index, answer in enumerate(answers):
        if isinstance(answer.reading, str):
            counted = "read empty" if isinstance(data.nothing, Text) else "wrong"
            print_error(f"{answer.reading} (counted as {counted})")
            answers[index] = answer._replace(reading=data.nothing)
    return answers, len(answers) / seconds


def confidences_and_correct(
    recognizer: Recognizer, answers: Sequence[Answer], data: LabelledData, tally: Tally
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) confidences, and whether each is correct, of the N strings or labels read."""
    read = [i for i, answer in enumerate(answers) if answer.reading is not data.nothing]
    correct = tally.counts["exact" if isinstance(data.nothing, Text) else "accuracy"][0]
    confidences = [reading_confidence(recognizer.bundle, answers[i].reading) for i in read]
    return np.array(confidences), correct[read, 0].astype(bool)


def labelled_data(
    recognizer: Recognizer, options, prefer: Sequence[Split] = ("test",)
) -> LabelledData:
    """Load the data of --data, or the split of --config, for the bundle's reader.

    prefer: the split of divided --data is the first of these that is there, unless --split names
    one. Raises ValueError for a bundle that cannot be scored.
    """
    bundle = recognizer.bundle
    if options.config is not None:
        data = labelled_split(bundle, options.config, options.split, options.ignore)
        return data._replace(background=background_ids(options.background, data.labels))
    kind = type(bundle.reader).__name__
    if kind == "LineReader":
        return labelled_lines(bundle.reader, bundle.labels, options, prefer)
    if kind == "TextReader" and isinstance(bundle.model.head, SequenceClassificationHead):
        return labelled_reviews(bundle.reader, bundle.labels, options, prefer)
    if kind == "TextReader" and labels_tokens(bundle):
        return labelled_tags(bundle.reader, bundle.labels, options, prefer)
    if kind == "ClipReader":
        return labelled_clips(bundle, options, prefer)
    raise ValueError(
        f"{options.model} reads with {kind} for a {type(bundle.model.head).__name__}; evaluate "
        "takes bundles that read lines, videos, or texts with one label, or one for each token"
    )


def labels_tokens(bundle: Bundle) -> bool:
    """Whether a bundle gives one label to each step."""
    head = bundle.model.head
    return not isinstance(head, CTCHead) and not getattr(head, "multi_label", False)
