"""A progress bar for long loops, hidden where standard error is not a terminal."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from .output.text import clean, make_console

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    """Yield the items while a rich bar on standard error shows progress; it vanishes at the end."""
    from rich.progress import track as rich_track

    console = make_console(stderr=True)
    yield from rich_track(
        items,
        clean(description),
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
