"""Line data as its files list it: every row, usable or not, and the split each line falls into."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from datasets.files import IMAGE_SUFFIXES, has_suffix
from datasets.limits.opening import open_regular
from datasets.lines.containers import is_container
from datasets.lines.exclusions import names_in_list, note_unknown_names, read_exclusions
from datasets.lines.folders import (
    LineFolder,
    group_finder,
    group_splits,
    joint_splits,
    note_divided,
)
from datasets.lines.listing import lines_passed_over, list_parts, list_rows, unlabelled_images
from datasets.lines.pairs import has_transcripts
from datasets.lines.tables import find_label_file, has_header

from ..evaluation.config_folders import folders_of_config

PEEK = 20  # first rows of a table that are searched for image names


class ListedLine(NamedTuple):
    """A line as its file lists it.

    text: unchanged, not even NFC-composed; None if there is none. name: its name in a list of lines
    to leave out. where: the row it comes from, such as "labels.tsv, line 3". any_case: see
    LineFolder.
    """

    path: str
    name: str
    text: str | None
    group: str
    folder: str
    split: str
    where: str
    any_case: bool = False


class Listing(NamedTuple):
    """Lines, the reasons why other rows are not lines, and the lines that `leave_out` excludes.

    notes: remarks on the groups. passed_over: what else lies in the folders, counted by kind.
    """

    lines: list[ListedLine]
    problems: list[str]
    left_out: list[ListedLine]
    notes: list[str]
    passed_over: list[str]


def holds_lines(path: Path) -> bool:
    """Return whether a path holds text lines.

    True for a label file that names images, a folder with one, a folder with `.gt.txt` files, and
    pages (PAGE, ALTO) or databases of lines.
    """
    if is_container(path):
        return True
    if path.is_dir():
        tables = [find_label_file(part) for part in list_parts(LineFolder(str(path)))]
        return any(holds_lines(table) for table in tables if table) or has_transcripts(path)
    if path.suffix.lower() in (".tsv", ".csv") and has_header(path):
        return True
    if path.suffix.lower() != ".tsv":
        return False
    with open_regular(path) as file:
        names = [row.split(b"\t")[0].decode("utf-8", "replace") for row in islice(file, PEEK)]
    return any(has_suffix(name, IMAGE_SUFFIXES) for name in names)


def list_folder(folder: LineFolder, alone: bool) -> Listing:
    """List all lines of a folder, in one split that has the folder's name.

    alone: whether it is the only folder: names in a list of lines to leave out then lack the
    folder.
    """
    find_group, excluded = group_finder(folder), read_exclusions(folder.leave_out)
    listing = Listing([], [], [], [], lines_passed_over(folder))
    rows, problems = list_rows(folder)
    listing.problems.extend(problem.reason for problem in problems)
    bare = [
        (image, None, None, reason.partition(";")[0])
        for image, reason in unlabelled_images(folder, [row.image for row in rows])
    ]
    for image, text, given, where in chain(rows, bare):
        names = names_in_list(image, folder.root)
        name = names[0] if alone else names[-1]
        ungrouped = folder.group and text is None  # it may lie in no folder
        group = "" if ungrouped else find_group(image, given)
        root, any_case = folder.root, folder.any_case
        line = ListedLine(str(image), name, text, group, root, root, where, any_case)
        (listing.lines if excluded.keys().isdisjoint(names) else listing.left_out).append(line)
    listed = listing.lines + listing.left_out
    splits = group_splits(folder, ((Path(line.path), line.text, line.group) for line in listed))
    groups = ((Path(line.path), line.group) for line in listed if line.text is not None)
    listing.notes.extend(note.reason for note in note_divided(folder, groups, splits))
    return listing


def list_config(config: Path) -> Listing:
    """List the lines of all RealLines of a config, each in the split that training assigns it.

    Raises ValueError for a config without RealLines, or a file that is not a config.
    """
    folders = folders_of_config(config)
    alone = len(folders) == 1
    listings = assign_splits(folders, [list_folder(folder, alone) for folder in folders])
    joined = join_listings(listings)
    return joined._replace(problems=joined.problems + exclusion_problems(folders, listings))


def exclusion_problems(folders: Sequence[LineFolder], listings: Sequence[Listing]) -> list[str]:
    """Return the problems of `leave_out` lists with unknown names; folders may share a list."""
    known_names: defaultdict[str, set[str]] = defaultdict(set)
    for folder, listing in zip(folders, listings, strict=True):
        if folder.leave_out:
            for line in listing.lines + listing.left_out:
                known_names[folder.leave_out].update(names_in_list(Path(line.path), folder.root))
    problems = []
    for path, names in known_names.items():
        try:
            problem = note_unknown_names(path, names)
        except ValueError as error:
            problems.append(f"{error}; training refuses it")
        else:
            problems += [problem.reason] if problem else []
    return problems


def assign_splits(folders: Sequence[LineFolder], listings: Sequence[Listing]) -> list[Listing]:
    """Set the split of each line (train, validation or test) as training does."""
    listed = [
        [(Path(line.path), line.text, line.group) for line in listing.lines + listing.left_out]
        for listing in listings
    ]
    found, notes = joint_splits(folders, listed)
    assigned = [
        listing._replace(lines=[line._replace(split=splits[line.group]) for line in listing.lines])
        for listing, splits in zip(listings, found, strict=True)
    ]
    assigned[0].notes.extend(note.reason for note in notes)
    return assigned


def join_listings(listings: Sequence[Listing]) -> Listing:
    """Concatenate one or more listings."""
    return Listing(*(list(chain.from_iterable(parts)) for parts in zip(*listings, strict=True)))
