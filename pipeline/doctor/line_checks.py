"""Checks of a line's text, and of its image against its text, without a model."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from datasets.lines.ink import TWO_BANDS
from datasets.output.text import counted
from datasets.transcripts import transcript_fault

from .diagnosis import Kind
from .line_files import ListedLine
from .line_ink import LineInk
from .line_spellings import ODD_SPACES, SPELLINGS, ZERO_WIDTH

SIDEWAYS = 0.4  # nats by which a turned line's letter width must be nearer to the usual one
SHORT = 2.3  # times the usual ink per letter, from which the text lacks letters
LONG = 0.36  # times the usual ink per letter, below which the text has too many letters
RARER = 0.4  # largest share of the rarer of two spellings that is reported
CUT_OFF = 0.05  # share of the ink of its letters from which a polygon is said to cut them
FEWEST = 20  # lines needed to estimate what is usual
SOFT_HYPHEN, UNDECODED = "\u00ad", "\ufffd"
NARROW, WIDE = frozenset("ijlftrI.,:;'’‘!|()[]-1ſ"), frozenset("mwMWœæŒÆ—@%&")


class Finding(NamedTuple):
    """One possible fault of one line.

    leave_out: whether --fix lists the line. other: the line it duplicates, or whose text it should
    have. reading: what the model read. score: severity, comparable within a kind; higher is worse.
    """

    kind: str
    line: ListedLine
    reason: str
    leave_out: bool
    other: ListedLine | None = None
    reading: str | None = None
    score: float = 0.0


# in the order in which they are reported
KINDS = {
    "swapped": Kind("suspect", "give each image its own text"),
    "suspect": Kind("suspect", "look at the image, and correct the label"),
    "unreadable": Kind("broken", "copy or convert the image again"),
    "no image": Kind("broken", "correct the name, or remove the row"),
    "no transcript": Kind("broken", "transcribe it, or remove the image"),
    "empty transcript": Kind("broken", "type it, or remove the line"),
    "breaks or controls": Kind("broken", "give each line its own image, or join them; no controls"),
    "listed twice": Kind("mend", "keep one row"),
    "blank": Kind("mend", "there is no ink for this text: crop it again"),
    "on its side": Kind("mend", "turn the image by 90 degrees"),
    "upside down": Kind("mend", "turn the image by 180 degrees"),
    "several lines": Kind("mend", "crop one line an image"),
    "cut letters": Kind(
        "mend", "draw the polygon around whole letters; `--crop auto` reads by the baseline instead"
    ),
    "too long": Kind("broken", "correct the transcript, or crop the image wider"),
    "too short": Kind("mend", "complete the transcript, or crop the image"),
    "duplicate": Kind("mend", "keep one, or give both one group"),
    "near duplicate": Kind("mend", "keep one, or give both one group"),
    "rare character": Kind("mend", "a slip, or too rare to be learned: correct or collect more"),
    "not composed": Kind("mend", "it is read as NFC; save it so, for other tools"),
    "mixed forms": Kind("mend", "write one form throughout"),
    "odd spaces": Kind("mend", "a space is one U+0020, none at the ends"),
    "control characters": Kind("mend", "remove them"),
    "not in the alphabet": Kind(
        "news", "`fit --init_from` learns new characters; correct the text only where it is a slip"
    ),
}


def text_findings(line: ListedLine) -> Iterator[Finding]:
    """Yield the faults of one transcript by itself."""
    text = line.text
    if text is None:
        yield Finding("no transcript", line, f"no transcript ({line.where})", False)
        return
    if not has_visible_text(line):
        yield Finding("empty transcript", line, f"the transcript is empty ({line.where})", True)
        return
    if unicodedata.normalize("NFC", text) != text:
        decomposed = any(map(unicodedata.combining, text))
        reason = "letters and marks stand apart" if decomposed else "forms that NFC replaces"
        yield Finding("not composed", line, reason, False)
    if fault := transcript_fault(text):
        yield Finding("breaks or controls", line, fault.partition(";")[0], True)
        return
    spaces = ", ".join(odd_spaces(text))
    if spaces:
        yield Finding("odd spaces", line, spaces, False)
    controls = ", ".join(f"U+{ord(c):04X}" for c in dict.fromkeys(text) if is_control(c))
    if controls:
        yield Finding("control characters", line, controls, True)


def has_visible_text(line: ListedLine) -> bool:
    """Return whether a line has a transcript with at least one visible character."""
    return any(map(is_visible, line.text or ""))


def is_visible(character: str) -> bool:
    """Return whether a character is neither a space, of zero width, nor a control."""
    return not (character.isspace() or character in ZERO_WIDTH or is_control(character))


def is_control(character: str) -> bool:
    """Return whether a character is a control, a format mark, private or unassigned.

    True as well for U+FFFD, which replaces undecodable bytes; false for a soft hyphen.
    """
    if character in ODD_SPACES or character == SOFT_HYPHEN:
        return False
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") or character == UNDECODED


def odd_spaces(text: str) -> Iterator[str]:
    """Yield a description of each irregular use of spaces in a text."""
    if text[:1].isspace():
        yield "a space at the start"
    if text[-1:].isspace():
        yield "a space at the end"
    if "  " in text.strip():
        yield "two spaces side by side"
    for character in dict.fromkeys(text):
        if character in ODD_SPACES:
            name = unicodedata.name(character, "TAB").lower()
            yield f"{text.count(character)} x {name} (U+{ord(character):04X})"


def spelling_findings(lines: Sequence[ListedLine]) -> Iterator[Finding]:
    """Yield the lines of one folder with the rarer spelling of a sign that it spells in two ways.

    Without a clearly rarer spelling, both are meant or nobody has decided: nothing is reported, and
    only the table of `count_spellings` shows it.
    """
    for names, counters in SPELLINGS:
        counts = [[count(line.text or "") for line in lines] for count in counters]
        totals = list(map(sum, counts))
        rarer = int(totals[1] <= totals[0])
        if not all(totals) or totals[rarer] > RARER * sum(totals):
            continue
        reason = (
            f"{names[rarer]}, {totals[rarer]} in this folder beside {totals[1 - rarer]} "
            f"{names[1 - rarer]}"
        )
        for line, count in zip(lines, counts[rarer], strict=True):
            if count:
                yield Finding("mixed forms", line, reason, False)


def count_spellings(lines: Sequence[ListedLine]) -> dict[str, dict[str, int]]:
    """Count both spellings of each sign that these lines spell in two ways, by their names."""
    result = {}
    for names, counters in SPELLINGS:
        totals = [sum(count(line.text or "") for line in lines) for count in counters]
        if all(totals):
            result[" | ".join(names)] = dict(zip(("first", "second"), totals, strict=True))
    return result


def character_findings(
    lines: Sequence[ListedLine], alphabet: frozenset[str] | None
) -> Iterator[Finding]:
    """Yield lines with characters outside the model's alphabet.

    Without an alphabet, yield lines with visible characters that occur once in all lines.
    """
    texts = [composed(line) for line in lines]
    counts = Counter("".join(texts))
    for line, text in zip(lines, texts, strict=True):
        if alphabet is None:
            unusual = [c for c in dict.fromkeys(text) if counts[c] == 1 and is_visible(c)]
            kind, suffix = "rare character", ": once in all lines"
        else:
            unusual = [c for c in dict.fromkeys(text) if c not in alphabet]
            kind, suffix = "not in the alphabet", f" ({len(alphabet)} characters)"
        if unusual:
            reason = " ".join(f"{c!r} (U+{ord(c):04X})" for c in unusual) + suffix
            yield Finding(kind, line, reason, False)


def composed(line: ListedLine) -> str:
    """Return the text of a line as training reads it: in NFC; "" if there is none."""
    return unicodedata.normalize("NFC", line.text or "")


def shape_findings(
    lines: Sequence[ListedLine],
    inks: Sequence[LineInk],
    steps_of: Callable[[LineInk], int],
) -> Iterator[Finding]:
    """Yield the faults that the images of N lines of one folder show against their texts.

    No text may be empty. steps_of: CTC steps that a model's encoder leaves of an image.
    """
    texts = [composed(line) for line in lines]
    widths = np.array([text_width(text) for text in texts])
    densities = np.array([ink.strokes for ink in inks]) / widths  # ink per letter
    inked = densities[densities > 0]
    usual = float(np.median(inked)) if len(inked) >= FEWEST else None
    aspects = np.array([ink.width / ink.height for ink in inks]) / widths
    usual_aspect = float(np.median(aspects)) if len(aspects) >= FEWEST else None
    for line, ink, text, width, density in zip(lines, inks, texts, widths, densities, strict=True):
        if usual_aspect and lies_on_side(ink, width, usual_aspect):
            reason = f"{ink.width} x {ink.height} pixels for {counted(len(text), 'character')}"
            yield Finding("on its side", line, reason, True)
            continue
        if is_blank(ink, text):
            yield Finding("blank", line, "no ink that could be letters", True)
            continue
        needed, available = steps_needed(text), steps_of(ink)
        if needed > available:
            reason = f"{len(text)} characters need {needed} steps, the image leaves {available}"
            yield Finding("too long", line, reason, True, score=needed / max(available, 1))
        elif usual and len(text) > 3 and density < LONG * usual:
            reason = f"{density / usual:.2f} of the usual ink for each letter"
            yield Finding("too long", line, reason, True, score=usual / density)
        if ink.two_bands >= TWO_BANDS:
            reason = f"two bands of ink in {100 * ink.two_bands:.0f} % of the line"
            yield Finding("several lines", line, reason, True, score=ink.two_bands)
        elif usual and ink.strokes > 1 and density > SHORT * usual:
            reason = f"{density / usual:.1f} times the usual ink for each letter"
            yield Finding("too short", line, reason, True, score=density / usual)


def cut_findings(lines: Sequence[ListedLine], inks: Sequence[LineInk]) -> Iterator[Finding]:
    """Yield the lines of pages whose polygons cut through letters."""
    for line, ink in zip(lines, inks, strict=True):
        if ink.cut_off > CUT_OFF:
            reason = f"its polygon leaves out {100 * ink.cut_off:.0f} % of the ink of its letters"
            yield Finding("cut letters", line, reason, False, score=ink.cut_off)


def is_blank(ink: LineInk, text: str) -> bool:
    """Return whether an image has no ink, or only specks although its text has letters."""
    letters = sum(character.isalnum() for character in text)
    return not ink.strokes or (letters > 1 and not ink.marks)


def lies_on_side(ink: LineInk, width: float, usual: float) -> bool:
    """Return whether an image is higher than wide and fits its text better turned by 90 degrees.

    width: of the text, as by `text_width`. usual: median of (image width / height) / width.
    """
    if ink.height <= ink.width or width < 1.5:
        return False
    upright = abs(np.log(ink.width / ink.height / width / usual))
    turned = abs(np.log(ink.height / ink.width / width / usual))
    return bool(turned + SIDEWAYS < upright)


def text_width(text: str) -> float:
    """Estimate the width of a text, in widths of a usual small letter; at least 0.5."""
    return max(sum(map(character_width, text)), 0.5)


def character_width(character: str) -> float:
    """Estimate the width of a character, in widths of a usual small letter."""
    if character.isspace():
        return 0.0
    if character in NARROW:
        return 0.55
    if character in WIDE:
        return 1.5
    return 1.3 if character.isupper() else 1.0


def steps_needed(text: str) -> int:
    """Return the steps CTC needs: one per character, and one between equal neighbours."""
    return len(text) + sum(a == b for a, b in pairwise(text))
