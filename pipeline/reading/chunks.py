"""A film as pieces: frames -> pieces, decoded ahead; readings of pieces -> one reading."""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

from datasets.video.decoder import TimedFrame
from datasets.video.reader import Clip
from models.heads.labels import StepLabels, Text

T = TypeVar("T")
END = object()


def chunk_length(frame_bytes: int, piece_bytes: int) -> int:
    """Frames of this size that make a piece."""
    return max(1, piece_bytes // max(1, frame_bytes))


def stack_frames(frames: list[TimedFrame]) -> Clip:
    """Frames, at least one -> arrays."""
    seconds, numbers, pixels = zip(*frames, strict=True)
    return Clip(np.stack(pixels), np.array(seconds, np.float64), np.array(numbers, np.int64))


def chunk_frames(frames: Iterator[TimedFrame], piece_bytes: int) -> Iterator[Clip]:
    """Frames one by one -> pieces of about so many bytes."""
    for first in frames:
        size = chunk_length(first.pixels.nbytes, piece_bytes)
        yield stack_frames([first, *islice(frames, size - 1)])


def chain_from(frames: list[TimedFrame], rest: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
    """The frames read so far, each let go when it is taken, then the rest."""
    taken = deque(frames)
    frames.clear()
    while taken:
        yield taken.popleft()
    yield from rest


class Prefetcher(Iterator[T]):
    """Items made in a thread of its own, at most `size` ahead of the one who takes them.

    An error of the maker is raised where the items are taken. `close` ends the maker; one that
    waits for its next item (a camera) is left to end by itself.
    """

    def __init__(self, items: Iterable[T], size: int):
        self._made: queue.Queue = queue.Queue(size)
        self._closed = threading.Event()
        self._last: object = None  # what ended it
        self._maker = threading.Thread(target=self._make, args=(items,), daemon=True)
        self._maker.start()

    def _make(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    break
            last = END
        except BaseException as error:  # whatever it is, the taker has to know
            last = error
        finally:
            if hasattr(items, "close"):
                items.close()
        self._put(last)

    def _put(self, item: object) -> bool:
        """False once closed."""
        while not self._closed.is_set():
            try:
                self._made.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def __next__(self) -> T:
        items = self.take(1)
        if items is None:
            raise StopIteration
        return items[0]

    def take(self, most: int, timeout: float | None = None) -> list[T] | None:
        """All items that wait, at most so many; waits for the first one, at most `timeout` seconds.

        None at the end. Raises the maker's error once, behind the items made before it.
        """
        items: list[T] = []
        while len(items) < most and self._last is None:
            try:
                item = self._made.get(timeout=timeout) if not items else self._made.get_nowait()
            except queue.Empty:
                return items
            if item is END or isinstance(item, BaseException):
                self._last = item
            else:
                items.append(item)
        if items or self._last is END:
            return items or None
        error, self._last = self._last, END
        raise error

    def close(self) -> None:
        self._closed.set()
        self._maker.join(timeout=1.0)

    def __enter__(self) -> "Prefetcher[T]":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class JoinedReading:
    """The readings of pieces, in order -> the reading of the whole, as if decoded at once."""

    def __init__(self) -> None:
        self.steps = 0
        self.shared: dict[tuple[int, ...], list[int]] = {}  # one list for all steps that are alike
        self.whole: Text | StepLabels | None = None

    def add(self, reading: Text | StepLabels, steps: int) -> None:
        """reading: of the next so many steps."""
        if isinstance(reading, StepLabels):
            self.whole = self.whole or StepLabels([], [])
            self.whole.ids.extend(self.shared.setdefault(tuple(ids), ids) for ids in reading.ids)
            self.whole.confidences.extend(reading.confidences)
        else:
            self._add_text(reading)
        self.steps += steps

    def _add_text(self, piece: Text) -> None:
        """A symbol that goes on over the border is one symbol."""
        whole = self.whole or Text([], [], [], 1.0)
        spans = [(first + self.steps, last + self.steps) for first, last in piece.steps]
        ids, sure = piece.ids, piece.confidences
        touching = whole.ids and ids and whole.steps[-1][1] == self.steps - 1 == spans[0][0] - 1
        if touching and whole.ids[-1] == ids[0]:
            whole.confidences[-1] = max(whole.confidences[-1], sure[0])
            whole.steps[-1] = (whole.steps[-1][0], spans[0][1])
            ids, sure, spans = ids[1:], sure[1:], spans[1:]
        whole.ids.extend(ids)
        whole.confidences.extend(sure)
        whole.steps.extend(spans)
        self.whole = whole._replace(confidence=whole.confidence * piece.confidence)
