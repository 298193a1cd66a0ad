"""On-disk cache of line images as `load_normal_line` leaves them, memory-mapped: an epoch decodes
none.

Lines are stored SHARD at a time, in an entry of `text.token_cache` each, so that memory does not
grow with their number. Its key has the names of the lines, the sizes and times of their files, and
the reader's options. What cannot be read is not stored: it is tried again each time.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..digests import UNKNOWN, digest_all, digest_array
from ..environment import raise_if_machine
from ..pages.files import find_image, read_page
from ..pages.layout import split_page_line_name
from ..source import Problem
from ..text.token_cache import cache_folder, key_of, load_entry, store_entry
from .lmdb import DATA, split_record_name
from .normalization.line import NormalLine
from .reader import LineReader, load_normal_line

FORMAT = 1  # raise it when `load_normal_line` gives other images
SHARD = 4096  # lines
LARGE = 2  # times the reader's height: higher images are stored at that height


class StoredLine(NamedTuple):
    """The image of a line in the cache.

    file: .npy of uint8, the pixels of many lines. start: of its first one. shape: (H, W). width:
    columns at the reader's height. blank: whether no ink was found in it.
    """

    file: Path
    start: int
    shape: tuple[int, int]
    width: int
    blank: bool

    def load(self) -> np.ndarray:
        """Copy the image (H, W) uint8 out of the file."""
        high, wide = self.shape
        pixels = _open(self.file)[self.start : self.start + high * wide]
        return np.array(pixels).reshape(high, wide)


@lru_cache(maxsize=256)  # shards
def _open(file: Path) -> np.ndarray:
    return np.load(file, mmap_mode="r")


class LineCache:
    """The cached lines of one reader.

    cache: the folder; null: strand/lines in $XDG_CACHE_HOME or ~/.cache.
    """

    def __init__(self, reader: LineReader, cache: str | None = None):
        self.reader, self.folder = reader, cache_folder(cache, "lines")

    def store(self, names: Sequence[str]) -> Iterator[StoredLine | Problem]:
        """Yield where the image of each line is stored, decoded if it is not there yet, or why it
        cannot be used.

        Raises MachineError that names the folder if that cannot be written.
        """
        options = [FORMAT, LARGE, self.reader.height, self.reader.max_width, self.reader.crop]
        for start in range(0, len(names), SHARD):
            shard = names[start : start + SHARD]
            folder = self.folder / key_of(options, [self._identity(name) for name in shard])
            entry, failed = load_entry(folder), {}
            if entry is None:
                with ThreadPoolExecutor() as pool:  # OpenCV decodes outside the interpreter lock
                    images = list(pool.map(self._load, shard))
                failed = {
                    name: x for name, x in zip(shard, images, strict=True) if isinstance(x, str)
                }
                entry = store_entry(folder, *self._content(images))
            file, place = entry.arrays["pixels"], 0
            for name, line in zip(shard, entry.facts["lines"], strict=True):
                if line is None:
                    reason = failed.get(name) or self._load(name)
                    yield Problem(name, reason if isinstance(reason, str) else f"{name}: changed")
                    continue
                high, wide, width, blank = line
                yield StoredLine(file, place, (high, wide), width, bool(blank))
                place += high * wide

    def _load(self, name: str) -> tuple[NormalLine, int] | str:
        """A line and its columns at the reader's height, or why it cannot be used."""
        try:
            return load_stored_line(name, self.reader)
        except (OSError, ValueError) as error:
            raise_if_machine(error, name)
            return str(error)

    def _content(self, images: Sequence) -> tuple[dict, dict[str, np.ndarray]]:
        """The facts and arrays of an entry."""
        lines = [
            None if isinstance(x, str) else [*x[0].image.shape, x[1], int(x[0].blank)]
            for x in images
        ]
        pixels = [x[0].image.ravel() for x in images if not isinstance(x, str)]
        joined = np.concatenate([np.zeros(0, np.uint8), *pixels])
        return {"lines": lines}, {"pixels": joined}

    def _identity(self, name: str) -> list:
        """The name of a line, and the sizes and times of the files that its image depends on."""
        identity: list = [name]
        for file in source_files(name):
            try:
                stat = file.stat()
                identity += [str(file), stat.st_size, stat.st_mtime_ns]
            except OSError as error:
                raise_if_machine(error, name)
                identity.append(str(file))  # reading it tells the reason
        return identity


def load_stored_line(name: str, reader: LineReader) -> tuple[NormalLine, int]:
    """Load a line as it is stored, and its columns at the reader's height.

    Raises OSError or ValueError that names it.
    """
    line = load_normal_line(name, reader.crop)
    width = reader.width(line.image, name)
    if len(line.image) > LARGE * reader.height:  # as the reader scales it
        image = cv2.resize(line.image, (width, reader.height), interpolation=cv2.INTER_AREA)
        line = line._replace(image=image)
    return line, width


def line_digests(names: Sequence[str], reader: LineReader) -> np.ndarray:
    """Digests (N,) uint64 of lines, UNKNOWN for one that cannot be read.

    They are those of the pixels that are stored for this reader, so copies of a line have one.
    """

    def digest(name: str) -> int:
        try:
            return digest_array(load_stored_line(name, reader)[0].image)
        except (OSError, ValueError) as error:
            raise_if_machine(error, name)
            return UNKNOWN

    return digest_all(names, digest)


def source_files(name: str) -> list[Path]:
    """The files that the image of a line depends on: its own, or those of its container."""
    page, record = split_page_line_name(name), split_record_name(name)
    if page and not Path(name).exists():
        try:
            return [Path(page[0]), find_image(read_page(page[0]))]
        except (OSError, ValueError) as error:
            raise_if_machine(error, name)
            return [Path(page[0])]
    return [Path(record[0], DATA)] if record and not Path(name).exists() else [Path(name)]
