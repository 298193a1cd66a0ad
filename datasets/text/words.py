"""Split lower-cased texts into words and marks: by letters and digits, or by Unicode's rules.

`unicode_words` takes the word boundaries of Unicode Standard Annex 29, found by the package
`regex`: combining marks, vowel signs and joiners stay with their letters, ideographs, kana and the
letters of scripts without spaces (Thai, Khmer) are one token each, emoji sequences are whole. The
annex allows tailoring; three rules keep English as `words` splits it: the marks of `BREAKING`
always divide ("3.14", "end.Start"), an apostrophe joins digits and letters ("90's"), fractions and
superscripts count as digits ("2½").
"""

import re
from collections.abc import Callable

import regex

LETTER = r"[\p{L}\p{N}_]"
# the marks that the annex keeps inside words and numbers, without apostrophes and middle dots
BREAKING = r"[.․﹒．:︓﹕：\p{WB=MidNum}]"
SPACE = r"[\s\x1c-\x1f]"  # as in str.split
# shortest run up to a boundary that is none beside a fraction, or up to a mark that divides
PIECE = rf"""
    (?: (?!{SPACE}|{BREAKING}). )+?
    (?: (?={SPACE}|{BREAKING}|\Z) | \b (?! (?<={LETTER}\p{{M}}*)\p{{No}} | (?<=\p{{No}}){LETTER} ) )
"""
UNICODE_WORD = regex.compile(
    rf"""
    {BREAKING}\p{{M}}*
    | {PIECE} (?: (?<={LETTER}\p{{M}}*) ['’] (?={LETTER}) {PIECE} )*
    """,
    regex.VERBOSE | regex.DOTALL | regex.WORD | regex.VERSION1,
)
LETTERS_AND_MARKS = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


def split_unicode_words(text: str) -> list[str]:
    """Split at Unicode's word boundaries; ASCII, where both give the same, three times as fast."""
    return (LETTERS_AND_MARKS if text.isascii() else UNICODE_WORD).findall(text)


def split_characters(text: str) -> list[str]:
    """Split into single characters, with one space for any run of white space."""
    return list(" ".join(text.split()))


# name of a tokenizer -> its function; bundles store the name, so what one gives never changes
SPLITTERS: dict[str, Callable[[str], list[str]]] = {
    "unicode_words": split_unicode_words,
    "words": LETTERS_AND_MARKS.findall,
    "characters": split_characters,
}
