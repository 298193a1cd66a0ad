"""Images that take much memory a pixel may have fewer pixels: their headers are read for that.

OpenCV takes twice the memory of the pixels that it gives. Its own limit, `max_pixels`, suits 8 bits
and one frame; more bits, animations and some formats take up to nine times as much a pixel.
"""

import io
import struct
from typing import IO

from ..limits.opening import named_errors
from ..limits.pixels import check_pixels, max_pixels
from .orientation import PNG, TIFF
from .pillow import check_opened, open_image

ANIMATION = b"acTL"  # a chunk of PNG
# JPEG, BMP, WebP, PNM: of 8 bits a sample, or with pixels that are in the file as they are
LIGHT = (b"\xff\xd8", b"BM", b"RIFF", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7")
SMALL = 2**18  # bytes of a TIFF: no compression that OpenCV knows makes more than 1400 of each
WIDTH, HEIGHT, BITS = 256, 257, 258  # tags of TIFF
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}  # types of TIFF


def check_memory(data: bytes, path: str) -> None:
    """Raise ValueError for an encoded image that would take too much memory to decode.

    Costs next to nothing for small images of the usual formats.
    """
    if data.startswith(PNG):
        if len(data) > 24:
            wide, high, bits = struct.unpack_from(">IIB", data, 16)
            if wide * high > max_pixels("PNG", deep=True):
                deep = bits > 8 or ANIMATION in data
                what = f" of {bits} bits" if bits > 8 else " of an animation" if deep else ""
                check_pixels(path, (wide, high), max_pixels("PNG", deep), what)
    elif data.startswith(TIFF):
        if len(data) > SMALL:
            check_tiff(io.BytesIO(data), path)
    elif not data.startswith(LIGHT):
        with named_errors(path), open_image(io.BytesIO(data)) as image:
            check_opened(image, path)


def check_tiff(file: IO[bytes], path: str, frame: int = 1) -> None:
    """Raise ValueError for a frame of a TIFF that would take too much memory, or is not there.

    frame: from 1. What is damaged is left to the decoder.
    """
    try:
        wide, high, bits = tiff_layout(file, frame)
    except (struct.error, OverflowError):
        return
    if bits > 16:
        raise ValueError(f"{path}: samples of {bits} bits; convert the image to 8 or 16 bits")
    check_pixels(path, (wide, high), max_pixels("TIFF", deep=bits > 8), f" of {bits} bits")


def tiff_layout(file: IO[bytes], frame: int = 1) -> tuple[int, int, int]:
    """Return width, height and bits of a sample of a frame of a TIFF, from 1.

    Raises ValueError if there is no such frame, struct.error for damage.
    """
    head = file.read(16)
    order, is_big = ">" if head.startswith(b"M") else "<", 43 in head[2:4]
    number, entry, offset = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    number, entry, offset = (struct.Struct(order + kinds) for kinds in (number, entry, offset))
    (place,) = offset.unpack_from(head, 8 if is_big else 4)
    for _ in range(frame - 1):
        file.seek(place)
        (count,) = number.unpack(file.read(number.size))
        file.seek(place + number.size + count * entry.size)
        (place,) = offset.unpack(file.read(offset.size))
        if not place:
            raise ValueError("no such frame, or a damaged one; save it as an image of its own")
    file.seek(place)
    (count,) = number.unpack(file.read(number.size))
    values = {}
    for tag, kind, length, value in entry.iter_unpack(file.read(count * entry.size)):
        integer = struct.Struct(order + INTEGERS.get(kind, "I"))
        if tag in (WIDTH, HEIGHT, BITS):
            if length * integer.size > len(value):  # it stands elsewhere
                file.seek(offset.unpack(value)[0])
                value = file.read(integer.size)
            (values[tag],) = integer.unpack_from(value)
    return values.get(WIDTH, 0), values.get(HEIGHT, 0), values.get(BITS, 1)
