"""Prepare the training texts of a language model: read files, cut printed lines, encode them."""

import html
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from datasets.files import resolve_data_path
from datasets.lines.synthetic.texts import curl_quotes, read_texts
from datasets.lines.tables import read_labels
from datasets.output.text import print_notes

HYPHENATION = 0.15  # share of lines ending inside a word that divide it, as in rendered lines
CAPITALS = 0.05  # share of lines repeated in capitals: headings, which running text hardly has
MIN_LENGTH = 20  # of a line, in characters


def read_prose(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Read passages of running text (.txt, .parquet) and whole lines (labels.tsv) from files."""
    tables = [path for path in paths if path.endswith(".tsv")]
    passages = read_texts([path for path in paths if path not in tables])
    lines = []
    for path in tables:
        labels, problems = read_labels(resolve_data_path(path))
        lines += [label.text for label in labels]
        for problem in problems:
            print_notes(f"{problem.reason}; not used")
    return passages, lines


def set_lines(passages: Iterable[str], transcripts: Sequence[str]) -> Iterator[str]:
    """Cut running text into lines like these transcripts: of their median length, with the same
    quotation marks, words divided at some line ends; a few lines are repeated in capitals.
    """
    length = max(MIN_LENGTH, round(median(map(len, transcripts)))) if transcripts else 60
    joined = "".join(transcripts)
    curly = sum(map(joined.count, "‘’“”")) > sum(map(joined.count, "'\""))
    rng = random.Random(0)
    for passage in passages:
        text = html.unescape(re.sub(r"<[^<>]*>", " ", passage))
        text = " ".join(text.split()).replace(" - ", "—").replace("--", "—")
        for line in cut_lines(curl_quotes(text) if curly else text, length, rng):
            yield line
            if rng.random() < CAPITALS:
                yield line.upper()


def cut_lines(text: str, length: int, rng: random.Random) -> Iterator[str]:
    """Cut text into lines of about `length` characters: between words, or in one with a hyphen."""
    start = 0
    while len(text) - start > length:
        end = start + length
        if text[end - 2 : end + 2].isalpha() and rng.random() < HYPHENATION:
            yield text[start:end] + "-"
            start = end
            continue
        end = text.rfind(" ", start + 1, end + 1)
        if end < 0:
            end = text.find(" ", start + length)
        if end < 0:
            break
        yield text[start:end]
        start = end + 1
    if start < len(text):
        yield text[start:]


def subsample(passages: Sequence[str], limit: int) -> list[str]:
    """Evenly spaced passages of about `limit` characters in all; at least one."""
    total = sum(map(len, passages))
    if total <= limit:
        return list(passages)
    count = max(1, round(len(passages) * limit / total))
    return [passages[i * len(passages) // count] for i in range(count)]


class Encoded(NamedTuple):
    """Encoded lines.

    symbols: (N,) int16 label ids of each line and its end (len(labels)), -1 for unknown symbols.
    unknown: counts of the unknown symbols.
    """

    symbols: np.ndarray
    unknown: Counter[str]


def check_labels(labels: Sequence[str]) -> None:
    """Raises ValueError if a label is not a single character, or is the line break."""
    words = [label for label in labels if len(label) != 1]
    if words or "\n" in labels:
        raise ValueError(
            f"a model of characters cannot spell the label {(words or ['line break'])[0]!r}"
        )


def encode_lines(lines: Iterable[str], labels: Sequence[str]) -> Encoded:
    """Encode lines with these labels, after NFC. Raises ValueError as `check_labels` does."""
    check_labels(labels)
    table = np.full(0x110000, -1, dtype=np.int16)
    table[[ord(label) for label in labels]] = np.arange(len(labels))
    table[ord("\n")] = len(labels)
    text = "".join(f"{line.strip()}\n" for line in lines if line.strip())
    text = unicodedata.normalize("NFC", text)
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    symbols = table[codes]
    unknown, counts = np.unique(codes[symbols < 0], return_counts=True)
    named = zip(map(chr, unknown.tolist()), counts.tolist(), strict=True)
    return Encoded(symbols, Counter(dict(named)))
