"""Logical and visual order of a line of text, by the Unicode Bidirectional Algorithm (UAX 9).

Transcripts are in logical order, as they are read aloud; an image shows visual order, from left to
right, in which a CTC network emits characters. For a line without right-to-left characters both are
the same. The base direction of a line is that of most of its letters, so both orders have the same.

Several logical orders can look alike ("12 abc" and "abc 12" after a Hebrew word do); `reorder`
of what is shown gives one of them, except in rare mixtures of Latin words, brackets and several
numbers.
"""

import unicodedata
from collections.abc import Iterable
from typing import Literal, NamedTuple

Order = Literal["logical", "visual"]
RIGHT_TO_LEFT = {"R", "AL", "AN"}
# marks, embeddings, overrides and isolates: they order other characters and leave no ink
CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = "\u061c\u200e\u200f"
ATTACHED = {"NSM", "BN"}  # combining marks and joiners, which go where their base goes


class Place(NamedTuple):
    """A character of a reordered line: its index in the text before, and what stands there.

    The symbol differs from that character only for brackets and the like, which are mirrored.
    """

    index: int
    symbol: str


def has_right_to_left(symbols: Iterable[str]) -> bool:
    """Whether any character of some strings is written from right to left (or an Arabic digit)."""
    return any(
        unicodedata.bidirectional(c) in RIGHT_TO_LEFT
        for symbol in symbols
        if not symbol.isascii()
        for c in symbol
    )


def reorder(text: str) -> list[Place]:
    """Characters from left to right as a line of text is displayed; combining marks after bases.

    Marks (LRM and the like) have their effect, embeddings and isolates have none; all stay.
    """
    if not has_right_to_left(text):
        return [Place(*pair) for pair in enumerate(text)]
    # here, since lines of left-to-right scripts are read without
    from bidi import algorithm as rules

    classes = [unicodedata.bidirectional(c) for c in text]
    starts = [i for i, kind in enumerate(classes) if kind not in ATTACHED | CONTROLS or not i]
    leftwards = sum(kind in RIGHT_TO_LEFT for kind in classes)
    level = int(leftwards >= classes.count("L"))
    direction = "LR"[level]
    chars: list[dict] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        kind = "ON" if classes[start] in ATTACHED | CONTROLS else classes[start]
        chars.append({"ch": text[start], "level": level, "type": kind, "orig": kind})
        chars[-1]["cluster"] = range(start, end)
    run = {"sor": direction, "eor": direction, "start": 0, "length": len(chars)}
    storage = {"base_level": level, "base_dir": direction, "chars": chars, "runs": [run]}
    rules.resolve_weak_types(storage)
    resolve_brackets(chars, direction, rules.MIRRORED)
    rules.resolve_neutral_types(storage, False)
    rules.resolve_implicit_levels(storage, False)
    rules.reorder_resolved_levels(storage, False)
    mirrored = [rules.MIRRORED if char["level"] % 2 else {} for char in chars]
    return [
        Place(i, mirror.get(text[i], text[i]))
        for char, mirror in zip(chars, mirrored, strict=True)
        for i in char["cluster"]
    ]


def resolve_brackets(chars: list[dict], direction: str, mirrored: dict[str, str]) -> None:
    """Give both brackets of each pair one direction: rule N0, which python-bidi's rules lack.

    direction: "L" or "R", of the line.
    """
    strong = {"L": "L", "R": "R", "EN": "R", "AN": "R"}
    opened: list[int] = []
    pairs = []
    for i, char in enumerate(chars):
        category = unicodedata.category(char["ch"])
        if char["type"] != "ON" or char["ch"] not in mirrored or category not in ("Ps", "Pe"):
            continue
        if category == "Ps":
            opened.append(i)
            continue
        for place in reversed(range(len(opened))):
            if mirrored[chars[opened[place]]["ch"]] == char["ch"]:
                pairs.append((opened[place], i))
                del opened[place:]
                break
    for first, last in sorted(pairs):
        inside = {strong.get(char["type"]) for char in chars[first + 1 : last]} - {None}
        before = (strong[c["type"]] for c in reversed(chars[:first]) if c["type"] in strong)
        if inside:
            chosen = direction if direction in inside else next(before, direction)
            chars[first]["type"] = chars[last]["type"] = chosen


def is_control(symbol: str) -> bool:
    """Whether a character only directs others: it has no ink, and no network can read it."""
    return symbol in MARKS or unicodedata.bidirectional(symbol) in CONTROLS


def choose_order(symbols: Iterable[str], order: Order | None = None) -> Order:
    """The order given, or else `visual` if any character is written from right to left."""
    return order or ("visual" if has_right_to_left(symbols) else "logical")


def to_visual(text: str) -> str:
    """The characters of a transcript from left to right; without directional controls."""
    return "".join(place.symbol for place in reorder(text) if not is_control(place.symbol))
