"""predict --live: a file, a pipe, a camera or an address is labelled while it plays."""

import glob
import json
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, NamedTuple

import numpy as np
import torch

from datasets import ClipReader
from datasets.video.decoder import TimedFrame
from models import CTCHead

from ..reading.chunks import Prefetcher, stack_frames
from ..reading.prediction import Recognizer
from ..reading.spans import end_of, span
from ..reading.streaming import Stream
from ..writing.writers import ENCODED

WAITING = 64  # frames that may wait to be read, and the most that are read at once
REMEMBERED = 1024  # steps whose median says how long the last one lasts


def add_live_options(parser) -> None:
    parser.add_argument(
        "--live",
        type=str | None,
        help="instead of inputs: a video that is labelled while it plays, one line a segment as "
        "soon as it ends; a file, - for a pipe, a camera such as /dev/video0, or rtsp://...",
    )
    parser.add_argument(
        "--every",
        type=float | None,
        help="with --live: also tell the label of the moment, every so many seconds of the video",
    )


def check_live(options) -> None:
    """Raises ValueError for ways of reading whole strings: a stream is read step by step."""
    given = [
        f"--{name} {value}"
        for name, value in (("decoder", options.decoder), ("lexicon", options.lexicon))
        if value is not None
    ]
    given += [f"--n_best {options.n_best}"] if options.n_best != 1 else []
    if given:
        raise ValueError(
            f"--live {options.live}: reads step by step and never searches; leave out "
            f"{' and '.join(given)}"
        )


def run_live(recognizer: Recognizer, options) -> int:
    """0 at the end of the source or after Ctrl-C, 1 if the source broke off.

    Raises ValueError or OSError where nothing can be read at all.
    """
    if options.every is not None and options.every <= 0:
        raise ValueError(f"--every {options.every}: give seconds above 0")
    with ExitStack() as stack:
        file = sys.stdout
        if options.output:
            file = stack.enter_context(open(options.output, "w", **ENCODED))
        elif hasattr(file, "reconfigure"):
            file.reconfigure(**ENCODED)
        write = live_writer(options.format, options.live, file)
        asked = stack.enter_context(stop_on_interrupt())
        for record in live_records(recognizer, options.live, options.every, asked):
            if "error" in record:
                print(f"error: {record['error']}; it was read up to there", file=sys.stderr)
                return 1
            write(record)
            file.flush()
    return 0


def live_records(
    recognizer: Recognizer, source: str, every: float | None, asked: threading.Event
) -> Iterator[dict]:
    """Segments as they end, with `every` also {"time", "label", "confidence"} of a moment.

    The last is {"error"} if the source broke off. Raises ValueError or OSError for a network that
    cannot stream, and for a source that does not begin.
    """
    head = recognizer.model.head
    stream, follow = Stream(recognizer.model), SegmentTracker(isinstance(head, CTCHead))
    frames, due = source_frames(recognizer.bundle.reader, source), 0.0
    with Prefetcher(frames, WAITING) as ahead, recognizer.autocast():
        over = False
        while not over:
            over = asked.is_set()  # what had come by then is still read
            try:
                taken = ahead.take(WAITING, timeout=0.0 if over else 0.2)
            except (OSError, ValueError) as error:
                if not follow.steps:
                    raise ValueError(f"--live {source}: {error}") from error
                yield from follow.finish()
                yield {"error": str(error)}
                return
            if taken is None:
                break
            for step in read_steps(recognizer, stream, taken):
                yield from follow.add(step)
                if every is not None and step.seconds >= due - 1e-6:
                    due = (int(step.seconds / every + 1e-6) + 1) * every
                    yield step.record()
    yield from follow.finish()


def source_frames(reader: ClipReader, source: str) -> Iterator[TimedFrame]:
    """The frames that the reader would choose of a file. Raises ValueError or OSError."""
    if not isinstance(reader, ClipReader):
        raise ValueError(f"--live {source}: this bundle reads no videos; train one on clips")
    if reader.frames is not None:
        raise ValueError(
            f"--live {source}: this bundle spreads {reader.frames} frames over a whole clip; use "
            "one that was trained with rate_hz, or on every frame"
        )
    if source.startswith("/dev/video"):
        if not os.path.exists(source):
            found = ", ".join(sorted(glob.glob("/dev/video*"))) or "none"
            raise ValueError(f"--live {source}: no such camera; here are: {found}")
        return reader.stream(source, container_format="v4l2")
    # FFmpeg reads a descriptor by itself, without Python between
    return reader.stream(f"pipe:{sys.stdin.fileno()}" if source == "-" else source)


class LabelledStep(NamedTuple):
    """label: None between the symbols of a string. number: place of the frame in the source."""

    label: str | None
    confidence: float
    seconds: float
    number: int

    def record(self) -> dict:
        sure, time = round(self.confidence, 4), round(float(self.seconds), 3)
        return {"time": time, "label": self.label or "", "confidence": sure}


def read_steps(
    recognizer: Recognizer, stream: Stream, frames: list[TimedFrame]
) -> Iterator[LabelledStep]:
    """The next frames of the stream -> their labels."""
    if not frames:
        return
    piece, labels, head = stack_frames(frames), recognizer.bundle.labels, recognizer.model.head
    logits = stream.feed(torch.from_numpy(piece.frames).to(recognizer.device))
    if isinstance(head, CTCHead):
        best, ids = (logits.float() / recognizer.temperature).softmax(1).max(1)
        names = [None if i == head.blank else labels[i] for i in ids.tolist()]
        sure = best.tolist()
    else:
        (reading,) = recognizer.decode(logits[None], torch.tensor([len(logits)]))
        names = ["+".join(labels[i] for i in step) for step in reading.ids]
        sure = reading.confidences
    yield from map(LabelledStep, names, sure, piece.times.tolist(), piece.numbers.tolist())


class SegmentTracker:
    """Steps one by one -> each segment when the next one begins, in constant memory.

    A segment is as sure as its steps are on average, a string's symbol as its surest step.
    """

    def __init__(self, strings: bool = False):
        self.strings, self.steps = strings, 0
        self.recent: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)  # seconds and numbers
        self.start: LabelledStep | None = None
        self.total = self.best = 0.0
        self.count = 0

    def add(self, step: LabelledStep) -> Iterator[dict]:
        """The next step -> the segment that ends before it, if one does."""
        if self.start is not None and step.label != self.start.label:
            yield from self._end(step.seconds, step.number)
        if self.start is None:
            self.start, self.total, self.best, self.count = step, 0.0, 0.0, 0
        self.total, self.best = self.total + step.confidence, max(self.best, step.confidence)
        self.count, self.steps = self.count + 1, self.steps + 1
        self.recent.append((step.seconds, step.number))

    def finish(self) -> Iterator[dict]:
        """The segment at hand: its last step lasts as long as the median of the recent ones."""
        if self.start is not None:
            times, numbers = map(np.array, zip(*self.recent, strict=True))
            yield from self._end(*end_of(times, numbers))

    def _end(self, seconds: float, number: int) -> Iterator[dict]:
        start, self.start = self.start, None
        if start.label is not None:
            sure = self.best if self.strings else self.total / self.count
            yield span(start.seconds, seconds, start.number, number, start.label, sure)


def live_writer(kind: str, source: str, file: IO[str]) -> Callable[[dict], None]:
    """One line a record. Raises ValueError for a format that has no such lines."""
    if kind == "jsonl":
        return lambda record: print(
            json.dumps({"input": source} | record, ensure_ascii=False), file=file
        )
    if kind != "text":
        raise ValueError(f"--live writes text or jsonl as it goes, not {kind}")

    def write(record: dict) -> None:
        """From-to or a moment, label, confidence, between tabs."""
        places = [record[key] for key in ("time", "start", "end") if key in record]
        when = "-".join(f"{seconds:.2f}" for seconds in places)
        print(when, record["label"], f"{record['confidence']:.2f}", sep="\t", file=file)

    return write


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C, so that the segment at hand is still written; a second one ends."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number, frame) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
