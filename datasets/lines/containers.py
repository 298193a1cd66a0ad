"""Lines that have no file of their own: those of PAGE and ALTO pages, and of LMDB databases."""

from pathlib import Path
from xml.parsers import expat

import numpy as np

from ..images import decode_grey
from ..pages.files import KINDS, find_pages, load_page_line, page_problems, page_rows
from ..pages.layout import split_name
from ..source import Problem
from .lmdb import find_databases, lmdb_problems, lmdb_rows, read_record, split_record


def container_rows(root: Path) -> list[tuple[Path, str]]:
    """(name, text) of each line with a text in the pages or databases at or below a path; none for
    a folder of other things.

    Raises ValueError for a database that cannot be read.
    """
    if has_pages(root):
        return list(page_rows(root))
    return list(lmdb_rows(root)) if find_databases(root) else []


def container_problems(root: Path) -> list[Problem]:
    """Pages and records that cannot be used, and lines without a text."""
    if has_own_labels(root):
        return []
    if has_pages(root):
        return page_problems(root)
    return lmdb_problems(root) if find_databases(root) else []


def is_container(root: Path) -> bool:
    return not has_own_labels(root) and (has_pages(root) or bool(find_databases(root)))


def has_pages(root: Path) -> bool:
    """Whether a path is an XML file, or a folder with some PAGE or ALTO, whole or damaged, in it:
    other XML makes no folder one of lines.
    """
    found = find_pages(root)
    return bool(found) and (not root.is_dir() or any(root_name(path) in KINDS for path in found))


def root_name(path: Path) -> str:
    """PcGts, alto or what else an XML file's outermost element is called, without its prefix.

    "" for a file that has none: that is told where it is read.
    """
    names: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: names.append(tag.rpartition(":")[2])
    try:
        with path.open("rb") as file:
            while not names and (chunk := file.read(4096)):
                parser.Parse(chunk)
    except (expat.ExpatError, LookupError, ValueError, OSError):
        pass  # damaged behind the element, or before it
    return names[0] if names else ""


def has_own_labels(root: Path) -> bool:
    """Whether a folder's line images have transcripts: then other files in it say nothing."""
    if not root.is_dir():
        return False
    return (root / "labels.tsv").exists() or next(root.rglob("*.gt.txt"), None) is not None


def group_name(name: Path) -> str:
    """What a group pattern is matched with: a file's name, the page's of its line, a record's key.

    pages/a__1.xml#l3 -> a__1.xml, train.lmdb#image-000000001 -> image-000000001.
    """
    if record := split_record(str(name)):
        return record[1]
    line = split_name(str(name))
    return name.name if line is None else Path(line[0]).name


def load_contained_line(name: str) -> np.ndarray | None:
    """A line by its name, grey (H, W) uint8; None for a name that only a file can have.

    Raises ValueError or OSError that names it.
    """
    if split_name(name):
        return load_page_line(name)
    return decode_grey(read_record(name), name) if split_record(name) else None
