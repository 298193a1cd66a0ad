"""predict --live: label a video from a file, pipe, camera or URL while it plays."""

import glob
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from datasets import ClipReader
from datasets.environment import raise_if_machine
from datasets.output.files import ENCODED, open_log, refuse_overlap
from datasets.output.text import clean, print_error, to_json
from datasets.video.decoder import TimedFrame
from models import CTCHead

from ..interrupts import SIGNALS, taking_its_time
from ..reading.bundle_files import find_bundle
from ..reading.prediction import Recognizer, check_numbers
from ..reading.video.chunks import Prefetcher, stack_frames
from ..reading.video.spans import end_of_last_step, segment_record
from ..reading.video.streaming import Stream

MAX_FRAMES = 64  # that may wait in the queue, and that are read at once
MAX_RECENT = 1024  # steps whose median duration is that of the last step


def add_live_options(parser) -> None:
    """The options of streaming."""
    parser.add_argument(
        "--live",
        type=str | None,
        help="instead of inputs: label a video while it plays, one line per segment once it ends; "
        "a file, - for a pipe, a camera such as /dev/video0, or rtsp://...",
    )
    text = "with --live: interval in seconds of video at which the current label is also written"
    parser.add_argument("--every", type=float | None, help=text)


def check_live(options) -> None:
    """Raises ValueError for options of a search over whole strings, which a stream has not."""
    defaults = {"decoder": None, "lexicon": None, "n_best": 1}
    values = {name: getattr(options, name) for name in defaults}
    given = [f"--{name} {value}" for name, value in values.items() if value != defaults[name]]
    if given:
        raise ValueError(
            f"--live {options.live}: reads step by step and never searches; leave out "
            f"{' and '.join(given)}"
        )


def run_live(recognizer: Recognizer, options) -> int:
    """Write each record as it comes until the source ends (returns 0) or breaks off (returns 1).

    Raises KeyboardInterrupt after Ctrl-C, when the open segment is written; ValueError or OSError
    if nothing can be read at all.
    """
    if options.every is not None and options.every <= 0:
        raise ValueError(f"--every {options.every}: give seconds above 0")
    with ExitStack() as stack:
        line_of = live_lines(options.format, options.live)
        write = partial(print, flush=True)
        if options.output:
            refuse_overlap(
                [("--output", options.output)], [options.live, find_bundle(options.model)]
            )
            write = stack.enter_context(open_log(options.output))
        elif hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(**ENCODED)
        stack.enter_context(taking_its_time())
        stop = stack.enter_context(stop_on_interrupt())
        count = 0
        for record in live_records(recognizer, options.live, options.every, stop):
            if "error" in record:
                print_error(f"{record['error']}; it was read up to there")
                return 1
            write(line_of(record))
            count += 1
    if stop.is_set():
        raise KeyboardInterrupt(f"{count:,} records written")
    return 0


def live_records(
    recognizer: Recognizer, source: str, every: float | None, stop: threading.Event
) -> Iterator[dict]:
    """Yield segments as they end, and every `every` seconds {"time", "label", "confidence"}.

    stop: ends the stream; frames that have arrived are still read. The last record is {"error"} if
    the source broke off. Raises ValueError or OSError for a network that cannot stream, and for a
    source without any frame.
    """
    head = recognizer.model.head
    stream, tracker = Stream(recognizer.model), SegmentTracker(isinstance(head, CTCHead))
    if getattr(head, "multi_label", False):
        tracker = LabelTrackers(recognizer.bundle.labels)
    frames, due = source_frames(recognizer.bundle.reader, source), 0.0
    with Prefetcher(frames, MAX_FRAMES) as queue, recognizer.autocast():
        over = False
        while not over:
            over = stop.is_set()
            try:
                taken = queue.take(MAX_FRAMES, timeout=0.0 if over else 0.2)
            except (OSError, ValueError) as error:
                raise_if_machine(error, source)
                if not tracker.recent:
                    raise ValueError(f"--live {source}: {error}") from error
                yield from tracker.finish()
                yield {"error": str(error)}
                return
            if taken is None:
                break
            for step in read_steps(recognizer, stream, taken):
                yield from tracker.add(step)
                if every is not None and step.seconds >= due - 1e-6:
                    due = (int(step.seconds / every + 1e-6) + 1) * every
                    yield step.record()
    yield from tracker.finish()


def source_frames(reader: ClipReader, source: str) -> Iterator[TimedFrame]:
    """Frames as the reader selects them from a file. Raises ValueError or OSError."""
    if not isinstance(reader, ClipReader):
        raise ValueError(f"--live {source}: this bundle reads no videos; train one on clips")
    if reader.frames is not None:
        raise ValueError(
            f"--live {source}: this bundle spreads {reader.frames} frames over a whole clip; use "
            "one that was trained with rate_hz, or on every frame"
        )
    if source.startswith("/dev/video"):
        if not os.path.exists(source):
            cameras = ", ".join(sorted(glob.glob("/dev/video*"))) or "none"
            raise ValueError(f"--live {source}: no such camera; here are: {cameras}")
        return reader.stream(source, container_format="v4l2", live=True)
    # FFmpeg reads a file descriptor without Python in between
    return reader.stream(f"pipe:{sys.stdin.fileno()}" if source == "-" else source, live=True)


class LabelledStep(NamedTuple):
    """A step of a stream. label: None for the CTC blank; number: of the frame in the source.

    ids: of its labels, for a head that gives several; `label` joins them.
    """

    label: str | None
    confidence: float
    seconds: float
    number: int
    ids: Sequence[int] = ()

    def record(self) -> dict:
        """The record of this moment."""
        time, confidence = round(float(self.seconds), 3), round(self.confidence, 4)
        return {"time": time, "label": self.label or "", "confidence": confidence}


def read_steps(
    recognizer: Recognizer, stream: Stream, frames: list[TimedFrame]
) -> Iterator[LabelledStep]:
    """Label the next frames of the stream."""
    if not frames:
        return
    chunk, labels, head = stack_frames(frames), recognizer.bundle.labels, recognizer.model.head
    logits = stream.feed(torch.from_numpy(chunk.frames).to(recognizer.device))
    if isinstance(head, CTCHead):
        check_numbers(logits)
        best, ids = (logits.float() / recognizer.temperature).softmax(1).max(1)
        ids = ids[:, None]
        names = [None if i == head.blank else labels[i] for (i,) in ids.tolist()]
        confidences, ids = best.tolist(), ids.tolist()
    else:
        (reading,) = recognizer.decode(logits[None], torch.tensor([len(logits)]))
        names = ["+".join(labels[i] for i in step) for step in reading.ids]
        confidences, ids = reading.confidences, reading.ids
    places = chunk.times.tolist(), chunk.numbers.tolist()
    yield from map(LabelledStep, names, confidences, *places, ids)


class SegmentTracker:
    """Turn steps into segments, each when the next one begins, in constant memory.

    A segment's confidence is the mean over its steps, that of a symbol of a string the maximum.
    """

    def __init__(self, strings: bool = False):
        self.strings = strings
        self.recent: deque[tuple[float, int]] = deque(maxlen=MAX_RECENT)  # seconds and numbers
        self.start: LabelledStep | None = None
        self.total = self.best = 0.0
        self.count = 0

    def add(self, step: LabelledStep) -> Iterator[dict]:
        """Take the next step and yield the segment that ends before it, if one does."""
        if self.start is not None and step.label != self.start.label:
            yield from self._end(step.seconds, step.number)
        if self.start is None:
            self.start, self.total, self.best, self.count = step, 0.0, 0.0, 0
        self.total, self.best = self.total + step.confidence, max(self.best, step.confidence)
        self.count += 1
        self.recent.append((step.seconds, step.number))

    def finish(self) -> Iterator[dict]:
        """Yield the open segment; its last step lasts as long as the median of the recent ones."""
        if self.start is not None:
            times, numbers = map(np.array, zip(*self.recent, strict=True))
            yield from self._end(*end_of_last_step(times, numbers))

    def _end(self, seconds: float, number: int) -> Iterator[dict]:
        start, self.start = self.start, None
        if start.label is not None:
            confidence = self.best if self.strings else self.total / self.count
            yield segment_record(
                start.seconds, seconds, start.number, number, start.label, confidence
            )


class LabelTrackers:
    """A `SegmentTracker` for each of several labels at once, whose segments overlap."""

    def __init__(self, labels: Sequence[str]):
        self.labels = labels
        self.trackers = [SegmentTracker() for _ in labels]

    @property
    def recent(self) -> deque[tuple[float, int]]:
        """The last steps; empty before the first."""
        return self.trackers[0].recent

    def add(self, step: LabelledStep) -> Iterator[dict]:
        """Take the next step and yield the segments that end before it."""
        for index, (label, tracker) in enumerate(zip(self.labels, self.trackers, strict=True)):
            yield from tracker.add(step._replace(label=label if index in step.ids else None))

    def finish(self) -> Iterator[dict]:
        """Yield the open segments."""
        for tracker in self.trackers:
            yield from tracker.finish()


def live_lines(kind: str, source: str) -> Callable[[dict], str]:
    """The line of a record. Raises ValueError for a format other than text and jsonl."""
    if kind == "jsonl":
        return lambda record: to_json({"input": source} | record)
    if kind != "text":
        raise ValueError(f"--live writes text or jsonl as it goes, not {kind}")
    return text_line


def text_line(record: dict) -> str:
    """Time or start-end, label and confidence, separated by tabs."""
    times = [record[key] for key in ("time", "start", "end") if key in record]
    when = "-".join(f"{seconds:.2f}" for seconds in times)
    return f"{when}\t{clean(record['label'])}\t{record['confidence']:.2f}"


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets, so that the open segment is still written.

    A second Ctrl-C raises KeyboardInterrupt. Outside the main thread the event is never set.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number, frame) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
