"""Still images of a video: the displayed size of its frames, and thumbnails at given times."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np

from datasets.video.decoder import decode_video
from datasets.video.opening import choose_stream, open_container

THUMBNAIL = 160  # pixels of the longer side
QUALITY = 70  # of JPEG, from 0 to 100: about 4 KB an image


class VideoFormat(NamedTuple):
    """Displayed size of a video's frames in pixels, and the unit of its times in seconds."""

    height: int
    width: int
    time_base: Fraction


def video_format(path: str) -> VideoFormat:
    """Format of a video by its first frame, rotated as displayed.

    Raises OSError or ValueError that names the file.
    """
    import av  # imported here for start-up time

    try:
        with open_container(path) as container:
            stream = choose_stream(path, container)
            frame = next(container.decode(stream))
            height, width = frame.height, frame.width
            if frame.rotation % 180:
                height, width = width, height
            return VideoFormat(height, width, stream.time_base or Fraction(1, 90_000))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file") from error
    except (av.error.FFmpegError, StopIteration) as error:
        raise ValueError(f"{path}: no frame could be decoded ({error})") from error


def thumbnails(path: str, times: Sequence[float]) -> list[bytes]:
    """JPEG images of the frames shown at these times, in seconds, ascending.

    Times before the first frame give the first, times after the last the last. Nothing is decoded
    after the last time. Raises OSError or ValueError that names the file.
    """
    if not times:
        return []
    video = video_format(path)
    scale = THUMBNAIL / max(video.height, video.width)
    height, width = (max(1, round(scale * side)) for side in (video.height, video.width))
    images: list[bytes] = []
    shown = None
    for frame in decode_video(path, height, width, 3):
        while shown is not None and len(images) < len(times) and times[len(images)] < frame.seconds:
            images.append(encode_jpeg(shown))
        if len(images) == len(times):
            break
        shown = frame.pixels
    return images + [encode_jpeg(shown)] * (len(times) - len(images))


def frame_thumbnail(frame: np.ndarray) -> bytes:
    """A frame (C, H, W) uint8, grey or RGB, as a JPEG file of its own size."""
    return encode_jpeg(np.repeat(frame, 3, axis=0) if len(frame) == 1 else frame)


def encode_jpeg(pixels: np.ndarray) -> bytes:
    """RGB (3, H, W) uint8 -> a JPEG file."""
    image = cv2.cvtColor(pixels.transpose(1, 2, 0), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
