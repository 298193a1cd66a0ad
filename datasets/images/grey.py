"""Pixels of any type -> grey of 8 bits: depth, faint contrast and transparency."""

import cv2
import numpy as np

BLOCK = 2**22  # pixels converted at a time: what takes several times the memory of the result
SAMPLE = 2**20  # pixels from which the levels and the colour of the ink are estimated, at most
# the highest values of 8, 10, 12, 14 and 16 bits, which scanners put into 16 bits as they are
WHITES = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)
OUTLIERS = 2e-4  # share of the pixels below the darkest level that counts, and above the brightest
FAINT = 0.25  # of the range: levels that span less are stretched to it before they are cut
MAX_GAIN = 8.0  # of that stretching: more would show the noise of a blank sheet
BRIGHT = 170  # mean grey of ink that is nearer to white than to black, as the eye sees it
DARK_SHARE = 0.02  # of what is opaque: with more dark pixels, the ink has its own bright paper
SEE_THROUGH = 0.1  # share of transparent pixels, from which they are the paper


def to_grey(image: np.ndarray, name: str, fixed: bool = False) -> np.ndarray:
    """Convert an image to grey (H, W) uint8.

    image: (H, W) or (H, W, 1 to 4), grey or BGR, with or without alpha, of 8 or 16 bits. Values of
    10, 12 or 14 bits fill the range as those of 16 do, a faint contrast in 16 bits is stretched up
    to MAX_GAIN times, and transparency is laid on white, or on black below light ink. fixed: by 257
    and on white, whatever the image, so that the frames of a clip are converted alike. Raises
    ValueError for another pixel type.
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{name}: pixels of type {image.dtype}; convert the image to 8 or 16 bits")
    if image.dtype == np.uint8 and image.ndim == 2:
        return image
    step = max(1, round((image.shape[0] * image.shape[1] / SAMPLE) ** 0.5))
    sample = image[::step, ::step]
    levels = None
    if image.dtype == np.uint16:
        levels = fixed_levels() if fixed else choose_levels(sample, int(image.max()))
    paper = 255 if fixed else choose_paper(sample if levels is None else levels[sample])
    rows = max(1, BLOCK // image.shape[1])
    if len(image) <= rows:
        return _grey(image, levels, paper)
    grey = np.empty(image.shape[:2], np.uint8)
    for start in range(0, len(image), rows):
        grey[start : start + rows] = _grey(image[start : start + rows], levels, paper)
    return grey


def fixed_levels() -> np.ndarray:
    """(65536,) uint8: the 8 high bits of each value, rounded down so that 65535 alone is 255."""
    return (np.arange(2**16) // 257).astype(np.uint8)


def choose_levels(sample: np.ndarray, highest: int) -> np.ndarray:
    """(65536,) uint8: the grey of each value of a 16-bit image.

    sample: some of its pixels, of which those with transparency are not stretched. highest: value
    of all of them.
    """
    white = next(white for white in WHITES if white >= highest)
    counts = np.bincount(sample.ravel(), minlength=2**16).cumsum()
    limits = np.searchsorted(counts, (OUTLIERS * counts[-1], (1 - OUTLIERS) * counts[-1]))
    low, high = (255 * float(limit) / white for limit in limits)
    values = np.arange(2**16, dtype=np.int64)
    span = 255 * FAINT
    if high - low >= span or high <= low or has_alpha(sample):
        return np.minimum(values * 255 // white, 255).astype(np.uint8)
    gain = min(MAX_GAIN, span / (high - low))
    # the brightest level stays where it was, or as much above 0 as the others need
    greys = max(high, span) - (high - values * (255 / white)) * gain
    return greys.clip(0, 255).round().astype(np.uint8)


def choose_paper(sample: np.ndarray) -> int:
    """The grey, 255 or 0, on which an image's transparency is laid: the one unlike its ink.

    sample: (h, w) or (h, w, C) uint8, some of its pixels. Light ink alone is laid on black; what
    has dark pixels too is a picture of a sheet, whose edges are white.
    """
    if not has_alpha(sample):
        return 255
    alpha = sample[..., -1]
    grey, weights = sample[..., :-1].mean(2), alpha.astype(np.float64)
    total = weights.sum()
    if not total or (alpha < 128).mean() < SEE_THROUGH:
        return 255
    dark = weights[grey < 128].sum() / total
    return 0 if (grey * weights).sum() / total > BRIGHT and dark < DARK_SHARE else 255


def has_alpha(image: np.ndarray) -> bool:
    """Whether the last channel of (H, W) or (H, W, 1 to 4) is transparency."""
    return image.ndim == 3 and image.shape[2] in (2, 4)


def _grey(image: np.ndarray, levels: np.ndarray | None, paper: int) -> np.ndarray:
    if levels is not None:
        image = levels[image]
    if image.ndim == 2:
        return image
    if has_alpha(image):
        alpha = image[..., -1:].astype(np.uint16)
        image = ((image[..., :-1] * alpha + paper * (255 - alpha)) // 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.shape[2] == 3 else image[..., 0]
