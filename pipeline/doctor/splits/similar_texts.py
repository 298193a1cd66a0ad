"""Texts that are in two parts, word for word or nearly so."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from datasets.output.text import counted
from datasets.source import SPLITS
from datasets.text.tokens import normalize_text
from datasets.text.words import split_unicode_words

from ..text_duplicates import near_duplicates

NAMED = 3  # duplicates in a warning


def find_similar_texts(texts: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield a warning for each two parts that share texts, given (part, name, text) of each."""
    shared: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for group in near_duplicates([text for *_, text in texts]):
        first: dict[str, dict[str, str]] = {}  # part: {words: name of the first text}
        for part, name, text in (texts[index] for index in group):
            first.setdefault(part, {}).setdefault(words_of(text), name)
        for part, name, text in (texts[index] for index in group):
            for other in SPLITS[: SPLITS.index(part)]:
                if other in first:
                    equal = first[other].get(words_of(text))
                    how = "nearly" if equal is None else "word for word"
                    twin = equal or next(iter(first[other].values()))
                    shared[part, other, how].append(f"{name} ({twin})")
    for (part, other, how), named in sorted(shared.items()):
        dots = ", ..." if len(named) > NAMED else ""
        yield (
            f"{counted(len(named), 'text')} of {part} in {other} too, {how}: "
            f"{', '.join(named[:NAMED])}{dots}; remove them, or give both one group"
        )


def words_of(text: str) -> str:
    """The words of a text in lower case, with single spaces between them and no marks."""
    words = split_unicode_words(normalize_text(text))
    return " ".join(word for word in words if any(map(str.isalnum, word)))
