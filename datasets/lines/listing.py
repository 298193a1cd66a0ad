"""The lines that a folder lists: images, transcripts, groups; and what in it is no line."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..environment import raise_if_machine
from ..files import (
    IMAGE_SUFFIXES,
    TRANSCRIPT,
    find_files,
    find_named,
    has_suffix,
    passed_over,
    resolve_data_path,
    scan_folder,
)
from ..pages.files import find_pages, pages_and_images
from ..source import Problem
from ..splits import split_folders
from ..tables import read_utf8
from ..transcripts import SpaceFolding
from .containers import container_problems, container_rows, has_pages, is_container
from .folders import GROUPS, LineFolder, base_folder, group_finder
from .lmdb import DATABASE_FILES
from .pairs import pair_transcripts
from .tables import LABEL_FILES, find_label_file, has_header, read_labels, row_problem


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
    listed: (image, text, group) of all lines, which `group_splits` takes.
    """

    rows: list[tuple[Path, str, str]]
    problems: list[Problem]
    notes: list[Problem]
    listed: list[tuple[Path, str, str]]


def list_parts(folder: LineFolder) -> list[Path]:
    """The folders that hold the lines: those of the splits, if there are, else the root."""
    root = resolve_data_path(folder.root)
    splits = {} if find_label_file(root) else split_folders(root)
    return [part for parts in splits.values() for part in parts] or [root]


def list_rows(folder: LineFolder) -> tuple[list[ListedRow], list[Problem]]:
    """List the lines of a folder as its files have them, and the problems of unreadable ones."""
    rows: list[ListedRow] = []
    problems: list[Problem] = []
    for root in list_parts(folder):
        found, unreadable = _list_part(root)
        rows += found
        problems += unreadable
    return rows, problems


def _list_part(root: Path) -> tuple[list[ListedRow], list[Problem]]:
    """The lines of a folder without folders of splits."""
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
            try:
                image = find_named(labels.parent, row.file)
            except ValueError as error:
                problems.append(row_problem(labels, row.line, str(error)))
                continue
            rows.append(ListedRow(image, row.text, row.group, place))
        for other in (root / name for name in LABEL_FILES if root.is_dir()):
            if other != labels and other.is_file() and has_header(other):
                reason = f"{other}: not read, for {labels.name} is beside it; remove one of them"
                problems.append(Problem(str(other), reason))
    else:
        for image, file in pair_transcripts(root).pairs:
            try:
                rows.append(ListedRow(image, read_utf8(file).rstrip("\n"), None, file.name))
            except (OSError, ValueError) as error:
                raise_if_machine(error)
                problems.append(Problem(str(image), str(error)))
    return rows, problems


def read_lines(folder: LineFolder) -> ListedLines:
    """Read the transcripts of a folder. Raises ValueError if there is none that can be used."""
    listed, problems = list_rows(folder)
    problems += [
        Problem(str(image), f"{image}: {reason}")
        for image, reason in unlabelled_images(folder, [row.image for row in listed])
    ]
    find_group, folding = group_finder(folder), SpaceFolding()
    rows, counted = [], []
    for image, text, given, _ in listed:
        group = find_group(image, given)
        counted.append((image, text, group))
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


def unlabelled_images(folder: LineFolder, listed: Iterable[Path]) -> list[tuple[Path, str]]:
    """List (image, reason) of the images at or below a folder that are not the images of its lines.

    listed: the images of all lines. Beside a label file of another name than labels.tsv, which may
    be one of several, images are nobody's business; so are those of pages and databases.
    """
    lines = set(listed)
    return [pair for root in list_parts(folder) for pair in _unlabelled(root, lines)]


def _unlabelled(root: Path, lines: set[Path]) -> list[tuple[Path, str]]:
    table = find_label_file(root)
    other_table = root.is_file() and root.name not in LABEL_FILES
    if other_table or is_container(root):
        return []
    images = find_files(root.parent if root.is_file() else root, IMAGE_SUFFIXES)
    if table is not None:
        reason = f"not in {table.name}; add it there, or remove the image"
        return [(image, reason) for image in images if image not in lines]
    known = {*lines, *pair_transcripts(root).second}
    return [
        (image, f"no transcript; put {image.stem}{TRANSCRIPT} beside it or remove the image")
        for image in images
        if image not in known
    ]


def list_images(folder: LineFolder) -> list[Path]:
    """List all images at or below a folder, or beside its label file, whether lines or not."""
    return find_files(base_folder(folder), IMAGE_SUFFIXES)


def lines_passed_over(folder: LineFolder) -> list[str]:
    """Count by kind what lies in a folder of lines and is neither used nor reported by name.

    A line for the folder, or for each of its splits and what is beside them; none if all is used,
    or if the folder was not searched but a file named.
    """
    root, parts = resolve_data_path(folder.root), list_parts(folder)
    if root.is_file():
        return []
    lists = {root / GROUPS}
    if folder.leave_out:
        lists.add(resolve_data_path(folder.leave_out))
    beside = [] if parts == [root] else [scan_folder(root, below=False)]
    return [
        *(line for files in beside for line in passed_over(root, lists.__contains__, files=files)),
        *(line for part in parts for line in _passed_over(part, lists)),
    ]


def _passed_over(root: Path, lists: set[Path]) -> list[str]:
    """lists: files that belong to the folder, beside the label files."""
    images = find_files(root, IMAGE_SUFFIXES)
    if has_pages(root) and is_container(root):
        pages, used = pages_and_images(find_pages(root))
        others = [image for image in images if image.resolve() not in used]
        known = {*pages, *images}
        return passed_over(root, known.__contains__, {"image of no page": others})
    if is_container(root):
        return passed_over(root, lambda file: file.name in DATABASE_FILES)
    if find_label_file(root):
        endings, second = IMAGE_SUFFIXES, []
    else:
        endings, second = (*IMAGE_SUFFIXES, TRANSCRIPT), pair_transcripts(root).second
    known_lists = lists | {root / name for name in LABEL_FILES}
    return passed_over(
        root,
        lambda file: has_suffix(file, endings) or file in known_lists,
        {"second image of a line": second},
    )
