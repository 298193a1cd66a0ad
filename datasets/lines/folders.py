"""What a folder of lines holds: images with their transcripts and groups, each group in a split."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..images import IMAGE_SUFFIXES
from ..paths import resolve
from ..source import Split
from ..splits import split_groups
from ..tables import read_utf8
from .containers import container_problems, container_rows, group_name, is_container
from .tables import read_table


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
    return [path for path in below if path.suffix.lower() in IMAGE_SUFFIXES]


def image_of(transcript: Path) -> Path:
    """page1.gt.txt -> page1.png, or whichever image stands beside it."""
    stem = transcript.name.removesuffix(".gt.txt")
    endings = [e for suffix in IMAGE_SUFFIXES for e in (suffix, suffix.upper())]
    found = [transcript.with_name(stem + ending) for ending in endings]
    return next((path for path in found if path.exists()), found[0])
