"""A text line's image with each character that was read below the columns it was read from."""

import base64
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import cv2
import numpy as np

from datasets import LineReader
from models.heads.labels import Text

HIGHEST = 64  # pixels of an image inside the page; larger ones are scaled down
SHOWN = 48  # height at which it is drawn: the unit of everything in the drawing
BELOW = 26  # the room for the characters
UNSURE = 0.5  # confidences up to here are all red: a trained network's are seldom lower


class Span(NamedTuple):
    """A character, its confidence, and its columns in units of the drawing."""

    symbol: str
    confidence: float
    start: float
    end: float


def spans(
    reading: Text, labels: Sequence[str], image: np.ndarray, reader: LineReader, reduction: int
) -> list[Span]:
    """Where each character was read in an image (H, W), drawn `SHOWN` units high.

    reduction: the encoder's columns a step. Step t looks at the scaled image's columns from
    t * reduction on; CTC says a character at a few steps inside of it, not over its whole width.
    """
    columns = reader.width(image)
    unit = drawn_width(image) / columns
    found = zip(reading.ids, reading.confidences, reading.steps, strict=True)
    return [
        Span(
            labels[i],
            sure,
            first * reduction * unit,
            min((last + 1) * reduction, columns) * unit,
        )
        for i, sure, (first, last) in found
    ]


def drawn_width(image: np.ndarray) -> float:
    return image.shape[1] * SHOWN / image.shape[0]


def strip(image: np.ndarray, found: Sequence[Span], told: str) -> str:
    """An SVG: the image (H, W) uint8 and below it the characters; told: what it shows, in words."""
    wide, high = drawn_width(image), SHOWN + (BELOW if found else 0)
    data = base64.b64encode(shrunk_png(image)).decode()
    return (
        f'<svg class="strip" style="max-width:{1.25 * wide:.0f}px" role="img" '
        f'viewBox="0 0 {wide:.1f} {high}" aria-label="{escape(told)}">'
        f'<image href="data:image/png;base64,{data}" width="{wide:.1f}" height="{SHOWN}" '
        f'preserveAspectRatio="none"/>{"".join(map(drawn, found))}</svg>'
    )


def drawn(span: Span) -> str:
    """A bar over its columns and the character below the middle, both in the confidence's colour.

    A space is shown as an open box; the confidence opens as a tip over either.
    """
    symbol = "\u2423" if span.symbol.isspace() else span.symbol
    middle = (span.start + span.end) / 2
    return (
        f'<g style="fill:{colour(span.confidence)}">'
        f"<title>{escape(symbol)} {100 * span.confidence:.1f} %</title>"
        f'<rect x="{span.start:.1f}" y="{SHOWN + 2}" width="{span.end - span.start:.1f}" '
        f'height="4"/><text x="{middle:.1f}" y="{SHOWN + 20}">{escape(symbol)}</text></g>'
    )


def colour(confidence: float) -> str:
    """Blue if sure, red at `UNSURE` or less: told apart with any colour vision."""
    share = (min(max(confidence, UNSURE), 1.0) - UNSURE) / (1 - UNSURE)
    return f"color-mix(in srgb, var(--accent) {100 * share:.0f}%, var(--wrong))"


def shrunk_png(image: np.ndarray) -> bytes:
    """Grey (H, W) uint8 -> a PNG file of at most `HIGHEST` rows."""
    high, wide = image.shape
    if high > HIGHEST:
        size = (max(1, round(wide * HIGHEST / high)), HIGHEST)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", image)[1].tobytes()
