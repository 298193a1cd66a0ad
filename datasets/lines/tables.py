"""Label files of lines: cells between tabs, in which a quote is a character like any other."""

from pathlib import Path

from ..tables import read_rows


def read_table(path: Path, *columns: int) -> list[list[str]]:
    """Rows of a UTF-8 TSV file.

    Raises ValueError naming the line that has another number of columns.
    """
    rows = []
    for line, cells in read_rows(path, "\t", quotes=False):
        if len(cells) not in columns:
            wanted = " or ".join(map(str, columns))
            raise ValueError(
                f"{path}, line {line}: {len(cells)} columns, expected {wanted} between tabs"
            )
        rows.append(cells)
    return rows
