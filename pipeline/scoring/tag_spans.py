"""Scores of texts with a label for each token: token accuracy, and spans of BIO labels.

Spans are those of CoNLL's conlleval, as seqeval counts them by default: B- begins one; so does I-
behind O or behind another type. A span is right if its type, first and last token are.
"""

from collections.abc import Sequence

import numpy as np

from .metrics import IGNORED, Tally, tally_steps

Span = tuple[int, int, str]  # first token, end (exclusive), type


def is_bio(labels: Sequence[str]) -> bool:
    """Whether labels are BIO: O, and B or B-TYPE with or without I-TYPE."""
    prefixes = [label.partition("-")[0] for label in labels]
    return set(prefixes) <= set("BIO") and "B" in prefixes and "O" in labels


def bio_spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of the labels of a text, in order."""
    spans: list[Span] = []
    start, open_type = 0, None  # of the span that is open
    for index, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        goes_on = prefix == "I" and kind == open_type
        if not goes_on:
            if open_type is not None:
                spans.append((start, index, open_type))
            start, open_type = index, None if prefix == "O" else kind
    return spans


def spans_of(ids: np.ndarray, labels: Sequence[str]) -> set[Span]:
    """Return the spans of label ids (T,); negative ones, unread or unlabelled, are O."""
    return set(bio_spans([labels[i] if i >= 0 else "O" for i in ids]))


def tally_tags(
    predictions: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    labels: Sequence[str],
) -> Tally:
    """Tally N texts, label ids (T_i,) of each.

    Scores: token_accuracy, mean_class_accuracy; of BIO labels also span_precision, span_recall and
    span_f1 over all spans (micro). Tokens whose target is -100 are not counted, and in no span.
    """
    tally = tally_steps(predictions, targets, groups, len(labels))
    counts = {
        "token_accuracy": tally.counts["frame_accuracy"],
        "mean_class_accuracy": tally.counts["mean_class_accuracy"],
    }
    if is_bio(labels):
        rows = np.zeros((3, len(targets), 1))  # right, read, true
        for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
            read = spans_of(np.where(target == IGNORED, IGNORED, prediction), labels)
            true = spans_of(target, labels)
            rows[:, i, 0] = len(read & true), len(read), len(true)
        right, read, true = rows
        counts |= {
            "span_f1": (2 * right, read + true),
            "span_precision": (right, read),
            "span_recall": (right, true),
        }
    return Tally(tally.groups, counts)


def count_spans(
    predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray], labels: Sequence[str]
) -> dict[str, tuple[int, int, int]]:
    """Return how many spans of each type are right, read and true, by type; empty if not BIO."""
    counts: dict[str, list[int]] = {}
    pairs = zip(predictions, targets, strict=True) if is_bio(labels) else ()
    for prediction, target in pairs:
        read = spans_of(np.where(target == IGNORED, IGNORED, prediction), labels)
        true = spans_of(target, labels)
        for place, spans in enumerate((read & true, read, true)):
            for *_, kind in spans:
                counts.setdefault(kind, [0, 0, 0])[place] += 1
    return {kind: tuple(counts[kind]) for kind in sorted(counts)}
