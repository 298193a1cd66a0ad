"""One way to print a table for all benchmarks."""

from collections.abc import Sequence


def aligned(cells: Sequence[Sequence[str]], markdown: bool) -> str:
    """Rows of cells, the head first -> aligned columns, or a Markdown table."""
    if markdown:
        rows = [cells[0], ["---"] * len(cells[0]), *cells[1:]]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
