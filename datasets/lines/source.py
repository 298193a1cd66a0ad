"""Text lines from folders: images with transcripts, split by page, book, company or writer."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..batch import Sample
from ..paths import resolve
from ..progress import track
from ..source import Problem, SequenceDataset, Source, Split
from ..splits import split_groups
from ..vocabulary import Vocabulary
from .containers import (
    container_problems,
    container_rows,
    group_name,
    is_container,
    pack_line,
)
from .exclusions import names_of, read_exclusions, unknown_names
from .reader import LineReader, decode_grey, load_grey
from .tables import read_table, read_utf8


@dataclass
class LineFolder:
    """One folder of line images with `labels.tsv` (file TAB text [TAB group]) or a `.gt.txt` beside
    each; or else of PAGE or ALTO files with their images, or an LMDB.

    Args:
        root: the folder, its labels.tsv, or one page file; if it is not there as given, it is
            looked for under $STRAND_DATA.
        group_pattern: its first bracket, matched at the start of a file's name, is the group if the
            label file gives none. A page file's lines are one group, named by the page; a record
            of an LMDB is matched by its key. `groups.tsv` (name TAB group) can join such groups
            into larger ones.
        validation: groups kept out to choose by: their names, or a share of all lines.
        test: groups kept out for the last test: their names, or a share of all lines.
        repeat: how often each training line comes in an epoch.
        leave_out: a list of lines not to use, file TAB reason, such as `doctor --fix` writes. They
            are counted and named; which split the others stand in does not change.
    """

    root: str
    group_pattern: str = "(.+?)__"
    validation: list[str] | float = 0.1
    test: list[str] | float = 0.0
    repeat: int = 1
    leave_out: str | None = None


class Line(NamedTuple):
    """A line that has an image of this many columns at the reader's height.

    packed: the image as PNG, if it was cut from a page.
    """

    path: str
    text: str
    group: str
    width: int
    packed: bytes | None = None


def transcripts(folder: LineFolder) -> Iterator[tuple[Path, str, str]]:
    """(image, text, group) of every line of a folder, as its files say.

    Raises ValueError if there is none.
    """
    root = resolve(folder.root)
    labels = root if root.is_file() else root / "labels.tsv"
    if is_container(root):
        rows = container_rows(root)
    elif labels.exists():
        rows = [(labels.parent / row[0], *row[1:]) for row in read_table(labels, 2, 3)]
    else:
        files = sorted(root.rglob("*.gt.txt"))
        rows = [(image_of(f), read_utf8(f).rstrip("\n")) for f in files]
    if not rows:
        told = "".join(f"\n  {problem.reason}" for problem in container_problems(root)[:3])
        raise ValueError(
            f"{root}: neither labels.tsv with lines in it nor IMAGE.gt.txt files; nothing to read, "
            f"for no PAGE, ALTO or LMDB with texts is there either{told}"
        )
    find_group = group_finder(folder)
    for image, text, *given in rows:
        group = find_group(image, given[0] if given else None)
        yield image, unicodedata.normalize("NFC", text), group


def group_finder(folder: LineFolder) -> Callable[[Path, str | None], str]:
    """(image, the group that its row gives, if it gives one) -> its group.

    Raises ValueError for a group_pattern that is none.
    """
    table = resolve(folder.root) / "groups.tsv"
    larger = dict(read_table(table, 2)) if table.exists() else {}
    try:
        pattern = re.compile(folder.group_pattern)
    except re.error as error:
        raise ValueError(f"group_pattern {folder.group_pattern!r}: {error}") from error

    def find(image: Path, given: str | None) -> str:
        if given is not None:
            return given
        name = group_name(image)
        match = pattern.match(name)
        group = match.group(1) if match and match.groups() else Path(name).stem
        return larger.get(group, group)

    return find


def split_lines(folder: LineFolder, listed: Iterable[tuple[str | None, str]]) -> dict[str, Split]:
    """(text, group) of all lines that a folder lists -> the split of each group.

    Each line with a text counts, be its image broken or left out: neither mending nor leaving out
    some may move the others, or what was trained on would be tested on.
    """
    rows = list(listed)
    splits: dict[str, Split] = dict.fromkeys((group for _, group in rows), "train")
    counted = [group for text, group in rows if text and text.strip()]
    if counted:
        splits |= split_groups(counted, folder.validation, folder.test, folder.root)
    return splits


def unlabelled(folder: LineFolder) -> list[Path]:
    """Images that have no `.gt.txt` beside them; a label file alone says which images it means."""
    root = resolve(folder.root)
    if root.is_file() or (root / "labels.tsv").exists() or is_container(root):
        return []
    return [p for p in images_of(folder) if not p.with_name(p.stem + ".gt.txt").exists()]


def images_of(folder: LineFolder) -> list[Path]:
    """All images at or below a folder, or beside its label file, whether lines or not."""
    root = resolve(folder.root)
    below = sorted((root.parent if root.is_file() else root).rglob("*"))
    return [path for path in below if path.suffix.lower() in LineReader.suffixes]


def image_of(transcript: Path) -> Path:
    """page1.gt.txt -> page1.png, or whichever image stands beside it."""
    stem = transcript.name.removesuffix(".gt.txt")
    endings = [e for suffix in LineReader.suffixes for e in (suffix, suffix.upper())]
    found = [transcript.with_name(stem + ending) for ending in endings]
    return next((path for path in found if path.exists()), found[0])


class LineDataset(SequenceDataset):
    """The lines of one split.

    `augmentation` (image (H, W) -> image) is applied before scaling, if set.
    """

    def __init__(self, lines: list[Line], vocabulary: Vocabulary, reader: LineReader):
        self.lines, self.reader = lines, reader
        self.names = [line.path for line in lines]
        self.groups = [line.group for line in lines]
        self.texts = [line.text for line in lines]
        self.sizes = np.array([line.width for line in lines], dtype=np.int64)
        self.targets = [vocabulary.encode(line.text, line.path) for line in lines]
        self.augmentation: Callable[[np.ndarray], np.ndarray] | None = None

    def read(self, index: int) -> Sample:
        path, packed = self.lines[index].path, self.lines[index].packed
        image = load_grey(path) if packed is None else decode_grey(packed, path)
        if self.augmentation is not None:
            image = self.augmentation(image)
        return Sample(self.reader.prepare(image, path), self.targets[index])


class RealLines(Source):
    """Line images from one or more folders.

    Args:
        folders: where they are and which groups are kept out of training.
        alphabet: characters to read, in the order of their ids; a line with any other is left out
            and named. null takes those of the training and validation transcripts.
        height: pixels high that the lines are scaled to.
        max_width: columns at that height; a wider image is left out and named.

    Raises ValueError if there is no line to train on, or a list of lines to leave out has none of
    the lines of its folders; names in it that are no line's are a note.
    """

    def __init__(
        self,
        folders: list[LineFolder],
        alphabet: str | None = None,
        height: int = 40,
        max_width: int = 12000,
    ):
        self.reader = LineReader(height, max_width)
        self.input_size = height
        self.problems: list[Problem] = []
        self._lines: dict[Split, list[Line]] = {"train": [], "validation": [], "test": []}
        called: defaultdict[str, set[str]] = defaultdict(set)  # by list: all that it may name
        for folder in folders:
            self._add(folder, called)
        told = [unknown_names(path, names) for path, names in called.items()]
        self.notes = [note for note in told if note]
        known = [line.text for split in ("train", "validation") for line in self._lines[split]]
        self.vocabulary = Vocabulary.of(known) if alphabet is None else Vocabulary(alphabet)
        self.labels = self.vocabulary.symbols
        self._lines = {split: self._encodable(lines) for split, lines in self._lines.items()}
        if not self._lines["train"]:
            first = "".join(f"\n  {p.reason}" for p in self.problems[:3])
            raise ValueError(f"no line to train on in {', '.join(f.root for f in folders)}{first}")

    def _add(self, folder: LineFolder, called: dict[str, set[str]]) -> None:
        listed, chosen = list(transcripts(folder)), read_exclusions(folder.leave_out)
        rows, lines = [], []
        for row in listed:
            name = next((n for n in names_of(row[0], folder.root) if n in chosen), None)
            if name is None:
                rows.append(row)
            else:
                reason = f"{row[0]}: left out by {folder.leave_out}: {chosen[name]}"
                self.problems.append(Problem(str(row[0]), reason))
        unused = container_problems(resolve(folder.root))
        self.problems += unused
        if folder.leave_out:
            images = [row[0] for row in listed] + [Path(problem.name) for problem in unused]
            for image in images + images_of(folder):
                called[folder.leave_out].update(names_of(image, folder.root))
        self.problems += [
            Problem(
                str(p), f"{p}: no transcript; put {p.stem}.gt.txt beside it or remove the image"
            )
            for p in unlabelled(folder)
        ]
        with ThreadPoolExecutor() as pool:  # OpenCV decodes outside the interpreter lock
            checked = track(pool.map(self._check, rows), f"checking {folder.root}", len(rows))
            for line in checked:
                (lines if isinstance(line, Line) else self.problems).append(line)
        if lines:
            splits = split_lines(folder, ((text, group) for _, text, group in listed))
            for line in lines:
                split = splits[line.group]
                self._lines[split] += [line] * (folder.repeat if split == "train" else 1)

    def _check(self, row: tuple[Path, str, str]) -> Line | Problem:
        path, text, group = row
        if not text.strip():
            return Problem(
                str(path), f"{path}: the transcript is empty; type it or remove the line"
            )
        try:
            name, image = str(path), load_grey(str(path))
            width = self.reader.width(image, name)
            return Line(name, text, group, width, pack_line(name, image, self.reader))
        except (OSError, ValueError) as error:
            return Problem(str(path), str(error))

    def _encodable(self, lines: list[Line]) -> list[Line]:
        refused = set()
        for line in dict.fromkeys(lines):  # each once, however often it is repeated
            try:
                self.vocabulary.encode(line.text, line.path)
            except ValueError as error:
                refused.add(line)
                self.problems.append(Problem(line.path, str(error)))
        return [line for line in lines if line not in refused]

    def split(self, name: Split) -> LineDataset:
        return LineDataset(self._lines[name], self.vocabulary, self.reader)
