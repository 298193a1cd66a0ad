"""Texts that a language model learns from: files -> lines as they stand in print -> symbols."""

import html
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from datasets.lines.synthetic.texts import curl_quotes, read_texts
from datasets.lines.tables import read_table
from datasets.paths import resolve

BROKEN = 0.15  # of the lines that end inside a word, so many divide it: as rendered lines do
CAPITALS = 0.05  # of the lines come in capitals too: headings, which running text hardly has
SHORTEST = 20  # letters of a line to cut to, at the least


def read_prose(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files -> passages of running text (.txt, .parquet) and whole lines (labels.tsv)."""
    tables = [path for path in paths if path.endswith(".tsv")]
    passages = read_texts([path for path in paths if path not in tables])
    lines = [row[1] for path in tables for row in read_table(resolve(path), 2, 3)]
    return passages, lines


def set_lines(passages: Iterable[str], transcripts: Sequence[str]) -> Iterator[str]:
    """Running text -> lines that look like these transcripts: as long, quoted alike, words divided
    at some ends; a few in capitals too.
    """
    wanted = max(SHORTEST, round(median(map(len, transcripts)))) if transcripts else 60
    said = "".join(transcripts)
    curly = sum(map(said.count, "‘’“”")) > sum(map(said.count, "'\""))
    rng = random.Random(0)
    for passage in passages:
        text = html.unescape(re.sub(r"<[^<>]*>", " ", passage))
        text = " ".join(text.split()).replace(" - ", "—").replace("--", "—")
        for line in cut_lines(curl_quotes(text) if curly else text, wanted, rng):
            yield line
            if rng.random() < CAPITALS:
                yield line.upper()


def cut_lines(text: str, wanted: int, rng: random.Random) -> Iterator[str]:
    """About so many letters a line, cut between words or, with a hyphen, inside one."""
    start = 0
    while len(text) - start > wanted:
        end = start + wanted
        divides = text[end - 2 : end + 2].isalpha()
        if divides and rng.random() < BROKEN:
            yield text[start:end] + "-"
            start = end
            continue
        end = text.rfind(" ", start + 1, end + 1)
        if end < 0:
            end = text.find(" ", start + wanted)
        if end < 0:
            break
        yield text[start:end]
        start = end + 1
    if start < len(text):
        yield text[start:]


def subsample(passages: Sequence[str], most: int) -> list[str]:
    """Passages of about so many letters in all, evenly from all of them; one at the least."""
    total = sum(map(len, passages))
    if total <= most:
        return list(passages)
    count = max(1, round(len(passages) * most / total))
    return [passages[place * len(passages) // count] for place in range(count)]


class Encoded(NamedTuple):
    """symbols: (N,) int16, each line's and its end (len(labels)), -1 for strange ones.

    strange: which those are, and how often.
    """

    symbols: np.ndarray
    strange: Counter[str]


def check_labels(labels: Sequence[str]) -> None:
    """Raises ValueError for labels that are no characters."""
    words = [label for label in labels if len(label) != 1]
    if words or "\n" in labels:
        raise ValueError(
            f"a model of characters cannot spell the label {(words or ['line break'])[0]!r}"
        )


def encode_lines(lines: Iterable[str], labels: Sequence[str]) -> Encoded:
    """Lines in these labels. Raises ValueError for labels that are no characters."""
    check_labels(labels)
    table = np.full(0x110000, -1, dtype=np.int16)
    table[[ord(label) for label in labels]] = np.arange(len(labels))
    table[ord("\n")] = len(labels)
    text = "".join(f"{line.strip()}\n" for line in lines if line.strip())
    text = unicodedata.normalize("NFC", text)
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    symbols = table[codes]
    strange, counts = np.unique(codes[symbols < 0], return_counts=True)
    named = zip(map(chr, strange.tolist()), counts.tolist(), strict=True)
    return Encoded(symbols, Counter(dict(named)))
