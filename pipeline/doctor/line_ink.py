"""What one image of a text line shows, without reading it: ink, bands, zones, a small picture."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from datasets.lines.reader import LineReader, load_line

HEIGHT = 40  # rows that every image is measured at
MOST_COLUMNS = 4000  # of a measured image: a longer line is squeezed
CONTRAST = 28  # greys between paper and ink: less is paper
ZONES = 24  # rows of the profile over the ink's height
THUMBNAIL = (16, 96)  # rows and columns of the small picture
BANDS = 8  # parts of a line, each wider than high, that may show two bands of ink
# how a whole file ends, by how it begins
ENDS = {b"\x89PNG": b"IEND", b"\xff\xd8\xff": b"\xff\xd9"}


class LineInk(NamedTuple):
    """A measured image.

    height, width: pixels of the file. strokes: columns with ink, in heights of the image. marks:
    pieces of ink as large as a letter. two_bands: share of the line's parts that show two bands.
    zones: (ZONES,) mean ink of each row over the ink's height, adding up to 1. thumbnail: THUMBNAIL
    pixels, without mean, of length 1. inked_aspect:
    width by height of the part with ink, 0 without. content: hash of the pixels.
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


def measure(path: str, reader: LineReader) -> LineInk:
    """Of an image file. Raises OSError or ValueError that names it if it is broken or cut off.

    reader: its bound on the width holds.
    """
    if Path(path).is_file():  # and no line of a page or a database
        check_end(path)
    image = load_line(path)
    reader.width(image, path)
    rows, columns = image.shape
    size = (min(max(1, round(columns * HEIGHT / rows)), MOST_COLUMNS), HEIGHT)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ink = find_ink(small)
    part = small[inked_box(ink)] if ink.any() else small
    return LineInk(
        rows,
        columns,
        float(ink.any(0).sum()) / HEIGHT,
        count_marks(ink),
        share_of_two_bands(ink),
        zone_profile(ink),
        shrink(part),
        part.shape[1] / part.shape[0] if ink.any() else 0.0,
        hashlib.blake2b(image.tobytes() + repr(image.shape).encode(), digest_size=16).hexdigest(),
    )


def check_end(path: str) -> None:
    """Decoders fill what is missing of a file that is cut off with grey, and say nothing."""
    data = Path(path).read_bytes()
    for start, end in ENDS.items():
        if data.startswith(start) and end not in data[-4096:]:
            raise ValueError(
                f"{path}: cut off after {len(data)} bytes (its end is missing); copy it again"
            )
    if data[:4] == b"RIFF" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise ValueError(
            f"{path}: cut off after {len(data)} of {8 + int.from_bytes(data[4:8], 'little')} "
            "bytes; copy it again"
        )


def find_ink(image: np.ndarray) -> np.ndarray:
    """Grey (H, W) -> (H, W) bool: darker than the paper around it by half the line's contrast.

    A mostly dark image is one of light ink. Paper that only grows darker has none.
    """
    if np.median(image) < 100:
        image = 255 - image
    smooth = cv2.GaussianBlur(image, (3, 3), 0)
    paper = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    depth = cv2.subtract(cv2.blur(paper, (15, 15)), smooth)
    contrast = float(np.percentile(depth, 99))
    strongest = float(np.percentile(depth, 99.9))
    contrast = max(contrast, 0.6 * strongest)  # of a short word on a long strip
    if contrast < CONTRAST:
        return np.zeros(image.shape, bool)
    return depth > max(0.45 * contrast, CONTRAST / 2)


def count_marks(ink: np.ndarray) -> int:
    """Pieces of ink at least a sixth of the image high: letters, not specks or points."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    return int((stats[1:, cv2.CC_STAT_HEIGHT] >= HEIGHT / 6).sum())


def share_of_two_bands(ink: np.ndarray) -> float:
    """0 to 1: parts along the line whose rows of ink lie in two like bands, far apart.

    Several parts, for a line that leans; a neighbour's feet at the edge are no band of like mass.
    """
    parts = np.array_split(ink, min(BANDS, max(1, ink.shape[1] // HEIGHT)), axis=1)
    parts = [part for part in parts if part.sum() > HEIGHT // 2]
    return sum(map(has_two_bands, parts)) / len(parts) if parts else 0.0


def has_two_bands(ink: np.ndarray) -> bool:
    """(H, W) bool: some row between parts the ink in two of like mass, each several rows tall."""
    rows = np.convolve(ink.sum(1).astype(float), np.ones(3) / 3, "same")
    middle = slice(HEIGHT // 5, HEIGHT - HEIGHT // 5)
    valley = HEIGHT // 5 + int(np.argmin(rows[middle]))
    above, below = rows[:valley], rows[valley + 1 :]
    mass = sorted((above.sum(), below.sum()))
    peaks = min(above.max(), below.max())
    tall = min((above > 0.3 * peaks).sum(), (below > 0.3 * peaks).sum())
    # of a single line every letter crosses its middle; of two, tails now and then
    deep = rows[valley] < min(0.25 * peaks, 0.06 * ink.any(0).sum())
    return bool(deep and mass[0] > 0.3 * mass[1] and tall >= 0.1 * HEIGHT)


def zone_profile(ink: np.ndarray) -> np.ndarray:
    """(ZONES,) shares of the ink from the top of the body to its bottom; zeros without ink."""
    rows = ink.sum(1).astype(np.float64)
    if not rows.sum():
        return np.zeros(ZONES)
    centre = (rows * np.arange(HEIGHT)).sum() / rows.sum()
    spread = np.sqrt((rows * (np.arange(HEIGHT) - centre) ** 2).sum() / rows.sum())
    at = centre + spread * np.linspace(-2.6, 2.6, ZONES)
    profile = np.interp(at, np.arange(HEIGHT), rows, left=0, right=0)
    return profile / max(profile.sum(), 1e-9)


def inked_box(ink: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns from the first to the last ink, of which there is some."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def shrink(part: np.ndarray) -> np.ndarray:
    """An image at THUMBNAIL's size as a vector without mean, of length 1."""
    small = cv2.resize(part, THUMBNAIL[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    small = small.ravel() - small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
