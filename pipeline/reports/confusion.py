"""Confusion matrix as a heat table, and precision, recall and F1 of each label."""

from collections.abc import Sequence
from html import escape

import numpy as np

from ..scoring.segment_metrics import confusion_matrix
from . import html as page

MAX_LABELS = 24  # in a heat table: a larger one cannot be read


def confusion_sections(
    readings: Sequence[np.ndarray], targets: Sequence[np.ndarray], labels: Sequence[str], unit: str
) -> list[str]:
    """The confusion matrix, and precision, recall and F1 of each label.

    readings, targets: N pairs of ids () or (T_i,).
    """
    counts = confusion_matrix(readings, targets, len(labels))
    return [
        page.heading("What was taken for what"),
        confusion_table(counts, labels, unit),
        page.heading("Each label"),
        class_table(counts, labels, unit),
    ]


def confusion_table(counts: np.ndarray, labels: Sequence[str], unit: str) -> str:
    """Heat table of counts (labels, labels), rows the truth, with percent of the row.

    Labels that neither occur nor were read are left out; of more than 24 those with the most
    errors are shown, and the caption says so.
    """
    errors = counts.sum(0) + counts.sum(1) - 2 * np.diag(counts)
    present = np.flatnonzero(counts.sum(0) + counts.sum(1))
    shown, note = present, ""
    if len(present) > MAX_LABELS:
        shown = np.sort(present[np.argsort(-errors[present], kind="stable")[:MAX_LABELS]])
        note = f" The {MAX_LABELS} of {len(present)} labels with the most errors."
    totals = counts.sum(1)
    head = "".join(f'<th scope="col">{escape(labels[i])}</th>' for i in shown)
    rows = "".join(
        f'<tr><th scope="row">{escape(labels[i])}</th>'
        + "".join(heat_cell(int(counts[i, j]), int(totals[i]), i == j) for j in shown)
        + "</tr>"
        for i in shown
    )
    return (
        f'<div class="wide"><table class="heat"><caption>Rows: the truth. Columns: the reading. '
        f"Counts of {escape(unit)} and percent of the row.{note}</caption>"
        f'<thead><tr><th scope="col">truth \\ reading</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def heat_cell(count: int, total: int, correct: bool) -> str:
    """A cell whose shade is its share of the row."""
    share = count / total if total else 0.0
    kind = "hit" if correct else "miss"
    figures = f"{count}<br><small>{100 * share:.0f} %</small>" if count else '<i class="no">0</i>'
    return f'<td class="{kind}" style="--v:{share:.3f}">{figures}</td>'


def class_table(counts: np.ndarray, labels: Sequence[str], unit: str) -> str:
    """Precision, recall and F1 of each label that occurs or was read; "-" where undefined."""
    rows = []
    for i in np.flatnonzero(counts.sum(0) + counts.sum(1)):
        true, read, correct = int(counts[i].sum()), int(counts[:, i].sum()), int(counts[i, i])
        f1 = page.share(2 * correct, true + read)
        values = page.share(correct, read), page.share(correct, true), f1
        rows.append([escape(labels[i]), str(true), str(read), *values])
    return page.table(["label", f"{unit} true", f"{unit} read", "precision", "recall", "F1"], rows)
