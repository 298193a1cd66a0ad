"""Measurements of a text line image: amount and distribution of ink, thumbnail, hash."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from datasets.limits.opening import read_bytes
from datasets.lines.containers import share_cut_off
from datasets.lines.ink import HEIGHT, find_ink, share_of_two_bands
from datasets.lines.reader import LineReader, load_line

MAX_COLUMNS = 4000  # of the scaled image: longer lines are squeezed
ZONES = 24  # rows of the profile of the ink over its height
THUMBNAIL = (16, 96)  # rows and columns
# what a complete file ends with, by what it begins with
ENDS = {b"\x89PNG": b"IEND", b"\xff\xd8\xff": b"\xff\xd9"}


class LineInk(NamedTuple):
    """Measurements of an image.

    height, width: pixels of the file. strokes: columns with ink, in heights of the image. marks:
    connected components of ink as large as a letter. two_bands: share of the line's parts that show
    two bands. zones: (ZONES,) mean ink of each row over the ink's height, summing to 1, or zeros.
    thumbnail: (16 * 96,) pixels with mean 0 and length 1. inked_aspect: width / height of the
    bounding box of the ink, 0 without ink. content: hash of the pixels. cut_off: share of the ink
    of the letters that the polygon of a page's line leaves out, 0 if it may.
    """

    height: int
    width: int
    strokes: float
    marks: int
    two_bands: float
    zones: np.ndarray
    thumbnail: np.ndarray
    inked_aspect: float
    content: str
    cut_off: float = 0.0


def measure(path: str, reader: LineReader) -> LineInk:
    """Measure an image file, or a line of a page or a database.

    Raises OSError or ValueError naming the file if it is broken or truncated, or wider than
    `reader` allows.
    """
    if Path(path).is_file():
        check_complete(path)
    image = load_line(path, reader.crop)
    reader.width(image, path)
    small = scale(image, MAX_COLUMNS)
    ink = find_ink(small)
    part = small[inked_box(ink)] if ink.any() else small
    return LineInk(
        *image.shape,
        float(ink.any(0).sum()) / HEIGHT,
        count_marks(ink),
        share_of_two_bands(ink),
        zone_profile(ink),
        make_thumbnail(part),
        part.shape[1] / part.shape[0] if ink.any() else 0.0,
        hashlib.blake2b(image.tobytes() + repr(image.shape).encode(), digest_size=16).hexdigest(),
        share_cut_off(path),
    )


def scale(image: np.ndarray, max_columns: int | None = None) -> np.ndarray:
    """Scale a grey image (H, W) to (HEIGHT, W'), W' at most max_columns."""
    rows, columns = image.shape
    columns = max(1, round(columns * HEIGHT / rows))
    size = (min(columns, max_columns or columns), HEIGHT)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def check_complete(path: str) -> None:
    """Raise ValueError for a truncated file: decoders fill the missing part with grey silently."""
    data = read_bytes(path)
    for start, end in ENDS.items():
        if data.startswith(start) and end not in data[-4096:]:
            raise ValueError(
                f"{path}: cut off after {len(data)} bytes (its end is missing); copy it again"
            )
    size = 8 + int.from_bytes(data[4:8], "little")
    if data[:4] == b"RIFF" and len(data) < size:
        raise ValueError(f"{path}: cut off after {len(data)} of {size} bytes; copy it again")


def count_marks(ink: np.ndarray) -> int:
    """Count connected components at least HEIGHT / 6 high: letters, not specks or points."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    return int((stats[1:, cv2.CC_STAT_HEIGHT] >= HEIGHT / 6).sum())


def zone_profile(ink: np.ndarray) -> np.ndarray:
    """Return the (ZONES,) shares of ink within 2.6 standard deviations around its mean row.

    Zeros without ink.
    """
    rows = ink.sum(1).astype(np.float64)
    if not rows.sum():
        return np.zeros(ZONES)
    positions = np.arange(HEIGHT)
    centre = (rows * positions).sum() / rows.sum()
    spread = np.sqrt((rows * (positions - centre) ** 2).sum() / rows.sum())
    samples = centre + spread * np.linspace(-2.6, 2.6, ZONES)
    profile = np.interp(samples, positions, rows, left=0, right=0)
    return profile / max(profile.sum(), 1e-9)


def inked_box(ink: np.ndarray) -> tuple[slice, slice]:
    """Return the bounding box (rows, columns) of a non-empty ink mask."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def make_thumbnail(part: np.ndarray) -> np.ndarray:
    """Scale an image to THUMBNAIL and return it as a vector with mean 0 and length 1."""
    small = cv2.resize(part, THUMBNAIL[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    small = small.ravel() - small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
