"""The images of lines, wherever they come from, as encoded bytes and as files in memory."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np


def encoded_image(name: str) -> bytes:
    """A line's image as its file or database holds it; a page's, cut out in its full size."""
    from datasets.lines.lmdb import read_record, split_record_name
    from datasets.lines.reader import load_line

    if "#" not in name or Path(name).exists():
        return Path(name).read_bytes()
    return read_record(name) if split_record_name(name) else encode_png(load_line(name))


def encode_png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def file_ending(name: str) -> str:
    """Of a line's image; for one of a page or a database .png: readers look at what is in it."""
    return ".png" if "#" in name else Path(name).suffix


@contextmanager
def in_memory(names: Sequence[str], files: Sequence[bytes]) -> Iterator[list[str]]:
    """The images as files in a folder in memory, where there is one -> their paths."""
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        paths = []
        for place, (name, data) in enumerate(zip(names, files, strict=True)):
            file = Path(folder, f"{place:05}{file_ending(name)}")
            file.write_bytes(data)
            paths.append(str(file))
        yield paths
