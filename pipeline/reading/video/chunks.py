"""Videos in chunks: stack and prefetch frames, and join the readings of chunks into one."""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import TypeVar

import numpy as np

from datasets.video.decoder import TimedFrame
from datasets.video.reader import Clip
from models.heads.labels import StepLabels, Text

T = TypeVar("T")
END = object()  # marks the end of the items in the queue


def chunk_length(frame_bytes: int, chunk_bytes: int) -> int:
    """Number of frames of this size in a chunk of about `chunk_bytes`; at least one."""
    return max(1, chunk_bytes // max(1, frame_bytes))


def stack_frames(frames: list[TimedFrame]) -> Clip:
    """Stack one or more frames into a Clip of arrays."""
    seconds, numbers, pixels = zip(*frames, strict=True)
    return Clip(np.stack(pixels), np.array(seconds, np.float64), np.array(numbers, np.int64))


def chunk_frames(frames: Iterator[TimedFrame], chunk_bytes: int) -> Iterator[Clip]:
    """Group an iterator of frames into chunks of about this many bytes."""
    for first in frames:
        size = chunk_length(first.pixels.nbytes, chunk_bytes)
        yield stack_frames([first, *islice(frames, size - 1)])


def chain_and_release(frames: list[TimedFrame], rest: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
    """Yield the frames read so far, freeing each as it is taken, then the rest."""
    taken = deque(frames)
    frames.clear()
    while taken:
        yield taken.popleft()
    yield from rest


class Prefetcher(Iterator[T], AbstractContextManager):
    """Iterator that produces items in a background thread, at most `size` ahead of the consumer.

    An exception of the producer is raised in the consumer. Leaving the context stops the producer;
    one that is blocked on its next item (a camera) is left to end by itself.
    """

    def __init__(self, items: Iterable[T], size: int):
        self._queue: queue.Queue = queue.Queue(size)
        self._closed = threading.Event()
        self._ending: object = None  # END or the producer's exception, once it has arrived
        self._thread = threading.Thread(target=self._produce, args=(items,), daemon=True)
        self._thread.start()

    def _produce(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    break
            ending = END
        except BaseException as error:  # of any kind: it is raised again in the consumer
            ending = error
        finally:
            if hasattr(items, "close"):
                items.close()
        self._put(ending)

    def _put(self, item: object) -> bool:
        """Put an item into the queue as soon as there is room; False once closed."""
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def __next__(self) -> T:
        items = self.take(1)
        if items is None:
            raise StopIteration
        return items[0]

    def take(self, most: int, timeout: float | None = None) -> list[T] | None:
        """Return all items that are ready, at most `most`, or None at the end.

        Waits at most `timeout` seconds for the first one; [] if there is none by then. Raises the
        producer's exception once, after the items produced before it.
        """
        items: list[T] = []
        while len(items) < most and self._ending is None:
            try:
                item = self._queue.get_nowait() if items else self._queue.get(timeout=timeout)
            except queue.Empty:
                return items
            if item is END or isinstance(item, BaseException):
                self._ending = item
            else:
                items.append(item)
        if items or self._ending is END:
            return items or None
        error, self._ending = self._ending, END
        raise error

    def __exit__(self, *_) -> None:
        self._closed.set()
        self._thread.join(timeout=1.0)


class JoinedReading:
    """Joins the readings of consecutive chunks into `whole`, the same as if decoded at once."""

    def __init__(self) -> None:
        self.steps = 0
        # one list object shared by all steps with the same labels, which saves memory
        self.shared: dict[tuple[int, ...], list[int]] = {}
        self.whole: Text | StepLabels | None = None

    def add(self, reading: Text | StepLabels, steps: int) -> None:
        """Append the reading of the next `steps` steps."""
        if isinstance(reading, StepLabels):
            self.whole = self.whole or StepLabels([], [])
            self.whole.ids.extend(self.shared.setdefault(tuple(ids), ids) for ids in reading.ids)
            self.whole.confidences.extend(reading.confidences)
        else:
            self._add_text(reading)
        self.steps += steps

    def _add_text(self, chunk: Text) -> None:
        """Append a string; a symbol that continues across the border is merged into one."""
        whole = self.whole or Text([], [], [], 1.0)
        spans = [(first + self.steps, last + self.steps) for first, last in chunk.steps]
        ids, confidences = chunk.ids, chunk.confidences
        touching = whole.ids and ids and whole.steps[-1][1] == self.steps - 1 == spans[0][0] - 1
        if touching and whole.ids[-1] == ids[0]:
            whole.confidences[-1] = max(whole.confidences[-1], confidences[0])
            whole.steps[-1] = (whole.steps[-1][0], spans[0][1])
            ids, confidences, spans = ids[1:], confidences[1:], spans[1:]
        whole.ids.extend(ids)
        whole.confidences.extend(confidences)
        whole.steps.extend(spans)
        self.whole = whole._replace(confidence=whole.confidence * chunk.confidence)
