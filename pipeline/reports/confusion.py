"""What was taken for what, for the report: a confusion matrix as a heat table, and its scores."""

from collections.abc import Sequence
from html import escape

import numpy as np

LARGEST = 24  # labels in a table: more can neither be read nor drawn


def confusion_table(counts: np.ndarray, labels: Sequence[str], unit: str) -> str:
    """Counts (labels, labels), rows the truth, as a heat table with percent of the row.

    Labels that neither occur nor were read are left out; of more than 24 those with the most
    errors are shown, and the page says so.
    """
    errors = counts.sum(0) + counts.sum(1) - 2 * np.diag(counts)
    present = np.flatnonzero(counts.sum(0) + counts.sum(1))
    shown, note = present, ""
    if len(present) > LARGEST:
        shown = np.sort(present[np.argsort(-errors[present], kind="stable")[:LARGEST]])
        note = f" The {LARGEST} of {len(present)} labels with the most errors."
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


def heat_cell(count: int, total: int, right: bool) -> str:
    share = count / total if total else 0.0
    kind = "hit" if right else "miss"
    figures = f"{count}<br><small>{100 * share:.0f} %</small>" if count else '<i class="no">0</i>'
    return f'<td class="{kind}" style="--v:{share:.3f}">{figures}</td>'


def class_table(counts: np.ndarray, labels: Sequence[str], unit: str) -> str:
    """Precision, recall and F1 of each label that occurs or was read; "-" where undefined."""
    rows = []
    for i in np.flatnonzero(counts.sum(0) + counts.sum(1)):
        true, read, hits = int(counts[i].sum()), int(counts[:, i].sum()), int(counts[i, i])
        values = [ratio(hits, read), ratio(hits, true), ratio(2 * hits, true + read)]
        cells = "".join(f"<td>{value}</td>" for value in (true, read, *values))
        rows.append(f'<tr><th scope="row">{escape(labels[i])}</th>{cells}</tr>')
    names = ("label", f"{unit} true", f"{unit} read", "precision", "recall", "F1")
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
