"""The doctor's view of line data: every row as its file has it, and the splits it stands in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.images import IMAGE_SUFFIXES
from datasets.lines.containers import container_problems, container_rows, is_container
from datasets.lines.exclusions import names_of, read_exclusions, unknown_names
from datasets.lines.folders import LineFolder, group_finder, image_of, split_lines
from datasets.paths import resolve
from datasets.tables import read_rows, read_utf8

from ..evaluation.config_folders import folders_of

PEEK = 20  # rows of a table that say whether it names images


class ListedLine(NamedTuple):
    """A line as it is listed. text: unchanged, not even composed; None if there is none.

    name: how a list of lines to leave out calls it. where: what said so, "labels.tsv, line 3".
    """

    path: str
    name: str
    text: str | None
    group: str
    folder: str
    split: str
    where: str


class Listing(NamedTuple):
    """Lines, rows that are no line (a reason each), and the lines left out by choice."""

    lines: list[ListedLine]
    problems: list[str]
    left_out: list[ListedLine]


def holds_lines(path: Path) -> bool:
    """Whether this is a label file that names images, a folder of one, one with `.gt.txt`, or
    pages (PAGE, ALTO) or databases of lines.
    """
    if is_container(path):
        return True
    if path.is_dir():
        table = path / "labels.tsv"
        return holds_lines(table) if table.is_file() else bool(next(path.rglob("*.gt.txt"), None))
    if path.suffix.lower() != ".tsv":
        return False
    with open(path, "rb") as file:
        rows = [row for _, row in zip(range(PEEK), file, strict=False)]
    names = [row.split(b"\t")[0].decode("utf-8", "replace").lower() for row in rows]
    return any(name.endswith(IMAGE_SUFFIXES) for name in names)


def list_folder(folder: LineFolder, alone: bool) -> Listing:
    """All lines of a folder, in one split that has the folder's name.

    alone: names in a list of lines to leave out need not say the folder.
    """
    root = resolve(folder.root)
    table = root if root.is_file() else root / "labels.tsv"
    find_group, chosen = group_finder(folder), read_exclusions(folder.leave_out)
    lines: list[ListedLine] = []
    problems: list[str] = []
    left: list[ListedLine] = []
    if is_container(root):
        rows = ((name, text, None, name.name) for name, text in container_rows(root))
        problems += [problem.reason for problem in container_problems(root)]
    else:
        rows = table_rows(table, problems) if table.exists() else pair_rows(root)
    for image, text, given, where in rows:
        names = names_of(image, folder.root)
        name, group = names[0] if alone else names[-1], find_group(image, given)
        line = ListedLine(str(image), name, text, group, folder.root, folder.root, where)
        (left if any(one in chosen for one in names) else lines).append(line)
    return Listing(lines, problems, left)


def table_rows(
    table: Path, problems: list[str]
) -> Iterator[tuple[Path, str | None, str | None, str]]:
    """(image, text, group if given, where) of each row, then images beside it that none names."""
    named = set()
    for line, cells in read_rows(table, "\t", quotes=False):
        if len(cells) not in (2, 3):
            problems.append(
                f"{table}, line {line}: {len(cells)} columns, expected 2 or 3 between tabs; "
                "training refuses the whole table: mend this row"
            )
            continue
        image = table.parent / cells[0]
        named.add(image)
        yield image, cells[1], cells[2] if len(cells) == 3 else None, f"{table.name}, line {line}"
    for image in sorted(table.parent.iterdir()):
        if image.suffix.lower() in IMAGE_SUFFIXES and image not in named:
            yield image, None, None, f"not in {table.name}"


def pair_rows(root: Path) -> Iterator[tuple[Path, str | None, None, str]]:
    """The same of images with `.gt.txt` beside them, and of those without."""
    for file in sorted(root.rglob("*.gt.txt")):
        yield image_of(file), read_utf8(file).rstrip("\n"), None, file.name
    for image in sorted(root.rglob("*")):
        alone = not image.with_name(image.stem + ".gt.txt").exists()
        if image.suffix.lower() in IMAGE_SUFFIXES and alone:
            yield image, None, None, f"no {image.stem}.gt.txt"


def list_config(config: Path) -> Listing:
    """The lines of all RealLines of a config, each in the split that training puts it in.

    Raises ValueError for a config without any, or a file that is no config.
    """
    folders = folders_of(config)
    listings = [assign(folder, list_folder(folder, len(folders) == 1)) for folder in folders]
    found = join(listings)
    return found._replace(problems=[*found.problems, *stale_lists(folders, listings)])


def stale_lists(folders: Sequence[LineFolder], listings: Sequence[Listing]) -> list[str]:
    """What is wrong with the lists of lines to leave out; several folders may share one."""
    called: defaultdict[str, set[str]] = defaultdict(set)
    for folder, listing in zip(folders, listings, strict=True):
        if folder.leave_out:
            for line in listing.lines + listing.left_out:
                called[folder.leave_out].update(names_of(Path(line.path), folder.root))
    problems = []
    for path, names in called.items():
        try:
            problem = unknown_names(path, names)
        except ValueError as error:
            problems.append(f"{error}; training refuses it")
        else:
            problems += [problem.reason] if problem else []
    return problems


def assign(folder: LineFolder, listing: Listing) -> Listing:
    """The same lines in train, validation and test as the folder's options say."""
    listed = listing.lines + listing.left_out
    splits = split_lines(folder, ((line.text, line.group) for line in listed))
    lines = [line._replace(split=splits[line.group]) for line in listing.lines]
    return listing._replace(lines=lines)


def join(listings: Sequence[Listing]) -> Listing:
    return Listing(
        [line for listing in listings for line in listing.lines],
        [problem for listing in listings for problem in listing.problems],
        [line for listing in listings for line in listing.left_out],
    )
