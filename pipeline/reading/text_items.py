"""Items to predict that are no paths: texts, the rows of tables, and what cannot be read."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets import TextReader
from datasets.environment import raise_if_machine
from datasets.tables import UnusableRow, find_column
from datasets.text.tables import column_names, read_columns
from datasets.text.tokens import normalize_text

from .items import Item


class TextTable(NamedTuple):
    """A CSV, TSV or Parquet file with a column `text`, whose rows are read lazily."""

    path: str
    reader: TextReader

    def items(self) -> Iterator[Item]:
        """Yield an item per row, named "FILE:row 1" etc.; one failed item for a broken file."""
        try:
            for number, text in enumerate(read_texts(self.path), 1):
                name = f"{self.path}:row {number}"
                if isinstance(text, UnusableRow):
                    yield failed_item(name, f"line {text.line}: {text.reason}")
                elif isinstance(text, str):
                    yield text_item(text, self.reader, name)
                else:
                    yield failed_item(name, "no text")
        except FileNotFoundError:
            yield failed_item(self.path, "no such file")
        except (OSError, ValueError) as error:
            raise_if_machine(error, self.path)
            reason = str(error).removeprefix(f"{self.path}: ")
            yield failed_item(self.path, f"not a table with a column 'text' ({reason})")


def read_texts(path: str) -> Iterator[str | UnusableRow | None]:
    """Yield the column `text` of a table row by row.

    Raises ValueError if there is no such column, ValueError or OSError if it cannot be read.
    """
    names = column_names(Path(path))
    column = find_column(names, "text")
    if column is None:
        raise ValueError(f"its first row is {', '.join(names) or 'empty'}")
    if (count := names.count(column)) > 1:
        raise ValueError(f"{count} columns are called '{column}'")
    for row in read_columns(Path(path), [column]):
        yield row if isinstance(row, UnusableRow) else row[column]


def text_item(text: str, reader: TextReader, name: str | None = None) -> Item:
    """An item for a text given directly; without a name, the text itself is its name."""
    name = text if name is None else name
    return Item(name, lambda: reader.encode(reader.split(text)), lambda: reader.split(text))


def tagged_item(tokens: list[str], reader: TextReader, name: str) -> Item:
    """An item for a text that is split already; all its tokens are read, however long it is."""
    folded = list(map(normalize_text, tokens))

    def load() -> np.ndarray:
        return reader.look_up(reader.locate(folded), np.arange(len(folded)) == 0)

    return Item(name, load, lambda: folded)


def failed_item(name: str, reason: str) -> Item:
    """An item whose loading raises ValueError with this reason."""

    def load() -> np.ndarray:
        raise ValueError(f"{name}: {reason}")

    return Item(name, load)


def each(inputs: Iterable[str | Item | TextTable]) -> Iterator[str | Item]:
    """The inputs, with the rows of a table in its place, read as they are needed."""
    for item in inputs:
        if isinstance(item, TextTable):
            yield from item.items()
        else:
            yield item


def name_of(item: str | Item | TextTable) -> str:
    """The path or name of an input."""
    if isinstance(item, TextTable):
        return item.path
    return item if isinstance(item, str) else item.name
