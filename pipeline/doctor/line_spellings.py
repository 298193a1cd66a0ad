"""Unusual space characters, and signs with two spellings in Unicode: apostrophes, dashes, etc."""

import re
from collections.abc import Callable
from typing import NamedTuple

from datasets.transcripts import SPACES, WITHOUT_WIDTH

ZERO_WIDTH = WITHOUT_WIDTH | frozenset("\u200c\u200d")
ODD_SPACES = ZERO_WIDTH | SPACES


class Spelling(NamedTuple):
    """Two spellings of one sign: their names, and a function for each that counts it in a text."""

    names: tuple[str, str]
    counters: tuple[Callable[[str], int], Callable[[str], int]]


def counter(pattern: str) -> Callable[[str], int]:
    """Return a function that counts the matches of a regular expression in a text."""
    compiled = re.compile(pattern)
    return lambda text: len(compiled.findall(text))


def round_s(text: str) -> int:
    """Count each round s before a small letter; 0 for a text that contains a long ſ.

    A round s next to long ones is no contradiction: in compounds it ends the first word.
    """
    return 0 if "ſ" in text else len(re.findall(r"s(?=[a-zäöü])", text))


SPELLINGS = (
    Spelling(("straight ' (U+0027)", "curly ‘ ’"), (counter("'"), counter("[‘’‚‛]"))),
    Spelling(('straight " (U+0022)', "curly “ ”"), (counter('"'), counter("[“”„‟]"))),
    Spelling(
        ("hyphen - (U+002D)", "other hyphens (U+00AD, 2010, 2011, 2212)"),
        (counter("-"), counter("[\u00ad\u2010\u2011\u2212]")),
    ),
    Spelling(("em dash —", "bar ― (U+2015)"), (counter("—"), counter("―"))),
    Spelling(
        ("fi, fl, ff", "ligatures ﬁ ﬂ ﬀ (U+FB00-FB06)"),
        (counter("f[ilf]"), counter("[\ufb00-\ufb06]")),
    ),
    Spelling(("three points ...", "ellipsis … (U+2026)"), (counter(r"\.\.\."), counter("…"))),
    Spelling(("ä ö ü", "small e above (U+0364)"), (counter("[äöü]"), counter("\u0364"))),
    Spelling(("long ſ", "round s in lines without it"), (counter("ſ"), round_s)),
)
