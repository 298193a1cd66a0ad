"""An image file of one text line -> the columns that a model reads."""

from pathlib import Path

import cv2
import numpy as np

from ..source import Reader

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


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
        return self.prepare(load_grey(item), item)

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


def load_grey(path: str) -> np.ndarray:
    """Any image file -> grey (H, W) uint8; 16 bits are scaled down, transparency is laid on white.

    A line of a page or a database (page.xml#line, FOLDER#image-000000001) is cut out or looked up.
    Raises OSError for a file that is missing or empty, ValueError for one that is no image.
    """
    if "#" in path and not Path(path).exists():
        from .containers import load_part  # most lines are files: reading starts without it

        part = load_part(path)
        if part is not None:
            return part
    return decode_grey(Path(path).read_bytes(), path)


def decode_grey(data: bytes, path: str) -> np.ndarray:
    """An encoded image -> grey (H, W) uint8. Raises OSError if empty, ValueError if no image."""
    if not data:
        raise OSError(f"{path}: the file is empty (0 bytes); copy it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(
            f"{path}: cannot be decoded as an image ({error.err}); convert it"
        ) from error
    if image is None:
        raise ValueError(f"{path}: not an image, or damaged ({len(data)} bytes); convert it to PNG")
    return to_grey(image, path)


def to_grey(image: np.ndarray, name: str) -> np.ndarray:
    """(H, W) or (H, W, 1 | 3 | 4) BGR(A), 8 or 16 bits -> (H, W) uint8."""
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(f"{name}: pixels of type {image.dtype}; convert the image to 8 or 16 bits")
    if image.ndim == 2:
        return image
    channels = image.shape[2]
    if channels in (2, 4):  # grey or colour with transparency
        alpha = image[..., -1:].astype(np.uint16)
        image = ((image[..., :-1] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.shape[2] == 3 else image[..., 0]
