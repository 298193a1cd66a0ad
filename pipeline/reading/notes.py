"""Notes on the readings of lines that cannot be trusted: what seems to be wrong with the image.

Only a line whose characters the network doubts is looked at, so that ordinary lines cost nothing:
the geometric mean of the confidences of their characters is above DOUBT. Of a line that is upside
down it is below.
"""

import math
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from itertools import chain

import cv2
import numpy as np

from datasets.lines.ink import HEIGHT, TWO_BANDS, find_ink, is_page, share_of_two_bands
from models.heads.labels import Text

SIDEWAYS, SEVERAL = "on its side", "several lines"
UPSIDE_DOWN, UNLIKE = "upside down", "unlike the training data"
DOUBTS = frozenset((SIDEWAYS, SEVERAL, UPSIDE_DOWN, UNLIKE))
Key = Hashable  # of an input in a window
Infer = Callable[[list[np.ndarray]], list[Text]]
BATCH = 32  # lines looked at together, at most
PART = 3  # width, by height, of the part of a line that is read upside down
DOUBT = 0.8  # mean confidence of the characters, from which nothing is noted
GAIN, READABLE = 0.15, 0.75  # more of that mean, and the least, of a line that was upside down
STRANGE = 0.65  # mean below which the network has not learned such characters
FEWEST = 3  # characters whose mean tells that
NARROW = 0.5  # width by height, below which a line lies on its side
ALONG = 0.6  # share of the rows with ink of such a line


def window_notes(
    pool: Executor,
    workers: int,
    infer: Infer,
    inputs: dict[Key, np.ndarray],
    readings: dict[Key, Text | str],
) -> dict[Key, tuple[str, ...]]:
    """Notes on the readings of lines, by key; shared out evenly, since parts of some are read
    again.

    workers: threads of the pool. inputs: (W, 1, H) uint8 by key, what was read. infer: reads a
    batch of such columns. An error message instead of a reading gets no notes.
    """
    doubtful = [
        i for i, r in readings.items() if isinstance(r, Text) and mean_confidence(r) < DOUBT
    ]
    lines = [(inputs[i], readings[i]) for i in doubtful]
    size = min(BATCH, max(1, math.ceil(len(lines) / workers)))
    batches = [lines[start : start + size] for start in range(0, len(lines), size)]
    noted = chain.from_iterable(pool.map(lambda batch: line_notes(batch, infer), batches))
    return dict(zip(doubtful, noted, strict=True))


def line_notes(lines: list[tuple[np.ndarray, Text]], infer: Infer) -> list[tuple[str, ...]]:
    """What makes the readings of lines doubtful whose characters are: one note each, or none."""
    notes = [shape_notes(np.ascontiguousarray(columns[:, 0].T)) for columns, _ in lines]
    lying = [k for k, found in enumerate(notes) if not found]
    turned = infer([upside_down(lines[k][0]) for k in lying]) if lying else []
    for k, reading in zip(lying, turned, strict=True):
        notes[k] = reading_notes(lines[k][1], reading)
    return notes


def shape_notes(image: np.ndarray) -> tuple[str, ...]:
    """What the ink of a line (H, W) uint8 shows: one note, or none."""
    if lies_on_side(image):
        return (SIDEWAYS,)
    return (SEVERAL,) if is_page(image) or has_two_lines(image) else ()


def upside_down(columns: np.ndarray) -> np.ndarray:
    """The part of a line (W, 1, H) with most ink, turned by 180 degrees."""
    wide = min(len(columns), PART * columns.shape[2])
    ink = np.cumsum(255.0 - columns.reshape(len(columns), -1).mean(1))
    start = int(np.argmax(ink[wide - 1 :] - np.append(0, ink[: len(ink) - wide])))
    return np.ascontiguousarray(columns[start : start + wide][::-1, :, ::-1])


def reading_notes(reading: Text, turned: Text) -> tuple[str, ...]:
    """What a doubtful reading and that of a part of the line upside down show: a note or none."""
    certainty = mean_confidence(reading)
    if len(turned.ids) > 1 and mean_confidence(turned) >= max(certainty + GAIN, READABLE):
        return (UPSIDE_DOWN,)
    if certainty < STRANGE and (not reading.ids or len(reading.ids) >= FEWEST):
        return (UNLIKE,)
    return ()


def mean_confidence(reading: Text) -> float:
    """Geometric mean of the confidences of a reading's characters; 0 for ink read as nothing."""
    if not reading.confidences:
        return 0.0
    logs = (math.log(max(confidence, 1e-6)) for confidence in reading.confidences)
    return math.exp(sum(logs) / len(reading.confidences))


def lies_on_side(image: np.ndarray) -> bool:
    """Whether a line (H, W) uint8 is so much higher than wide, and inked along its height."""
    high, wide = image.shape
    if wide >= NARROW * high:
        return False
    wider = cv2.resize(image, (max(wide, 8), high), interpolation=cv2.INTER_LINEAR)
    return bool(find_ink(wider).any(1).mean() >= ALONG)


def has_two_lines(image: np.ndarray) -> bool:
    """Whether the ink of an image (H, W) uint8 lies in two bands in enough of its parts."""
    size = (max(1, round(image.shape[1] * HEIGHT / len(image))), HEIGHT)
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return share_of_two_bands(find_ink(scaled)) >= TWO_BANDS


def notes_record(record: dict, notes: tuple[str, ...]) -> dict:
    """What notes add to a record: the list of them, and that the reading is not accepted."""
    if not notes:
        return {}
    return {"notes": list(notes)} | ({"accepted": False} if "accepted" in record else {})
