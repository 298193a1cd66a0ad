"""An image file of one text line -> the columns that a model reads."""

from pathlib import Path

import cv2
import numpy as np

from ..images import IMAGE_SUFFIXES, load_grey
from ..source import Reader


class LineReader(Reader):
    """Text-line images, dark ink on light paper, scaled to one height with their proportions kept.

    Args:
        height: pixels high.
        max_width: columns at that height; a wider image is refused, for it is no line or would fill
            the memory.
        stretch: spread the greys so that ink is black and paper white; faded print is read as well
            as fresh.
    """

    suffixes = IMAGE_SUFFIXES

    def __init__(self, height: int = 40, max_width: int = 12000, stretch: bool = True):
        self.height, self.max_width, self.stretch = height, max_width, stretch

    def read(self, item: str) -> np.ndarray:
        """A path -> (W, 1, height) uint8. Raises OSError or ValueError that names the file."""
        return self.prepare(load_line(item), item)

    def width(self, image: np.ndarray, name: str = "image") -> int:
        """Columns of an image (H, W) once it is scaled.

        Raises ValueError if they are none or too many.
        """
        high, wide = image.shape
        columns = round(wide * self.height / high)
        if not 1 <= columns <= self.max_width:
            raise ValueError(
                f"{name}: {wide} x {high} pixels are {columns} columns at height {self.height}, "
                f"allowed are 1 to {self.max_width}; is it one line of text? crop it, "
                "or raise max_width"
            )
        return columns

    def prepare(self, image: np.ndarray, name: str = "image") -> np.ndarray:
        """Grey image (H, W) uint8 -> columns (W', 1, height) uint8."""
        size = (self.width(image, name), self.height)
        shrinks = image.shape[0] > self.height
        scaled = cv2.resize(
            image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        if self.stretch:
            scaled = stretch_contrast(scaled)
        return np.ascontiguousarray(scaled.T[:, None, :])


def stretch_contrast(image: np.ndarray) -> np.ndarray:
    """Grey (H, W) uint8 with the 2nd percentile (ink) at 0 and the 90th (paper) at 255, gained 4
    times at most.
    """
    counts = cv2.calcHist([image], [0], None, [256], [0, 256]).cumsum(dtype=np.float64)
    counts /= image.size
    ink, paper = (int(np.searchsorted(counts, share)) for share in (0.02, 0.9))
    gain = 255.0 / max(paper - ink, 64)
    levels = 255.0 - (paper - np.arange(256)) * gain
    return cv2.LUT(image, np.clip(levels, 0, 255).round().astype(np.uint8))


def load_line(name: str) -> np.ndarray:
    """A line's image as its file has it, grey (H, W) uint8.

    name: an image file; or a line of a page (page.xml#line) or of a database
        (FOLDER#image-000000001), which is cut out or looked up.
    Raises OSError for a file that is missing or empty, ValueError for one that is no image.
    """
    if "#" in name and not Path(name).exists():
        from .containers import (
            load_contained_line,  # most lines are files: reading starts without it
        )

        part = load_contained_line(name)
        if part is not None:
            return part
    return load_grey(name)
