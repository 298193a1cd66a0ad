"""A video file -> the frames that a model reads."""

from typing import Literal

import cv2
import numpy as np

from .source import Reader


class ClipReader(Reader):
    """Every frame of a video, in the order it is shown, scaled to one size.

    Args:
        height, width: pixels of a frame.
        channels: 1 grey, 3 RGB.
    """

    suffixes = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".gif")

    def __init__(self, height: int, width: int, channels: Literal[1, 3] = 1):
        self.height, self.width, self.channels = height, width, channels

    def read(self, item: str) -> np.ndarray:
        """A path -> (T, C, height, width) uint8.

        Raises OSError or ValueError that names the file.
        """
        import av  # imported late: line reading starts without it

        layout = "gray" if self.channels == 1 else "rgb24"
        try:
            with av.open(item) as container:
                frames = [
                    self.prepare(frame.to_ndarray(format=layout))
                    for frame in container.decode(video=0)
                ]
        except FileNotFoundError as error:  # PyAV's is an FFmpegError too
            raise FileNotFoundError(f"{item}: no such file") from error
        except (av.error.FFmpegError, IndexError) as error:
            if isinstance(error, OSError) and not isinstance(error, ValueError):
                raise OSError(f"{item}: {error.strerror}") from error
            raise ValueError(
                f"{item}: cannot be decoded as a video ({error}); convert it"
            ) from error
        if not frames:
            raise ValueError(f"{item}: no frame could be decoded; is the file complete?")
        return np.stack(frames)

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """(H, W) or (H, W, 3) uint8 -> (C, height, width) uint8."""
        scaled = cv2.resize(frame, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return scaled[None] if scaled.ndim == 2 else scaled.transpose(2, 0, 1)
