"""Tokenisation of texts -> ids, by a vocabulary of tokens and n-grams stored in the bundle."""

import json
import re
import unicodedata
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from ..digests import digest_bytes
from ..limits.opening import MAX_TEXT, read_bytes
from ..source import Reader
from .ngrams import NgramTable, frequent_runs
from .words import SPLITTERS

Tokenizer = Literal["unicode_words", "words", "characters"]
Keep = Literal["end", "start"]
PADDING, UNKNOWN = 0, 1
LINE_BREAK = re.compile(r"<br\s*/?>")  # the only HTML in IMDB's reviews


class TextReader(Reader):
    """Texts -> ids: 0 padding, 1 unknown, then `symbols` in order.

    Args:
        symbols: the tokens of the vocabulary, and the n-grams of up to `ngrams` tokens, written
            with a space between words and with nothing between characters.
        max_length: number of tokens kept of a longer text. null: all.
        tokenizer: `unicode_words` gives lower-cased words by Unicode's boundaries and punctuation
            marks; `words`, which bundles of older versions have, is the same for English, but
            divides words at combining marks; `characters` gives single lower-cased characters with
            one space for any run of white space. All apply NFC and read <br /> as a space.
        ngrams: number of tokens of the longest n-gram that gets an id of its own.
        keep: which end of a longer text is kept (the verdict of a review is often at its end).
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
        """Indices of the tokens, the id of each index (the last one for -1), and the longer
        n-grams.

        Created when first needed: a cached data set needs none of it.
        """
        if self.ngrams == 1:
            ids = np.arange(UNKNOWN + 1, len(self.symbols) + UNKNOWN + 2)
            ids[-1] = UNKNOWN
            return {token: index for index, token in enumerate(self.symbols)}, ids, None
        between, tokens, lengths = separator(self.tokenizer), [], []
        for symbol in self.symbols:
            own = symbol.split(between) if between else symbol
            tokens += own
            lengths.append(len(own))
        indices = {token: i for i, token in enumerate(sorted(set(tokens)))}
        flat = np.fromiter(map(indices.__getitem__, tokens), np.int64, len(tokens))
        lengths = np.array(lengths, np.int64)
        starts = np.cumsum(lengths) - lengths
        runs, ids = [], []
        for n in range(1, self.ngrams + 1):
            own = np.flatnonzero(lengths == n)
            runs.append(flat[starts[own][:, None] + np.arange(n)])
            ids.append(own + UNKNOWN + 1)
        single = np.full(len(indices) + 1, UNKNOWN)
        single[runs[0][:, 0]] = ids[0]
        return indices, single, NgramTable(runs[1:], ids[1:], len(indices))

    def split(self, text: str) -> list[str]:
        """Split a text into its tokens."""
        return SPLITTERS[self.tokenizer](normalize_text(text))

    def locate(self, tokens: list[str]) -> np.ndarray:
        """Tokens -> their indices in the vocabulary (N,) int64, or -1; the input of `look_up`."""
        indices = self._tokens[0]
        return np.array([indices.get(token, -1) for token in tokens], dtype=np.int64)

    def look_up(self, indices: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Indices of the tokens of one or more texts -> ids (N,), or (N, ngrams) int64.

        Column n - 1 holds the n-gram of n tokens that ends at this step, 0 if it has no id. first:
        (N,) bool, where a text begins.
        """
        _, ids, runs = self._tokens
        if runs is None:
            return ids[indices]
        return np.stack([ids[indices], *runs.find(indices, first)], axis=1)

    def encode(self, tokens: list[str]) -> np.ndarray:
        """Tokens -> (T,) int64, or (T, ngrams) if ngrams > 1."""
        length = self.max_length or len(tokens)
        if self.keep == "end":  # n-grams may start before the first token that is kept
            tokens = tokens[max(0, len(tokens) - length - self.ngrams + 1) :]
        else:
            tokens = tokens[:length]
        first = np.arange(len(tokens)) == 0
        return self.look_up(self.locate(tokens), first)[-length or None :]

    def read(self, item: str) -> np.ndarray:
        """Read a text, or a .txt file by its path -> (T,) int64, or (T, ngrams) if ngrams > 1.

        Raises OSError or ValueError that names the file.
        """
        if item.lower().endswith(self.suffixes) and can_be_a_path(item):
            try:
                item = read_bytes(item, MAX_TEXT).decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{item}: not UTF-8 at byte {error.start}; save it as UTF-8"
                ) from error
        return self.encode(self.split(item))


def normalize_text(text: str) -> str:
    """Return a text as it is split: lower case, in NFC, <br /> as a space."""
    return LINE_BREAK.sub(" ", unicodedata.normalize("NFC", text).lower())


def text_digest(text: str) -> int:
    """Return the digest of a text's words: case, line breaks and runs of spaces do not matter."""
    return digest_bytes(" ".join(normalize_text(text).split()).encode("utf-8", "surrogatepass"))


def read_symbols(bundle: str | None) -> list[str] | None:
    """The `symbols` of the TextReader stored in a bundle; None without a bundle.

    Raises OSError for a missing file, ValueError for one that is no bundle of texts.
    """
    if bundle is None:
        return None
    # only for a vocabulary of another training: not worth the start-up time of every reader
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(bundle, framework="numpy") as file:
            return json.loads(file.metadata()["strand"])["reader"]["options"]["symbols"]
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"vocabulary: {bundle} is no bundle that reads texts ({error}); give a .safetensors "
            "file that `fit` wrote for texts"
        ) from error


def separator(tokenizer: Tokenizer) -> str:
    """What stands between the tokens of an n-gram in `symbols`; no token contains it."""
    return "" if tokenizer == "characters" else " "


def can_be_a_path(item: str) -> bool:
    """Whether a string can be a path: no NUL byte, no surrogate that stands for no byte."""
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
    """Choose the n-grams of each order that occur in the most texts, as `symbols` of a TextReader.

    names: the tokens, sorted. tokens: (N,) indices into `names`. texts: (N,) the text of each.
    sizes, least: for each order, the maximal number of n-grams, and the minimal number of texts of
    each.
    """
    symbols: list[str] = []
    frequent = frequent_runs(tokens, texts, len(names), len(sizes), min(least))
    for (runs, counts), size, min_texts in zip(frequent, sizes, least, strict=True):
        order = np.lexsort((*runs.T[::-1], -counts))[:size]  # ties by name
        chosen = runs[order[counts[order] >= min_texts]].tolist()
        symbols += [separator(tokenizer).join(names[token] for token in run) for run in chosen]
    return symbols
