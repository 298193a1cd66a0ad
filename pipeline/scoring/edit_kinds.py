"""Classify and count the edits between reference texts and recognized texts, and list confusions.

`truth` is the reference, `reading` the recognized text. Edits come from an alignment of minimal
Levenshtein distance between code points, as `rapidfuzz` returns it; where several alignments are
minimal, the choice moves an edit to a neighbouring character but never changes their number. A
deletion is a character of the truth missing from the reading, an insertion the reverse. An edit
belongs to the class of the truth's character, an insertion to that of the inserted one; a
substitution that only changes case or diacritics belongs to those classes.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

CLASSES = ("spaces", "digits", "punctuation", "case", "diacritics", "other letters")
OPERATIONS = ("insert", "delete", "replace")  # rapidfuzz's names, the order of the columns
MAX_CONFUSION_LENGTH = 3  # characters on either side; longer stretches are unreadable text


class Edit(NamedTuple):
    """One edit operation on single characters; truth or reading is "" if that side has none.

    truth_index, reading_index: its position in either string.
    """

    operation: str
    truth: str
    reading: str
    truth_index: int
    reading_index: int


class Span(NamedTuple):
    """truth[start:end] of a line was recognized as reading[first:last]."""

    line: int
    start: int
    end: int
    first: int
    last: int


class Confusion(NamedTuple):
    """Characters read as others ("" is none): count of occurrences and of lines, one occurrence."""

    truth: str
    reading: str
    count: int
    lines: int
    example: Span


def edit_operations(truth: str, reading: str) -> list[Edit]:
    """The edits that turn the truth into the reading, in order."""
    return [
        Edit(
            op.tag,
            "" if op.tag == "insert" else truth[op.src_pos],
            "" if op.tag == "delete" else reading[op.dest_pos],
            op.src_pos,
            op.dest_pos,
        )
        for op in Levenshtein.editops(truth, reading)
    ]


def edit_class(edit: Edit) -> str:
    """The class of an edit, one of `CLASSES`."""
    if edit.truth and edit.reading:
        if edit.truth.lower() == edit.reading.lower():
            return "case"
        if base_letters(edit.truth) == base_letters(edit.reading):
            return "diacritics"
    return character_class(edit.truth or edit.reading)


def character_class(character: str) -> str:
    """The class of one character by its Unicode category; symbols are punctuation."""
    category = unicodedata.category(character)
    if category[0] == "Z" or character.isspace():
        return "spaces"
    kinds = {"N": "digits", "P": "punctuation", "S": "punctuation", "M": "diacritics"}
    return kinds.get(category[0], "other letters")


def base_letters(character: str) -> str:
    """The character in lower case and without combining marks: é, E and É become e."""
    parts = unicodedata.normalize("NFD", character)
    return "".join(c for c in parts if unicodedata.category(c)[0] != "M").lower()


def count_classes(truths: Sequence[str], readings: Sequence[str]) -> np.ndarray:
    """Edit counts of N lines, (classes, operations) int64, ordered as `CLASSES`, `OPERATIONS`."""
    counts = np.zeros((len(CLASSES), len(OPERATIONS)), np.int64)
    for truth, reading in zip(truths, readings, strict=True):
        for edit in edit_operations(truth, reading):
            counts[CLASSES.index(edit_class(edit)), OPERATIONS.index(edit.operation)] += 1
    return counts


def frequent_confusions(
    truths: Sequence[str], readings: Sequence[str], limit: int
) -> tuple[list[Confusion], int]:
    """The `limit` most frequent confusions in N lines, and the number of stretches too long to be
    one (`MAX_CONFUSION_LENGTH`).

    The example is the first occurrence. Equally frequent ones are ordered by their characters.
    """
    spans: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    too_long = 0
    for line, (truth, reading) in enumerate(zip(truths, readings, strict=True)):
        for span in merge_edits(truth, reading, line):
            pair = truth[span.start : span.end], reading[span.first : span.last]
            if max(map(len, pair)) > MAX_CONFUSION_LENGTH:
                too_long += 1
            else:
                spans[pair].append(span)
    order = sorted(spans, key=lambda pair: (-len(spans[pair]), pair))
    return [
        Confusion(*pair, len(spans[pair]), len({span.line for span in spans[pair]}), spans[pair][0])
        for pair in order[:limit]
    ], too_long


def merge_edits(truth: str, reading: str, line: int = 0) -> Iterator[Span]:
    """Merge adjacent edits: "rn" read as "m" is one span, not a substitution and a deletion.

    Adjacent edits that are all of the same operation stay separate.
    """
    for run in adjacent_edits(edit_operations(truth, reading)):
        uniform = len({edit.operation for edit in run}) == 1
        for edits in [[edit] for edit in run] if uniform else [run]:
            first, last = edits[0], edits[-1]
            end = last.truth_index + len(last.truth)
            reading_end = last.reading_index + len(last.reading)
            yield Span(line, first.truth_index, end, first.reading_index, reading_end)


def adjacent_edits(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Group edits that have no correct character between them."""
    edited = accumulate((len(edit.truth) for edit in edits), initial=0)
    correct_before = [edit.truth_index - n for edit, n in zip(edits, edited, strict=False)]
    for _, run in groupby(zip(correct_before, edits, strict=True), key=itemgetter(0)):
        yield [edit for _, edit in run]
