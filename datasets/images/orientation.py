"""The orientation flag of an image file (EXIF, XMP, or AVIF's own), and what it asks for."""

import io
import struct
from typing import IO, TYPE_CHECKING

import cv2
import numpy as np

from ..environment import raise_if_machine
from .pillow import frame_size, open_image

if TYPE_CHECKING:
    from PIL import Image

# one of these is in every file with a flag, whatever its format; without them the file is not
# parsed a second time
MARKS = (b"Exif", b"EXIF", b"eXIf", b"Raw profile type", b"tiff:", b"adobe.xmp", b"irot", b"imir")
TAG = 0x0112  # of EXIF's orientation
UPRIGHT = 1
SIDEWAYS = (5, 6, 7, 8)  # flags that exchange width and height
PNG = b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # OpenCV and Pillow turn these by themselves


def read_orientation(data: bytes) -> int:
    """Return the orientation flag, 1 (upright) to 8, of an encoded image; 1 if there is none.

    1 also for TIFF, which decoders turn themselves, and for a file too damaged to have its flag
    read.
    """
    if data.startswith(TIFF) or not any(mark in data for mark in MARKS):
        return UPRIGHT
    try:
        return read_header(io.BytesIO(data))[1]
    except (OSError, ValueError) as error:
        raise_if_machine(error, "an image")
        return UPRIGHT


def read_header(file: IO[bytes], frame: int = 1) -> tuple[tuple[int, int], int]:
    """Return the size (height, width) of an image file as it is stored, and its orientation flag.

    frame: of a file of several. No pixels are decoded. Raises ValueError if it is not an image,
    OSError if it cannot be read.
    """
    with open_image(_without_pixels(file)) as image:
        wide, high = frame_size(image, frame)
        return (high, wide), UPRIGHT if image.format == "TIFF" else _flag_of(image)


def _without_pixels(file: IO[bytes]) -> IO[bytes]:
    """A PNG without its pixels, behind which a flag may stand; any other file as it is."""
    if file.read(len(PNG)) != PNG:
        file.seek(0)
        return file
    kept = io.BytesIO()
    kept.write(PNG)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"acTL", b"fcTL", b"fdAT"):  # those of frames, too
            file.seek(length + 4, io.SEEK_CUR)  # and its checksum
        else:
            kept.write(head + file.read(length + 4))
    kept.seek(0)
    return kept


def _flag_of(image: "Image.Image") -> int:
    from PIL import Image  # imported here for start-up time

    try:
        # not that of PNG, which decodes the pixels to find what stands behind them
        flag = Image.Image.getexif(image).get(TAG, UPRIGHT)
    except (ArithmeticError, AttributeError, LookupError, OSError, SyntaxError, TypeError,
            ValueError, struct.error):  # fmt: skip
        return UPRIGHT  # a damaged flag: the pixels may be whole
    return flag if isinstance(flag, int) and 1 <= flag <= 8 else UPRIGHT


def upright_shape(file: IO[bytes], frame: int = 1) -> tuple[int, int]:
    """Return the shape (H, W) of an image file as `turn_upright` leaves it.

    frame: of a file of several. Raises as `read_header` does.
    """
    (high, wide), flag = read_header(file, frame)
    return (wide, high) if flag in SIDEWAYS else (high, wide)


def turn_upright(image: np.ndarray, flag: int) -> np.ndarray:
    """Turn and mirror an image (H, W) or (H, W, C) as its orientation flag, 1 to 8, asks for."""
    if flag in SIDEWAYS:
        image = cv2.transpose(image)
    mirrors = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}  # of the transposed image for 6 to 8
    return cv2.flip(image, mirrors[flag]) if flag in mirrors else image
