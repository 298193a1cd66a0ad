"""Command-line inputs -> items to predict: files, folders, globs, pages, texts, table rows."""

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from datasets import ClipReader, LineReader, TextReader
from datasets.files import (
    ANNOTATION_SUFFIXES,
    PDF,
    TRANSCRIPT,
    has_suffix,
    no_data_kind,
    passed_over,
    scan_folder,
)
from datasets.limits.roots import add_root
from datasets.output.text import print_notes
from datasets.source import Reader
from datasets.text.tables import TABLES

from .items import Item
from .pages.inputs import Ranges, document_pages, replace_images
from .text_items import TextTable, failed_item, text_item

# reader class -> what it reads, and the bundle to recommend for inputs of that kind
KINDS = {
    "LineReader": ("images", "lines-en"),
    "ClipReader": ("videos", "one that was trained on clips"),
    "TextReader": ("texts", "reviews-en"),
}
# files beside the inputs that hold their labels
LABELS = {
    "LineReader": (TRANSCRIPT, "labels.tsv", "groups.tsv"),
    "ClipReader": ANNOTATION_SUFFIXES,
    "TextReader": (),
}
TEXT_SUFFIXES = TextReader.suffixes
# what looks like a path beside texts: no white space, and a path separator or a file suffix
PATH = re.compile(r"\S*[/\\]\S*|\S*\.[A-Za-z0-9]{1,5}")
# what looks like one where no texts are read
NAMED = re.compile(r".*[/\\#].*|.*\.[A-Za-z0-9]{1,5}", re.DOTALL)


def expand_inputs(
    inputs: Iterable[str], reader: Reader, model: str = "this bundle", pages: Ranges = None
) -> Iterator[str | Item | TextTable]:
    """Yield what to read for each argument, in order; an unreadable one becomes a failed item.

    A folder yields the files below it that the bundle reads, sorted by name; `-` the lines of
    standard input; a PDF its pages and a TIFF, GIF or WebP of several frames these, named
    FILE#page=N. pages: which of them, see `parse_ranges`; other images are read whatever they are.
    Raises ValueError if the only argument is a folder or a glob without a file.
    """
    inputs = replace_images(list(inputs)) if isinstance(reader, LineReader) else list(inputs)
    for item in expand_arguments(inputs, reader, model):
        if isinstance(reader, LineReader) and isinstance(item, str):
            yield from document_pages(item, pages)
        else:
            yield item


def standard_input() -> Iterator[str | Item]:
    """Yield the lines of standard input that are not empty; a failed item for one not in UTF-8."""
    for number, line in enumerate(getattr(sys.stdin, "buffer", sys.stdin), 1):
        try:
            text = (line.decode("utf-8") if isinstance(line, bytes) else line).rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield failed_item(f"-:line {number}", f"not UTF-8 at byte {error.start}")
            continue
        if text.strip():
            yield text


def expand_arguments(
    inputs: list[str], reader: Reader, model: str
) -> Iterator[str | Item | TextTable]:
    """Yield what to read for each argument; a document is yielded as its path."""
    for item in inputs:
        if item == "-":
            for line in standard_input():
                if isinstance(line, Item):
                    yield line
                elif isinstance(reader, TextReader):
                    yield text_item(line, reader)
                else:
                    yield item_from_argument(line, reader, model)
            continue
        paths, missing, over = [], "", []
        # os.path, because a text can be longer than the file names that pathlib accepts
        if os.path.isdir(item):
            paths, over = files_in(item, reader)
            missing = f"no {' '.join(suffixes_of(reader))} file in this folder"
        elif glob.has_magic(item) and not exists(item, reader):
            paths, over = files_matching(item, reader)
            if PATH.fullmatch(item) or not isinstance(reader, TextReader):
                missing = "no file matches"
        print_notes(*over)
        if paths:
            yield from (item_from_path(path, reader, model) for path in paths)
        elif not missing:
            yield item_from_argument(item, reader, model)
        elif len(inputs) == 1:
            raise ValueError(f"{item}: {missing}")
        else:
            yield failed_item(item, missing)


def exists(item: str, reader: Reader) -> bool:
    """Whether an argument is a path, or that of a part of a file: book[1].pdf#page=3."""
    if os.path.exists(item) or "#" not in item or isinstance(reader, TextReader):
        return os.path.exists(item)
    from datasets.lines.containers import split_part  # imported here for start-up time

    part = split_part(item)
    return part is not None and os.path.exists(part[0])


def files_in(folder: str, reader: Reader) -> tuple[list[str], list[str]]:
    """Files below a folder that a bundle reads, sorted; page files instead of their images.

    Images without a page file, beside those that have one, are pages too.

    A folder of frames is one video. Also a line, or none, on what is passed over, apart from the
    labels of these files.
    """
    root, found = Path(folder), scan_folder(Path(folder))
    add_root(root)
    paths = {path for path in found.files if has_suffix(path, suffixes_of(reader))}
    known = set(paths)
    if isinstance(reader, ClipReader):
        # imported here for start-up time
        from datasets.video.annotations.class_folders import find_clips
        from datasets.video.frame_folders import is_frame_folder

        if is_frame_folder(root):
            return [folder], []
        paths = set(find_clips(root, reader.suffixes))
        known = {path for path in found.files if path in paths or path.parent in paths}
    if isinstance(reader, LineReader):
        paths |= {path for path in found.files if has_suffix(path, [".xml"])}
    listed = [str(path) for path in sorted(paths, key=str)]
    if isinstance(reader, LineReader):
        listed = replace_images(listed, others=False)
        known |= set(map(Path, listed))
    labels = LABELS[type(reader).__name__]
    over = passed_over(root, lambda p: p in known or has_suffix(p, labels), files=found)
    return listed, over


def suffixes_of(reader: Reader) -> tuple[str, ...]:
    """The endings of files that are read, those of documents included."""
    return (*reader.suffixes, PDF) if isinstance(reader, LineReader) else reader.suffixes


def files_matching(pattern: str, reader: Reader) -> tuple[list[str], list[str]]:
    """Files that a glob matches, sorted, and lines on what is passed over.

    For a folder that `*` matches, the files in it that the bundle reads; `**` matches them itself.
    """
    paths, over = [], []
    given = {part for part in Path(pattern).parts if not glob.has_magic(part)}
    for path in sorted(glob.glob(pattern, recursive=True)):
        folders, is_folder = Path(path).parts[:-1], os.path.isdir(path)
        kinds = [no_data_kind(part, True) for part in folders if part not in given]
        kinds.append(no_data_kind(os.path.basename(path), is_folder))
        kind = next(filter(None, kinds), None)
        if kind is not None and not kind.startswith("hidden"):  # * matches what is hidden if asked
            over.append(f"{path}: passed over, a {kind}")
        elif not is_folder:
            paths.append(path)
        elif "**" not in pattern:
            inside, more = files_in(path, reader)
            paths += inside
            over += more
    return replace_images(paths) if isinstance(reader, LineReader) else paths, over


def item_from_argument(item: str, reader: Reader, model: str) -> str | Item | TextTable:
    """Interpret an argument as a path if it exists or looks like one, else as a text.

    White space is no sign of a text if the bundle reads none.
    """
    reads_texts = isinstance(reader, TextReader)
    if os.path.exists(item) or (PATH if reads_texts else NAMED).fullmatch(item):
        return item_from_path(item, reader, model)
    if reads_texts:
        return text_item(item, reader)
    return failed_item(item, f"no such file; {describe_reader(reader, model, 'TextReader')}")


def item_from_path(path: str, reader: Reader, model: str) -> str | Item | TextTable:
    """What the reader takes for this path; a failed item if it does not read such files."""
    suffix, known = os.path.splitext(path)[1].lower(), TEXT_SUFFIXES + TABLES
    if not isinstance(reader, TextReader):
        wrong = suffix in known
        return failed_item(path, describe_reader(reader, model, "TextReader")) if wrong else path
    if not os.path.exists(path):
        reason = "no such file; a text is taken as one if it holds a space, or from -"
    elif suffix in known:
        return TextTable(path, reader) if suffix in TABLES else path
    else:
        reason = f"not {', '.join(known)}; {describe_reader(reader, model, 'LineReader')}"
    return failed_item(path, reason)


def describe_reader(reader: Reader, model: str, given: str) -> str:
    """Say what a bundle reads and which one to use for inputs of the reader class `given`."""
    expected, _ = KINDS[type(reader).__name__]
    kind, better = KINDS[given]
    return f"{model} reads {expected}; for {kind} use --model {better}"
