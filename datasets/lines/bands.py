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
    if not ink.shape[1]:
        return 0.0
    count = min(PARTS, max(1, ink.shape[1] // HEIGHT))
    size, larger = divmod(ink.shape[1], count)
    starts = np.arange(count) * size + np.minimum(np.arange(count), larger)
    rows = np.add.reduceat(ink, starts, axis=1, dtype=np.int64).T.astype(float)  # (parts, H)
    inked = np.add.reduceat(ink.any(0), starts, dtype=np.int64)  # columns with ink
    kept = rows.sum(1) > HEIGHT // 2
    bands = [has_two_bands(*part) for part in zip(rows[kept], inked[kept].tolist(), strict=True)]
    return sum(bands) / len(bands) if bands else 0.0


def has_two_bands(rows: np.ndarray, inked: int) -> bool:
    """Return whether an empty row splits ink into two bands of similar mass and height.

    rows: (H,) pixels of ink in each row. inked: columns with ink.
    """
    rows = np.convolve(rows, np.ones(3) / 3, "same")
    middle = slice(HEIGHT // 5, HEIGHT - HEIGHT // 5)
    valley = HEIGHT // 5 + int(rows[middle].argmin())
    above, below = rows[:valley], rows[valley + 1 :]
    peaks = min(above.max(), below.max())
    # every letter crosses the middle row of a single line; only a few tails cross the gap of two
    if rows[valley] >= min(0.25 * peaks, 0.06 * inked):
        return False
    mass = sorted((above.sum(), below.sum()))
    tall = min((above > 0.3 * peaks).sum(), (below > 0.3 * peaks).sum())
    return bool(mass[0] > 0.3 * mass[1] and tall >= 0.1 * HEIGHT)
