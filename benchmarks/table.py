"""One way to print a table for all benchmarks."""

from collections.abc import Sequence

from pipeline.scoring.metrics import Score


def aligned(cells: Sequence[Sequence[str]], markdown: bool) -> str:
    """Rows of cells, the head first -> aligned columns, or a Markdown table."""
    if markdown:
        rows = [cells[0], ["---"] * len(cells[0]), *cells[1:]]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def print_report(table: str, conditions: str, problems: Sequence[str]) -> None:
    """Print a table, what its figures were measured under, and the inputs that failed."""
    print(table, conditions, sep="\n\n")
    print(*(f"Failed, counted as empty: {problem}" for problem in problems), sep="\n")


def score_cell(score: Score) -> str:
    """Percent with its interval, such as "1.03 (0.85-1.22)"."""
    interval = f"{score.low:.2f}-{score.high:.2f}" if score.groups > 1 else "one group"
    return f"{score.value:.2f} ({interval})"
