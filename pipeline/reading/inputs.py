"""What a user's arguments mean to a bundle: files, folders, globs, texts, the rows of a table."""

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets import LineReader, TextReader
from datasets.source import Reader
from datasets.tables import UnusableRow
from datasets.text.tables import TABLES, column_names, read_columns

from .prediction import Item

# a reader -> what it reads, and the bundle to name when another one was given such a thing
KINDS = {
    "LineReader": ("images", "lines-en"),
    "ClipReader": ("videos", "one that was trained on clips"),
    "TextReader": ("texts", "reviews-en"),
}
TEXTS = TextReader.suffixes
# no white space, and a separator or an ending
PATH = re.compile(r"\S*[/\\]\S*|\S*\.[A-Za-z0-9]{1,5}")


class TextTable(NamedTuple):
    """A CSV, TSV or Parquet file with a column `text`. Its rows are read one by one."""

    path: str
    reader: TextReader

    def items(self) -> Iterator[Item]:
        """Each row, called "FILE:row 1" and so on; a file that cannot be read is one item."""
        try:
            for number, text in enumerate(read_texts(self.path), 1):
                name = f"{self.path}:row {number}"
                if isinstance(text, UnusableRow):
                    yield failure(name, f"line {text.line}: {text.reason}")
                elif isinstance(text, str):
                    yield from_text(text, self.reader, name)
                else:
                    yield failure(name, "no text")
        except FileNotFoundError:
            yield failure(self.path, "no such file")
        except (OSError, ValueError) as error:
            reason = str(error).removeprefix(f"{self.path}: ")
            yield failure(self.path, f"not a table with a column 'text' ({reason})")


def read_texts(path: str) -> Iterator[str | UnusableRow | None]:
    """The column `text` of a table, row by row. Raises ValueError or OSError."""
    names = column_names(Path(path))
    if "text" not in names:
        raise ValueError(f"its first row is {', '.join(names) or 'empty'}")
    for row in read_columns(Path(path), ["text"]):
        yield row if isinstance(row, UnusableRow) else row["text"]


def expand(
    inputs: Iterable[str], reader: Reader, model: str = "this bundle"
) -> Iterator[str | Item | TextTable]:
    """Arguments -> what to read, in order; what cannot be read becomes an item that says why.

    A folder gives all below it that the bundle reads, by name; `-` the lines of standard input; a
    PAGE or ALTO file the lines of its page, called page.xml#line.
    Raises ValueError if the only argument is a folder or a glob without a file.
    """
    for item in files_and_texts(list(inputs), reader, model):
        pages = isinstance(reader, LineReader) and isinstance(item, str)
        if pages and item.lower().endswith(".xml"):
            yield from lines_of_page(item)
        else:
            yield item


def lines_of_page(path: str) -> Iterator[str | Item]:
    """Each line of a PAGE or ALTO file; a page that cannot be read is one item."""
    from datasets.pages.files import check_image, read_page
    from datasets.pages.layout import full_name

    try:
        page = read_page(path)
        check_image(page)
    except FileNotFoundError:
        yield failure(path, "no such file")
        return
    except (OSError, ValueError) as error:
        yield failure(path, str(error).removeprefix(f"{path}: "))
        return
    if not page.lines:
        yield failure(path, "no text line in it; segment it first, or give images of lines")
    yield from (full_name(path, line.id) for line in page.lines)


def files_and_texts(
    inputs: list[str], reader: Reader, model: str
) -> Iterator[str | Item | TextTable]:
    for item in inputs:
        # os.path, for a text can be longer than pathlib lets a name be
        if item == "-":
            lines = (line.rstrip("\r\n") for line in sys.stdin if line.strip())
            texts = isinstance(reader, TextReader)
            yield from (
                from_text(x, reader) if texts else from_argument(x, reader, model) for x in lines
            )
            continue
        if os.path.isdir(item):
            found = files_in(item, reader)
            lacks = f"no {' '.join(reader.suffixes)} file in this folder"
        elif glob.has_magic(item) and not os.path.exists(item):
            found = sorted(glob.glob(item, recursive=True))
            is_text = isinstance(reader, TextReader) and not PATH.fullmatch(item)
            lacks = "" if is_text else "no file matches"
        else:
            found, lacks = [], ""
        if not found and lacks and len(inputs) == 1:
            raise ValueError(f"{item}: {lacks}")
        if found:
            yield from (from_path(path, reader, model) for path in found)
        else:
            yield failure(item, lacks) if lacks else from_argument(item, reader, model)


def files_in(folder: str, reader: Reader) -> list[str]:
    """What a bundle reads at or below a folder, by name: of pages their files, not their images."""
    every = list(Path(folder).rglob("*"))
    found = {p for p in every if p.suffix.lower() in reader.suffixes}
    if isinstance(reader, LineReader) and any(p.suffix.lower() == ".xml" for p in every):
        from datasets.pages.files import pages_and_images

        pages, images = pages_and_images(Path(folder))
        found = {p for p in found if p.resolve() not in images} | set(pages)
    return sorted(map(str, found))


def from_argument(item: str, reader: Reader, model: str) -> str | Item | TextTable:
    """An argument that is a path if it exists or looks like one, else a text."""
    if os.path.exists(item) or PATH.fullmatch(item):
        return from_path(item, reader, model)
    if isinstance(reader, TextReader):
        return from_text(item, reader)
    return failure(item, f"no such file; {describe_reader(reader, model, 'TextReader')}")


def from_path(path: str, reader: Reader, model: str) -> str | Item | TextTable:
    """A file as this reader reads it, or the reason why it does not."""
    ending = os.path.splitext(path)[1].lower()
    if not isinstance(reader, TextReader):
        wrong = ending in TEXTS + TABLES
        return failure(path, describe_reader(reader, model, "TextReader")) if wrong else path
    if not os.path.exists(path):
        return failure(path, "no such file; a text is taken as one if it holds a space, or from -")
    if ending in TABLES:
        return TextTable(path, reader)
    if ending in TEXTS:
        return path
    return failure(
        path, f"not {', '.join(TEXTS + TABLES)}; {describe_reader(reader, model, 'LineReader')}"
    )


def from_text(text: str, reader: TextReader, name: str | None = None) -> Item:
    """A text that is at hand; it is called by itself unless it has a name."""
    return Item(text if name is None else name, lambda: reader.encode(reader.split(text)))


def failure(name: str, why: str) -> Item:
    """An item that answers with this reason."""

    def load() -> np.ndarray:
        raise ValueError(f"{name}: {why}")

    return Item(name, load)


def describe_reader(reader: Reader, model: str, given: str) -> str:
    """What a bundle reads, and which one reads what it was given: the name of a reader."""
    own, _ = KINDS[type(reader).__name__]
    kind, better = KINDS[given]
    return f"{model} reads {own}; for {kind} use --model {better}"
