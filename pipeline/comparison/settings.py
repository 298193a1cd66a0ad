"""The values of `--set KEY=VALUE`: one, several that make a grid, or a range to search in.

Values are separated as those of a YAML list: by commas outside of brackets, braces and quotes.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import yaml

RANGE = re.compile(r"(log|int|float):(.*)")
EXAMPLES = "log:1e-4..1e-2, int:32..256 or float:0..0.5"


class Range(NamedTuple):
    """Numbers between two bounds, both included. kind: log (of real numbers), int or float."""

    kind: str
    low: float
    high: float


@dataclass(frozen=True)
class Setting:
    """An option with its values as they are given; those of a range are its two bounds."""

    key: str
    values: tuple[str, ...]
    range: Range | None = None

    @property
    def varies(self) -> bool:
        return len(self.values) > 1


def read_settings(given: Iterable[str]) -> list[Setting]:
    """Parse KEY=VALUE, KEY=VALUE,VALUE... and KEY=KIND:LOW..HIGH.

    Raises ValueError for anything else, and for a key given twice.
    """
    settings: dict[str, Setting] = {}
    for text in given:
        key, is_whole, value = text.partition("=")
        if not is_whole or not key or key.startswith("-"):
            raise ValueError(f"--set {text}: give KEY=VALUE, such as trainer.max_epochs=1")
        if key in settings:
            raise ValueError(f"--set {key} is given twice; give all its values at once: {key}=A,B")
        settings[key] = read_setting(key, value)
    return list(settings.values())


def read_setting(key: str, text: str) -> Setting:
    """Parse the values of an option. Raises ValueError for a range that is none, for no value and
    for one given twice.
    """
    match = RANGE.fullmatch(text)
    if match is None:
        return Setting(key, distinct_values(key, text))
    kind, (low, _, high) = match[1], match[2].partition("..")
    try:
        found = Range(kind, *((int if kind == "int" else float)(bound) for bound in (low, high)))
    except ValueError:
        raise ValueError(f"--set {key}={text}: no range; give such as {EXAMPLES}") from None
    finite = math.isfinite(found.low) and math.isfinite(found.high)
    if not finite or found.low >= found.high or (kind == "log" and found.low <= 0):
        least = ", the first above 0" if kind == "log" else ""
        raise ValueError(f"--set {key}={text}: give the lower bound first, then the higher{least}")
    return Setting(key, (low, high), found)


def distinct_values(key: str, text: str) -> tuple[str, ...]:
    """The values of an option, each of which is a row of the table.

    Raises ValueError for no value and for one given twice.
    """
    if not text.strip():
        raise ValueError(f"--set {key}=: no value; give {key}=A, {key}=A,B, or {key}=null for none")
    values = split_values(text)
    double = next((value for value in values if values.count(value) > 1), None)
    if double is not None:
        raise ValueError(f"--set {key}={text}: {double} is given twice; give each value once")
    return values


def split_values(text: str) -> tuple[str, ...]:
    """Split values as YAML splits those of a list, each as it is written.

    A text that is no YAML, or an empty one, is one value.
    """
    try:
        node = yaml.compose(f"[{text}]", yaml.SafeLoader)
    except yaml.YAMLError:
        return (text,)
    values = [text[v.start_mark.index - 1 : v.end_mark.index - 1].strip() for v in node.value]
    return tuple(values) if len(values) > 1 else (text,)


def grid(settings: Sequence[Setting]) -> Iterator[dict[str, str]]:
    """Yield each combination of the values as {key: value}; one if none varies."""
    for values in product(*(setting.values for setting in settings)):
        yield dict(zip((setting.key for setting in settings), values, strict=True))


def short_keys(keys: Iterable[str]) -> dict[str, str]:
    """The keys with the shortest ends that tell them apart, without `init_args`: "hidden_size"."""
    parts = {key: [part for part in key.split(".") if part != "init_args"] for key in keys}
    short = {}
    for key, own in parts.items():
        lengths = range(1, len(own) + 1)
        ends = {n: [other[-n:] for other in parts.values()] for n in lengths}
        n = next((n for n in lengths if ends[n].count(own[-n:]) == 1), len(own))
        short[key] = ".".join(own[-n:])
    return short


def describe(values: dict[str, str]) -> str:
    """Such as "learning_rate=1e-3, hidden_size=64"."""
    short = short_keys(values)
    return ", ".join(f"{short[key]}={value}" for key, value in values.items())
