"""The Recognizer: batched prediction with a bundle, one record per item in input order."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import torch

from datasets import ClipReader, LineReader
from datasets.batch import pad
from datasets.video.decoder import TimedFrame
from datasets.video.reader import Clip
from models.heads.labels import SequenceClassificationHead
from models.packed import PackedModel, can_pack

from ..scoring.string_confidence import with_string_probabilities
from .batches import even_batches, line_batches
from .bundle import Bundle, load_bundle
from .decoding import alternatives_record
from .items import Answer, Item, Loaded, load_item, load_window, with_readings
from .notes import Key, notes_record, window_notes
from .order import logical_readings
from .pages.loading import Layout, PageLines, PagePath, load_input
from .pages.records import PageReading, page_record
from .records import Reading, reading_record
from .threads import single_threaded
from .video.chunks import Prefetcher, chain_and_release, chunk_frames, chunk_length, stack_frames
from .video.streaming import read_long_video, read_whole

BATCH = 32  # maximum number of inputs in a batch
BATCH_BYTES = 160_000  # maximum of a batch's inputs with padding: more does not fit the CPU cache
LONG_BYTES = 64_000_000  # of a video's frames: longer ones are read in chunks


class Recognizer:
    """Predicts items (paths, texts) with a bundle, on a GPU if available.

    The network runs in bfloat16 where the hardware multiplies it natively (twice as fast), else in
    float32. The bundle's model is changed in place (normalization is folded into convolutions).
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.temperature = bundle.calibration.temperature
        # strings of at least this confidence are marked as accepted; set in accept.py
        self.accepted_from: float | None = None
        # whether images are lines or pages, and whether lines come as pages of one line
        self.layout: Layout = "line"
        self.as_pages = False
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = bundle.model.to(self.device).eval()
        native = has_native_bfloat16(self.device.type)
        self.precision = torch.bfloat16 if native else torch.float32
        packs = self.device.type == "cpu" and can_pack(self.model)
        self.workers = torch.get_num_threads() if self.device.type == "cpu" else 2
        with single_threaded():
            for module in self.model.modules():
                if hasattr(module, "fold_norm"):
                    module.fold_norm()
            self.network = PackedModel(self.model, self.precision) if packs else self.model

    def predict(self, items: Iterable[str | Item]) -> Iterator[dict]:
        """A record for each item, in order: `input` and either its reading or `error`."""
        return (answer_record(self, answer) for answer in self.answers(items, noted=True))

    def read(self, items: Iterable[str | Item]) -> Iterator[tuple[str, Reading | str]]:
        """Yield (name, reading or error message) for each item, in order."""
        return (answer[:2] for answer in self.answers(items))

    def answers(
        self,
        items: Iterable[str | Item],
        after_window: Callable[[], None] = lambda: None,
        noted: bool = False,
    ) -> Iterator[Answer]:
        """Yield an Answer for each item, in order.

        after_window: called once some were taken. noted: with notes on lines (see `notes.py`).
        """
        noted = noted and isinstance(self.bundle.reader, LineReader)
        items, stopped = iter(items), threading.Event()
        load = partial(self._load, stopped=stopped)
        with single_threaded(), ThreadPoolExecutor(self.workers) as pool:
            try:
                window = load_window(pool, items, load, 2 * self.workers)
                while window:
                    inputs = {
                        (i, k): x for i, (_, own) in enumerate(window) for k, x in enumerate(own)
                    }
                    batches = self.batches({key: x.nbytes for key, x in inputs.items()})
                    futures = [pool.submit(self.infer, [inputs[i] for i in b]) for b in batches]
                    # queued behind the batches of this window
                    ahead = load_window(pool, items, load, 2 * self.workers)
                    readings = {}
                    for batch, future in zip(batches, futures, strict=True):
                        readings |= zip(batch, result_of(future, len(batch)), strict=True)
                    notes = {}
                    if noted:
                        notes = window_notes(
                            pool, self.workers, self.infer_best_path, inputs, readings
                        )
                    for i, (answer, own) in enumerate(window):
                        keys = [(i, k) for k in range(len(own))]
                        found = [readings[key] for key in keys]
                        yield with_readings(answer, found, [notes.get(key, ()) for key in keys])
                    after_window()
                    window = ahead
            finally:
                stopped.set()  # or the pool would wait for the end of a long video
                pool.shutdown(wait=False, cancel_futures=True)  # or for a whole window

    def _load(self, item: str | Item, stopped: threading.Event) -> Loaded:
        if isinstance(item, str):
            item = Item(item, partial(self.load, item, stopped))
        return load_item(item, self.check_length)

    def check_length(self, inputs: np.ndarray | str, name: str) -> np.ndarray | Reading | str:
        """The input (T, ...); its reading if it is a line without ink, an error if it is too short
        to be read.
        """
        if isinstance(inputs, str) or self.model.encoder.output_lengths(len(inputs)):
            return inputs
        if not len(inputs) and isinstance(self.bundle.reader, LineReader):
            return self.read_nothing()
        if not len(inputs):
            return f"{name}: empty, there is nothing to read".removeprefix(": ")
        return f"{name}: {len(inputs)} steps are too few to read anything; is it cut off?"

    def load(
        self, path: str, stopped: threading.Event | None = None
    ) -> np.ndarray | Clip | PageLines | Answer:
        """Read a file with the bundle's reader; a long video is predicted at once, in chunks.

        stopped: event that aborts it. Raises ValueError or OSError that names the file.
        """
        reader = self.bundle.reader
        if isinstance(reader, LineReader):
            page = self.layout == "auto" and isinstance(path, PagePath)
            return load_input(path, reader, "page" if page else self.layout, self.as_pages)
        if not isinstance(reader, ClipReader):
            return reader.read(path)
        if reader.frames is not None:
            return reader.read_clip(path)
        stream, frames, size = reader.stream(path), [], 0
        for frame in stream:
            frames.append(frame)
            size += frame.pixels.nbytes
            if size > LONG_BYTES:
                return self.read_long(path, chain_and_release(frames, stream), stopped)
        return stack_frames(frames)

    def read_long(
        self, path: str, frames: Iterator[TimedFrame], stopped: threading.Event | None = None
    ) -> Answer:
        """Predict one video in chunks, in nearly constant memory; see `streaming.read_long_video`.

        Raises ValueError for a video too long for a network that needs the whole sequence, and
        InterruptedError once `stopped` is set.
        """
        times, numbers = [], []

        def chunks() -> Iterator[torch.Tensor]:
            with Prefetcher(chunk_frames(frames, BATCH_BYTES), 4) as ahead:
                for chunk in ahead:
                    if stopped is not None and stopped.is_set():
                        raise InterruptedError(f"{path}: stopped while it was read")
                    times.append(chunk.times)
                    numbers.append(chunk.numbers)
                    yield torch.from_numpy(chunk.frames).to(self.device)

        with self.autocast():
            reading = read_long_video(self.model, chunks(), self.decode, path)
        return Answer(path, reading, np.concatenate(times), np.concatenate(numbers))

    def read_nothing(self) -> Reading:
        """The reading of a line without ink: no label, which is certain."""
        logits = torch.zeros(1, 0, len(self.bundle.labels) + 1, device=self.device)
        return self.decode(logits, torch.zeros(1, dtype=torch.int64, device=self.device))[0]

    def batches(self, sizes: dict[Key, int]) -> list[list[Key]]:
        """Partition inputs into batches of keys, given the bytes of each by key."""
        if self.network is self.model:
            return even_batches(sizes, BATCH, BATCH_BYTES)
        return line_batches(sizes, BATCH, self.workers)

    @torch.inference_mode()
    def infer(self, inputs: list[np.ndarray]) -> list[Reading]:
        """Predict one batch of inputs (T_i, ...); confidences are calibrated."""
        return self.decode(*self.logits_of(inputs))

    @torch.inference_mode()
    def infer_best_path(self, inputs: list[np.ndarray]) -> list[Reading]:
        """Predict one batch of inputs (T_i, ...) without the search of a language model."""
        logits, lengths = self.logits_of(inputs)
        return self.model.head.decode(logits.float() / self.temperature, lengths)

    def logits_of(self, inputs: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (B, T, C) or (B, C) of one batch of inputs (T_i, ...), and their lengths (B,)."""
        lengths = torch.tensor([len(x) for x in inputs], device=self.device)
        with self.autocast():
            if len(inputs) == 1 and inputs[0].ndim == 4:
                size = chunk_length(inputs[0][0].nbytes, BATCH_BYTES)
                frames = torch.from_numpy(inputs[0]).to(self.device)
                bounded = isinstance(self.model.head, SequenceClassificationHead)
                return read_whole(self.model, frames.split(size), bounded=bounded)
            batch = torch.from_numpy(pad(inputs, 0)).to(self.device)
            return self.network(batch, lengths)

    def autocast(self) -> torch.autocast:
        """Autocast to bfloat16 if this machine multiplies it natively, else without effect."""
        reduced = self.precision != torch.float32
        return torch.autocast(self.device.type, self.precision, enabled=reduced)

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list[Reading]:
        """Decode logits (B, ...) to readings with calibrated confidences, in logical order."""
        readings = self.decode_in_network_order(logits, lengths)
        return logical_readings(readings, self.bundle.labels, self.bundle.reader)

    def decode_in_network_order(self, logits: torch.Tensor, lengths: torch.Tensor) -> list[Reading]:
        """The same with the characters of a string as the network emits them; by the search."""
        raw = logits.float()
        check_numbers(raw)
        logits = raw / self.temperature
        readings = self.model.head.decode(logits, lengths)
        if self.bundle.decoder is not None:
            readings = self.bundle.decoder.decode(logits, lengths, readings)
        if not self.bundle.calibration.strings:
            return readings
        return with_string_probabilities(raw, lengths, readings)  # it was fitted on raw logits


def check_numbers(logits: torch.Tensor) -> None:
    """Raise ValueError if a network gives nan: there is nothing to decode, and no confidence."""
    if logits.isnan().any():
        raise ValueError(
            "the network's output is not a number (nan): its weights are damaged, or it diverged "
            "in training; train it again, or copy the bundle again"
        )


def result_of(future: Future, count: int) -> list[Reading | str]:
    """The readings of a batch of `count` items, or the error message for each of them."""
    try:
        return future.result()
    except ValueError as error:
        return [str(error)] * count


def answer_record(recognizer: Recognizer, answer: Answer) -> dict:
    """The record of an answer: its input, and the error or the reading with its alternatives."""
    if isinstance(answer.reading, str):
        return {"input": answer.name, "error": answer.reading}
    bundle, accepted_from = recognizer.bundle, recognizer.accepted_from
    if isinstance(answer.reading, PageReading):
        return {"input": answer.name} | page_record(bundle, answer.reading, accepted_from)
    record = reading_record(bundle, *answer[1:4], accepted_from=accepted_from)
    record = record if recognizer.layout != "auto" else {"layout": "line"} | record
    record |= alternatives_record(answer.reading, bundle.labels)
    return {"input": answer.name} | record | notes_record(record, answer.notes)


def has_native_bfloat16(device: str) -> bool:
    """Whether a device multiplies bfloat16 natively; a CPU without it is faster in float32."""
    return device == "cuda" or (
        torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def load_recognizer(name: str) -> Recognizer:
    """A Recognizer for a bundle given by its path or its name in models/zoo."""
    return Recognizer(load_bundle(name))
