"""Image files in any format that OpenCV decodes -> grey pixels, for lines and pages."""

from pathlib import Path

import cv2
import numpy as np

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


def load_grey(path: str) -> np.ndarray:
    """An image file -> grey (H, W) uint8; 16 bits are scaled down, transparency is laid on white.

    Raises OSError for a file that is missing or empty, ValueError for one that is no image.
    """
    return decode_grey(Path(path).read_bytes(), path)


def decode_grey(data: bytes, path: str) -> np.ndarray:
    """An encoded image -> grey (H, W) uint8. Raises OSError if empty, ValueError if no image."""
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
    """(H, W) or (H, W, 1 | 3 | 4) BGR(A), 8 or 16 bits -> (H, W) uint8."""
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(f"{name}: pixels of type {image.dtype}; convert the image to 8 or 16 bits")
    if image.ndim == 2:
        return image
    channels = image.shape[2]
    if channels in (2, 4):  # grey or colour with transparency
        alpha = image[..., -1:].astype(np.uint16)
        image = ((image[..., :-1] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.shape[2] == 3 else image[..., 0]
