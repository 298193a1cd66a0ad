"""A frame of an image file as the picture of a PDF page: JPEG as it is, all else without loss."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ...images.orientation import read_header
from ...images.pillow import go_to, open_image
from ...limits.opening import MAX_BYTES, named_errors, open_regular
from ...lines.lmdb import read_record, split_record_name

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_DPI = 300.0
DPI_RANGE = (10.0, 10_000.0)  # what else a file states is no resolution
LOSSLESS = ("1", "L", "RGB", "I;16")  # modes that PNG stores as PDF can show them
HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive JPEG: those of PDF


class Picture(NamedTuple):
    """An encoded picture.

    size: width and height of the pixels as stored. channels: 1, 3 or 4. encoding: the entries of
    the image's dictionary that say how `data` is encoded. orientation: of EXIF, 1 to 8. dpi: across
    and down, as stored. profile: an ICC profile for these channels, or b"".
    """

    data: bytes
    size: tuple[int, int]
    channels: int
    bits: int
    encoding: str
    orientation: int = 1
    dpi: tuple[float, float] = (DEFAULT_DPI, DEFAULT_DPI)
    profile: bytes = b""


def read_picture(path: str | Path, number: int = 1) -> Picture:
    """Read a frame of an image file, from 1, or the image of a record of an LMDB.

    Transparency is composited onto white; colours of 16 bits become those of 8. Raises OSError, or
    ValueError that names the file.
    """
    with named_errors(path), _opened(path) as file:
        _, flag = read_header(file)
        file.seek(0)
        with open_image(file) as image:
            go_to(image, number, str(path))
            return _picture_of(image, file, number, flag)


def _opened(path: str | Path) -> BinaryIO:
    if split_record_name(str(path)):
        return io.BytesIO(read_record(str(path)))
    return open_regular(path)


def _picture_of(image: "Image", file: BinaryIO, number: int, flag: int) -> Picture:
    picture = _as_stored(image, file) if number == 1 else None
    if picture is None:
        picture = _from_png(_encode_png(image))
    profile = image.info.get("icc_profile") or b""
    return picture._replace(
        orientation=flag,
        dpi=_dpi(image),
        profile=_fitting(profile, picture.channels),
    )


def _as_stored(image: "Image", file: BinaryIO) -> Picture | None:
    """The data of a JPEG or PNG that PDF can show as they are; None for any other."""
    if image.format in ("JPEG", "MPO"):
        content = _content(file)
        if (frame := jpeg_frame(content)) is None:
            return None
        width, height, channels, inverted = frame
        encoding = "/Filter /DCTDecode" + " /Decode [1 0 1 0 1 0 1 0]" * inverted
        return Picture(content, (width, height), channels, 8, encoding)
    plain = image.format == "PNG" and image.mode in LOSSLESS
    if not plain or {"transparency", "interlace"} & image.info.keys():
        return None
    return _from_png(_content(file))


def _content(file: BinaryIO) -> bytes:
    place, size = file.tell(), file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise ValueError(f"{size:,} bytes; images are read up to {MAX_BYTES:,} bytes")
    file.seek(0)
    content = file.read()
    file.seek(place)
    return content


def _dpi(image: "Image") -> tuple[float, float]:
    low, high = DPI_RANGE
    try:
        across, down = (float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, ZeroDivisionError):
        return DEFAULT_DPI, DEFAULT_DPI
    stated = low <= across <= high and low <= down <= high
    return (across, down) if stated else (DEFAULT_DPI, DEFAULT_DPI)


def jpeg_frame(content: bytes) -> tuple[int, int, int, bool] | None:
    """Width, height, channels of a JPEG that PDF can show, and whether its CMYK is inverted.

    None for others (arithmetic coding, 12 bits, lossless).
    """
    adobe, place = False, 2
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        adobe = adobe or (marker == 0xEE and content[place + 4 : place + 9] == b"Adobe")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, channels = struct.unpack_from(">BHHB", content, place + 4)
            known = marker in HUFFMAN_FRAMES and bits == 8 and channels in (1, 3, 4) and height
            return (width, height, channels, adobe and channels == 4) if known else None
        place += 2 + length
    return None


def _encode_png(image: "Image") -> bytes:
    from PIL import Image  # imported here for start-up time

    if image.mode == "F":
        raise ValueError("pixels that are fractions; convert the image to 8 or 16 bits")
    if "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBa", "RGBA"):
        paper = Image.new("RGB", image.size, "white")
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        paper.paste(image, mask=image)
        image = paper
    elif image.mode.startswith("I"):
        image = image.convert("I").convert("I;16")
    elif image.mode not in LOSSLESS:
        image = image.convert("RGB")
    file = io.BytesIO()
    image.save(file, "PNG", icc_profile=None)
    return file.getvalue()


def _from_png(png: bytes) -> Picture:
    """The data of a PNG are a stream of PDF with its Predictor 15."""
    parts = dict.fromkeys((b"IHDR", b"IDAT"), b"")
    for kind, data in _chunks(png):
        if kind in parts:
            parts[kind] += data
    width, height, bits, colour = struct.unpack_from(">IIBB", parts[b"IHDR"])
    channels = {0: 1, 2: 3}[colour]
    encoding = (
        f"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors {channels} "
        f"/BitsPerComponent {bits} /Columns {width} >>"
    )
    return Picture(parts[b"IDAT"], (width, height), channels, bits, encoding)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        yield kind, png[place + 8 : place + 8 + length]
        place += length + 12


def _fitting(profile: bytes, channels: int) -> bytes:
    """The profile, if it is one of pictures with so many channels."""
    wanted = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}[channels]
    return profile if profile[16:20] == wanted and profile[36:40] == b"acsp" else b""
