"""Load image files, in any format that OpenCV decodes, as greyscale arrays."""

from pathlib import Path

import cv2
import numpy as np


def load_grey(path: str) -> np.ndarray:
    """Load an image file as greyscale (H, W) uint8.

    16-bit values are scaled down, transparency is composited onto white. Raises OSError if the file
    is missing or empty, ValueError if it is not an image.
    """
    return decode_grey(Path(path).read_bytes(), path)


def decode_grey(data: bytes, path: str) -> np.ndarray:
    """Decode an encoded image to greyscale (H, W) uint8, as `load_grey` does.

    path: the name in error messages. Raises OSError if `data` is empty, ValueError if it is not an
    image.
    """
    if not data:
        raise OSError(f"{path}: the file is empty (0 bytes); copy it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(
            f"{path}: cannot be decoded as an image ({error.err}); convert it"
        ) from error
    if image is None:
        raise ValueError(f"{path}: not an image, or damaged ({len(data)} bytes); convert it to PNG")
    return to_grey(image, path)


def to_grey(image: np.ndarray, name: str) -> np.ndarray:
    """Convert an image to grey (H, W) uint8.

    image: (H, W) or (H, W, 1 to 4), grey or BGR, with or without alpha, of 8 or 16 bits. Raises
    ValueError for another pixel type.
    """
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(f"{name}: pixels of type {image.dtype}; convert the image to 8 or 16 bits")
    if image.ndim == 2:
        return image
    if image.shape[2] in (2, 4):  # grey or colour, with an alpha channel
        alpha = image[..., -1:].astype(np.uint16)
        image = ((image[..., :-1] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.shape[2] == 3 else image[..., 0]
