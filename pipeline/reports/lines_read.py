"""Labelled lines as one bundle read them: what every section of the report is made of."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.lines.reader import load_line
from models.heads.labels import Text

from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, Tally


class LinesRead(NamedTuple):
    """N labelled lines as one bundle read them.

    name: the bundle's. items: the lines' images. truths, said: as they were compared. confidences:
    (N,) that each line is right as a whole. failed: place -> why a line could not be read; it is ""
    in said, with confidence 0. tally: of cer, wer and exact. unscored: what has no transcript.
    compared: how texts were made comparable.
    """

    name: str
    recognizer: Recognizer
    items: list[str]
    groups: list[str]
    truths: list[str]
    said: list[str]
    readings: list[Text]
    confidences: np.ndarray
    failed: dict[int, str]
    tally: Tally
    unscored: list[str]
    compared: Normalization

    @property
    def edits(self) -> np.ndarray:
        """(N,) of each line."""
        return self.tally.counts["cer"][0][:, 0]

    @property
    def lengths(self) -> np.ndarray:
        """(N,) code points of each transcript."""
        return self.tally.counts["cer"][1][:, 0]

    @property
    def hits(self) -> np.ndarray:
        """(N,) bool: lines without any error."""
        return self.tally.counts["exact"][0][:, 0] > 0

    @property
    def read(self) -> np.ndarray:
        """(N,) bool: lines that could be read."""
        return np.array([i not in self.failed for i in range(len(self.items))], bool)

    def title(self, place: int) -> str:
        return Path(self.items[place]).name

    def image(self, place: int) -> np.ndarray:
        """Grey (H, W). Raises OSError or ValueError naming the file."""
        return load_line(self.items[place])
