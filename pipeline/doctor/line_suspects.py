"""Labels that a model doubts: forced against its own reading, beside other labels, and turned."""

from collections.abc import Iterator, Sequence
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

from ..reading.prediction import Recognizer
from ..reading.threads import one_thread_an_operation
from ..scoring.readings import text_of
from .line_checks import Finding, composed
from .line_files import ListedLine
from .line_ink import LineInk

WINDOW = 512  # images in memory at once
SUSPECT = 0.3  # nats a character that the model's own reading is likelier than the label
SURE = 0.8  # mean confidence of a reading from which on a suspect label is left out
WRONG = 1.0  # and its nats a character
MISREAD = 0.45  # share of a line's characters read otherwise: it may be swapped, or turned
FITS = 0.35  # share read otherwise, at the most, of a text that fits an image
TURNS = {"on its side": (1, 3), "upside down": (2,)}  # quarters counterclockwise
BLOCK = 256  # misread lines whose distances to all texts are in memory at once
FEWEST_COLUMNS = 16  # of what is read: narrower images get more paper


class Reading(NamedTuple):
    """What a model makes of one line.

    margin: nats a character by which its reading is likelier than the label; inf for a label that
    does not fit. sure: mean confidence of the reading's characters.
    """

    text: str
    margin: float
    sure: float


class LabelScorer:
    """A line reader that forces labels on images. Raises ValueError for a model of other things."""

    def __init__(self, recognizer: Recognizer):
        bundle = recognizer.bundle
        if not (
            isinstance(bundle.reader, LineReader)
            and isinstance(recognizer.model.head, CTCHead)
            and all(len(label) == 1 for label in bundle.labels)
        ):
            raise ValueError("--model: this bundle reads no lines; give one such as lines-en")
        self.recognizer, self.reader, self.labels = recognizer, bundle.reader, bundle.labels
        self.ids = {label: place for place, label in enumerate(self.labels)}

    def steps(self, columns: int) -> int:
        """That the model's encoder leaves of so many columns."""
        return int(self.recognizer.model.encoder.output_lengths(columns))

    def read(
        self, lines: Sequence[ListedLine], turns: Sequence[int] | None = None
    ) -> list[Reading]:
        """N lines whose images can be read, each turned by so many quarters."""
        quarters = turns if turns is not None else [0] * len(lines)
        rows = iter(track(zip(lines, quarters, strict=True), "reading", len(lines)))
        found: list[Reading] = []
        with one_thread_an_operation():
            while window := list(islice(rows, WINDOW)):
                images = {i: self.load(*row) for i, row in enumerate(window)}
                read: dict[int, Reading] = {}
                for batch in self.recognizer.batches({i: x.nbytes for i, x in images.items()}):
                    texts = [composed(window[i][0]) for i in batch]
                    judged = self.judge([images[i] for i in batch], texts)
                    read |= zip(batch, judged, strict=True)
                found += [read[i] for i in range(len(window))]
        return found

    def load(self, line: ListedLine, quarters: int) -> np.ndarray:
        """Columns (T, 1, H) of an image turned by so many quarters."""
        image = np.ascontiguousarray(np.rot90(load_line(line.path), quarters))
        columns = self.reader.prepare(image, line.path)
        lacking = max(0, FEWEST_COLUMNS - len(columns))
        return np.pad(columns, ((0, lacking), (0, 0), (0, 0)), constant_values=255)

    @torch.inference_mode()
    def judge(self, images: Sequence[np.ndarray], texts: Sequence[str]) -> list[Reading]:
        """One batch of columns (T_i, 1, H) and their labels; unknown characters are passed over."""
        reader = self.recognizer
        lengths = torch.tensor([len(image) for image in images], device=reader.device)
        with reader.autocast():
            batch = torch.from_numpy(pad(list(images), 0)).to(reader.device)
            logits, left = reader.network(batch, lengths)
        logits = logits.float() / reader.temperature
        readings = reader.model.head.decode(logits, left)
        labels = [[self.ids[c] for c in text if c in self.ids] for text in texts]
        forced = self.losses(logits, left, labels)
        free = self.losses(logits, left, [reading.ids for reading in readings])
        longest = [max(len(a), len(r.ids), 1) for a, r in zip(labels, readings, strict=True)]
        margins = (forced - free) / torch.tensor(longest)
        return [
            Reading(
                text_of(reading, self.labels),
                float(margin),
                float(np.mean(reading.confidences)) if reading.ids else 0.0,
            )
            for reading, margin in zip(readings, margins, strict=True)
        ]

    def losses(
        self, logits: torch.Tensor, lengths: torch.Tensor, ids: Sequence[Sequence[int]]
    ) -> torch.Tensor:
        """(B,) -log p of each string; inf for one that does not fit."""
        counts = torch.tensor([len(one) for one in ids])
        flat = torch.tensor([i for one in ids for i in one], dtype=torch.long)
        blank = self.recognizer.model.head.blank
        logs = logits.log_softmax(2).transpose(0, 1).cpu()
        return ctc_loss(logs, flat, lengths.cpu(), counts, blank, reduction="none")


def suspect_findings(lines: Sequence[ListedLine], readings: Sequence[Reading]) -> Iterator[Finding]:
    """Labels that have another line's text, then those that the model doubts, worst first."""
    swapped = dict(swaps(lines, readings))
    order = sorted(range(len(lines)), key=lambda place: -readings[place].margin)
    for place in order:
        line, reading = lines[place], readings[place]
        if place in swapped:
            other = lines[swapped[place]]
            told = f"the image reads as the text of {other.name}"
            yield Finding("swapped", line, told, True, other, reading.text, reading.margin)
        elif SUSPECT <= reading.margin < np.inf and reading.text != line.text:
            told = f"the reading is likelier by {reading.margin:.2f} nats a character"
            leave_out = reading.margin >= WRONG and reading.sure >= SURE
            yield Finding("suspect", line, told, leave_out, None, reading.text, reading.margin)


def misread(lines: Sequence[ListedLine], readings: Sequence[Reading]) -> list[int]:
    """Places of lines that are read as something else than their label."""
    return [
        place
        for place, (line, reading) in enumerate(zip(lines, readings, strict=True))
        if Levenshtein.normalized_distance(reading.text, composed(line)) >= MISREAD
    ]


def swaps(lines: Sequence[ListedLine], readings: Sequence[Reading]) -> Iterator[tuple[int, int]]:
    """(place, place of the line whose text it should have) of misread lines."""
    texts = [composed(line) for line in lines]
    wrong = [place for place in misread(lines, readings) if len(readings[place].text) > 2]
    for start in range(0, len(wrong), BLOCK):
        block = wrong[start : start + BLOCK]
        said = [readings[place].text for place in block]
        distances = cdist(said, texts, scorer=Levenshtein.normalized_distance, score_cutoff=FITS)
        for place, row, best in zip(block, distances, distances.argmin(1).tolist(), strict=True):
            if row[best] <= FITS:
                yield place, best


def turned_findings(
    judge: LabelScorer,
    lines: Sequence[ListedLine],
    readings: Sequence[Reading],
    pictures: Sequence[LineInk],
    also: set[int],
) -> Iterator[tuple[int, Finding]]:
    """(place, finding) of N lines whose label fits them better once they are turned.

    By 90 degrees only those higher than wide.

    also: places to try although the model reads them well enough.
    """
    doubted = sorted({*misread(lines, readings), *also})
    best: dict[int, tuple[float, str, str]] = {}
    for kind, quarters in TURNS.items():
        tried = [
            place
            for place in doubted
            if kind == "upside down" or pictures[place].height > pictures[place].width
        ]
        for quarter in quarters:
            again = judge.read([lines[place] for place in tried], [quarter] * len(tried))
            for place, turned in zip(tried, again, strict=True):
                far = Levenshtein.normalized_distance(turned.text, composed(lines[place]))
                best[place] = min(best.get(place, (1.0, "", "")), (far, kind, turned.text))
    for place, (far, kind, text) in best.items():
        upright = Levenshtein.normalized_distance(readings[place].text, composed(lines[place]))
        if far <= FITS and far < 0.6 * upright:
            told = "turned, it reads as its label"
            yield place, Finding(kind, lines[place], told, True, None, text, 1 - far)
