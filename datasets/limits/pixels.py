"""The largest image that is decoded: OpenCV compares the size in a file's header with it.

OpenCV reads the limit from the environment when it is loaded, in this process and in those that it
starts, so it is set before.
"""

import os

OPTION = "--max_pixels"
LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"
MAX_PIXELS = 100_000_000  # such as 10,000 x 10,000
# formats, by Pillow's names, of which 8 bits take up to 9 bytes a pixel to decode
LIGHT = ("BMP", "JPEG", "MPO", "PNG", "PPM", "TIFF")
HEAVIEST = "AVIF"  # 35 bytes; all others, 16 bits, and animations: up to 27


def max_pixels(kind: str = "PNG", deep: bool = False) -> int:
    """The largest number of pixels of an image: fewer of those that take more memory each.

    kind: Pillow's name of the format. deep: whether it has more than 8 bits or is animated.
    """
    most = int(os.environ.get(LIMIT, MAX_PIXELS))
    return most // (4 if kind == HEAVIEST else 2 if deep or kind not in LIGHT else 1)


def check_pixels(name: str, size: tuple[int, int], most: int, what: str = "") -> None:
    """Raise ValueError for an image of more pixels. size: width and height. what: of the image."""
    wide, high = size
    if wide * high > most:
        raise ValueError(
            f"{name}: {wide:,} x {high:,} pixels{what} are more than {most:,}; scale it down, or "
            f"give {OPTION}"
        )


def pixel_options() -> list[str]:
    """The option for a limit other than the default, for a command that goes on with this one."""
    return [] if max_pixels() == MAX_PIXELS else [f"{OPTION}={max_pixels()}"]


def set_max_pixels(number: str | int = MAX_PIXELS) -> None:
    """Set the limit, before OpenCV is loaded. Raises ValueError for what is no number."""
    if not str(number).isdigit() or not 0 < int(number) < 2**40:
        raise ValueError(f"{OPTION} {number}: give a number of pixels, such as {2 * MAX_PIXELS}")
    os.environ[LIMIT] = str(int(number))
