"""Edit classes and confusions, each against a line aligned by hand."""

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from pipeline.scoring.edit_kinds import (
    CLASSES,
    OPERATIONS,
    count_classes,
    edit_class,
    edit_operations,
    frequent_confusions,
    merge_edits,
)

WORDS = [
    ("modern times", "modem times"),
    ("a b", "ab"),
    ("kitten", "sitting"),
    ("", "new"),
    ("lost", ""),
    ("same", "same"),
    ("Ode, 10", "0de. Io"),
]


def counted(truth: str, reading: str) -> dict[tuple[str, str], int]:
    counts = count_classes([truth], [reading])
    return {(CLASSES[i], OPERATIONS[j]): int(counts[i, j]) for i, j in np.argwhere(counts)}


@pytest.mark.parametrize(
    ("truth", "reading", "expected"),
    [
        ("a b", "ab", {("spaces", "delete"): 1}),
        ("ab", "a b", {("spaces", "insert"): 1}),
        ("page 10", "page I0", {("digits", "replace"): 1}),
        ("vol. I", "vol. 1", {("other letters", "replace"): 1}),
        ("end.", "end,", {("punctuation", "replace"): 1}),
        ("end£", "end", {("punctuation", "delete"): 1}),
        ("Ode", "ode", {("case", "replace"): 1}),
        ("été", "ete", {("diacritics", "replace"): 2}),
        ("État", "etat", {("diacritics", "replace"): 1}),
        ("e\u0308x", "ex", {("diacritics", "delete"): 1}),
        ("ſo", "so", {("other letters", "replace"): 1}),  # its case folding is s, yet no capital
        ("각", "가", {("other letters", "replace"): 1}),  # no mark but another syllable
        ("½", "x", {("digits", "replace"): 1}),
        ("same", "same", {}),
    ],
)
def test_each_edit_has_one_class(truth, reading, expected):
    assert counted(truth, reading) == expected


@pytest.mark.parametrize(("truth", "reading"), WORDS)
def test_the_edits_turn_the_truth_into_the_reading(truth, reading):
    edited, shift = list(truth), 0
    edits = edit_operations(truth, reading)
    for edit in edits:
        index = edit.truth_index + shift
        assert "".join(edited[index : index + len(edit.truth)]) == edit.truth
        edited[index : index + len(edit.truth)] = edit.reading
        shift += len(edit.reading) - len(edit.truth)
        assert edit_class(edit) in CLASSES
    assert "".join(edited) == reading and len(edits) == Levenshtein.distance(truth, reading)
    assert sum(counted(truth, reading).values()) == len(edits)


@pytest.mark.parametrize(
    ("truth", "reading", "expected"),
    [
        ("modern", "modem", [("rn", "m")]),
        ("modem", "modern", [("m", "rn")]),
        ("cat", "dot", [("c", "d"), ("a", "o")]),  # neighbours, but character by character
        ("lost", "lo", [("s", ""), ("t", "")]),
        ("lo", "lost", [("", "s"), ("", "t")]),
        ("rnxrn", "mxm", [("rn", "m"), ("rn", "m")]),
        ("abxcd", "bxd", [("a", ""), ("c", "")]),
        ("Ode, 10", "0de. Io", [("O", "0"), (",", "."), ("1", "I"), ("0", "o")]),
        ("same", "same", []),
    ],
)
def test_neighbouring_edits_are_one_confusion(truth, reading, expected):
    spans = list(merge_edits(truth, reading))
    assert [(truth[s.start : s.end], reading[s.first : s.last]) for s in spans] == expected


def test_the_most_frequent_confusions_come_first_with_an_example():
    truths = ["corn, barn", "cat", "turn", "beam", "unreadable line"]
    readings = ["com, bam", "cot", "tum", "beem", "@@@@"]
    most_frequent, too_long = frequent_confusions(truths, readings, 3)
    assert [(c.truth, c.reading, c.count, c.lines) for c in most_frequent] == [
        ("rn", "m", 3, 2), ("a", "e", 1, 1), ("a", "o", 1, 1),
    ]  # fmt: skip
    assert too_long == 1
    span = most_frequent[2].example
    assert span.line == 1 and truths[1][span.start : span.end] == "a"
    assert readings[1][span.first : span.last] == "o"
