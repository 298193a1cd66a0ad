"""Detection of wrong labels with a model: doubtful, swapped, and of images that are turned."""

from collections.abc import Container, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from torch.nn.functional import ctc_loss

from datasets.batch import pad
from datasets.lines.reader import LineReader, load_line
from datasets.progress import track
from models import CTCHead

from ..reading.order import logical_readings, network_texts
from ..reading.prediction import Recognizer
from ..reading.threads import single_threaded
from ..scoring.readings import text_of
from .line_checks import Finding, composed
from .line_files import ListedLine
from .line_ink import LineInk

WINDOW = 512  # images in memory at once
SUSPECT = 0.3  # margin (nats per character) from which a label is suspect
CONFIDENT = 0.8  # mean confidence of the reading from which a suspect label may be left out
WRONG = 1.0  # margin from which such a label is left out
MISREAD = 0.45  # normalized edit distance from which a label may be swapped or the image turned
FITS = 0.35  # largest normalized edit distance between an image's reading and a text that fits it
TURNS = {"on its side": (1, 3), "upside down": (2,)}  # quarter turns, counterclockwise
BLOCK = 256  # misread lines whose distances to all texts are in memory at once
MIN_COLUMNS = 16  # narrower images are padded with paper


class ScoredReading(NamedTuple):
    """What a model reads in one line.

    margin: log likelihood ratio of the reading to the label, in nats per character; inf for a label
    that is too long for the image. confidence: mean over the characters of the reading.
    """

    text: str
    margin: float
    confidence: float


class LabelScorer:
    """Scores labels by the CTC loss of a line reader.

    Raises ValueError for a model that does not read lines.
    """

    def __init__(self, recognizer: Recognizer):
        bundle = recognizer.bundle
        if not (
            isinstance(bundle.reader, LineReader)
            and isinstance(recognizer.model.head, CTCHead)
            and all(len(label) == 1 for label in bundle.labels)
        ):
            raise ValueError("--model: this bundle reads no lines; give one such as lines-en")
        self.recognizer, self.reader, self.labels = recognizer, bundle.reader, bundle.labels
        self.ids = {label: index for index, label in enumerate(self.labels)}

    def steps(self, columns: int) -> int:
        """Return the number of steps that the encoder makes of so many columns."""
        return int(self.recognizer.model.encoder.output_lengths(columns))

    def read(
        self, lines: Sequence[ListedLine], turns: Sequence[int] | None = None
    ) -> list[ScoredReading]:
        """Read N lines, whose images must be readable, and score their labels.

        turns: quarter turns, counterclockwise, of each image; default 0.
        """
        quarters = turns if turns is not None else [0] * len(lines)
        rows = iter(track(zip(lines, quarters, strict=True), "reading", len(lines)))
        readings: list[ScoredReading] = []
        with single_threaded():
            while window := list(islice(rows, WINDOW)):
                images = [self.load(*row) for row in window]
                scored: dict[int, ScoredReading] = {}
                sizes = {index: image.nbytes for index, image in enumerate(images)}
                for batch in self.recognizer.batches(sizes):
                    texts = [composed(window[i][0]) for i in batch]
                    batch_readings = self.score_batch([images[i] for i in batch], texts)
                    scored |= zip(batch, batch_readings, strict=True)
                readings += [scored[i] for i in range(len(window))]
        return readings

    def load(self, line: ListedLine, quarters: int) -> np.ndarray:
        """Return the columns (T, 1, H) of an image after so many quarter turns."""
        image = np.ascontiguousarray(np.rot90(load_line(line.path, self.reader.crop), quarters))
        columns = self.reader.prepare(image, line.path)
        missing = max(0, MIN_COLUMNS - len(columns))
        return np.pad(columns, ((0, missing), (0, 0), (0, 0)), constant_values=255)

    @torch.inference_mode()
    def score_batch(
        self, images: Sequence[np.ndarray], texts: Sequence[str]
    ) -> list[ScoredReading]:
        """Read columns (T_i, 1, H) and score their texts, without characters that have no label."""
        recognizer = self.recognizer
        lengths = torch.tensor([len(image) for image in images], device=recognizer.device)
        with recognizer.autocast():
            batch = torch.from_numpy(pad(list(images), 0)).to(recognizer.device)
            logits, steps = recognizer.network(batch, lengths)
        logits = logits.float() / recognizer.temperature
        outputs = recognizer.model.head.decode(logits, steps)
        emitted = network_texts(texts, self.reader)
        labels = [[self.ids[c] for c in text if c in self.ids] for text in emitted]
        label_loss = self.losses(logits, steps, labels)
        reading_loss = self.losses(logits, steps, [output.ids for output in outputs])
        sizes = [max(len(a), len(b.ids), 1) for a, b in zip(labels, outputs, strict=True)]
        margins = (label_loss - reading_loss) / torch.tensor(sizes)
        return [
            ScoredReading(
                text_of(output, self.labels),
                float(margin),
                float(np.mean(output.confidences)) if output.ids else 0.0,
            )
            for output, margin in zip(
                logical_readings(outputs, self.labels, self.reader), margins, strict=True
            )
        ]

    def losses(
        self, logits: torch.Tensor, lengths: torch.Tensor, ids: Sequence[Sequence[int]]
    ) -> torch.Tensor:
        """Return the CTC loss (B,), -log p, of each string; inf for one that is too long."""
        counts = torch.tensor([len(string) for string in ids])
        flat = torch.tensor([i for string in ids for i in string], dtype=torch.long)
        blank = self.recognizer.model.head.blank
        log_probabilities = logits.log_softmax(2).transpose(0, 1).cpu()
        return ctc_loss(log_probabilities, flat, lengths.cpu(), counts, blank, reduction="none")


def reads_as(line: ListedLine, text: str) -> bool:
    """Whether a reading is the label; of a line of any case, whatever the case of either."""
    fold = str.casefold if line.any_case else str
    return fold(text) == fold(line.text)


def suspect_findings(
    lines: Sequence[ListedLine],
    readings: Sequence[ScoredReading],
    alphabet: Container[str] | None = None,
) -> Iterator[Finding]:
    """Yield swapped labels and labels that the model doubts, by decreasing margin.

    alphabet: characters that the model can read; None for all. Characters outside it are no reason
    to doubt a label, and a label that has some is never to be left out because of a doubt.
    """
    swapped = dict(swaps(lines, readings))
    for index in sorted(range(len(lines)), key=lambda index: -readings[index].margin):
        line, reading = lines[index], readings[index]
        unknown = [c for c in composed(line) if alphabet is not None and c not in alphabet]
        if unknown and not errs_elsewhere(line, reading, len(unknown)):
            continue
        if index in swapped:
            other = lines[swapped[index]]
            reason = f"the image reads as the text of {other.name}"
            yield Finding("swapped", line, reason, True, other, reading.text, reading.margin)
        elif SUSPECT <= reading.margin < np.inf and not reads_as(line, reading.text):
            reason = f"the reading is likelier by {reading.margin:.2f} nats a character"
            certain = reading.margin >= WRONG and reading.confidence >= CONFIDENT
            leave_out = certain and not unknown
            yield Finding("suspect", line, reason, leave_out, None, reading.text, reading.margin)


def errs_elsewhere(line: ListedLine, reading: ScoredReading, unknown: int) -> bool:
    """Return whether a label differs from the reading by more than its unknown characters explain.

    The model may have read each of them as nothing, or as one or two of its own ("--" for a dash).
    """
    return Levenshtein.distance(reading.text, composed(line)) > 2 * unknown


def distance(line: ListedLine, text: str) -> float:
    """Return the edit distance, 0 to 1, of a line's label and a text."""
    return Levenshtein.normalized_distance(text, composed(line))


def misread(lines: Sequence[ListedLine], readings: Sequence[ScoredReading]) -> list[int]:
    """Return the indices of the lines whose readings are far from their labels."""
    pairs = enumerate(zip(lines, readings, strict=True))
    return [index for index, (line, reading) in pairs if distance(line, reading.text) >= MISREAD]


def swaps(
    lines: Sequence[ListedLine], readings: Sequence[ScoredReading]
) -> Iterator[tuple[int, int]]:
    """Yield (index, index of the line whose text it should have) of misread lines."""
    texts = [composed(line) for line in lines]
    candidates = [index for index in misread(lines, readings) if len(readings[index].text) > 2]
    for start in range(0, len(candidates), BLOCK):
        block = candidates[start : start + BLOCK]
        predictions = [readings[index].text for index in block]
        distances = cdist(
            predictions, texts, scorer=Levenshtein.normalized_distance, score_cutoff=FITS
        )
        for index, row in zip(block, distances, strict=True):
            if row.min() <= FITS:
                yield index, int(row.argmin())


def turned_findings(
    scorer: LabelScorer,
    lines: Sequence[ListedLine],
    readings: Sequence[ScoredReading],
    inks: Sequence[LineInk],
    candidates: set[int],
) -> Iterator[Finding]:
    """Yield those of N lines whose label fits their image better once it is turned.

    Misread lines are tried, and the candidates whatever their readings are; quarter turns only of
    images higher than wide.
    """
    doubtful = sorted({*misread(lines, readings), *candidates})
    best: dict[int, tuple[float, str, str]] = {}
    for kind, turns in TURNS.items():
        indices = [i for i in doubtful if kind == "upside down" or inks[i].height > inks[i].width]
        for quarters in turns:
            turned = scorer.read([lines[i] for i in indices], [quarters] * len(indices))
            for index, reading in zip(indices, turned, strict=True):
                result = distance(lines[index], reading.text), kind, reading.text
                best[index] = min(best.get(index, (1.0, "", "")), result)
    for index, (remaining, kind, text) in best.items():
        line = lines[index]
        if remaining <= FITS and remaining < 0.6 * distance(line, readings[index].text):
            reason = "turned, it reads as its label"
            yield Finding(kind, line, reason, True, None, text, 1 - remaining)
