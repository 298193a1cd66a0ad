"""A progress bar for long loops, hidden where standard error is not a terminal."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from .output.text import clean, make_console

T = TypeVar("T")


def track(
    items: Iterable[T], description: str, total: int | None, completed: int = 0
) -> Iterator[T]:
    """Yield the items while a rich bar on standard error shows progress; it vanishes at the end.

    completed: of the total, what was done before the first of these items.
    """
    from rich.progress import track as rich_track

    console = make_console(stderr=True)
    yield from rich_track(
        items,
        clean(description),
        total=total,
        completed=completed,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
