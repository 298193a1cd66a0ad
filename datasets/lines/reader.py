"""`LineReader`: convert the image of one text line into the columns that a model reads."""

from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from ..files import IMAGE_SUFFIXES
from ..images import load_grey
from ..limits.opening import named_errors
from ..pages.crops.modes import Crop
from ..source import Reader
from .bidi import Order
from .normalization.line import NormalLine, normalize_line


class LineReader(Reader):
    """Reads text lines and scales them to one height, keeping the aspect ratio.

    Light on dark is inverted; of image files, wide margins are cut off and a slant is levelled. A
    line without ink has no columns: there is nothing to read in it.

    Args:
        height: height in pixels.
        max_width: maximum number of columns at that height; a wider image is refused, since it is
            not one line or would fill the memory.
        stretch: stretch the contrast so that ink is black and paper white, which makes faded print
            look like fresh print.
        order: in which the network emits the characters of a line: `visual` from left to right, as
            they stand in the image, `logical` as they are read. The same but for right-to-left
            scripts; bundles of older versions are `logical`.
        crop: the shape by which a line of a PAGE or ALTO file is cut out of its page; `auto` is the
            polygon, or the baseline if the polygon cuts through letters.
    """

    suffixes = IMAGE_SUFFIXES

    def __init__(
        self,
        height: int = 40,
        max_width: int = 12000,
        stretch: bool = True,
        order: Order = "logical",
        crop: Crop = "auto",
    ):
        for name, given, known in (("order", order, Order), ("crop", crop, Crop)):
            if given not in get_args(known):
                raise ValueError(f"LineReader: {name}={given!r}; choose one of {get_args(known)}")
        self.height, self.max_width, self.stretch = height, max_width, stretch
        self.order, self.crop = order, crop

    def read(self, item: str) -> np.ndarray:
        """Return the columns (W, 1, height) uint8 of an image file, (0, 1, height) without ink.

        Raises OSError or ValueError that names the file.
        """
        return self.columns(load_normal_line(item, self.crop), item)

    def read_image(self, image: np.ndarray, name: str = "image", cut: bool = False) -> np.ndarray:
        """Return the columns of a line's grey image (H, W) uint8 as `read` does those of a file.

        cut: see `normalize_line`.
        """
        return self.columns(normalize_line(image, cut), name)

    def columns(self, line: NormalLine, name: str = "image") -> np.ndarray:
        """Return the columns (W, 1, height) uint8 of a line, (0, 1, height) of a blank one."""
        columns = self.prepare(line.image, name)
        return columns[:0] if line.blank else columns

    def width(self, image: np.ndarray, name: str = "image") -> int:
        """Return the number of columns of an image (H, W) after scaling.

        Raises ValueError if it is 0 or above `max_width`.
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
        """Scale a grey image (H, W) uint8 to columns (W', 1, height) uint8."""
        size = (self.width(image, name), self.height)
        method = cv2.INTER_AREA if image.shape[0] > self.height else cv2.INTER_LINEAR
        scaled = cv2.resize(image, size, interpolation=method)
        if self.stretch:
            scaled = stretch_contrast(scaled)
        return np.ascontiguousarray(scaled.T[:, None, :])


def stretch_contrast(image: np.ndarray) -> np.ndarray:
    """Stretch the grey levels of (H, W) uint8 linearly, with a gain of at most 4.

    The 2nd percentile (ink) is mapped to 0 and the 90th (paper) to 255.
    """
    cumulative = cv2.calcHist([image], [0], None, [256], [0, 256]).cumsum(dtype=np.float64)
    cumulative /= image.size
    ink, paper = (int(np.searchsorted(cumulative, share)) for share in (0.02, 0.9))
    gain = 255.0 / max(paper - ink, 64)
    levels = 255.0 - (paper - np.arange(256)) * gain
    return cv2.LUT(image, np.clip(levels, 0, 255).round().astype(np.uint8))


def load_line(name: str, crop: Crop = "auto") -> np.ndarray:
    """Load the image of a line, grey (H, W) uint8, dark on light, as `normalize_line` leaves it.

    name: an image file, a line of a page (page.xml#line), which is cut out, or a record of an LMDB
        (FOLDER#image-000000001). crop: the shape by which a line of a page is cut out.
    Raises OSError if the file is missing or empty, ValueError if it is not an image.
    """
    return load_normal_line(name, crop).image


def load_normal_line(name: str, crop: Crop = "auto") -> NormalLine:
    """Load a line as `load_line` does, and say whether it is blank."""
    with named_errors(name):
        if "#" in name and not Path(name).exists():
            from .containers import load_contained_line  # lazy: most lines are files

            image, cut = load_contained_line(name, crop)
            if image is not None:
                return normalize_line(image, cut)
        return normalize_line(load_grey(name))
