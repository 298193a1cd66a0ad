"""The largest image that is decoded: OpenCV compares the size in a file's header with it.

OpenCV reads the limit from the environment when it is loaded, in this process and in those that it
starts, so it is set before.
"""

import os

OPTION = "--max_pixels"
LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"
MAX_PIXELS = 100_000_000  # such as 10,000 x 10,000: decoding takes up to 10 bytes a pixel


def max_pixels() -> int:
    """The largest number of pixels of an image."""
    return int(os.environ.get(LIMIT, MAX_PIXELS))


def pixel_options() -> list[str]:
    """The option for a limit other than the default, for a command that goes on with this one."""
    return [] if max_pixels() == MAX_PIXELS else [f"{OPTION}={max_pixels()}"]


def set_max_pixels(number: str | int = MAX_PIXELS) -> None:
    """Set the limit, before OpenCV is loaded. Raises ValueError for what is no number."""
    if not str(number).isdigit() or not 0 < int(number) < 2**40:
        raise ValueError(f"{OPTION} {number}: give a number of pixels, such as {2 * MAX_PIXELS}")
    os.environ[LIMIT] = str(int(number))
