"""A colour for each label, the same in the burnt-in overlay and in the report."""

from collections.abc import Sequence

# Okabe and Ito's colours without black, then four of Paul Tol's: told apart with any colour vision
BASE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442",
    "#882255", "#999933", "#44aa99", "#332288",
)  # fmt: skip
# how far a further round of the same colours is moved, and towards what
ROUNDS = ((0.0, 0), (0.5, 255), (0.45, 0))


def palette(labels: Sequence[str]) -> dict[str, str]:
    """Labels -> colours "#rrggbb" by place, so that a bundle's label always looks the same.

    33 differ; after that they come again.
    """
    return {label: shade(place) for place, label in enumerate(labels)}


def shade(place: int) -> str:
    share, towards = ROUNDS[place // len(BASE) % len(ROUNDS)]
    parts = (round((1 - share) * part + share * towards) for part in rgb(BASE[place % len(BASE)]))
    return "#" + "".join(f"{part:02x}" for part in parts)


def rgb(colour: str) -> tuple[int, int, int]:
    """ "#rrggbb" -> red, green, blue from 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
