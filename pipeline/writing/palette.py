"""A colour for each label, the same in video overlays and in reports."""

from collections.abc import Sequence

# Okabe and Ito's colours without black, then four of Paul Tol's: distinct with any colour vision
BASE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442",
    "#882255", "#999933", "#44aa99", "#332288",
)  # fmt: skip
# for each pass through BASE: how far the colours are blended, and towards which grey
ROUNDS = ((0.0, 0), (0.5, 255), (0.45, 0))


def palette(labels: Sequence[str]) -> dict[str, str]:
    """Map labels to colours "#rrggbb" by index, so that a bundle's label always looks the same.

    33 colours are distinct; after that they repeat.
    """
    return {label: shade(index) for index, label in enumerate(labels)}


def shade(index: int) -> str:
    """The colour "#rrggbb" with this index."""
    share, towards = ROUNDS[index // len(BASE) % len(ROUNDS)]
    blended = (round((1 - share) * c + share * towards) for c in rgb(BASE[index % len(BASE)]))
    return "#" + bytes(blended).hex()


def rgb(colour: str) -> tuple[int, int, int]:
    """ "#rrggbb" -> red, green, blue from 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
