"""Decode image files, in any format that OpenCV decodes, as their orientation flag says."""

import cv2
import numpy as np

from ..limits.opening import read_bytes
from ..limits.pixels import max_pixels
from .grey import to_grey
from .memory import check_memory
from .orientation import read_orientation, turn_upright


def load_grey(path: str) -> np.ndarray:
    """Load an image file as greyscale (H, W) uint8, upright, as `to_grey` converts it.

    Raises OSError if the file is missing or empty, ValueError if it is not an image or has too many
    pixels.
    """
    return decode_grey(read_bytes(path), path)


def decode_grey(data: bytes, path: str, fixed: bool = False) -> np.ndarray:
    """Decode an encoded image to greyscale (H, W) uint8, as `load_grey` does.

    path: the name in error messages. fixed: see `to_grey`. Raises OSError if `data` is empty,
    ValueError if it is not an image or has too many pixels.
    """
    grey = to_grey(_decode(data, path, cv2.IMREAD_UNCHANGED), path, fixed)
    return turn_upright(grey, read_orientation(data))


def decode_bgr(data: bytes, path: str) -> np.ndarray:
    """Decode an encoded image to colour (H, W, 3) uint8 BGR, upright; errors as `decode_grey`."""
    return turn_upright(_decode(data, path, cv2.IMREAD_COLOR), read_orientation(data))


def _decode(data: bytes, path: str, flags: int) -> np.ndarray:
    """Decode with OpenCV's flags, but not turned: OpenCV knows not all flags of orientation."""
    if not data:
        raise OSError(f"{path}: the file is empty (0 bytes); copy it again")
    check_memory(data, path)
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if "MAX_IMAGE" in error.err:  # OpenCV compares the header's sizes with its limits first
            raise ValueError(
                f"{path}: more than {max_pixels():,} pixels; scale it down, or give --max_pixels"
            ) from error
        raise ValueError(
            f"{path}: cannot be decoded as an image ({error.err}); convert it"
        ) from error
    if image is None:
        raise ValueError(f"{path}: not an image, or damaged ({len(data)} bytes); convert it to PNG")
    return image
