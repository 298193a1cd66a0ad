"""The text files that describe lines: tables between tabs, transcripts."""

from pathlib import Path


def read_table(path: Path, *columns: int) -> list[list[str]]:
    """Rows of a UTF-8 TSV file.

    Raises ValueError naming the line that has another number of columns.
    """
    # only a line end ends a row: `splitlines` would cut at form feeds and U+2028 too
    lines = enumerate(read_utf8(path).split("\n"), 1)
    rows = [(number, line.split("\t")) for number, line in lines if line]
    for number, row in rows:
        if len(row) not in columns:
            wanted = " or ".join(map(str, columns))
            raise ValueError(
                f"{path}, line {number}: {len(row)} columns, expected {wanted} between tabs"
            )
    return [row for _, row in rows]


def read_utf8(path: Path) -> str:
    """A text file, whatever its line ends, without a byte order mark.

    Raises ValueError that names a file in another encoding.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
