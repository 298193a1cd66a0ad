"""Report sections on text lines: scores, groups, kinds of errors, confusions."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from ..scoring.edit_kinds import CLASSES, OPERATIONS, Confusion, count_classes, frequent_confusions
from ..scoring.metrics import Normalization, Score
from . import html as page
from .line_cards import Pair, comparison_section, worst_section
from .lines_read import LinesRead
from .risk_figures import risk_sections

MAX_CONFUSIONS, MAX_GROUPS = 40, 40  # rows of a table
CONTEXT = 12  # characters before and after a confusion in its example


def page_sections(
    own: LinesRead,
    others: Sequence[LinesRead],
    pairs: Sequence[Pair],
    by_normalization: Mapping[Normalization, Mapping[str, Score]],
    tables: Mapping[str, Mapping[str, float]],
    limit: int,
) -> list[str]:
    """All sections on the lines that `own` holds; limit: lines shown per list."""
    values = by_normalization[own.normalization]
    return [
        *overview(own, by_normalization),
        *comparison_section(own, others, pairs, tables, values, limit),
        *groups_section(own),
        *class_section(own),
        *confusion_section(own),
        *risk_sections(own.confidences[own.readable], own.correct[own.readable]),
        *worst_section(own, limit),
        *page.failure_list([*own.failed.values(), *own.unscored]),
    ]


def overview(
    own: LinesRead, by_normalization: Mapping[Normalization, Mapping[str, Score]]
) -> list[str]:
    """The scores under each normalization, and how they were counted."""
    texts = {
        normalization: {name: page.percent_text(score, 2) for name, score in values.items()}
        for normalization, values in by_normalization.items()
    }
    figures = {
        "lines": str(len(own.items)),
        "not readable": str(len(own.failed)),
        "characters": f"{own.lengths.sum():.0f}",
        "groups": str(len(set(own.groups))),
    } | texts[own.normalization]
    rows = [(escape(n.describe()), *map(escape, values.values())) for n, values in texts.items()]
    columns = ["compared after", *texts[own.normalization]]
    caption = "Corpus scores: all edits by all characters (cer) or words (wer)."
    return [
        page.facts(figures),
        page.table(columns, rows, caption),
        page.paragraph(
            "In brackets the 95 % interval over the groups, drawn again with replacement. A line "
            "that could not be read counts as read empty. exact: lines without any error. All "
            f"below is compared after {own.normalization.describe()}."
        ),
    ]


def groups_section(own: LinesRead) -> list[str]:
    """The score of each group, the worst first; empty for a single group."""
    names, member = np.unique(np.asarray(own.groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return []
    edits, size = np.bincount(member, own.edits), np.bincount(member, own.lengths)
    lines, exact = np.bincount(member), np.bincount(member, own.correct)
    rate = np.divide(100 * edits, size, out=np.full(len(names), np.inf), where=size > 0)
    rows = [
        (
            escape(str(names[g])),
            str(lines[g]),
            f"{size[g]:.0f}",
            f"{rate[g]:.2f} %" if size[g] else "-",
            f"{100 * exact[g] / lines[g]:.1f} %",
            f"{edits[g]:.0f}",
            page.share(edits[g], edits.sum()),
        )
        for g in np.argsort(-rate, kind="stable")[:MAX_GROUPS]
    ]
    caption = f"The worst {MAX_GROUPS} of {len(names)}." if len(names) > MAX_GROUPS else ""
    columns = ["group", "lines", "characters", "cer", "exact", "edits", "of all edits"]
    return [page.heading("Groups, the worst first"), page.table(columns, rows, caption)]


def class_section(own: LinesRead) -> list[str]:
    """Edits by class of character and by operation."""
    counts = count_classes(own.references, own.predictions)
    counts = np.vstack([counts, counts.sum(0)])
    rows = [
        (name, *map(str, row), str(row.sum()), page.share(row.sum(), counts[-1].sum()))
        for name, row in zip([*CLASSES, "all"], counts, strict=True)
    ]
    operations = {"insert": "inserted", "delete": "deleted", "replace": "substituted"}
    return [
        page.heading("Kinds of errors"),
        page.table(
            ["kind", *(operations[o] for o in OPERATIONS), "edits", "of all edits"],
            rows,
            "Of one alignment with the fewest edits. deleted: in the truth, not read. inserted: "
            "read, not in the truth. The truth's character names the kind, the read one that of an "
            "insertion; case and diacritics are substitutions that change nothing else (and marks "
            "by themselves). Symbols count as punctuation.",
        ),
    ]


def confusion_section(own: LinesRead) -> list[str]:
    """The most frequent confusions, with an example of each."""
    heading = page.heading("What was taken for what")
    frequent, long = frequent_confusions(own.references, own.predictions, MAX_CONFUSIONS)
    if not frequent and not long:
        return [heading, page.paragraph("No line has an error.")]
    rows = [
        (code(c.truth), code(c.reading), str(c.count), str(c.lines), example(own, c))
        for c in frequent
    ]
    note = f" {long} longer stretches are in no row." if long else ""
    return [
        heading,
        page.table(
            ["true", "read", "times", "lines", "for example: read, true"],
            rows,
            "Neighbouring edits are one merge or split such as rn read as m; \u2423 is a space, "
            f"- nothing.{note}",
        ),
    ]


def code(text: str) -> str:
    """Characters for a table cell, white space visible; "-" for none."""
    return f"<code>{escape(visible(text))}</code>" if text else "-"


def visible(text: str) -> str:
    """The text with an open box for each white space."""
    return "".join("\u2423" if c.isspace() else c for c in text)


def example(own: LinesRead, confusion: Confusion) -> str:
    """Reading and truth around one occurrence of a confusion, marked, and the line's name."""
    span = confusion.example
    parts = []
    for text, start, end, kind in (
        (own.predictions[span.line], span.first, span.last, "wrong"),
        (own.references[span.line], span.start, span.end, "right"),
    ):
        before, after = text[max(0, start - CONTEXT) : start], text[end : end + CONTEXT]
        marked = f'<mark class="{kind}">{escape(visible(text[start:end]))}</mark>'
        parts.append(f"<code>{escape(before)}{marked if start < end else ''}{escape(after)}</code>")
    return f'{parts[0]}, {parts[1]} <span class="name">{escape(own.title(span.line))}</span>'
