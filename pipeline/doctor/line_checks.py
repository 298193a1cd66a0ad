"""What can be wrong with a line's text, and between its text and its image; no model is asked."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .line_files import ListedLine
from .line_ink import LineInk
from .line_spellings import FORMS, SPACES, ZERO_WIDTH

SIDEWAYS = 0.4  # nats nearer to a letter's usual width must a line be once it is turned
TWO_BANDS = 0.25  # share of a line's parts: from here on it is two lines
SHORT = 2.3  # times the usual ink for each letter: from here on the text lacks some
LONG = 0.36  # times the usual ink for each letter: from here on the text has too many
RARER = 0.4  # share of the rarer of two forms up to which it is the odd one
FEWEST = 20  # lines that say what is usual
SOFT_HYPHEN, UNDECODED = "\u00ad", "\ufffd"
NARROW, WIDE = frozenset("ijlftrI.,:;'’‘!|()[]-1ſ"), frozenset("mwMWœæŒÆ—@%&")


class Finding(NamedTuple):
    """One thing to look at in one line. leave_out: whether --fix lists it.

    other: the line it is alike to, or whose text it has. reading: what the model read. score: the
    worse the higher, within a kind.
    """

    kind: str
    line: ListedLine
    reason: str
    leave_out: bool
    other: ListedLine | None = None
    reading: str | None = None
    score: float = 0.0


class Kind(NamedTuple):
    """broken: training cannot use such a line. advice: what to do."""

    broken: bool
    advice: str


KINDS = {
    "unreadable": Kind(True, "copy or convert the image again"),
    "no image": Kind(True, "correct the name, or remove the row"),
    "no transcript": Kind(True, "transcribe it, or remove the image"),
    "empty transcript": Kind(True, "type it, or remove the line"),
    "listed twice": Kind(False, "keep one row"),
    "blank": Kind(False, "there is no ink for this text: crop it again"),
    "on its side": Kind(False, "turn the image by 90 degrees"),
    "upside down": Kind(False, "turn the image by 180 degrees"),
    "several lines": Kind(False, "crop one line an image"),
    "too long": Kind(True, "correct the transcript, or crop the image wider"),
    "too short": Kind(False, "complete the transcript, or crop the image"),
    "duplicate": Kind(False, "keep one, or give both one group"),
    "near duplicate": Kind(False, "keep one, or give both one group"),
    "not in the alphabet": Kind(True, "correct the text, or train on a larger alphabet"),
    "rare character": Kind(False, "a slip, or too rare to be learned: correct or collect more"),
    "not composed": Kind(False, "it is read as NFC; save it so, for other tools"),
    "mixed forms": Kind(False, "write one form throughout"),
    "odd spaces": Kind(False, "a space is one U+0020, none at the ends"),
    "control characters": Kind(False, "remove them"),
    "swapped": Kind(False, "give each image its own text"),
    "suspect": Kind(False, "look at the image, and correct the label"),
}


def text_findings(line: ListedLine) -> Iterator[Finding]:
    """What one transcript shows by itself."""
    text = line.text
    if text is None:
        yield Finding("no transcript", line, f"no transcript ({line.where})", False)
        return
    if not text.strip() or not any(character_name(character) for character in text):
        yield Finding("empty transcript", line, f"the transcript is empty ({line.where})", True)
        return
    if unicodedata.normalize("NFC", text) != text:
        apart = sum(map(unicodedata.combining, text)) > 0
        what = "letters and marks stand apart" if apart else "forms that NFC replaces"
        yield Finding("not composed", line, what, False)
    odd = list(odd_spaces(text))
    if odd:
        yield Finding("odd spaces", line, ", ".join(odd), False)
    control = [c for c in text if is_control(c)]
    if control:
        told = ", ".join(f"U+{ord(c):04X}" for c in dict.fromkeys(control))
        yield Finding("control characters", line, told, True)


def character_name(character: str) -> bool:
    return not (character.isspace() or character in ZERO_WIDTH or is_control(character))


def is_control(character: str) -> bool:
    """Controls, format marks, private, unassigned, and what stands for undecodable bytes."""
    if character in SPACES or character in ZERO_WIDTH or character == "\t":
        return False
    if character == SOFT_HYPHEN:
        return False
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") or character == UNDECODED


def odd_spaces(text: str) -> Iterator[str]:
    if text[:1].isspace():
        yield "a space at the start"
    if text[-1:].isspace():
        yield "a space at the end"
    if "  " in text.strip():
        yield "two spaces side by side"
    for character in dict.fromkeys(text):
        if character in SPACES or character in ZERO_WIDTH or character == "\t":
            name = unicodedata.name(character, "TAB").lower()
            yield f"{text.count(character)} x {name} (U+{ord(character):04X})"


def spelling_findings(lines: Sequence[ListedLine]) -> Iterator[Finding]:
    """Lines with the rarer form of a sign, of those in one folder that has two of it."""
    for form in FORMS:
        counts = [(form.first(line.text or ""), form.second(line.text or "")) for line in lines]
        totals = [sum(count[side] for count in counts) for side in (0, 1)]
        if not all(totals):
            continue
        rarer = int(totals[1] <= totals[0])
        if totals[rarer] > RARER * sum(totals):
            continue  # both are meant, or nobody decided: the table of forms tells it
        names = (form.first_name, form.second_name)
        for line, count in zip(lines, counts, strict=True):
            if count[rarer]:
                told = (
                    f"{names[rarer]}, {totals[rarer]} in this folder beside {totals[1 - rarer]} "
                    f"{names[1 - rarer]}"
                )
                yield Finding("mixed forms", line, told, False)


def count_spellings(lines: Sequence[ListedLine]) -> dict[str, dict[str, float]]:
    """Each form that has two spellings here -> how often each of both."""
    found = {}
    for form in FORMS:
        first = sum(form.first(line.text or "") for line in lines)
        second = sum(form.second(line.text or "") for line in lines)
        if first and second:
            found[f"{form.first_name} | {form.second_name}"] = {"first": first, "second": second}
    return found


def character_findings(
    lines: Sequence[ListedLine], alphabet: frozenset[str] | None
) -> Iterator[Finding]:
    """Characters that the model lacks, or, without one, that occur once in all lines."""
    texts = [composed(line) for line in lines]
    counts = Counter("".join(texts))
    for line, text in zip(lines, texts, strict=True):
        if alphabet is None:
            rare = [c for c in dict.fromkeys(text) if counts[c] == 1 and character_name(c)]
            kind, more = "rare character", ": once in all lines"
        else:
            rare = [c for c in dict.fromkeys(text) if c not in alphabet]
            kind, more = "not in the alphabet", f" ({len(alphabet)} characters)"
        if rare:
            told = " ".join(f"{c!r} (U+{ord(c):04X})" for c in rare)
            yield Finding(kind, line, told + more, alphabet is not None)


def composed(line: ListedLine) -> str:
    """The text as training takes it."""
    return unicodedata.normalize("NFC", line.text or "")


def shape_findings(
    lines: Sequence[ListedLine],
    pictures: Sequence[LineInk],
    steps_of: Callable[[LineInk], int],
) -> Iterator[Finding]:
    """What N measured images of one folder show beside their texts (of which none is empty).

    steps_of: those that a model's encoder leaves of an image.
    """
    texts = [composed(line) for line in lines]
    letters = np.array([letter_widths(text) for text in texts])
    ink = np.array([picture.strokes for picture in pictures]) / letters
    usual = float(np.median(ink[ink > 0])) if (ink > 0).sum() >= FEWEST else None
    wide = np.array([p.width / p.height for p in pictures]) / letters
    width = float(np.median(wide)) if len(wide) >= FEWEST else None
    for place, (line, picture, text) in enumerate(zip(lines, pictures, texts, strict=True)):
        if width and lies_on_side(picture, letters[place], width):
            size = f"{picture.width} x {picture.height} pixels for {len(text)} characters"
            yield Finding("on its side", line, size, True)
            continue
        if is_blank(picture, text):
            yield Finding("blank", line, "no ink that could be letters", True)
            continue
        needs, has = steps_needed(text), steps_of(picture)
        if needs > has:
            told = f"{len(text)} characters need {needs} steps, the image leaves {has}"
            yield Finding("too long", line, told, True, score=needs / max(has, 1))
        elif usual and len(text) > 3 and ink[place] < LONG * usual:
            told = f"{ink[place] / usual:.2f} of the usual ink for each letter"
            yield Finding("too long", line, told, True, score=usual / ink[place])
        if picture.two_bands >= TWO_BANDS:
            told = f"two bands of ink in {100 * picture.two_bands:.0f} % of the line"
            yield Finding("several lines", line, told, True, score=picture.two_bands)
        elif usual and picture.strokes > 1 and ink[place] > SHORT * usual:
            told = f"{ink[place] / usual:.1f} times the usual ink for each letter"
            yield Finding("too short", line, told, True, score=ink[place] / usual)


def is_blank(picture: LineInk, text: str) -> bool:
    """No ink; or only specks, where the text has letters."""
    letters = sum(character.isalnum() for character in text)
    return not picture.strokes or (letters > 1 and not picture.marks)


def lies_on_side(picture: LineInk, letters: float, usual: float) -> bool:
    """Higher than wide, and turned, its letters would be nearer to the usual width."""
    if picture.height <= picture.width or letters < 1.5:
        return False
    upright = abs(np.log(picture.width / picture.height / letters / usual))
    turned = abs(np.log(picture.height / picture.width / letters / usual))
    return bool(turned + SIDEWAYS < upright)


def letter_widths(text: str) -> float:
    """How wide a text is, in usual small letters."""
    widths = (
        0.0
        if character.isspace()
        else 0.55
        if character in NARROW
        else 1.5
        if character in WIDE
        else 1.3
        if character.isupper()
        else 1.0
        for character in text
    )
    return max(sum(widths), 0.5)


def steps_needed(text: str) -> int:
    """CTC: one step a character, and one between equal neighbours."""
    return len(text) + sum(a == b for a, b in pairwise(text))
