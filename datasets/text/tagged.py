"""Texts with a label for each token: CoNLL files, and Parquet with columns tokens and labels."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..files import find_files, has_suffix, resolve_data_path
from ..labels import fold_label
from ..source import Problem, Split
from ..splits import SPLIT_FOLDERS
from ..tables import find_column, read_utf8
from .tables import column_names, read_columns

PARQUET = ".parquet"
CONLL = (".conll", ".bio", ".iob", ".iob2", ".tsv", ".txt")
DOCUMENT = "-DOCSTART-"  # its line begins a document


class TaggedText(NamedTuple):
    """A sentence with a label for each token, all folded; a document is a group."""

    name: str
    tokens: list[str]
    labels: list[str]
    group: str


class TaggedFiles(NamedTuple):
    """Files of tagged texts by split; divided: whether their names say so, else train is all."""

    files: Mapping[Split, Path]
    divided: bool

    def rows(self, split: Split) -> Iterator[TaggedText | Problem]:
        """Iterate over the sentences of a split, and a Problem for each unusable one.

        Raises ValueError or OSError for a file that cannot be read.
        """
        path = self.files[split]
        return read_tagged_parquet(path) if has_suffix(path, (PARQUET,)) else read_conll(path)


def find_tagged(root: str) -> TaggedFiles:
    """Find the texts in a file, or in a folder of train.conll, test.conll and so on.

    Raises FileNotFoundError or ValueError that says what was looked for.
    """
    path, suffixes = resolve_data_path(root), (PARQUET, *CONLL)
    if path.is_file():
        if not has_suffix(path, suffixes):
            raise ValueError(f"{path}: tagged texts come as {', '.join(suffixes)}; convert it")
        return TaggedFiles({"train": path}, False)
    files: dict[Split, Path] = {}
    for file in find_files(path, suffixes, below=False):
        if split := SPLIT_FOLDERS.get(file.stem.lower()):
            files[split] = file
    if not files:
        raise ValueError(f"{path}: neither test.conll nor test.parquet in it; name the file")
    return TaggedFiles(files, True)


def read_conll(path: Path) -> Iterator[TaggedText | Problem]:
    """Iterate over the sentences of a CoNLL file.

    A line is a token, its label in the last column, between them columns that are not used,
    separated by tabs or else by spaces. An empty line ends a sentence; -DOCSTART- begins a
    document. Raises ValueError for a file that is not UTF-8.
    """
    document, documents, number, rows, fault = "", 0, 0, [], ""
    for place, line in enumerate([*read_utf8(path).split("\n"), ""], 1):
        columns = line.split("\t") if "\t" in line else line.split()
        if columns and columns[0] == DOCUMENT:
            documents += 1
            document = f"document {documents}"
        elif line.strip():
            rows.append((columns[0].strip(), fold_label(columns[-1])))
            if not fault and (len(columns) < 2 or not all(rows[-1])):
                fault = f"{path}, line {place}: {columns[0]!r} without a label; add it"
        elif rows:
            number += 1
            name = f"{path.name} sentence {number}"
            if fault:
                yield Problem(name, fault)
            else:
                tokens, labels = map(list, zip(*rows, strict=True))
                yield TaggedText(name, tokens, labels, document or name)
            rows, fault = [], ""


def read_tagged_parquet(path: Path) -> Iterator[TaggedText | Problem]:
    """Iterate over the rows of a Parquet file: lists `tokens` and `labels`, optionally `group`.

    Raises ValueError for a damaged file, or one without these columns.
    """
    names = column_names(path)
    columns = {use: find_column(names, use) for use in ("tokens", "labels", "group")}
    for use in ("tokens", "labels"):
        if columns[use] is None:
            raise ValueError(f"{path}: no column '{use}'; it has {', '.join(names)}; rename one")
    used = {use: name for use, name in columns.items() if name}
    for number, row in enumerate(read_columns(path, set(used.values())), 1):
        name = f"{path.name} row {number}"
        tokens, labels = row[used["tokens"]], row[used["labels"]]
        if not isinstance(tokens, list) or not isinstance(labels, list):
            yield Problem(name, f"{path}: row {number}: tokens and labels must be lists")
        elif len(tokens) != len(labels) or not tokens:
            counts = f"{len(tokens)} tokens and {len(labels)} labels"
            yield Problem(name, f"{path}: row {number}: {counts}; label every token")
        else:
            group = row.get(used.get("group", "")) or name
            labels = list(map(fold_label, labels))
            yield TaggedText(name, list(map(str, tokens)), labels, str(group))
