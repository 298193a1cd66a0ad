"""Items to read and their answers; items are loaded ahead, in windows."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from datasets.environment import raise_if_machine
from datasets.video.reader import Clip

from .pages.loading import PageLines
from .pages.records import PageReading
from .records import Reading

# items are loaded ahead and sorted by length in windows, up to either limit: enough for batches of
# similar lengths, and a bound on the memory
WINDOW = 1024  # items
PAGE_ITEMS = 100  # that a page counts for: finding its lines takes a while
WINDOW_BYTES = 256_000_000  # of their inputs

T = TypeVar("T")


class Item(NamedTuple):
    """An input with its name and a loader, such as a table row or a text.

    name: how its record refers to it. load: returns the input (T, ...), for a video a Clip, for a
    page PageLines, or raises ValueError or OSError; MachineError stops the reading of all items.
    tokens: of a text, returns its tokens, of which the input is the last ones, or the first.
    """

    name: str
    load: Callable[[], np.ndarray | Clip | PageLines]
    tokens: Callable[[], list[str]] | None = None


class Answer(NamedTuple):
    """The reading of an item, or the error message (a string) if there is none.

    times, numbers: (T,) seconds and frame numbers of a video's steps. notes: on a line's reading.
    """

    name: str
    reading: Reading | PageReading | str
    times: np.ndarray | None = None
    numbers: np.ndarray | None = None
    notes: tuple[str, ...] = ()


class Loaded(NamedTuple):
    """The answer to an item with the inputs that are to be read for it; none if it is final."""

    answer: Answer
    inputs: list[np.ndarray]


def load_window(
    pool: ThreadPoolExecutor, items: Iterator[T], load: Callable[[T], Loaded], most: int
) -> list[Loaded]:
    """Load the next items in parallel, up to WINDOW items or WINDOW_BYTES.

    most: number of items loaded at a time; only these can exceed the limits.
    """
    loaded, waiting, count, size = [], deque(), 0, 0
    while count < WINDOW and size < WINDOW_BYTES:
        item = next(items, None)
        if item is None:
            break
        waiting.append(pool.submit(load, item))
        count += 1
        if len(waiting) > most:
            loaded.append(waiting.popleft().result())
            answer, inputs = loaded[-1]
            size += sum(x.nbytes for x in inputs)
            count += PAGE_ITEMS * isinstance(answer.reading, PageReading)
    return loaded + [future.result() for future in waiting]


def load_item(
    item: Item, check: Callable[[np.ndarray | str, str], np.ndarray | Reading | str]
) -> Loaded:
    """Load an item; an error becomes its answer.

    check: (input or error message, name) -> what it returns: the input, or if that cannot be read
    its reading or an error message.
    """
    name = item.name
    try:
        loaded = item.load()
    except FileNotFoundError:
        return Loaded(Answer(name, f"{name}: no such file"), [])
    except (OSError, ValueError) as error:
        raise_if_machine(error, name)
        return Loaded(Answer(name, str(error)), [])
    if isinstance(loaded, Answer):
        return Loaded(loaded._replace(name=name), [])
    if isinstance(loaded, PageLines):
        lines = [check(x, name) for x in loaded.columns]
        answer = Answer(name, PageReading(loaded._replace(name=name, columns=lines), []))
        return Loaded(answer, [x for x in lines if isinstance(x, np.ndarray)])
    inputs, *timing = loaded if isinstance(loaded, Clip) else (loaded,)
    checked = check(inputs, name)
    if not isinstance(checked, np.ndarray):
        return Loaded(Answer(name, checked), [])
    return Loaded(Answer(name, "", *timing), [inputs])


def with_readings(
    answer: Answer, readings: list[Reading | str], notes: list[tuple[str, ...]]
) -> Answer:
    """The answer with the readings of its inputs and the notes on each, if it has any."""
    if isinstance(answer.reading, PageReading):
        page, given = answer.reading.page, iter(zip(readings, notes, strict=True))
        lines = [next(given) if isinstance(x, np.ndarray) else (x, ()) for x in page.columns]
        return answer._replace(reading=PageReading(page, lines))
    return answer._replace(reading=readings[0], notes=notes[0]) if readings else answer
