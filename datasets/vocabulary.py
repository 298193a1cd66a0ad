"""Encode strings as ids of characters or of words, after NFC normalization and no other change."""

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from .lines.bidi import Order, to_visual


class Vocabulary:
    """The alphabet of a line model: characters, in the order of their ids.

    Text is normalized to NFC and encoded one code point at a time; compatibility characters (long
    s, ligatures, superscripts) and combining marks without a composed form are kept.

    order: of the ids of a text. `visual` is that of an image, from left to right, which differs for
    right-to-left scripts (`lines/bidi.py`).

    Raises ValueError if a symbol occurs twice or is not one NFC code point.
    """

    def __init__(self, symbols: Sequence[str], order: Order = "logical"):
        self.symbols, self.order = list(symbols), order
        for symbol in self.symbols:
            if len(symbol) != 1 or unicodedata.normalize("NFC", symbol) != symbol:
                raise ValueError(
                    f"alphabet: {symbol!r} is not one NFC character; remove or compose it"
                )
        self._ids = {symbol: index for index, symbol in enumerate(self.symbols)}
        self._either = {  # letters of both cases -> the id of either case
            self.symbols[letter]: len(self) + 1 + place
            for place, pair in enumerate(case_pairs(self.symbols))
            for letter in pair
        }
        if len(self._ids) != len(self.symbols):
            duplicates = sorted({s for s in self.symbols if self.symbols.count(s) > 1})
            raise ValueError(
                f"alphabet: {''.join(duplicates)!r} occur more than once; name each one once"
            )

    @classmethod
    def of(cls, texts: Iterable[str], order: Order = "logical") -> "Vocabulary":
        """Build the vocabulary of the characters in some texts, in code point order."""
        characters: set[str] = set()
        for text in texts:
            characters.update(arrange(text, order))
        return cls(sorted(characters), order)

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str, name: str = "text", any_case: bool = False) -> np.ndarray:
        """Return the ids of a string, (S,) int64.

        name: the sample in error messages. any_case: the case of its letters is unknown: a letter
        of which both cases are symbols gets the id of its pair, after the symbols and the blank:
        len(self) + 1 + its place in `case_pairs`. Raises ValueError with each unknown character.
        """
        text = arrange(text, self.order)
        unknown = sorted({c for c in text if c not in self._ids})
        if unknown:
            listed = " ".join(f"{c!r} (U+{ord(c):04X})" for c in unknown)
            raise ValueError(
                f"{name}: cannot encode {listed}: not in the alphabet of {len(self)} characters; "
                "add them to the alphabet or correct the transcript"
            )
        ids = self._ids | self._either if any_case else self._ids
        return np.array([ids[c] for c in text], dtype=np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(self.symbols[i] for i in ids)


def case_pairs(symbols: Sequence[str]) -> list[tuple[int, int]]:
    """The ids (lower, upper) of each letter of which both cases are symbols, by the lower's."""
    ids = {symbol: index for index, symbol in enumerate(symbols)}
    letters = (s for s in symbols if s != s.upper() and s == s.upper().lower())
    capitals = ((ids[letter], ids.get(letter.upper())) for letter in letters)
    return [(lower, upper) for lower, upper in capitals if upper is not None]


def arrange(text: str, order: Order) -> str:
    """A text in NFC and in this order."""
    text = unicodedata.normalize("NFC", text)
    return to_visual(text) if order == "visual" else text


class WordVocabulary:
    """A closed vocabulary of words, separated by white space, in the order of their ids.

    Raises ValueError if a word occurs twice, is empty or holds white space.
    """

    def __init__(self, symbols: Sequence[str]):
        self.symbols = [unicodedata.normalize("NFC", symbol) for symbol in symbols]
        self._ids = {symbol: index for index, symbol in enumerate(self.symbols)}
        if len(self._ids) != len(self.symbols) or any(len(s.split()) != 1 for s in self.symbols):
            raise ValueError("words: give each one once, none empty and none with white space")

    @classmethod
    def of(cls, texts: Iterable[str]) -> "WordVocabulary":
        """Build the vocabulary of the words in some texts, sorted."""
        return cls(sorted({w for t in texts for w in unicodedata.normalize("NFC", t).split()}))

    def encode(self, text: str, name: str = "text") -> np.ndarray:
        """Return the ids of the words, (S,) int64. Raises ValueError with each unknown word."""
        words = unicodedata.normalize("NFC", text).split()
        unknown = sorted({w for w in words if w not in self._ids})
        if unknown:
            raise ValueError(
                f"{name}: cannot encode {', '.join(map(repr, unknown))}: not among the "
                f"{len(self.symbols)} words of the training texts; correct the transcript, or "
                "spell with unit: characters"
            )
        return np.array([self._ids[w] for w in words], dtype=np.int64)
