"""What kinds of errors stand in texts that were read, and what was taken for what.

The convention: an alignment of the fewest edits that turn the truth into the reading (code points;
`rapidfuzz` chooses where several are as short, which moves an edit to a neighbour but never changes
their number). A deletion is a character of the truth that was not read, an insertion one that was
read and is not there. An edit belongs to the class of the truth's character, an insertion to that
of the read one; a substitution that only changes case or marks belongs to those classes.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

CLASSES = ("spaces", "digits", "punctuation", "case", "diacritics", "other letters")
OPERATIONS = ("insert", "delete", "replace")  # rapidfuzz's words, the order of the columns
LONGEST = 3  # characters on either side of a merge or split; more are a line that was not read


class Edit(NamedTuple):
    """One edit; truth or reading is "" if nothing stands on that side.

    at, to: where it stands in the truth and in the reading.
    """

    operation: str
    truth: str
    reading: str
    at: int
    to: int


class Place(NamedTuple):
    """truth[start:end] of a line was read as reading[first:last]."""

    line: int
    start: int
    end: int
    first: int
    last: int


class Confusion(NamedTuple):
    """What was taken for what ("" is nothing): how often, in how many lines, and one place."""

    truth: str
    reading: str
    count: int
    lines: int
    example: Place


def edits(truth: str, reading: str) -> list[Edit]:
    """The edits from the truth to the reading, in order."""
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
    """One of `CLASSES`."""
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
    """In lower case and without its marks: é, E and É are e."""
    parts = unicodedata.normalize("NFD", character)
    return "".join(c for c in parts if unicodedata.category(c)[0] != "M").lower()


def count_classes(truths: Sequence[str], readings: Sequence[str]) -> np.ndarray:
    """N lines -> edits (classes, operations) int64, in the order of `CLASSES` and `OPERATIONS`."""
    counts = np.zeros((len(CLASSES), len(OPERATIONS)), np.int64)
    for truth, reading in zip(truths, readings, strict=True):
        for edit in edits(truth, reading):
            counts[CLASSES.index(edit_class(edit)), OPERATIONS.index(edit.operation)] += 1
    return counts


def confusions(
    truths: Sequence[str], readings: Sequence[str], most: int
) -> tuple[list[Confusion], int]:
    """N lines -> the most frequent confusions, and how many stretches were too long to be one.

    The example is the first line's. Equally frequent ones stand in the order of their characters.
    """
    found: dict[tuple[str, str], list[Place]] = {}
    long = 0
    for line, (truth, reading) in enumerate(zip(truths, readings, strict=True)):
        for place in merge_edits(truth, reading, line):
            pair = truth[place.start : place.end], reading[place.first : place.last]
            if max(map(len, pair)) > LONGEST:
                long += 1
                continue
            found.setdefault(pair, []).append(place)
    order = sorted(found, key=lambda pair: (-len(found[pair]), pair))
    return [
        Confusion(*pair, len(places), len({place.line for place in places}), places[0])
        for pair in order[:most]
        for places in [found[pair]]
    ], long


def merge_edits(truth: str, reading: str, line: int = 0) -> Iterator[Place]:
    """Neighbouring edits as one: "rn" read as "m" is a merge, no replacement beside a deletion.

    Where as many characters were read as there are, or all are extra or missing, each is by itself.
    """
    for run in runs(edits(truth, reading)):
        if len({edit.operation for edit in run}) == 1:
            yield from singles(run, line)
            continue
        start, first = run[0].at, run[0].to
        end, last = run[-1].at + len(run[-1].truth), run[-1].to + len(run[-1].reading)
        yield Place(line, start, end, first, last)


def runs(found: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Edits -> those between which no character is right."""
    right, spent = [], 0  # characters that are right before each edit
    for edit in found:
        right.append(edit.at - spent)
        spent += len(edit.truth)
    for _, run in groupby(zip(right, found, strict=True), lambda pair: pair[0]):
        yield [edit for _, edit in run]


def singles(run: list[Edit], line: int) -> Iterator[Place]:
    """Each edit of a run by itself."""
    for edit in run:
        end, last = edit.at + len(edit.truth), edit.to + len(edit.reading)
        yield Place(line, edit.at, end, edit.to, last)
