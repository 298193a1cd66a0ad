"""Checks of labelled texts without a model: each text by itself, and beside the others."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from datasets.output.text import counted
from datasets.source import SPLITS
from datasets.text.tokens import normalize_text
from datasets.text.words import split_unicode_words

from ..diagnosis import Kind
from ..line_checks import is_control
from ..text_duplicates import near_duplicates

FEW_WORDS = 3  # below: too little to tell a label by
LONG, OVER_USUAL = 1000, 20  # words, and times the median, from which a text may be several
COMMON = 100  # most frequent words of all texts, by which a language is known
FOREIGN = 0.25  # of the usual share of these words, below which a text is unlike the others
ENOUGH = 15  # words of a text, and texts, to judge that by
# what UTF-8 looks like when it was read as Latin-1 or Windows-1252
MOJIBAKE = re.compile(r"[ÃÂâ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œž]|â€")
MARKUP = re.compile(r"<(?!br\s*/?>)/?[a-zA-Z][^<>]{0,200}>|&(?:[a-zA-Z]{2,8}|#\d{1,6});")
KEPT = "\t\n\r\u200c\u200d\ufe0f"  # controls that belong into texts: breaks, joiners
NAMED = 3  # signs that one message names


class ListedText(NamedTuple):
    """A labelled text as its file lists it. split: by the name of its file, else ""."""

    name: str
    text: str
    label: str
    group: str
    split: str


class TextFinding(NamedTuple):
    """One possible fault of one text.

    other: the text that it duplicates. reading: what a model read. score: severity, comparable
    within a kind; higher is worse.
    """

    kind: str
    text: ListedText
    reason: str
    other: ListedText | None = None
    reading: str | None = None
    score: float = 0.0


# in the order in which they are reported
KINDS = {
    "suspect": Kind("suspect", "read the text, and correct the label"),
    "two labels": Kind("suspect", "one text has one label: correct or remove the others"),
    "no words": Kind("broken", "write the text, or remove it: training leaves it out"),
    "in two splits": Kind("mend", "who has learned a text cannot be tested on it: remove one"),
    "duplicate": Kind("mend", "keep one, or give all one group"),
    "near duplicate": Kind("mend", "keep one, or give all one group"),
    "wrong encoding": Kind("mend", "read the source in its own encoding, and write UTF-8"),
    "control characters": Kind("mend", "remove them"),
    "markup": Kind("mend", "take the text out of its HTML"),
    "other language": Kind("mend", "unlike the other texts: see whether it belongs here"),
    "very short": Kind("mend", "see whether its label can be told from it"),
    "very long": Kind("mend", "see whether it is one text"),
}


def text_findings(texts: Sequence[ListedText]) -> Iterator[TextFinding]:
    """Yield the faults of all texts, without those that a model finds."""
    words = [split_unicode_words(normalize_text(one.text)) for one in texts]
    counts = np.array([sum(map(is_word, own)) for own in words])
    usual = float(np.median(counts[counts > 0])) if counts.any() else 0.0
    for one, count in zip(texts, counts.tolist(), strict=True):
        yield from sign_findings(one)
        if not count:
            yield TextFinding("no words", one, "no words in it")
        elif count < FEW_WORDS <= usual:
            yield TextFinding("very short", one, counted(count, "word"), score=-count)
        elif count > max(LONG, OVER_USUAL * usual):
            reason = f"{count:,} words, where {usual:.0f} are usual"
            yield TextFinding("very long", one, reason, score=count)
    yield from language_findings(texts, words)
    yield from duplicate_findings(texts)


def is_word(token: str) -> bool:
    """Whether a token is a word or a number, not a mark."""
    return any(map(str.isalnum, token))


def sign_findings(one: ListedText) -> Iterator[TextFinding]:
    """Yield what the signs of a text tell: a wrong encoding, controls, HTML."""
    odd = [c for c in one.text if is_control(c) and c not in KEPT]
    # Windows-1252 read as Latin-1 leaves its quotes and dashes as controls of the second set
    misread = [f"U+{ord(c):04X}" for c in odd if "\x80" <= c <= "\x9f" or c == "\ufffd"]
    broken = [*MOJIBAKE.findall(one.text), *misread]
    if broken:
        yield TextFinding("wrong encoding", one, named(broken), score=len(broken))
    controls = [f"U+{ord(c):04X}" for c in odd if not "\x80" <= c <= "\x9f" and c != "\ufffd"]
    if controls:
        yield TextFinding("control characters", one, named(controls), score=len(controls))
    tags = MARKUP.findall(one.text)
    if tags:
        yield TextFinding("markup", one, named(tags), score=len(tags))


def named(signs: Sequence[str]) -> str:
    """Return the number of signs and the first few different ones."""
    distinct = list(dict.fromkeys(signs))
    return f"{len(signs)} x {' '.join(distinct[:NAMED])}" + " ..." * (len(distinct) > NAMED)


def language_findings(
    texts: Sequence[ListedText], words: Sequence[Sequence[str]]
) -> Iterator[TextFinding]:
    """Yield texts that lack the words which are the most frequent in the others.

    These are a language's articles, prepositions and pronouns, half of all words of a text. Nothing
    is said of texts whose words are few, nor if the texts are.
    """
    counts = Counter(word for own in words for word in own if is_word(word))
    common = {word for word, _ in counts.most_common(COMMON)}
    shares: dict[int, float] = {}
    for index, own in enumerate(words):
        own = list(filter(is_word, own))
        if len(own) >= ENOUGH:
            shares[index] = sum(word in common for word in own) / len(own)
    if len(shares) < ENOUGH:
        return
    usual = float(np.median(list(shares.values())))
    for index, share in shares.items():
        if share < FOREIGN * usual:
            reason = f"{100 * share:.0f} % common words, where {100 * usual:.0f} % are usual"
            yield TextFinding("other language", texts[index], reason, score=usual - share)


def duplicate_findings(texts: Sequence[ListedText]) -> Iterator[TextFinding]:
    """Yield all but the first of each group of near duplicates.

    The first one is that of the test split, if one is, else of validation: it is to be kept.
    """
    for group in near_duplicates([one.text for one in texts]):
        ordered = sorted((texts[i] for i in group), key=lambda one: -rank(one.split))
        kept, *others = ordered
        content = normalized(kept.text)
        for one in others:
            equal = normalized(one.text) == content
            like = f"{'as' if equal else 'nearly as'} {kept.name}"
            if one.label != kept.label:
                reason = f"{like}, which is {kept.label!r}; this is {one.label!r}"
                yield TextFinding("two labels", one, reason, kept, score=equal)
            if one.split != kept.split:
                reason = f"{like}, in {one.split} and {kept.split}"
                yield TextFinding("in two splits", one, reason, kept, score=equal)
            elif one.label == kept.label:
                yield TextFinding("duplicate" if equal else "near duplicate", one, like, kept)


def normalized(text: str) -> str:
    """Return a text as its words are compared."""
    return " ".join(normalize_text(text).split())


def rank(split: str) -> int:
    """Return the rank of a split, by which of two duplicates the one to keep is chosen."""
    return SPLITS.index(split) if split in SPLITS else -1
