"""Lines pressed into one width, as many recognizers do: only to measure what that costs."""

import cv2
import numpy as np

from datasets import Source
from datasets.batch import Sample
from datasets.source import SequenceDataset, Split


class SqueezedDataset(SequenceDataset):
    """The same lines, every one `columns` wide."""

    def __init__(self, lines: SequenceDataset, columns: int):
        self.lines, self.columns = lines, columns
        self.names, self.groups = lines.names, lines.groups
        self.sizes = np.full(len(lines), columns)

    @property
    def augmentation(self):
        return self.lines.augmentation

    @augmentation.setter
    def augmentation(self, value) -> None:
        self.lines.augmentation = value

    @property
    def epoch(self) -> int:
        return self.lines.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self.lines.epoch = value

    def read(self, index: int) -> Sample:
        inputs, target = self.lines.read(index)
        image = inputs[:, 0]  # (W, H)
        way = cv2.INTER_AREA if len(image) > self.columns else cv2.INTER_LINEAR
        pressed = cv2.resize(image, (image.shape[1], self.columns), interpolation=way)
        return Sample(pressed[:, None], target)


class Squeezed(Source):
    """Another source's lines, every one pressed or stretched into as many columns.

    The reader is that source's: a bundle trained here only reads what this source gives.

    Args:
        source: of lines.
        columns: pixels wide.
    """

    def __init__(self, source: Source, columns: int = 512):
        self.source, self.columns = source, columns
        self.labels, self.input_size, self.reader = source.labels, source.input_size, source.reader
        self.problems = source.problems

    def split(self, name: Split) -> SqueezedDataset:
        return SqueezedDataset(self.source.split(name), self.columns)
