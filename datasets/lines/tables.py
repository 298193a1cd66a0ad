"""Read the label files of lines: tab-separated cells without quoting."""

from pathlib import Path

from ..tables import read_rows


def read_table(path: Path, *columns: int) -> list[list[str]]:
    """Read the rows of a UTF-8 TSV file.

    columns: allowed numbers of columns. Raises ValueError at the first line with another number.
    """
    rows = []
    for line, cells in read_rows(path, "\t", quotes=False):
        if len(cells) not in columns:
            expected = " or ".join(map(str, columns))
            raise ValueError(
                f"{path}, line {line}: {len(cells)} columns, expected {expected} between tabs"
            )
        rows.append(cells)
    return rows
