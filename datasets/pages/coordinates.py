"""Coordinates of a page file in pixels of its image, and the distances between its lines."""

from collections.abc import Sequence

import numpy as np

from .layout import Page, PageLine

MAX_GAP = 1.5  # largest gap used, relative to the median of the page; more white is not the line's
NEIGHBOURS = 256  # lines above and below among which the nearest one is
SAME_SHAPE = 0.02  # tolerance for the aspect ratios of an image and its page
UNITS = ("mm10", "inch1200")  # units of ALTO other than pixels


def pixel_scale(page: Page, shape: tuple[int, int]) -> tuple[float, float]:
    """Return the factors from x and y of the page file to pixels of an image (H, W).

    An image of another size than the file states is taken for the same page at another resolution.
    Raises ValueError if its aspect ratio differs, or if the unit cannot be converted to pixels.
    """
    high, wide = shape
    if page.size is None:
        if page.unit == "pixel":
            return 1.0, 1.0
        raise ValueError(
            f"{page.path}: measured in {page.unit} without WIDTH and HEIGHT of its Page, so pixels "
            "are unknown; export it in pixels"
        )
    if page.unit != "pixel" and page.unit not in UNITS:
        known = ", ".join(("pixel", *UNITS))
        raise ValueError(f"{page.path}: MeasurementUnit '{page.unit}'; known are {known}")
    across, down = wide / page.size[0], high / page.size[1]
    if abs(across / down - 1) > SAME_SHAPE:
        raise ValueError(
            f"{page.path}: made for an image of {page.size[0]:g} x {page.size[1]:g} {page.unit}, "
            f"but its image has {wide} x {high} pixels; is it turned or cropped?"
        )
    return across, down


def in_pixels(line: PageLine, scale: tuple[float, float]) -> PageLine:
    """Convert the coordinates of a line to pixels, by the factors of `pixel_scale`."""
    return line._replace(
        polygon=None if line.polygon is None else line.polygon * scale,
        baseline=None if line.baseline is None else line.baseline * scale,
        box=line.box and tuple(edge * s for edge, s in zip(line.box, scale * 2, strict=True)),
    )


def line_gaps(lines: Sequence[PageLine]) -> list[float | None]:
    """Return the distance from each line to the nearest one in the same column.

    It is that between baselines, or, for a line without one, between the middles of outlines. It is
    at most 1.5 times the median of the page, and looked for among the NEIGHBOURS next lines above
    and below. None for a line without baseline and outline, and if no two are in one column.
    """
    gaps: list[float | None] = [None] * len(lines)
    outlines = [line.polygon for line in lines]
    baselines = [line.baseline for line in lines]
    for shapes, height in ((outlines, _middle), (baselines, _mean)):
        places = [place for place, shape in enumerate(shapes) if shape is not None]
        found = _nearest([(*_span(shapes[p]), height(shapes[p][:, 1])) for p in places])
        for place, gap in zip(places, found, strict=True):
            gaps[place] = gap
    return gaps


def _span(points: np.ndarray) -> tuple[float, float]:
    return points[:, 0].min(), points[:, 0].max()


def _middle(y: np.ndarray) -> float:
    return (y.min() + y.max()) / 2


def _mean(y: np.ndarray) -> float:
    return y.mean()


def _nearest(spans: Sequence[tuple[float, float, float]]) -> list[float | None]:
    """Return the vertical distance to the nearest of N spans (left, right, y) that overlaps."""
    if not spans:
        return []
    left, right, y = np.array(spans).T
    order = np.argsort(y, kind="stable")
    left, right, y = left[order], right[order], y[order]
    ranked = np.full(len(y), np.inf)
    for step in range(1, min(NEIGHBOURS + 1, len(y))):
        distances = y[step:] - y[:-step]
        overlap = np.minimum(right[step:], right[:-step]) > np.maximum(left[step:], left[:-step])
        distances = np.where(overlap & (distances > 1), distances, np.inf)
        np.minimum(ranked[step:], distances, out=ranked[step:])
        np.minimum(ranked[:-step], distances, out=ranked[:-step])
    nearest = np.empty_like(ranked)
    nearest[order] = ranked
    known = nearest[np.isfinite(nearest)]
    if not known.size:
        return [None] * len(spans)
    return np.minimum(nearest, MAX_GAP * np.median(known)).tolist()
