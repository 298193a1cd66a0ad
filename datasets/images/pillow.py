"""Image files opened with Pillow: their headers, and frames that OpenCV does not give."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from ..limits.pixels import OPTION, check_pixels, max_pixels

if TYPE_CHECKING:
    from PIL import Image


@contextmanager
def open_image(file: IO[bytes]) -> Iterator["Image.Image"]:
    """Open an image file with Pillow, which reads its header.

    Raises ValueError, also for what Pillow finds in the block, if it is not an image, is damaged,
    or has too many pixels; OSError if it cannot be read.
    """
    from PIL import Image, UnidentifiedImageError  # imported here for start-up time

    # it refuses twice as many, of frames too, which may be larger than the header says
    Image.MAX_IMAGE_PIXELS = max_pixels() // 2
    # of damaged EXIF, and of more than that; not catch_warnings, which threads must not share
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        with Image.open(file) as image:
            yield image
    except Image.DecompressionBombError as error:
        most = f"{max_pixels():,}"
        raise ValueError(f"more than {most} pixels; scale it down, or give {OPTION}") from error
    except UnidentifiedImageError as error:
        raise ValueError("not an image, or damaged; convert it to PNG") from error
    except (EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, struct.error,
            zlib.error) as error:  # fmt: skip
        if getattr(error, "errno", None) is not None:
            raise
        raise ValueError(f"not an image, or damaged ({error}); convert it to PNG") from error


def go_to(image: "Image.Image", frame: int, name: str) -> None:
    """Go to a frame of an open image, from 1.

    Raises ValueError if it is not there, or has so many pixels that they take too much memory.
    """
    check_opened(image, name)  # before Pillow decodes the frames until there
    try:
        image.seek(frame - 1)
    except EOFError as error:
        raise ValueError(f"{name}: has no page {frame}") from error
    check_opened(image, name)


def check_opened(image: "Image.Image", name: str) -> None:
    """Raise ValueError for an open image whose pixels would take too much memory."""
    several = image.format == "PNG" and image.is_animated
    check_pixels(name, image.size, max_pixels(image.format, deep=several), f" of {image.format}")


def frame_size(image: "Image.Image", frame: int) -> tuple[int, int]:
    """Return the width and height of a frame of an open image, from 1, without decoding it.

    Those of a TIFF may differ; those of other formats are that of the first one.
    """
    if image.format == "TIFF":
        image.seek(frame - 1)
    return image.size
