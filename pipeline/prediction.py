"""A bundle at work: items in, one record each out, in order. No Lightning here: it starts fast."""

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

import numpy as np
import torch

from datasets.batch import pad
from models.heads import Label, StepLabels, Text

from .bundle import Bundle, load_bundle
from .scoring import segments, text_of

# items read ahead and sorted by length: enough for even batches, and a bound on the memory
WINDOW = 1024
BATCH = 32
# columns, frames or words in a batch at the most, padding included: more no longer fits the cache
BATCH_STEPS = 4_000


class Recognizer:
    """Reads items (paths, texts) with a bundle on a GPU if there is one.

    Where a CPU multiplies bfloat16 natively the network runs in it (twice as fast), else in
    float32.
    """

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = bundle.model.to(self.device).eval()
        for module in self.model.modules():
            if hasattr(module, "fold_norm"):
                module.fold_norm()
        native = self.device.type == "cuda" or (
            torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        self.precision = torch.bfloat16 if native else torch.float32
        self.workers = torch.get_num_threads() if self.device.type == "cpu" else 2

    def predict(self, items: Iterable[str]) -> Iterator[dict]:
        """A record for each item, in order: what was read and `confidence`, or `error`."""
        for item, reading in self.read(items):
            yield {"input": item} | (
                {"error": reading} if isinstance(reading, str) else self.record(reading)
            )

    def read(self, items: Iterable[str]) -> Iterator[tuple[str, Text | Label | StepLabels | str]]:
        """(item, its reading, or the reason why there is none as a string), in order."""
        items = iter(items)
        with one_thread_an_operation(), ThreadPoolExecutor(self.workers) as pool:
            ahead = self._load(pool, items)
            while ahead:
                window = [(item, future.result()) for item, future in ahead]
                inputs = {i: x for i, (_, x) in enumerate(window) if isinstance(x, np.ndarray)}
                batches = list(even_batches({i: len(x) for i, x in inputs.items()}))
                computed = [pool.submit(self.infer, [inputs[i] for i in b]) for b in batches]
                ahead = self._load(pool, items)  # queued behind this window's batches
                readings = {}
                for batch, future in zip(batches, computed, strict=True):
                    readings |= zip(batch, future.result(), strict=True)
                for place, (item, loaded) in enumerate(window):
                    yield item, readings.get(place, loaded)

    def _load(self, pool: ThreadPoolExecutor, items: Iterator[str]) -> list:
        return [(item, pool.submit(self._read_one, item)) for item in islice(items, WINDOW)]

    def _read_one(self, item: str) -> np.ndarray | str:
        try:
            loaded = self.bundle.reader.read(item)
            if len(loaded) and not self.model.encoder.output_lengths(len(loaded)):
                return f"{item}: {len(loaded)} steps are too few to read anything; is it cut off?"
            return loaded
        except FileNotFoundError:
            return f"{item}: no such file"
        except (OSError, ValueError) as error:
            return str(error)

    @torch.inference_mode()
    def infer(self, inputs: list[np.ndarray]) -> list[Text | Label | StepLabels]:
        """One batch of inputs (T_i, ...) -> their readings."""
        batch = torch.from_numpy(pad(inputs, 0)).to(self.device)
        lengths = torch.tensor([len(x) for x in inputs], device=self.device)
        reduced = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=reduced):
            logits, lengths = self.model(batch, lengths)
        return self.model.head.decode(logits, lengths)

    def record(self, reading: Text | Label | StepLabels) -> dict:
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


def even_batches(lengths: dict[int, int]) -> Iterator[list[int]]:
    """Lengths by place -> batches of places of like length, the longest first."""
    order = sorted(lengths, key=lengths.__getitem__)
    while order:
        size = max(1, min(BATCH, BATCH_STEPS // max(1, lengths[order[-1]])))
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
