"""Signs that have two spellings in Unicode, of which one data set should use one."""

import re
from collections.abc import Callable
from typing import NamedTuple

SPACES = frozenset(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u202f\u205f\u3000"
)
ZERO_WIDTH = frozenset("\u200b\u200c\u200d\u2060\ufeff")


class Spelling(NamedTuple):
    """Two spellings: what each is called, and what counts it in a text."""

    first_name: str
    second_name: str
    first: Callable[[str], int]
    second: Callable[[str], int]


def counter(pattern: str) -> Callable[[str], int]:
    found = re.compile(pattern)
    return lambda text: len(found.findall(text))


def round_s(text: str) -> int:
    """Words with a round s before a small letter, in a text without a long one.

    In compounds it ends the first word, so that one beside long ones says nothing.
    """
    return 0 if "ſ" in text else len(re.findall(r"s(?=[a-zäöü])", text))


TWO_SPELLINGS = tuple(
    Spelling(first_name, second_name, counter(first), counter(second))
    for first_name, second_name, first, second in (
        ("straight ' (U+0027)", "curly ‘ ’", "'", "[‘’‚‛]"),
        ('straight " (U+0022)', "curly “ ”", '"', "[“”„‟]"),
        (
            "hyphen - (U+002D)",
            "other hyphens (U+00AD, 2010, 2011, 2212)",
            "-",
            "[\u00ad\u2010\u2011\u2212]",
        ),
        ("em dash —", "bar ― (U+2015)", "—", "―"),
        ("fi, fl, ff", "ligatures ﬁ ﬂ ﬀ (U+FB00-FB06)", "f[ilf]", "[\ufb00-\ufb06]"),
        ("three points ...", "ellipsis … (U+2026)", r"\.\.\.", "…"),
        ("ä ö ü", "small e above (U+0364)", "[äöü]", "\u0364"),
    )
)
FORMS = (*TWO_SPELLINGS, Spelling("long ſ", "round s in lines without it", counter("ſ"), round_s))
