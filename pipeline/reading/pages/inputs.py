"""Inputs of several pages, and images that page files describe -> the names of pages."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets.environment import raise_if_machine
from datasets.files import DOCUMENT_SUFFIXES, PDF, has_suffix
from datasets.output.text import counted

from ..items import Item
from ..text_items import failed_item
from .loading import PagePath

Ranges = list[tuple[int, int | None]] | None


def page_ranges(text: str | None) -> Ranges:
    """Parse what --pages says. Raises ValueError for what is none."""
    if text is None:
        return None
    from datasets.pages.documents import parse_ranges  # imported here for start-up time

    return parse_ranges(text)


def document_pages(path: str, pages: Ranges) -> Iterator[str | Item]:
    """Yield the names of a document's pages; the path itself of an image or a PAGE file.

    pages: which of them; an image of one frame is no document, and is read whatever they are.
    """
    if not has_suffix(path, DOCUMENT_SUFFIXES):
        yield path
        return
    from datasets.pages import documents  # imported here for start-up time

    try:
        count = documents.count_pages(path)
    except FileNotFoundError:
        yield failed_item(path, "no such file")
        return
    except (OSError, ValueError) as error:
        raise_if_machine(error, path)
        yield failed_item(path, str(error).removeprefix(f"{path}: "))
        return
    if count == 1 and not has_suffix(path, [PDF]):
        yield path
        return
    chosen = documents.chosen_pages(count, pages)
    if not chosen:
        yield failed_item(path, f"has {counted(count, 'page')}, none of them in --pages")
    yield from (type(path)(documents.page_name(path, number)) for number in chosen)


def replace_images(paths: Sequence[str], others: bool = True) -> list[str]:
    """Leave out the images that page files among the paths describe; other images are pages too.

    Of a document that is described in part the other pages are listed. others: keep XML files that
    are no pages, as errors. Paths without a page file among them are returned as they are.
    """
    files = [Path(path) for path in paths if has_suffix(path, [".xml"]) and os.path.isfile(path)]
    if not files:
        return list(paths)
    # imported here for start-up time
    from datasets.pages.documents import page_name
    from datasets.pages.files import pages_and_images
    from datasets.pages.frames import count_frames

    pages, images = pages_and_images(files)
    dropped = () if others else {*files} - {*pages}
    kept: list[str] = []
    for path in paths:
        frames = images.get(Path(path).resolve()) if os.path.isfile(path) else None
        if has_suffix(path, [".xml"]) or not os.path.isfile(path):
            kept += [] if Path(path) in dropped else [path]
        elif frames is None:
            kept.append(PagePath(path) if pages else path)
        elif frames:
            rest = set(range(1, count_frames(Path(path)) + 1)) - frames
            kept += [PagePath(page_name(path, number)) for number in sorted(rest)]
    return kept
