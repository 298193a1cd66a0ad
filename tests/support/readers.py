"""A reader for benchmarks that says what it is told."""

from benchmarks.lines.contenders import Reader, Reading


def reader(name: str, texts: list[str], *seconds: float) -> Reader:
    """One that says this, in so many seconds at each turn."""
    turns = iter(seconds)
    return Reader(name, lambda: Reading(texts, next(turns), []))
