"""Load image files, in any format that OpenCV decodes, as greyscale arrays."""

import cv2
import numpy as np

from .limits.opening import read_bytes
from .limits.pixels import max_pixels

BLOCK = 2**22  # pixels converted at a time: what takes several times the memory of the result


def load_grey(path: str) -> np.ndarray:
    """Load an image file as greyscale (H, W) uint8.

    16-bit values are scaled down, transparency is composited onto white. Raises OSError if the file
    is missing or empty, ValueError if it is not an image or has too many pixels.
    """
    return decode_grey(read_bytes(path), path)


def decode_grey(data: bytes, path: str) -> np.ndarray:
    """Decode an encoded image to greyscale (H, W) uint8, as `load_grey` does.

    path: the name in error messages. Raises OSError if `data` is empty, ValueError if it is not an
    image or has too many pixels.
    """
    return to_grey(decode(data, path, cv2.IMREAD_UNCHANGED), path)


def decode(data: bytes, path: str, flags: int) -> np.ndarray:
    """Decode an encoded image with OpenCV's flags, with the errors of `decode_grey`."""
    if not data:
        raise OSError(f"{path}: the file is empty (0 bytes); copy it again")
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


def to_grey(image: np.ndarray, name: str) -> np.ndarray:
    """Convert an image to grey (H, W) uint8.

    image: (H, W) or (H, W, 1 to 4), grey or BGR, with or without alpha, of 8 or 16 bits. Raises
    ValueError for another pixel type.
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{name}: pixels of type {image.dtype}; convert the image to 8 or 16 bits")
    if image.dtype == np.uint8 and image.ndim == 2:
        return image
    rows = max(1, BLOCK // image.shape[1])
    if len(image) <= rows:
        return _grey(image)
    grey = np.empty(image.shape[:2], np.uint8)
    for start in range(0, len(image), rows):
        grey[start : start + rows] = _grey(image[start : start + rows])
    return grey


def _grey(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    if image.ndim == 2:
        return image
    if image.shape[2] in (2, 4):  # grey or colour, with an alpha channel
        alpha = image[..., -1:].astype(np.uint16)
        image = ((image[..., :-1] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.shape[2] == 3 else image[..., 0]
