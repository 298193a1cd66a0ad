"""Single lines for the report: those with the most edits, and those that two bundles read apart."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from ..scoring.metrics import Score, scores
from ..scoring.paired_bootstrap import PairedDifference, caveat, describe_difference
from . import html as page
from .line_strip import UNSURE, spans, strip
from .lines_read import LinesRead
from .video_html import comparison

# a comparison, or None where there is no character to count, and the names of both bundles
Pair = tuple[PairedDifference | None, str, str]


def comparison_section(
    own: LinesRead,
    others: Sequence[LinesRead],
    pairs: Sequence[Pair],
    tables: Mapping[str, Mapping[str, float]],
    values: Mapping[str, Score],
    most: int,
) -> list[str]:
    """All systems' scores, and of each bundle the paired comparison with its lines."""
    if not others and not tables:
        return []
    every = {own.name: {name: score.value for name, score in values.items()}}
    for other in others:
        every[other.name] = {name: score.value for name, score in scores(other.tally).items()}
    every |= {name: {k: v for k, v in told.items() if k in values} for name, told in tables.items()}
    sections = [page.heading("Beside others"), page.paragraph("In percent."), comparison(every)]
    for other, (paired, *names) in zip(others, pairs, strict=True):
        if paired is None:
            continue
        sections.append(page.paragraph(describe_difference(paired, *names)))
        sections += [page.paragraph(told) for told in [caveat(paired)] if told]
        sections += differing(own, other, most)
    return sections


def differing(own: LinesRead, other: LinesRead, most: int) -> list[str]:
    """The lines that one bundle read worse than the other, the largest difference first."""
    gains = other.edits - own.edits
    places = [int(i) for i in np.argsort(-np.abs(gains), kind="stable") if gains[i]]
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    sections = [
        page.heading(f"Where {own.name} and {other.name} differ most"),
        page.paragraph(
            f"{own.name} has fewer edits in {better} lines, {other.name} in {worse}; "
            f"{len(gains) - better - worse} have as many in both."
        ),
        *left_out(len(places), most),
    ]
    for i in places[:most]:
        readings = "".join(marked_reading(one, i) for one in (own, other))
        truth = (
            f'<p class="text target" dir="auto">{escape(own.truths[i])} <small>truth</small></p>'
        )
        note = f"{own.name}: {edit_count(own, i)}, {other.name}: {edit_count(other, i)}"
        picture = drawing(own, i, with_reading=False)
        sections.append(
            page.article(own.title(i), own.confidences[i], note, picture + readings + truth)
        )
    return sections


def marked_reading(one: LinesRead, i: int) -> str:
    """A reading with its errors marked, and whose it is."""
    marked = page.mark_differences(one.said[i], one.truths[i])[0]
    return f'<p class="text" dir="auto">{marked} <small>{escape(one.name)}</small></p>'


def edit_count(one: LinesRead, i: int) -> str:
    number = int(one.edits[i])
    return f"{number} edit{'s' * (number != 1)}"


def worst_section(own: LinesRead, most: int) -> list[str]:
    """The lines with the most edits, each character below its place in the image."""
    places = [int(i) for i in np.argsort(-own.edits, kind="stable") if own.edits[i]]
    if not places:
        return [page.heading("Worst lines"), page.paragraph("No line has an error.")]
    sections = [
        page.heading("Lines with the most edits"),
        page.paragraph(
            "Below each image every character stands where the network said it (a few columns, "
            f"not its whole width), blue where it was sure, red at {100 * UNSURE:.0f} % or less. "
            "Then the reading and the truth, with what differs marked."
        ),
        *left_out(len(places), most),
    ]
    for i in places[:most]:
        reading, truth = page.mark_differences(own.said[i], own.truths[i])
        texts = (
            f'<p class="text" dir="auto" title="reading">{reading}</p>'
            f'<p class="text target" dir="auto" title="truth">{truth}</p>'
        )
        sections.append(
            page.article(
                own.title(i), own.confidences[i], edit_count(own, i), drawing(own, i) + texts
            )
        )
    return sections


def drawing(own: LinesRead, i: int, with_reading: bool = True) -> str:
    """The line's image with its reading below, or why there is none."""
    try:
        image = own.image(i)
    except (OSError, ValueError) as error:
        return f'<p class="name">{escape(str(error))}</p>'
    found = []
    if with_reading and i not in own.failed:
        bundle = own.recognizer.bundle
        reduction = bundle.model.encoder.width_reduction
        found = spans(own.readings[i], bundle.labels, image, bundle.reader, reduction)
    return strip(image, found, f"the line {own.title(i)}")


def left_out(count: int, most: int) -> list[str]:
    """What the page leaves out, said."""
    if count <= most:
        return []
    return [page.paragraph(f"{most} of {count} are shown; --lines shows more.")]
