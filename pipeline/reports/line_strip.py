"""SVG of a line image with each character that was read below the columns it was read from."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import cv2
import numpy as np

from datasets import LineReader
from models.heads.labels import Text

from .html import data_uri

MAX_HEIGHT = 64  # pixels of an image inside the page; larger ones are scaled down
SHOWN = 48  # height at which it is drawn: the unit of everything in the drawing
BELOW = 26  # height of the row of characters
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
    """Where each character was read in an image (H, W) that is drawn `SHOWN` units high.

    reduction: the encoder's columns per step. Step t looks at the scaled image's columns from
    t * reduction on; CTC emits a character at a few of its steps, not over its whole width.
    """
    columns = reader.width(image)
    unit = drawn_width(image) / columns
    return [
        Span(
            labels[i],
            confidence,
            first * reduction * unit,
            min((last + 1) * reduction, columns) * unit,
        )
        for i, confidence, (first, last) in zip(
            reading.ids, reading.confidences, reading.steps, strict=True
        )
    ]


def drawn_width(image: np.ndarray) -> float:
    """Width of an image (H, W) that is drawn `SHOWN` units high."""
    return image.shape[1] * SHOWN / image.shape[0]


def strip(image: np.ndarray, characters: Sequence[Span], label: str) -> str:
    """An SVG of the image (H, W) uint8 with the characters below; label: its accessible name."""
    width, height = drawn_width(image), SHOWN + (BELOW if characters else 0)
    return (
        f'<svg class="strip" style="max-width:{1.25 * width:.0f}px" role="img" '
        f'viewBox="0 0 {width:.1f} {height}" aria-label="{escape(label)}">'
        f'<image href="{data_uri(shrunk_png(image), "image/png")}" width="{width:.1f}" '
        f'height="{SHOWN}" preserveAspectRatio="none"/>{"".join(map(drawn, characters))}</svg>'
    )


def drawn(span: Span) -> str:
    """A bar over the columns and the character below their middle, in the confidence's colour.

    A space is shown as an open box; a tooltip over either gives the confidence.
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
    """From red at `UNSURE` or less to blue at 1: distinct with any colour vision."""
    share = (min(max(confidence, UNSURE), 1.0) - UNSURE) / (1 - UNSURE)
    return f"color-mix(in srgb, var(--accent) {100 * share:.0f}%, var(--wrong))"


def shrunk_png(image: np.ndarray) -> bytes:
    """Grey (H, W) uint8 as a PNG file of at most `MAX_HEIGHT` rows."""
    height, width = image.shape
    if height > MAX_HEIGHT:
        size = (max(1, round(width * MAX_HEIGHT / height)), MAX_HEIGHT)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", image)[1].tobytes()
