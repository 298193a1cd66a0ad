"""A bundle at work: items in, one record each out, in order. No Lightning here: it starts fast."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from datasets.batch import pad
from models.heads import Label, StepLabels, Text

from .bundle import Bundle, load_bundle
from .scoring import segments, text_of

# read ahead and sorted by length, whichever is reached first: enough for even batches, and a bound
# on the memory
WINDOW = 1024  # items
WINDOW_BYTES = 256_000_000  # of their inputs
BATCH = 32
# of a batch's inputs at the most, padding included: more no longer fits the cache
BATCH_BYTES = 160_000


class Item(NamedTuple):
    """Something to read that is called otherwise than it is read: the row of a table, a text.

    name: what its record calls it. load: gives its input (T, ...), or raises ValueError or OSError.
    """

    name: str
    load: Callable[[], np.ndarray]


Reading = Text | Label | StepLabels


class Recognizer:
    """Reads items (paths, texts) with a bundle on a GPU if there is one.

    Where a CPU multiplies bfloat16 natively the network runs in it (twice as fast), else in
    float32.
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.temperature = bundle.calibration.temperature
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = bundle.model.to(self.device).eval()
        for module in self.model.modules():
            if hasattr(module, "fold_norm"):
                module.fold_norm()
        native = multiplies_bfloat16(self.device.type)
        self.precision = torch.bfloat16 if native else torch.float32
        self.workers = torch.get_num_threads() if self.device.type == "cpu" else 2

    def predict(self, items: Iterable[str | Item]) -> Iterator[dict]:
        """A record for each item, in order: what was read and `confidence`, or `error`."""
        for name, reading in self.read(items):
            yield {"input": name} | (
                {"error": reading} if isinstance(reading, str) else self.record(reading)
            )

    def read(self, items: Iterable[str | Item]) -> Iterator[tuple[str, Reading | str]]:
        """(item's name, its reading, or the reason why there is none as a string), in order."""
        items = iter(items)
        with one_thread_an_operation(), ThreadPoolExecutor(self.workers) as pool:
            window = self._load(pool, items)
            while window:
                inputs = {i: x for i, (_, x) in enumerate(window) if isinstance(x, np.ndarray)}
                batches = list(even_batches({i: x.nbytes for i, x in inputs.items()}))
                computed = [pool.submit(self.infer, [inputs[i] for i in b]) for b in batches]
                ahead = self._load(pool, items)  # queued behind this window's batches
                readings = {}
                for batch, future in zip(batches, computed, strict=True):
                    readings |= zip(batch, future.result(), strict=True)
                for place, (name, loaded) in enumerate(window):
                    yield name, readings.get(place, loaded)
                window = ahead

    def _load(self, pool: ThreadPoolExecutor, items: Iterator[str | Item]) -> list[tuple]:
        """The next items, up to either bound -> (name, input, or why there is none)."""
        loaded, waiting, size = [], deque(), 0
        for item in islice(items, WINDOW):
            if isinstance(item, str):
                item = Item(item, partial(self.bundle.reader.read, item))
            waiting.append((item.name, pool.submit(self._load_one, item)))
            if len(waiting) > 2 * self.workers:  # these may pass the bound, no more
                name, future = waiting.popleft()
                loaded.append((name, future.result()))
                size += getattr(loaded[-1][1], "nbytes", 0)
                if size >= WINDOW_BYTES:
                    break
        return loaded + [(name, future.result()) for name, future in waiting]

    def _load_one(self, item: Item) -> np.ndarray | str:
        name = item.name
        try:
            loaded = item.load()
        except FileNotFoundError:
            return f"{name}: no such file"
        except (OSError, ValueError) as error:
            return str(error)
        if not len(loaded):
            return f"{name}: empty, there is nothing to read".removeprefix(": ")
        if not self.model.encoder.output_lengths(len(loaded)):
            return f"{name}: {len(loaded)} steps are too few to read anything; is it cut off?"
        return loaded

    @torch.inference_mode()
    def infer(self, inputs: list[np.ndarray]) -> list[Reading]:
        """One batch of inputs (T_i, ...) -> their readings, with calibrated confidences."""
        batch = torch.from_numpy(pad(inputs, 0)).to(self.device)
        lengths = torch.tensor([len(x) for x in inputs], device=self.device)
        reduced = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=reduced):
            logits, lengths = self.model(batch, lengths)
        return self.model.head.decode(logits.float() / self.temperature, lengths)

    def record(self, reading: Reading) -> dict:
        """What a user wants to know of a reading."""
        labels = self.bundle.labels
        if isinstance(reading, Text):
            # that each character is right; the probability of the one best path says far less, for
            # every step between two characters lowers it
            sure = math.prod(reading.confidences) if reading.ids else reading.confidence
            return {"text": text_of(reading, labels), "confidence": round(sure, 4)}
        if isinstance(reading, Label):
            return {"label": labels[reading.id], "confidence": round(reading.confidence, 4)}
        runs = [
            {"start": start, "end": end, "label": label, "confidence": round(sure, 4)}
            for start, end, label, sure in segments(reading, labels)
        ]
        mean = float(np.mean(reading.confidences)) if reading.confidences else 0.0
        return {"segments": runs, "confidence": round(mean, 4)}


def multiplies_bfloat16(device: str) -> bool:
    """Without instructions of its own for it, a CPU is slower in bfloat16 than in float32."""
    return device == "cuda" or (
        torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def even_batches(sizes: dict[int, int]) -> Iterator[list[int]]:
    """Bytes of each input, by place -> batches of places of like size, the longest first."""
    order = sorted(sizes, key=sizes.__getitem__)
    while order:
        size = max(1, min(BATCH, BATCH_BYTES // sizes[order[-1]]))
        order, batch = order[:-size], order[-size:]
        yield batch


@contextmanager
def one_thread_an_operation() -> Iterator[None]:
    """Several batches at once, each on one core, are faster than one batch on all cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load_recognizer(name: str) -> Recognizer:
    """A bundle by path or by the name it has in models/zoo, ready to read."""
    return Recognizer(load_bundle(name))
