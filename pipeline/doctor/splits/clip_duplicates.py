"""Clips that are in two parts: the same film encoded, scaled or coloured anew.

A clip's fingerprint is a thumbnail of each of a few frames. Two clips of one fixed camera share
their background, so what changes during the clips is compared too, where anything does. Of 800
clips of one speaker's mouth no two are as alike as the bounds ask, and each of 12 encoded anew, at
two thirds of the size and a high compression, is found.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from datasets.output.text import counted
from datasets.source import SPLITS

FRAMES = 16  # of a fingerprint, spread over the clip
SIDE = 16  # pixels of a thumbnail
SCENE = 0.98  # correlation of two clips' mean frames
CHANGE = 0.8  # correlation of how their frames differ from the mean
STILL = 2.0  # grey levels: root mean square of the changes of a clip in which nothing moves
BLOCK = 1024  # clips that are compared with all at a time
NAMED = 3  # duplicates in a warning


def find_similar_clips(
    names: Sequence[tuple[str, str]], frames: Iterable[np.ndarray]
) -> Iterator[str]:
    """Yield a warning for each two parts that share clips.

    names: (part, name) of each clip. frames: (T, C, H, W) uint8 of each.
    """
    prints = [fingerprint(own) for own in frames]
    if not prints:
        return
    scenes, changes, moving = (np.stack(values) for values in zip(*prints, strict=True))
    parts = np.array([SPLITS.index(part) for part, _ in names])
    found: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for start in range(0, len(prints), BLOCK):
        rows = slice(start, start + BLOCK)
        alike = scenes[rows] @ scenes.T >= SCENE
        alike &= (changes[rows] @ changes.T >= CHANGE) | ~(moving[rows, None] | moving)
        alike &= parts[rows, None] > parts
        for row, column in zip(*np.nonzero(alike), strict=True):
            pair = f"{names[start + row][1]} ({names[column][1]})"
            found[parts[start + row], parts[column]].append(pair)
    for (part, other), named in sorted(found.items()):
        dots = ", ..." if len(named) > NAMED else ""
        yield (
            f"{counted(len(named), 'clip')} of {SPLITS[part]} like one of {SPLITS[other]}, frame "
            f"by frame: {', '.join(named[:NAMED])}{dots}; remove them, or give both one group"
        )


def fingerprint(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """The mean thumbnail (SIDE * SIDE,), the changes of each from it, both of length 1, and whether
    anything moves; of the frames (T, C, H, W).
    """
    chosen = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)
    grey = np.asarray(frames[chosen], dtype=np.float32).mean(1)
    small = np.stack([cv2.resize(g, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for g in grey])
    mean = small.mean(0)
    changes = small - mean
    scene = mean - mean.mean()
    return (
        (scene / max(float(np.linalg.norm(scene)), 1e-6)).ravel(),
        (changes / max(float(np.linalg.norm(changes)), 1e-6)).ravel(),
        bool(np.sqrt((changes**2).mean()) > STILL),
    )
