"""LinesRead: labelled lines with one bundle's readings, from which the line report is made."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.lines.reader import load_line
from models.heads.labels import Text

from ..reading.items import Item
from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, Tally


class LinesRead(NamedTuple):
    """N labelled lines with one bundle's readings.

    name: of the bundle. items: the image files, or lines that have none. references, predictions:
    the normalized texts.
    confidences: (N,) probabilities that the whole line is right. failed: index -> why a line could
    not be read; its prediction is "", its confidence 0. tally: of cer, wer and exact. unscored:
    lines without a transcript. normalization: how texts were made comparable.
    """

    name: str
    recognizer: Recognizer
    items: list[str | Item]
    groups: list[str]
    references: list[str]
    predictions: list[str]
    readings: list[Text]
    confidences: np.ndarray
    failed: dict[int, str]
    tally: Tally
    unscored: list[str]
    normalization: Normalization

    @property
    def edits(self) -> np.ndarray:
        """(N,) edits of each line."""
        return self.tally.counts["cer"][0][:, 0]

    @property
    def lengths(self) -> np.ndarray:
        """(N,) code points of each transcript."""
        return self.tally.counts["cer"][1][:, 0]

    @property
    def correct(self) -> np.ndarray:
        """(N,) bool: lines without any error."""
        return self.tally.counts["exact"][0][:, 0] > 0

    @property
    def readable(self) -> np.ndarray:
        """(N,) bool: lines that could be read."""
        return np.array([i not in self.failed for i in range(len(self.items))], bool)

    def title(self, index: int) -> str:
        """The file name of a line's image."""
        item = self.items[index]
        return item.name if isinstance(item, Item) else Path(item).name

    def image(self, index: int) -> np.ndarray:
        """Grey (H, W). Raises OSError or ValueError naming the file."""
        item = self.items[index]
        if isinstance(item, Item):
            return item.load()[:, 0].T
        return load_line(item, self.recognizer.bundle.reader.crop)
