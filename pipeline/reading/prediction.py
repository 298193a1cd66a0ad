"""A bundle at work: items in, one record each out, in order. No Lightning here: it starts fast."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from datasets import ClipReader
from datasets.batch import pad
from datasets.video.decoder import TimedFrame
from datasets.video.reader import Clip
from models.heads.labels import SequenceClassificationHead
from models.packed import PackedModel, can_pack

from ..scoring.string_confidence import with_string_probabilities
from .batches import even_batches, line_batches
from .bundle import Bundle, load_bundle
from .chunks import Prefetcher, chain_from, chunk_frames, chunk_length, stack_frames
from .records import Reading, record_of
from .streaming import read_long_video, read_whole
from .threads import one_thread_an_operation

# read ahead and sorted by length, whichever is reached first: enough for even batches, and a bound
# on the memory
WINDOW = 1024  # items
WINDOW_BYTES = 256_000_000  # of their inputs
BATCH = 32
# of a batch's inputs at the most, padding included: more no longer fits the cache
BATCH_BYTES = 160_000
# of a video's frames: more are read piece by piece
LONG_BYTES = 64_000_000


class Item(NamedTuple):
    """Something to read that is called otherwise than it is read: the row of a table, a text.

    name: what its record calls it. load: gives its input (T, ...), of a video with its times, or
    raises ValueError or OSError.
    """

    name: str
    load: Callable[[], np.ndarray | Clip]


class Answer(NamedTuple):
    """What was read of an item, or as a string the reason why nothing was.

    times, numbers: (T,) of a video's steps: seconds, and places in the file.
    """

    name: str
    reading: Reading | str
    times: np.ndarray | None = None
    numbers: np.ndarray | None = None


class Recognizer:
    """Reads items (paths, texts) with a bundle on a GPU if there is one.

    Where a CPU multiplies bfloat16 natively the network runs in it (twice as fast), else in
    float32.
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.temperature = bundle.calibration.temperature
        # strings of this confidence or more are marked as accepted; see calibrate_accept.py
        self.accepted_from: float | None = None
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = bundle.model.to(self.device).eval()
        native = multiplies_bfloat16(self.device.type)
        self.precision = torch.bfloat16 if native else torch.float32
        packs = self.device.type == "cpu" and native and can_pack(self.model)
        self.workers = torch.get_num_threads() if self.device.type == "cpu" else 2
        with one_thread_an_operation():
            for module in self.model.modules():
                if hasattr(module, "fold_norm"):
                    module.fold_norm()
            self.network = PackedModel(self.model) if packs else self.model

    def predict(self, items: Iterable[str | Item]) -> Iterator[dict]:
        """A record for each item, in order: what was read and `confidence`, or `error`."""
        for name, reading, times, numbers in self.answers(items):
            yield {"input": name} | (
                {"error": reading}
                if isinstance(reading, str)
                else record_of(self.bundle, reading, times, numbers, self.accepted_from)
            )

    def read(self, items: Iterable[str | Item]) -> Iterator[tuple[str, Reading | str]]:
        """(item's name, its reading, or the reason why there is none as a string), in order."""
        for answer in self.answers(items):
            yield answer[:2]

    def answers(self, items: Iterable[str | Item]) -> Iterator[Answer]:
        """An answer to each item, in order."""
        items, stopped = iter(items), threading.Event()
        with one_thread_an_operation(), ThreadPoolExecutor(self.workers) as pool:
            try:
                window = self._load(pool, items, stopped)
                while window:
                    inputs = {
                        place: frames_of(loaded)
                        for place, (_, loaded) in enumerate(window)
                        if not isinstance(loaded, Answer)
                    }
                    batches = self.batches({i: x.nbytes for i, x in inputs.items()})
                    computed = [pool.submit(self.infer, [inputs[i] for i in b]) for b in batches]
                    ahead = self._load(pool, items, stopped)  # queued behind this window's batches
                    readings = {}
                    for batch, future in zip(batches, computed, strict=True):
                        readings |= zip(batch, result_of(future, len(batch)), strict=True)
                    for place, (name, loaded) in enumerate(window):
                        timing = loaded[1:] if isinstance(loaded, Clip) else ()
                        known = isinstance(loaded, Answer)
                        yield loaded if known else Answer(name, readings[place], *timing)
                    window = ahead
            finally:
                stopped.set()  # or the pool would wait for the end of a long film

    def _load(
        self, pool: ThreadPoolExecutor, items: Iterator[str | Item], stopped: threading.Event
    ) -> list[tuple]:
        """The next items, up to either bound -> (name, input, or the answer if there is one)."""
        loaded, waiting, size = [], deque(), 0
        for item in islice(items, WINDOW):
            if isinstance(item, str):
                item = Item(item, partial(self.load, item, stopped))
            waiting.append((item.name, pool.submit(self._load_one, item)))
            if len(waiting) > 2 * self.workers:  # these may pass the bound, no more
                name, future = waiting.popleft()
                loaded.append((name, future.result()))
                size += getattr(frames_of(loaded[-1][1]), "nbytes", 0)
                if size >= WINDOW_BYTES:
                    break
        return loaded + [(name, future.result()) for name, future in waiting]

    def _load_one(self, item: Item) -> np.ndarray | Clip | Answer:
        name = item.name
        try:
            loaded = item.load()
        except FileNotFoundError:
            return Answer(name, f"{name}: no such file")
        except (OSError, ValueError) as error:
            return Answer(name, str(error))
        if isinstance(loaded, Answer):
            return loaded._replace(name=name)
        steps = len(frames_of(loaded))
        if not steps:
            return Answer(name, f"{name}: empty, there is nothing to read".removeprefix(": "))
        if not self.model.encoder.output_lengths(steps):
            return Answer(
                name, f"{name}: {steps} steps are too few to read anything; is it cut off?"
            )
        return loaded

    def load(self, path: str, stopped: threading.Event | None = None) -> np.ndarray | Clip | Answer:
        """A file as the bundle's reader gives it; a long video is answered at once, by pieces.

        Raises ValueError or OSError that names the file.
        """
        reader = self.bundle.reader
        if not isinstance(reader, ClipReader):
            return reader.read(path)
        if reader.frames is not None:
            return reader.read_clip(path)
        stream, frames, size = reader.stream(path), [], 0
        for frame in stream:
            frames.append(frame)
            size += frame.pixels.nbytes
            if size > LONG_BYTES:
                return self.read_long(path, chain_from(frames, stream), stopped)
        return stack_frames(frames)

    def read_long(
        self, path: str, frames: Iterator[TimedFrame], stopped: threading.Event | None = None
    ) -> Answer:
        """The frames of one film, in memory that hardly grows with it: by `streaming.read_film`.

        Raises ValueError for a film too long for a network that must see the whole.
        """
        times, numbers = [], []

        def pieces() -> Iterator[torch.Tensor]:
            with Prefetcher(chunk_frames(frames, BATCH_BYTES), 4) as ahead:
                for piece in ahead:
                    if stopped is not None and stopped.is_set():
                        raise InterruptedError(f"{path}: stopped while it was read")
                    times.append(piece.times)
                    numbers.append(piece.numbers)
                    yield torch.from_numpy(piece.frames).to(self.device)

        with self.autocast():
            reading = read_long_video(self.model, pieces(), self.decode, path)
        return Answer(path, reading, np.concatenate(times), np.concatenate(numbers))

    def batches(self, sizes: dict[int, int]) -> list[list[int]]:
        """Bytes of each input, by place -> the places that are read together."""
        if self.network is self.model:
            return even_batches(sizes, BATCH, BATCH_BYTES)
        return line_batches(sizes, BATCH, self.workers)

    @torch.inference_mode()
    def infer(self, inputs: list[np.ndarray]) -> list[Reading]:
        """One batch of inputs (T_i, ...) -> their readings, with calibrated confidences."""
        lengths = torch.tensor([len(x) for x in inputs], device=self.device)
        with self.autocast():
            if len(inputs) == 1 and inputs[0].ndim == 4:
                size = chunk_length(inputs[0][0].nbytes, BATCH_BYTES)
                frames = torch.from_numpy(inputs[0]).to(self.device)
                bounded = isinstance(self.model.head, SequenceClassificationHead)
                logits, lengths = read_whole(self.model, frames.split(size), bounded=bounded)
            else:
                batch = torch.from_numpy(pad(inputs, 0)).to(self.device)
                logits, lengths = self.network(batch, lengths)
        return self.decode(logits, lengths)

    def autocast(self) -> torch.autocast:
        """Where this machine multiplies bfloat16 natively; else without effect."""
        reduced = self.precision != torch.float32
        return torch.autocast(self.device.type, self.precision, enabled=reduced)

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list[Reading]:
        """Logits (B, ...) -> readings, strings by a search; confidences are calibrated."""
        plain = logits.float()
        logits = plain / self.temperature
        readings = self.model.head.decode(logits, lengths)
        search = self.bundle.decoder
        readings = readings if search is None else search.decode(logits, lengths, readings)
        if not self.bundle.calibration.strings:
            return readings
        return with_string_probabilities(plain, lengths, readings)  # that confidence was fitted on


def frames_of(loaded: np.ndarray | Clip | Answer) -> np.ndarray | None:
    """The input (T, ...) itself; None of what needs no reading any more."""
    if isinstance(loaded, Answer):
        return None
    return loaded.frames if isinstance(loaded, Clip) else loaded


def result_of(future: Future, items: int) -> list[Reading | str]:
    """A batch's readings, or for each of its items the reason why there is none."""
    try:
        return future.result()
    except ValueError as error:
        return [str(error)] * items


def multiplies_bfloat16(device: str) -> bool:
    """Without instructions of its own for it, a CPU is slower in bfloat16 than in float32."""
    return device == "cuda" or (
        torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def load_recognizer(name: str) -> Recognizer:
    """A bundle by path or by the name it has in models/zoo, ready to read."""
    return Recognizer(load_bundle(name))
