"""Sections that all reports of scores share: figures on top, and other systems beside them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from ..scoring.metrics import Score
from . import html as page


class Report(NamedTuple):
    """A page, what the terminal tells, and the exit status.

    style: rules of the page's own.
    """

    title: str
    lead: str
    sections: list[str]
    summary: list[str]
    code: int
    style: str = ""


def headline(
    scores: Mapping[str, Score], groups: int, count: int, failed: int, unit: str
) -> list[str]:
    """The scores with their intervals, and how many items were read.

    unit: what an item is, in the plural. Without scores nothing is known to be true.
    """
    figures = {unit: str(count), "not readable": str(failed)}
    for name, score in scores.items():
        figures[name.replace("_", " ")] = page.percent_text(score, 1)
    note = "Nothing is known to be true: the readings alone."
    if scores:
        note = (
            f"In brackets the 95 % interval over {groups} groups, drawn again with replacement. A "
            f"{unit.removesuffix('s')} that could not be read counts as wrong."
        )
    return [page.facts(figures), page.paragraph(note)]


def beside(
    name: str, scores: Mapping[str, Score], tables: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """The scores of a bundle beside those of other systems, in percent; empty without others."""
    if not tables or not scores:
        return []
    own = {metric: score.value for metric, score in scores.items()}
    others = {
        other: {metric: value for metric, value in table.items() if metric in own}
        for other, table in tables.items()
    }
    return [
        page.heading("Beside other ways"),
        page.paragraph("In percent."),
        comparison({name: own} | others),
    ]


def comparison(systems: Mapping[str, Mapping[str, float]]) -> str:
    """A table of percent scores by system and metric; "-" where a system has no such score."""
    names = list(dict.fromkeys(name for values in systems.values() for name in values))
    rows: list[Sequence[str]] = [
        [escape(system), *(f"{values[n]:.2f}" if n in values else "-" for n in names)]
        for system, values in systems.items()
    ]
    return page.table(["", *names], rows)
