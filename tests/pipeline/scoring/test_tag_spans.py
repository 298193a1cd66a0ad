"""Spans of BIO labels, against the rules of seqeval (conlleval) in its own form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.metrics import IGNORED, compute_scores
from pipeline.scoring.tag_spans import bio_spans, count_spans, is_bio, tally_tags

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def seqeval_entities(tags: list[str]) -> list[tuple[int, int, str]]:
    """`get_entities` of seqeval 1.2.2, of BIO labels; ends are exclusive."""
    ended = {("B", "B"), ("B", "O"), ("I", "B"), ("I", "O")}
    found, previous, previous_type, start = [], "O", "", 0
    for i, tag in enumerate([*tags, "O"]):
        prefix, kind = tag[0], tag.split("-", 1)[-1]
        other = previous != "O" and previous_type != kind
        if previous != "O" and ((previous, prefix) in ended or other):
            found.append((start, i, previous_type))
        if prefix == "B" or (prefix != "O" and (previous == "O" or previous_type != kind)):
            start = i
        previous, previous_type = prefix, kind
    return found


@given(st.lists(st.sampled_from(LABELS), max_size=12))
def test_spans_are_those_of_seqeval(tags):
    assert bio_spans(tags) == seqeval_entities(tags)


def test_spans_by_hand():
    tags = ["I-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-LOC", "I-PER", "O", "O", "B-PER"]
    spans = [(0, 2, "PER"), (3, 4, "LOC"), (4, 6, "LOC"), (6, 7, "PER"), (9, 10, "PER")]
    assert bio_spans(tags) == spans
    assert bio_spans(["B", "I", "O", "I"]) == [(0, 2, ""), (3, 4, "")]


@pytest.mark.parametrize(
    ("labels", "bio"),
    [(LABELS, True), (["O", "B", "I"], True), (["B-X", "I-X"], False), (["O", "I-X"], False),
     (["NOUN", "VERB"], False), (["O", "B-X", "E-X"], False), (["O", "BAD"], False)],
)  # fmt: skip
def test_only_bio_labels_have_spans(labels, bio):
    assert is_bio(labels) == bio


def test_scores_are_those_of_pooled_counts():
    targets = [np.array([1, 2, 0, 3]), np.array([0, 1]), np.array([3, IGNORED, 4])]
    predictions = [np.array([1, 2, 0, 1]), np.array([-1, -1]), np.array([3, 4, 4])]
    scores = compute_scores(tally_tags(predictions, targets, ["a", "b", "c"], LABELS))
    # true: PER 0-2, LOC 3-4; PER 1-2; LOC 0-1, LOC 2-3. read: PER 0-2, PER 3-4; none; the last two
    assert scores["span_precision"].value == pytest.approx(100 * 3 / 4)
    assert scores["span_recall"].value == pytest.approx(100 * 3 / 5)
    assert scores["span_f1"].value == pytest.approx(100 * 6 / 9)
    assert scores["token_accuracy"].value == pytest.approx(100 * 5 / 8)
    assert count_spans(predictions, targets, LABELS) == {"LOC": (2, 2, 3), "PER": (1, 2, 2)}
    plain = tally_tags([np.array([0])], [np.array([1])], ["a"], ["NOUN", "VERB"])
    assert set(plain.counts) == {"token_accuracy", "mean_class_accuracy"}
