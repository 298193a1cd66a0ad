"""Symbols <-> ids for strings, by characters or by words: strict, NFC, nothing else is changed."""

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np


class Vocabulary:
    """The characters that a line reader knows, in the order of their ids.

    Text is normalised to NFC and then taken one code point at a time; compatibility forms (long s,
    ligatures,
    superscripts) and combining marks without a composed form stay what they are.

    Raises ValueError if a symbol occurs twice or is not one NFC code point.
    """

    def __init__(self, symbols: Sequence[str]):
        self.symbols = list(symbols)
        for symbol in self.symbols:
            if len(symbol) != 1 or unicodedata.normalize("NFC", symbol) != symbol:
                raise ValueError(
                    f"alphabet: {symbol!r} is not one NFC character; remove or compose it"
                )
        self._ids = {symbol: index for index, symbol in enumerate(self.symbols)}
        if len(self._ids) != len(self.symbols):
            twice = sorted({s for s in self.symbols if self.symbols.count(s) > 1})
            raise ValueError(
                f"alphabet: {''.join(twice)!r} occur more than once; name each one once"
            )

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Vocabulary":
        """The characters of these texts, in code point order."""
        return cls(sorted(set(unicodedata.normalize("NFC", "".join(texts)))))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str, name: str = "text") -> np.ndarray:
        """A string -> (S,) int64.

        Raises ValueError that names the sample and each unknown character.
        """
        text = unicodedata.normalize("NFC", text)
        unknown = sorted({c for c in text if c not in self._ids})
        if unknown:
            listed = " ".join(f"{c!r} (U+{ord(c):04X})" for c in unknown)
            raise ValueError(
                f"{name}: cannot encode {listed}: not in the alphabet of {len(self)} characters; "
                "add them to the alphabet or correct the transcript"
            )
        return np.array([self._ids[c] for c in text], dtype=np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(self.symbols[i] for i in ids)


class WordVocabulary:
    """Words, parted by white space, in the order of their ids: for closed vocabularies.

    Raises ValueError if a word occurs twice, is empty or holds white space.
    """

    def __init__(self, symbols: Sequence[str]):
        self.symbols = [unicodedata.normalize("NFC", symbol) for symbol in symbols]
        self._ids = {symbol: index for index, symbol in enumerate(self.symbols)}
        if len(self._ids) != len(self.symbols) or any(len(s.split()) != 1 for s in self.symbols):
            raise ValueError("words: give each one once, none empty and none with white space")

    @classmethod
    def of(cls, texts: Iterable[str]) -> "WordVocabulary":
        """The words of these texts, sorted."""
        return cls(sorted({w for t in texts for w in unicodedata.normalize("NFC", t).split()}))

    def encode(self, text: str, name: str = "text") -> np.ndarray:
        """A text -> (S,) int64. Raises ValueError that names the sample and each unknown word."""
        words = unicodedata.normalize("NFC", text).split()
        unknown = sorted({w for w in words if w not in self._ids})
        if unknown:
            raise ValueError(
                f"{name}: cannot encode {', '.join(map(repr, unknown))}: not among the "
                f"{len(self.symbols)} words of the training texts; correct the transcript, or "
                "spell with unit: characters"
            )
        return np.array([self._ids[w] for w in words], dtype=np.int64)
