"""Which files a format makes of which inputs: one for all, for each, or for each document."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

from datasets.limits.roots import is_inside

Format = Literal[
    "text", "jsonl", "csv", "page", "alto", "hocr", "pdf", "html", "srt", "boris", "eaf", "via"
]
STREAMED = ("text", "jsonl", "csv")  # formats of one file, or standard output, for all records
SEGMENT_SUFFIXES = {"srt": ".srt", "boris": ".boris", "eaf": ".eaf", "via": ".json"}
PAGE_FORMATS = ("page", "alto", "hocr", "pdf", "html")  # of whole pages, also for one line
PAGE_SUFFIXES = {
    "text": ".txt", "page": ".xml", "alto": ".xml", "hocr": ".hocr", "pdf": ".pdf", "html": ".html",
}  # fmt: skip
BY_DOCUMENT = ("hocr", "pdf", "html")  # formats of one file for all pages of a document
ONE_FILE = ("text", "html")  # formats of one file for all inputs, unless the output is a folder
DIGITS = 3  # of a page's number in the name of a file, at least


class Report(Protocol):
    """The content of a file of several pages, in parts."""

    def head(self) -> str: ...

    def add(self, record: dict) -> Iterable[str]: ...

    def tail(self) -> str: ...


def holds_several(inputs: Sequence[str]) -> bool:
    """Whether the inputs may be several, however many there are now: a folder, a pattern, `-`.

    A page of a document, a line of a page file and a record of a database are one.
    """
    file = file_of(inputs[0])
    one = os.path.isfile(inputs[0]) or (file != inputs[0] and os.path.exists(file))
    return len(inputs) > 1 or not one


def file_of(name: str) -> str:
    """The file of which an input is a part: p.xml of p.xml#l2; any other name as it is."""
    if "#" not in name:
        return name
    from datasets.lines.containers import split_part  # imported here for start-up time

    return (split_part(name) or (name,))[0]


def document_of(name: str) -> str:
    """The file of an input: book.pdf of book.pdf#page=3; any other name as it is."""
    if "#" not in name:
        return name
    from datasets.pages.documents import split_page_name  # imported here for start-up time

    return (split_page_name(name) or (name,))[0]


def file_name(name: str) -> str:
    """An input's name as that of a file: book.pdf#page=3 -> book-p003.pdf, p.xml#l2 -> p-l2.xml."""
    if "#" not in name:
        return name
    from datasets.lines.containers import split_part  # imported here for start-up time

    parts = split_part(name)
    if parts is None:
        return name
    path, part = parts
    if isinstance(part, int):
        part = f"p{part:0{page_digits(path)}}"
    stem, ending = os.path.splitext(path)
    return f"{stem}-{part.replace('/', '_')}{ending}"


@lru_cache(maxsize=16)  # each page of a document asks
def page_digits(path: str) -> int:
    """How many digits the number of a document's last page has, DIGITS or more."""
    from datasets.pages.documents import count_pages  # imported here for start-up time

    try:
        return max(DIGITS, len(str(count_pages(path))))
    except (OSError, ValueError):  # reading it says why
        return DIGITS


def output_paths(
    names: Sequence[str], output: str, ending: str, several: bool = False
) -> dict[str, Path]:
    """Map each input to its output file.

    One input: `output`, or a file in it if it is a folder. Several, or one of a folder that could
    hold several: files with the suffix `ending` below the folder `output`, laid out as the inputs
    are below their common folder; see `paths_below`. Raises ValueError if two outputs would be the
    same file, or one would overwrite an input.
    """
    folder = Path(output)
    if len(names) == 1 and not (several or is_folder(output)):
        targets = {names[0]: folder}
    else:
        if folder.is_file():
            inputs = f"{len(names)} inputs need" if len(names) > 1 else "what a folder holds needs"
            raise ValueError(f"{output}: a file, but {inputs} a folder")
        targets = paths_below(folder, names, ending)
    owners = {os.path.abspath(name): name for name in names}
    for name, target in targets.items():
        owner = owners.setdefault(os.path.abspath(target), name)
        if owner != name or target.resolve() == Path(name).resolve():
            raise ValueError(
                f"{target}: would be written for {name}, but is "
                f"{'the input itself' if owner == name else f'that of {owner}'}; "
                "read them one by one, or choose another --output"
            )
    return targets


def paths_below(folder: Path, names: Sequence[str], ending: str) -> dict[str, Path]:
    """Map each input to a file below a folder, with the suffix `ending` in place of its own.

    Documents of which a file would be called as that of another input keep their suffix: a.jpg.xml
    and a.png.xml. Raises ValueError for a file that would lie elsewhere.
    """
    files = {name: file_name(name) for name in dict.fromkeys(names)}
    common = os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files.values()])
    relative = {name: Path(os.path.relpath(file, common)) for name, file in files.items()}
    short = {name: path.with_suffix(ending) for name, path in relative.items()}
    whole = {name: path.with_name(path.name + ending) for name, path in relative.items()}
    chosen, kept = short, set()
    while alike := clashing(chosen) - kept:  # a whole name may be the short one of another input
        kept |= alike
        chosen = {n: whole[n] if document_of(n) in kept else path for n, path in short.items()}
    for name, path in chosen.items():
        if not is_inside(folder / path, folder):
            raise ValueError(f"{folder / path}: the output of {name} would lie outside of {folder}")
    return {name: folder / path for name, path in chosen.items()}


def clashing(paths: dict[str, Path]) -> set[str]:
    """The documents of inputs that have a path with another one in common."""
    count = Counter(paths.values())
    return {document_of(name) for name, path in paths.items() if count[path] > 1}


def is_folder(output: str) -> bool:
    """Whether an output is a folder, or is meant to become one."""
    return os.path.isdir(output) or output.endswith(("/", os.sep))


def output_targets(
    kind: Format, names: Sequence[str], output: str | None, several: bool = False
) -> dict[str, Path]:
    """The file of each input, or of each document; empty if one file, or none, is for all."""
    if output is None or kind in ("jsonl", "csv", "boris"):
        return {}
    if kind in ONE_FILE and not is_folder(output):
        return {}
    if kind in BY_DOCUMENT:
        names = list(dict.fromkeys(map(document_of, names)))
    ending = (SEGMENT_SUFFIXES | PAGE_SUFFIXES)[kind]
    return output_paths(names, output, ending, several and kind not in ONE_FILE)


def output_files(
    kind: Format, names: Sequence[str], output: str | None, several: bool = False
) -> list[Path]:
    """The files that a format makes of these inputs: `output` itself, or files below it."""
    targets = output_targets(kind, names, output, several)
    return list(targets.values()) or ([] if output is None else [Path(output)])
