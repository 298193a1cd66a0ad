"""The report's sections about text lines: scores, groups, kinds of errors, confusions."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from ..scoring.edit_kinds import CLASSES, OPERATIONS, Confusion, confusions, count_classes
from ..scoring.metrics import Normalization, Score
from . import html as page
from .line_cards import Pair, comparison_section, worst_section
from .lines_read import LinesRead
from .risk_figures import risk_sections

CONFUSIONS, GROUPS = 40, 40  # rows of a table
AROUND = 12  # characters before and after a confusion in its example


def page_sections(
    own: LinesRead,
    others: Sequence[LinesRead],
    pairs: Sequence[Pair],
    found: Mapping[Normalization, Mapping[str, Score]],
    tables: Mapping[str, Mapping[str, float]],
    most: int,
) -> list[str]:
    """The whole page about what `own` read; most: so many lines a list."""
    values = found[own.compared]
    sections = [
        *overview(own, found),
        *comparison_section(own, others, pairs, tables, values, most),
    ]
    sections += groups_section(own)
    sections += class_section(own) + confusion_section(own)
    sections += risk_sections(own.confidences[own.read], own.hits[own.read])
    return sections + worst_section(own, most) + problems(own)


def overview(own: LinesRead, found: Mapping[Normalization, Mapping[str, Score]]) -> list[str]:
    """The scores under each normalisation, and how they were counted."""
    told = {
        "lines": str(len(own.items)),
        "not readable": str(len(own.failed)),
        "characters": f"{own.lengths.sum():.0f}",
        "groups": str(len(set(own.groups))),
    }
    told |= {name: in_words(score) for name, score in found[own.compared].items()}
    rows = [
        (escape(normalization.describe()), *(escape(in_words(s)) for s in values.values()))
        for normalization, values in found.items()
    ]
    names = ["compared after", *found[own.compared]]
    return [
        page.facts(told),
        page.table(names, rows, "Corpus scores: all edits by all characters (cer) or words (wer)."),
        page.paragraph(
            "In brackets the 95 % interval over the groups, drawn again with replacement. A line "
            "that could not be read counts as read empty. exact: lines without any error. All "
            f"below is compared after {own.compared.describe()}."
        ),
    ]


def in_words(score: Score) -> str:
    """Such as "0.57 % (0.44-0.71)"."""
    if np.isnan(score.value):
        return "undefined"
    span = "" if np.isnan(score.low) else f" ({score.low:.2f}-{score.high:.2f})"
    return f"{score.value:.2f} %{span}"


def groups_section(own: LinesRead) -> list[str]:
    """Each group's own score, the worst first."""
    names, member = np.unique(np.asarray(own.groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return []
    wrong, size = np.bincount(member, own.edits), np.bincount(member, own.lengths)
    lines, exact = np.bincount(member), np.bincount(member, own.hits)
    rate = np.divide(100 * wrong, size, out=np.full(len(names), np.inf), where=size > 0)
    rows = [
        (
            escape(str(names[g])),
            str(lines[g]),
            f"{size[g]:.0f}",
            f"{rate[g]:.2f} %" if size[g] else "-",
            f"{100 * exact[g] / lines[g]:.1f} %",
            f"{wrong[g]:.0f}",
            share(wrong[g], wrong.sum()),
        )
        for g in np.argsort(-rate, kind="stable")[:GROUPS]
    ]
    note = f" The worst {GROUPS} of {len(names)}." if len(names) > GROUPS else ""
    head = ["group", "lines", "characters", "cer", "exact", "edits", "of all edits"]
    return [page.heading("Groups, the worst first"), page.table(head, rows, note.strip())]


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def class_section(own: LinesRead) -> list[str]:
    """Edits by kind of character and by operation."""
    counts = count_classes(own.truths, own.said)
    total = counts.sum()
    rows = [
        (name, *(f"{n}" for n in row), f"{row.sum()}", share(row.sum(), total))
        for name, row in zip(CLASSES, counts, strict=True)
    ]
    rows.append(("all", *(f"{n}" for n in counts.sum(0)), f"{total}", share(total, total)))
    words = {"insert": "inserted", "delete": "deleted", "replace": "substituted"}
    return [
        page.heading("Kinds of errors"),
        page.table(
            ["kind", *(words[o] for o in OPERATIONS), "edits", "of all edits"],
            rows,
            "Of one alignment with the fewest edits. deleted: in the truth, not read. inserted: "
            "read, not in the truth. The truth's character names the kind, the read one that of an "
            "insertion; case and diacritics are substitutions that change nothing else (and marks "
            "by themselves). Symbols count as punctuation.",
        ),
    ]


def confusion_section(own: LinesRead) -> list[str]:
    """What was most often taken for what, with an example of each."""
    found, long = confusions(own.truths, own.said, CONFUSIONS)
    if not found and not long:
        return [page.heading("What was taken for what"), page.paragraph("No line has an error.")]
    rows = [
        (shown(c.truth), shown(c.reading), str(c.count), str(c.lines), example(own, c))
        for c in found
    ]
    note = f" {long} longer stretches are in no row." if long else ""
    return [
        page.heading("What was taken for what"),
        page.table(
            ["true", "read", "times", "lines", "for example: read, true"],
            rows,
            "Neighbouring edits are one merge or split such as rn read as m; \u2423 is a space, "
            f"- nothing.{note}",
        ),
    ]


def shown(text: str) -> str:
    """Characters for a cell of a table, white space visible, "-" for nothing."""
    return f"<code>{escape(visible(text))}</code>" if text else "-"


def visible(text: str) -> str:
    return "".join("\u2423" if c.isspace() else c for c in text)


def example(own: LinesRead, one: Confusion) -> str:
    """What was read and what is true around one place, marked, and the line's name."""
    place = one.example
    parts = []
    for text, start, end, kind in (
        (own.said[place.line], place.first, place.last, "wrong"),
        (own.truths[place.line], place.start, place.end, "right"),
    ):
        before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
        marked = f'<mark class="{kind}">{escape(visible(text[start:end]))}</mark>'
        parts.append(f"<code>{escape(before)}{marked if start < end else ''}{escape(after)}</code>")
    return f'{parts[0]}, {parts[1]} <span class="name">{escape(own.title(place.line))}</span>'


def problems(own: LinesRead) -> list[str]:
    """What could not be read or scored, with the reasons."""
    named = [*own.failed.values(), *own.unscored]
    return [page.folded(f"{len(named)} not read or not scored", "\n".join(named))] if named else []
