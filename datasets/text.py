"""Texts -> word ids, with the table of words that a bundle carries."""

import re
import unicodedata

import numpy as np

from .source import Reader

PADDING, UNKNOWN = 0, 1
WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


class TextReader(Reader):
    """Lower-cased words and punctuation marks -> ids: 0 padding, 1 unknown, then `symbols` in
    order.

    Args:
        symbols: the words of the table.
        max_length: words kept of a longer text, from its end (verdicts stand there). null: all.
    """

    suffixes = (".txt",)

    def __init__(self, symbols: list[str], max_length: int | None = None):
        self.symbols, self.max_length = list(symbols), max_length
        self._ids = {symbol: index for index, symbol in enumerate(self.symbols, UNKNOWN + 1)}
        self.input_size = len(self.symbols) + 2

    def split(self, text: str) -> list[str]:
        """A text -> its words and punctuation marks, NFC and lower case."""
        return WORD.findall(unicodedata.normalize("NFC", text).lower())

    def encode(self, words: list[str]) -> np.ndarray:
        """Words -> (T,) int64."""
        kept = words if self.max_length is None else words[-self.max_length :]
        return np.array([self._ids.get(word, UNKNOWN) for word in kept], dtype=np.int64)

    def read(self, item: str) -> np.ndarray:
        """A text, or the path of a .txt file -> (T,) int64.

        Raises OSError or ValueError that names the file.
        """
        if item.lower().endswith(self.suffixes):
            try:
                with open(item, encoding="utf-8-sig") as file:
                    item = file.read()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{item}: not UTF-8 at byte {error.start}; save it as UTF-8"
                ) from error
        return self.encode(self.split(item))
