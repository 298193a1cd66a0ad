"""Notes on the readings of lines that cannot be trusted: what seems to be wrong with the image.

Only a line whose characters the network doubts is looked at, so that ordinary lines cost nothing:
the geometric mean of the confidences of their characters is above DOUBT. Of a line that is upside
down it is below.
"""

import math
from collections.abc import Callable, Hashable
from concurrent.futures import Executor

import cv2
import numpy as np

from datasets.lines.bands import HEIGHT, TWO_BANDS, share_of_two_bands
from datasets.lines.ink import find_ink, is_page
from models.heads.labels import Text

SIDEWAYS, SEVERAL = "on its side", "several lines"
UPSIDE_DOWN, UNLIKE = "upside down", "unlike the training data"
DOUBTS = frozenset((SIDEWAYS, SEVERAL, UPSIDE_DOWN, UNLIKE))
Key = Hashable  # of an input in a window
DOUBT = 0.85  # mean confidence of the characters, from which nothing is noted
GAIN, READABLE = 0.15, 0.75  # more of that mean, and the least, of a line that was upside down
STRANGE = 0.65  # mean below which the network has not learned such characters
FEWEST = 3  # characters whose mean tells that
NARROW = 0.5  # width by height, below which a line lies on its side
ALONG = 0.6  # share of the rows with ink of such a line


def window_notes(
    pool: Executor,
    infer: Callable[[list[np.ndarray]], list[Text]],
    inputs: dict[Key, np.ndarray],
    readings: dict[Key, Text | str],
) -> dict[Key, tuple[str, ...]]:
    """Notes on the readings of lines, by key; in parallel, since some lines are read again.

    infer: reads a batch of columns. An error message instead of a reading gets no notes.
    """
    doubtful = [
        i for i, r in readings.items() if isinstance(r, Text) and mean_confidence(r) < DOUBT
    ]
    noted = pool.map(lambda i: line_notes(inputs[i], readings[i], infer), doubtful)
    return dict(zip(doubtful, noted, strict=True))


def line_notes(
    columns: np.ndarray, reading: Text, infer: Callable[[list[np.ndarray]], list[Text]]
) -> tuple[str, ...]:
    """What makes a reading doubtful whose characters are: one note, or none.

    columns: (W, 1, H) uint8, what was read.
    """
    certainty = mean_confidence(reading)
    image = np.ascontiguousarray(columns[:, 0].T)
    if lies_on_side(image):
        return (SIDEWAYS,)
    if is_page(image) or has_two_lines(image):
        return (SEVERAL,)
    (turned,) = infer([np.ascontiguousarray(columns[::-1, :, ::-1])])
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
