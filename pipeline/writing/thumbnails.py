"""Single pictures out of a video: their size, and small ones at given times."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np

from datasets.video.decoder import decode

THUMBNAIL = 160  # pixels of the longer side
QUALITY = 70  # of JPEG, of 100: about 4 KB


class Picture(NamedTuple):
    """How large a video's picture is when it is shown, and the unit of its times in seconds."""

    height: int
    width: int
    time_base: Fraction


def measure(path: str) -> Picture:
    """Of the first frame, turned as it is shown. Raises OSError or ValueError naming the file."""
    import av

    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            height, width = frame.height, frame.width
            if frame.rotation % 180:
                height, width = width, height
            return Picture(height, width, stream.time_base or Fraction(1, 90_000))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file") from error
    except (av.error.FFmpegError, IndexError, StopIteration) as error:
        raise ValueError(f"{path}: no frame could be decoded ({error})") from error


def thumbnails(path: str, times: Sequence[float]) -> list[bytes]:
    """JPEG of the frame that is shown at each of these times, in seconds, ascending.

    Before the first frame that is the first, behind the last one the last. Nothing is decoded
    behind the last time. Raises OSError or ValueError naming the file.
    """
    if not times:
        return []
    picture = measure(path)
    scale = THUMBNAIL / max(picture.height, picture.width)
    height, width = max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
    made: list[bytes] = []
    shown = None
    for frame in decode(path, height, width, 3):
        while shown is not None and len(made) < len(times) and times[len(made)] < frame.seconds:
            made.append(jpeg(shown))
        if len(made) == len(times):
            break
        shown = frame.pixels
    return made + [jpeg(shown)] * (len(times) - len(made))


def jpeg(pixels: np.ndarray) -> bytes:
    """RGB (3, H, W) uint8 -> a JPEG file."""
    image = cv2.cvtColor(pixels.transpose(1, 2, 0), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
