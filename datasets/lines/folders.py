"""`LineFolder`, and the lines that a folder lists: images, transcripts, groups and their splits."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..environment import raise_if_machine
from ..files import (
    IMAGE_SUFFIXES,
    TRANSCRIPT,
    compose,
    find_files,
    find_named,
    has_suffix,
    passed_over,
    resolve_data_path,
)
from ..pages.files import pages_and_images
from ..source import Problem, Split
from ..splits import FOLDER, folder_of, no_folder_error, note_divided_folders, split_groups
from ..tables import read_utf8
from ..transcripts import SpaceFolding
from .containers import (
    container_problems,
    container_rows,
    group_name,
    has_pages,
    is_container,
)
from .lmdb import DATABASE_FILES, split_record_name
from .pairs import pair_transcripts
from .tables import (
    LABEL_FILES,
    find_label_file,
    has_header,
    read_labels,
    read_table,
    row_problem,
)

LABELS, GROUPS = "labels.tsv", "groups.tsv"


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
        group: "folder": the first folder below the root that a file lies in is its group, such as a
            folder for each book; null: by the label file or group_pattern.
    """

    root: str
    group_pattern: str = "(.+?)__"
    validation: list[str] | float = 0.1
    test: list[str] | float = 0.0
    repeat: int = 1
    leave_out: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if self.group not in (None, FOLDER):
            raise ValueError(
                f"{self.root}: group {self.group!r}: lines take {FOLDER!r}, or group_pattern, or a "
                "third column of labels.tsv"
            )


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

    It raises ValueError for a file in no folder if the folder is the group. Raises ValueError if
    group_pattern is not a regular expression.
    """
    table = groups_table(folder)
    rows = read_table(table, 2) if table.exists() else []
    merged = {compose(name): group for name, group in rows}
    try:
        pattern = re.compile(folder.group_pattern)
    except re.error as error:
        raise ValueError(f"group_pattern {folder.group_pattern!r}: {error}") from error

    def find(image: Path, given: str | None = None) -> str:
        if folder.group == FOLDER:
            group = book_folder(image, folder)
            if group is None:
                raise no_folder_error(folder.root, [str(image)])
            return merged.get(group, group)
        if given is not None:
            return given
        name = compose(group_name(image))
        match = pattern.match(name)
        group = match.group(1) if match and match.groups() else Path(name).stem
        return merged.get(group, group)

    return find


def base_folder(folder: LineFolder) -> Path:
    """Return the root, or the folder of the file that is the root."""
    root = resolve_data_path(folder.root)
    return root.parent if root.is_file() else root


def groups_table(folder: LineFolder) -> Path:
    """Return where the table that merges groups would be."""
    return base_folder(folder) / "groups.tsv"


def book_folder(image: Path, folder: LineFolder) -> str | None:
    """Return the first folder below the root that holds a line, or None if there is none."""
    record = split_record_name(str(image))
    place, base = Path(*record) if record else image, base_folder(folder)
    return folder_of(place.relative_to(base)) if place.is_relative_to(base) else None


def note_divided(
    folder: LineFolder, listed: Iterable[tuple[Path, str]], splits: dict[str, Split]
) -> list[Problem]:
    """Return a note if the default groups put lines of one folder into several splits.

    listed: image and group of each line. splits: by group. Groups that somebody has given (in a
    label file, groups.tsv, or by options) are not questioned.
    """
    default = LineFolder(folder.root)
    if folder.group or folder.group_pattern != default.group_pattern:
        return []
    if groups_table(folder).exists():
        return []
    find = group_finder(default)
    places = (
        (book_folder(image, folder), splits[group])
        for image, group in listed
        if group == find(image)
    )
    return note_divided_folders(places, folder.root)


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


def unlabelled_images(folder: LineFolder, listed: Iterable[Path]) -> list[tuple[Path, str]]:
    """List (image, reason) of the images at or below a folder that are not the images of its lines.

    listed: the images of all lines. Beside a label file of another name than labels.tsv, which may
    be one of several, images are nobody's business; so are those of pages and databases.
    """
    root = resolve_data_path(folder.root)
    table = find_label_file(root)
    other_table = root.is_file() and root.name not in LABEL_FILES
    if other_table or is_container(root):
        return []
    if table is not None:
        lines, reason = set(listed), f"not in {table.name}; add it there, or remove the image"
        return [(image, reason) for image in list_images(folder) if image not in lines]
    lines = {*listed, *pair_transcripts(root).second}
    return [
        (image, f"no transcript; put {image.stem}{TRANSCRIPT} beside it or remove the image")
        for image in list_images(folder)
        if image not in lines
    ]


def list_images(folder: LineFolder) -> list[Path]:
    """List all images at or below a folder, or beside its label file, whether lines or not."""
    return find_files(base_folder(folder), IMAGE_SUFFIXES)


def lines_passed_over(folder: LineFolder) -> list[str]:
    """Count by kind what lies in a folder of lines and is neither used nor reported by name.

    One line, or none: if all is used, or if the folder was not searched but a file named.
    """
    root = resolve_data_path(folder.root)
    if root.is_file():
        return []
    if has_pages(root) and is_container(root):
        pages, images = pages_and_images(root)
        others = [i for i in list_images(folder) if i.resolve() not in images]
        known = {*pages, *list_images(folder)}
        return passed_over(root, known.__contains__, {"image of no page": others})
    if is_container(root):
        return passed_over(root, lambda file: file.name in DATABASE_FILES)
    if find_label_file(root):
        endings, second = IMAGE_SUFFIXES, []
    else:
        endings, second = (*IMAGE_SUFFIXES, TRANSCRIPT), pair_transcripts(root).second
    lists = {root / GROUPS, *(root / name for name in LABEL_FILES)}
    if folder.leave_out:
        lists.add(resolve_data_path(folder.leave_out))
    return passed_over(
        root,
        lambda file: has_suffix(file, endings) or file in lists,
        {"second image of a line": second},
    )
