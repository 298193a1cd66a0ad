"""`LineFolder`, and the lines that a folder lists: images, transcripts, groups and their splits."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..images import IMAGE_SUFFIXES, sibling_images
from ..paths import resolve_data_path
from ..source import Problem, Split
from ..splits import split_groups
from ..tables import read_utf8
from ..transcripts import SpaceFolding
from .containers import container_problems, container_rows, group_name, is_container
from .tables import LABEL_FILES, find_label_file, has_header, read_labels, read_table


@dataclass
class LineFolder:
    """A folder of lines and how its groups are split.

    It holds line images with `labels.tsv` (file TAB text [TAB group]), `labels.csv` (under a header
    file,text[,group]) or a `.gt.txt` beside each, or PAGE or ALTO files with their images, or an
    LMDB.

    Args:
        root: the folder, its label file, or one page file; looked up under $STRAND_DATA if it does
            not exist as given.
        group_pattern: regular expression, matched at the start of a file's name; its first capture
            group is the group of the line if the label file gives none. The lines of a page file
            are matched by the name of the page, records of an LMDB by their key. `groups.tsv` (name
            TAB group) can merge such groups into larger ones.
        validation: groups of the validation split: their names, or a share of all lines.
        test: groups of the test split: their names, or a share of all lines.
        repeat: how often each training line occurs per epoch.
        leave_out: list of lines not to use, file TAB reason, such as `doctor --fix` writes. They
            are counted and named; the split of the other lines does not change.
    """

    root: str
    group_pattern: str = "(.+?)__"
    validation: list[str] | float = 0.1
    test: list[str] | float = 0.0
    repeat: int = 1
    leave_out: str | None = None


class ListedRow(NamedTuple):
    """A line as its file lists it, with an unchanged text.

    group: None if the file gives none. where: the row it comes from, such as "labels.tsv, line 3".
    """

    image: Path
    text: str
    group: str | None
    where: str


class ListedLines(NamedTuple):
    """The lines of a folder.

    rows: (image, text, group) of each line with a usable transcript; texts in NFC with plain
    spaces. problems: the reasons why others are not used. notes: what was changed in the texts.
    listed: (text, group) of all lines, which `group_splits` takes.
    """

    rows: list[tuple[Path, str, str]]
    problems: list[Problem]
    notes: list[Problem]
    listed: list[tuple[str, str]]


def list_rows(folder: LineFolder) -> tuple[list[ListedRow], list[Problem]]:
    """List the lines of a folder as its files have them, and the problems of unreadable ones."""
    root = resolve_data_path(folder.root)
    problems: list[Problem] = []
    rows: list[ListedRow] = []
    labels = find_label_file(root)
    if is_container(root):
        rows = [ListedRow(name, text, None, name.name) for name, text in container_rows(root)]
        problems = container_problems(root)
    elif labels is not None:
        labelled, problems = read_labels(labels)
        for row in labelled:
            place = f"{labels.name}, line {row.line}"
            rows.append(ListedRow(labels.parent / row.file, row.text, row.group, place))
        for other in (root / name for name in LABEL_FILES if root.is_dir()):
            if other != labels and other.is_file() and has_header(other):
                reason = f"{other}: not read, for {labels.name} is beside it; remove one of them"
                problems.append(Problem(str(other), reason))
    else:
        for file in sorted(root.rglob("*.gt.txt")):
            image = transcript_image(file)
            try:
                rows.append(ListedRow(image, read_utf8(file).rstrip("\n"), None, file.name))
            except (OSError, ValueError) as error:
                problems.append(Problem(str(image), str(error)))
    return rows, problems


def read_lines(folder: LineFolder) -> ListedLines:
    """Read the transcripts of a folder. Raises ValueError if there is none that can be used."""
    listed, problems = list_rows(folder)
    problems += [
        Problem(
            str(image), f"{image}: no transcript; put {image.stem}.gt.txt beside it or remove it"
        )
        for image in unlabelled_images(folder)
    ]
    find_group, folding = group_finder(folder), SpaceFolding()
    rows, counted = [], []
    for image, text, given, _ in listed:
        group = find_group(image, given)
        counted.append((text, group))
        try:
            rows.append((image, folding.fold(text, str(image)), group))
        except ValueError as error:
            problems.append(Problem(str(image), str(error)))
    if not rows:
        reasons = "".join(f"\n  {problem.reason}" for problem in problems[:3])
        raise ValueError(
            f"{folder.root}: neither labels.tsv with lines in it nor IMAGE.gt.txt files; nothing "
            f"to read, for no PAGE, ALTO or LMDB with texts is there either{reasons}"
        )
    return ListedLines(rows, problems, folding.notes(folder.root), counted)


def transcripts(folder: LineFolder) -> list[tuple[Path, str, str]]:
    """List (image, text, group) of the lines of a folder, as `read_lines` does."""
    return read_lines(folder).rows


def group_finder(folder: LineFolder) -> Callable[..., str]:
    """Return a function (image, group in the label file = None) -> group of the line.

    Raises ValueError if group_pattern is not a regular expression.
    """
    table = resolve_data_path(folder.root) / "groups.tsv"
    merged = dict(read_table(table, 2)) if table.exists() else {}
    try:
        pattern = re.compile(folder.group_pattern)
    except re.error as error:
        raise ValueError(f"group_pattern {folder.group_pattern!r}: {error}") from error

    def find(image: Path, given: str | None = None) -> str:
        if given is not None:
            return given
        name = group_name(image)
        match = pattern.match(name)
        group = match.group(1) if match and match.groups() else Path(name).stem
        return merged.get(group, group)

    return find


def group_splits(folder: LineFolder, listed: Iterable[tuple[str | None, str]]) -> dict[str, Split]:
    """Map each group to its split, given (text, group) of all lines that a folder lists.

    Every line with a text counts, even if its image is broken or left out: otherwise, repairing or
    leaving out some lines could move others from the training to the test split.
    """
    rows = list(listed)
    splits: dict[str, Split] = dict.fromkeys((group for _, group in rows), "train")
    counted = [group for text, group in rows if text and text.strip()]
    if counted:
        splits |= split_groups(counted, folder.validation, folder.test, folder.root)
    return splits


def unlabelled_images(folder: LineFolder) -> list[Path]:
    """List the images without a `.gt.txt` beside them; none if there is a label file."""
    root = resolve_data_path(folder.root)
    if find_label_file(root) or is_container(root):
        return []
    return [p for p in list_images(folder) if not p.with_name(p.stem + ".gt.txt").exists()]


def list_images(folder: LineFolder) -> list[Path]:
    """List all images at or below a folder, or beside its label file, whether lines or not."""
    root = resolve_data_path(folder.root)
    paths = sorted((root.parent if root.is_file() else root).rglob("*"))
    return [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]


def transcript_image(transcript: Path) -> Path:
    """Return the image beside page1.gt.txt, of any suffix; page1.png if there is none."""
    candidates = sibling_images(transcript, transcript.name.removesuffix(".gt.txt"))
    return next((path for path in candidates if path.exists()), candidates[0])
