"""Clips that are folders of numbered images, such as 0001.jpg, 0002.jpg, with a rate given."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from ..files import IMAGE_SUFFIXES
from ..images import decode_bgr, decode_grey
from ..limits.opening import read_bytes
from .decoder import TimedFrame

NUMBER = re.compile(r"(\d+)\D*$")  # the last number of a name
BESIDE = (".db", ".ini", ".json", ".md")  # that may lie beside the frames; no transcripts of lines


def is_frame_folder(path: Path) -> bool:
    """Whether a folder holds two numbered images or more and nothing else, by the names."""
    if not path.is_dir():
        return False
    names = [entry.name for entry in path.iterdir() if not entry.name.startswith(".")]
    suffixes = [Path(name).suffix.lower() for name in names]
    images = [name for name, end in zip(names, suffixes, strict=True) if end in IMAGE_SUFFIXES]
    if len(images) < 2 or not all(end in (*IMAGE_SUFFIXES, *BESIDE) for end in suffixes):
        return False
    return all(NUMBER.search(Path(name).stem) for name in images)


def frame_files(path: Path | str) -> list[Path]:
    """The images of a folder in the order of the last number in their names.

    Raises ValueError for two of one number, FileNotFoundError or OSError for a folder that cannot
    be read.
    """
    files: dict[int, Path] = {}
    for file in sorted(Path(path).iterdir()):
        match = NUMBER.search(file.stem)
        if file.name.startswith(".") or file.suffix.lower() not in IMAGE_SUFFIXES or not match:
            continue
        other = files.setdefault(int(match[1]), file)
        if other != file:
            raise ValueError(
                f"{path}: {other.name} and {file.name} have one number; keep the frames of one "
                "clip in a folder"
            )
    if not files:
        raise ValueError(f"{path}: a folder without numbered images such as 0001.jpg; no clip")
    return [files[number] for number in sorted(files)]


def find_gap(files: list[Path]) -> tuple[Path, Path] | None:
    """The first two neighbours with more between their numbers than between others; None if even.

    Frames may be numbered by any step, such as every fifth of a film.
    """
    numbers = [int(NUMBER.search(file.stem)[1]) for file in files]
    steps = [after - before for before, after in pairwise(numbers)]
    uneven = (i for i, step in enumerate(steps) if step != min(steps))
    index = next(uneven, None)
    return None if index is None else (files[index], files[index + 1])


def read_frames(
    path: str,
    height: int,
    width: int,
    channels: Literal[1, 3],
    rate_hz: float,
) -> Iterator[TimedFrame]:
    """Iterate over a folder's images as `decode_video` does over frames, `rate_hz` a second.

    Image n is frame n, counted from 0 in the order of the numbers. Raises OSError or ValueError
    that names the image, also for one that is missing between two others: all after it would be
    shifted.
    """
    files = frame_files(path)
    if gap := find_gap(files):
        raise ValueError(
            f"{path}: images are missing between {gap[0].name} and {gap[1].name}; what follows "
            "would be at the wrong time; add them, or number those that are there anew"
        )
    for number, file in enumerate(files):
        yield TimedFrame(number / rate_hz, number, load_frame(file, height, width, channels))


def load_frame(file: Path, height: int, width: int, channels: Literal[1, 3]) -> np.ndarray:
    """An image scaled to one size (area averaging), (C, height, width) uint8, grey or RGB."""
    data = read_bytes(file)
    if channels == 1:
        image = decode_grey(data, str(file), fixed=True)
    else:
        image = cv2.cvtColor(decode_bgr(data, str(file)), cv2.COLOR_BGR2RGB)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return image[None] if channels == 1 else np.ascontiguousarray(image.transpose(2, 0, 1))
