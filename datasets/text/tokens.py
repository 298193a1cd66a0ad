"""Texts -> token ids, with the table of tokens and of their runs that a bundle carries."""

import re
import unicodedata
from functools import cached_property
from itertools import chain
from typing import Literal, get_args

import numpy as np

from ..source import Reader
from .ngrams import NgramTable, frequent_runs

Tokenizer = Literal["words", "characters"]
Keep = Literal["end", "start"]
PADDING, UNKNOWN = 0, 1
WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
LINE_BREAK = re.compile(r"<br\s*/?>")  # all the HTML that IMDB's reviews have; it is no word


class TextReader(Reader):
    """Tokens -> ids: 0 padding, 1 unknown, then `symbols` in order.

    Args:
        symbols: the tokens of the table, and the runs of up to `ngrams` tokens, written with a
            space between words and with nothing between characters.
        max_length: tokens kept of a longer text. null: all.
        tokenizer: lower-cased words and punctuation marks, or single lower-cased characters with
            one space for any run of white space. Both take NFC and read <br /> as a space.
        ngrams: how many tokens the longest run has that gets an id of its own.
        keep: which end of a longer text is kept (verdicts stand at its end).
    """

    suffixes = (".txt",)

    def __init__(
        self,
        symbols: list[str],
        max_length: int | None = None,
        tokenizer: Tokenizer = "words",
        ngrams: int = 1,
        keep: Keep = "end",
    ):
        for name, value, kind in (("tokenizer", tokenizer, Tokenizer), ("keep", keep, Keep)):
            if value not in get_args(kind):
                raise ValueError(f"TextReader: {name}={value!r}; choose one of {get_args(kind)}")
        for name, value in (("max_length", max_length), ("ngrams", ngrams)):
            if value is not None and value < 1:
                raise ValueError(f"TextReader: {name}={value}; give at least 1")
        self.symbols, self.max_length = list(symbols), max_length
        self.tokenizer, self.ngrams, self.keep = tokenizer, ngrams, keep
        self.input_size = len(self.symbols) + 2

    @cached_property
    def _tokens(self) -> tuple[dict[str, int], np.ndarray, NgramTable | None]:
        """Places of the tokens, the id of each place (the last for -1), and the longer runs.

        Made when first needed: a cached data set needs none of it.
        """
        if self.ngrams == 1:
            ids = np.arange(UNKNOWN + 1, len(self.symbols) + UNKNOWN + 2)
            ids[-1] = UNKNOWN
            return {token: place for place, token in enumerate(self.symbols)}, ids, None
        parts = [s.split(" ") if self.tokenizer == "words" else list(s) for s in self.symbols]
        places = {token: i for i, token in enumerate(sorted(set(chain.from_iterable(parts))))}
        rows: list[list[list[int]]] = [[] for _ in range(self.ngrams)]
        ids: list[list[int]] = [[] for _ in range(self.ngrams)]
        for index, tokens in enumerate(parts, UNKNOWN + 1):
            if 0 < len(tokens) <= self.ngrams:
                rows[len(tokens) - 1].append([places[token] for token in tokens])
                ids[len(tokens) - 1].append(index)
        runs = [np.array(row, np.int64).reshape(-1, n) for n, row in enumerate(rows, 1)]
        single = np.full(len(places) + 1, UNKNOWN)
        single[runs[0][:, 0]] = ids[0]
        table = NgramTable(runs[1:], [np.array(i, np.int64) for i in ids[1:]], len(places))
        return places, single, table

    def split(self, text: str) -> list[str]:
        """A text -> its tokens."""
        text = LINE_BREAK.sub(" ", unicodedata.normalize("NFC", text).lower())
        return WORD.findall(text) if self.tokenizer == "words" else list(" ".join(text.split()))

    def locate(self, tokens: list[str]) -> np.ndarray:
        """Tokens -> (N,) int64, each one's place in the table or -1; what `look_up` takes."""
        places = self._tokens[0]
        return np.array([places.get(token, -1) for token in tokens], dtype=np.int64)

    def look_up(self, located: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Places of the tokens of one or more texts -> ids (N,), or (N, ngrams) int64.

        Column n - 1 holds the run of n tokens that ends at this step, 0 if there is none.
        first: (N,) bool, where a text begins.
        """
        _, ids, runs = self._tokens
        if runs is None:
            return ids[located]
        return np.stack([ids[located], *runs.find(located, first)], axis=1)

    def encode(self, tokens: list[str]) -> np.ndarray:
        """Tokens -> (T,) int64, or (T, ngrams) if ngrams > 1."""
        length = self.max_length or len(tokens)
        if self.keep == "end":  # runs may reach back before the first token that is kept
            tokens = tokens[max(0, len(tokens) - length - self.ngrams + 1) :]
        else:
            tokens = tokens[:length]
        first = np.arange(len(tokens)) == 0
        return self.look_up(self.locate(tokens), first)[-length or None :]

    def read(self, item: str) -> np.ndarray:
        """A text, or the path of a .txt file -> (T,) int64, or (T, ngrams) if ngrams > 1.

        Raises OSError or ValueError that names the file.
        """
        if item.lower().endswith(self.suffixes) and can_be_a_path(item):
            try:
                with open(item, encoding="utf-8-sig") as file:
                    item = file.read()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{item}: not UTF-8 at byte {error.start}; save it as UTF-8"
                ) from error
        return self.encode(self.split(item))


def can_be_a_path(item: str) -> bool:
    """No file's name has a NUL byte, or a surrogate that stands for no byte."""
    try:
        return b"\0" not in item.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def choose_symbols(
    names: list[str],
    tokens: np.ndarray,
    texts: np.ndarray,
    tokenizer: Tokenizer,
    sizes: list[int],
    least: list[int],
) -> list[str]:
    """The most frequent runs of each order, by the number of texts they are in -> `symbols`.

    names: the tokens, sorted. tokens: (N,) places in `names`. texts: (N,) the text of each.
    sizes, least: for each order: how many runs at the most, and in how many texts at least.
    """
    symbols: list[str] = []
    between = " " if tokenizer == "words" else ""
    found = frequent_runs(tokens, texts, len(names), len(sizes), min(least))
    for (runs, counts), size, lowest in zip(found, sizes, least, strict=True):
        order = np.lexsort((*runs.T[::-1], -counts))[:size]  # ties by name
        chosen = runs[order[counts[order] >= lowest]].tolist()
        symbols += [between.join(names[token] for token in run) for run in chosen]
    return symbols
