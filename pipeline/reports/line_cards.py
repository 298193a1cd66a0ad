"""Report sections that show single lines: those with most edits, those where bundles differ."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from datasets.environment import raise_if_machine
from datasets.output.text import counted

from ..scoring.metrics import Score, compute_scores
from ..scoring.paired_bootstrap import PairedDifference, describe_difference, interval_caveat
from . import html as page
from .line_strip import UNSURE, spans, strip
from .lines_read import LinesRead
from .scores import comparison

# the difference, None if the transcripts are empty, and the names of both bundles
Pair = tuple[PairedDifference | None, str, str]


def comparison_section(
    own: LinesRead,
    others: Sequence[LinesRead],
    pairs: Sequence[Pair],
    tables: Mapping[str, Mapping[str, float]],
    values: Mapping[str, Score],
    limit: int,
) -> list[str]:
    """The scores of all systems, and for each bundle the paired comparison with its lines."""
    if not others and not tables:
        return []
    systems = {own.name: {name: score.value for name, score in values.items()}}
    for other in others:
        systems[other.name] = {
            name: score.value for name, score in compute_scores(other.tally).items()
        }
    for name, table in tables.items():
        systems[name] = {metric: value for metric, value in table.items() if metric in values}
    sections = [page.heading("Beside others"), page.paragraph("In percent."), comparison(systems)]
    for other, (paired, *names) in zip(others, pairs, strict=True):
        if paired is None:
            continue
        sections.append(page.paragraph(describe_difference(paired, *names)))
        if warning := interval_caveat(paired):
            sections.append(page.paragraph(warning))
        sections += differing_lines(own, other, limit)
    return sections


def differing_lines(own: LinesRead, other: LinesRead, limit: int) -> list[str]:
    """The lines in which two bundles have different numbers of edits, largest difference first."""
    gains = other.edits - own.edits
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    sections = [
        page.heading(f"Where {own.name} and {other.name} differ most"),
        page.paragraph(
            f"{own.name} has fewer edits in {counted(better, 'line')}, {other.name} in {worse}; "
            f"{len(gains) - better - worse} have as many in both."
        ),
        *page.limit_note(better + worse, limit, "--lines"),
    ]
    for i in largest(np.abs(gains), limit):
        readings = "".join(marked_reading(lines, i) for lines in (own, other))
        reference = escape(own.references[i])
        truth = f'<p class="text target" dir="auto">{reference} <small>truth</small></p>'
        note = f"{own.name}: {edit_count(own, i)}, {other.name}: {edit_count(other, i)}"
        image = drawing(own, i, with_reading=False)
        sections.append(
            page.card_frame(own.title(i), own.confidences[i], note, image + readings + truth)
        )
    return sections


def largest(values: np.ndarray, limit: int) -> list[int]:
    """Indices of at most `limit` values other than 0, the largest first."""
    return [int(i) for i in np.argsort(-values, kind="stable")[:limit] if values[i]]


def marked_reading(lines: LinesRead, i: int) -> str:
    """A reading with its errors marked, and the name of the bundle."""
    marked, _ = page.mark_differences(lines.predictions[i], lines.references[i])
    return f'<p class="text" dir="auto">{marked} <small>{escape(lines.name)}</small></p>'


def edit_count(lines: LinesRead, i: int) -> str:
    """The number of edits of a line with its unit."""
    return page.edit_count(int(lines.edits[i]))


def worst_section(own: LinesRead, limit: int) -> list[str]:
    """The lines with the most edits, each character below the columns it was read from."""
    wrong = np.count_nonzero(own.edits)
    if not wrong:
        return [page.heading("Worst lines"), page.paragraph("No line has an error.")]
    sections = [
        page.heading("Lines with the most edits"),
        page.paragraph(
            "Below each image every character stands where the network said it (a few columns, "
            f"not its whole width), blue where it was sure, red at {100 * UNSURE:.0f} % or less. "
            "Then the reading and the truth, with what differs marked."
        ),
        *page.limit_note(wrong, limit, "--lines"),
    ]
    for i in largest(own.edits, limit):
        reading, truth = page.mark_differences(own.predictions[i], own.references[i])
        content = (
            f'{drawing(own, i)}<p class="text" dir="auto" title="reading">{reading}</p>'
            f'<p class="text target" dir="auto" title="truth">{truth}</p>'
        )
        sections.append(
            page.card_frame(own.title(i), own.confidences[i], edit_count(own, i), content)
        )
    return sections


def drawing(own: LinesRead, i: int, with_reading: bool = True) -> str:
    """The line's image with its reading below; the reason if the image cannot be loaded."""
    try:
        image = own.image(i)
    except (OSError, ValueError) as error:
        raise_if_machine(error, own.title(i))
        return f'<p class="name">{escape(str(error))}</p>'
    characters = []
    if with_reading and i not in own.failed:
        bundle = own.recognizer.bundle
        reduction = bundle.model.encoder.width_reduction
        characters = spans(own.readings[i], bundle.labels, image, bundle.reader, reduction)
    return strip(image, characters, f"the line {own.title(i)}")
