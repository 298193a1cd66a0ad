"""List and load lines that have no image file of their own: of PAGE and ALTO pages, and LMDB."""

from pathlib import Path
from xml.parsers import expat

import numpy as np

from ..environment import raise_if_machine
from ..images import decode_grey
from ..limits.opening import open_regular
from ..pages.crops.modes import Crop
from ..pages.documents import load_page_image, split_page_name
from ..pages.files import KINDS, find_pages, page_problems, page_rows
from ..pages.layout import split_page_line_name
from ..pages.loading import load_page_line, share_of_letters_cut
from ..source import Problem
from .lmdb import find_databases, lmdb_problems, lmdb_rows, read_record, split_record_name
from .pairs import has_transcripts
from .tables import find_label_file


def container_rows(root: Path) -> list[tuple[Path, str]]:
    """List (name, text) of each line with a text in the pages or databases at or below a path.

    Empty if there are no pages or databases. Raises ValueError if a database cannot be read.
    """
    if has_pages(root):
        return list(page_rows(root))
    return list(lmdb_rows(root)) if find_databases(root) else []


def container_problems(root: Path) -> list[Problem]:
    """List the pages and records that cannot be used, and the lines without a text."""
    if has_own_labels(root):
        return []
    if has_pages(root):
        return page_problems(root)
    return lmdb_problems(root) if find_databases(root) else []


def is_container(root: Path) -> bool:
    """Whether the lines at a path are those of pages or databases."""
    return not has_own_labels(root) and (has_pages(root) or bool(find_databases(root)))


def has_pages(root: Path) -> bool:
    """Whether a path is an XML file, or a folder with a PAGE or ALTO file, damaged or not, in it.

    Other XML files in a folder do not count.
    """
    files = find_pages(root)
    return bool(files) and (not root.is_dir() or any(root_tag(path) in KINDS for path in files))


def root_tag(path: Path) -> str:
    """Return the tag of an XML file's root element (PcGts, alto, ...), without its prefix.

    "" if the file has none; reading the page reports the reason.
    """
    names: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: names.append(tag.rpartition(":")[2])
    try:
        with open_regular(path) as file:
            while not names and (chunk := file.read(4096)):
                parser.Parse(chunk)
    except (expat.ExpatError, LookupError, ValueError, OSError) as error:
        raise_if_machine(error, path)  # else it is damaged after the root tag, or before it
    return names[0] if names else ""


def has_own_labels(root: Path) -> bool:
    """Whether a folder has line images with transcripts; pages and databases in it are ignored."""
    if not root.is_dir():
        return False
    return find_label_file(root) is not None or has_transcripts(root)


def group_name(name: Path) -> str:
    """Return the part of a line's name that a group pattern is matched with.

    That is the name of the file, the name of the line's page, or the key of the record:
    pages/a__1.xml#l3 -> a__1.xml, train.lmdb#image-000000001 -> image-000000001.
    """
    if record := split_record_name(str(name)):
        return record[1]
    line = split_page_line_name(str(name))
    return name.name if line is None else Path(line[0]).name


def split_part(name: str) -> tuple[str, str | int] | None:
    """Split the name of a part of a file into that of the file and the part.

    The part is a page of a document (its number), a line of a page file, or a record of a database.
    None for any other name: `#` may stand in that of each file and folder.
    """
    if "#" not in name:
        return None
    return split_page_name(name) or split_page_line_name(name) or split_record_name(name)


def load_contained_line(name: str, crop: Crop = "auto") -> tuple[np.ndarray | None, bool]:
    """Load a line by its name, grey (H, W) uint8, and say whether it was cut out of a page.

    None if the name can only be that of a file. crop: the shape by which a line of a page is cut
    out. Raises ValueError or OSError that names the line.
    """
    if split_page_line_name(name):
        return load_page_line(name, crop), True
    if split_page_name(name):
        return load_page_image(name), False
    return (decode_grey(read_record(name), name) if split_record_name(name) else None), False


def share_cut_off(name: str) -> float:
    """Return the share of the ink of its letters that the polygon of a line of a page cuts off.

    0 where that is little, and for a line that is of no page. Raises as `load_contained_line` does.
    """
    return share_of_letters_cut(name) if split_page_line_name(name) else 0.0
