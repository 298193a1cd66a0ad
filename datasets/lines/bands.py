"""Two bands of ink in an image of HEIGHT rows: two lines, though it should hold one."""

import numpy as np

HEIGHT = 40  # rows to which an image is scaled before it is measured
TWO_BANDS = 0.25  # share of a line's parts with two bands, from which it is two lines
PARTS = 8  # largest number of parts in which two bands are looked for


def share_of_two_bands(ink: np.ndarray) -> float:
    """Return the share, 0 to 1, of parts along the line whose ink lies in two separate bands.

    The line is split into parts because it may be slanted. Descenders of a neighbouring line at the
    edge do not count: both bands must have similar mass.
    """
    parts = np.array_split(ink, min(PARTS, max(1, ink.shape[1] // HEIGHT)), axis=1)
    parts = [part for part in parts if part.sum() > HEIGHT // 2]
    return sum(map(has_two_bands, parts)) / len(parts) if parts else 0.0


def has_two_bands(ink: np.ndarray) -> bool:
    """Return whether an empty row splits ink (H, W) into two bands of similar mass and height."""
    rows = np.convolve(ink.sum(1).astype(float), np.ones(3) / 3, "same")
    middle = slice(HEIGHT // 5, HEIGHT - HEIGHT // 5)
    valley = HEIGHT // 5 + int(np.argmin(rows[middle]))
    above, below = rows[:valley], rows[valley + 1 :]
    mass = sorted((above.sum(), below.sum()))
    peaks = min(above.max(), below.max())
    tall = min((above > 0.3 * peaks).sum(), (below > 0.3 * peaks).sum())
    # every letter crosses the middle row of a single line; only a few tails cross the gap of two
    deep = rows[valley] < min(0.25 * peaks, 0.06 * ink.any(0).sum())
    return bool(deep and mass[0] > 0.3 * mass[1] and tall >= 0.1 * HEIGHT)
