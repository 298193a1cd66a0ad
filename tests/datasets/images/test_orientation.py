"""Orientation flags are honoured alike in all formats, in grey, in colour, and in sizes."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from datasets.images import decode_bgr, decode_grey
from datasets.images.orientation import (
    read_header,
    read_orientation,
    turn_upright,
    upright_shape,
)

FORMATS = {
    "JPEG": {"quality": 100},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "AVIF": {"quality": 100},
}


def picture() -> Image.Image:
    """Blocks of 8 x 8 pixels, none alike, higher than wide."""
    blocks = np.random.default_rng(0).integers(0, 256, (7, 5), np.uint8)
    return Image.fromarray(blocks.repeat(8, 0).repeat(8, 1)).convert("RGB")


def encode(kind: str, flag: int, **options) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = flag
    file = io.BytesIO()
    picture().save(file, kind, exif=exif, **FORMATS[kind], **options)
    return file.getvalue()


@pytest.mark.parametrize("flag", range(1, 9))
@pytest.mark.parametrize("kind", FORMATS)
def test_every_flag_of_every_format_is_honoured(kind, flag):
    data = encode(kind, flag)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("L"))
    assert upright_shape(io.BytesIO(data)) == expected.shape
    for image in (decode_grey(data, kind), decode_bgr(data, kind)[..., 1]):
        assert image.shape == expected.shape
        assert np.abs(image.astype(int) - expected).max() <= 4


def test_a_flag_behind_the_pixels_of_a_png_counts():
    data, exif = encode("PNG", 1), Image.Exif()
    exif[0x0112] = 3
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    at = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[at : at + 4], "big")
    plain = data[:at] + data[at + length :]
    assert read_orientation(plain) == 1
    end = plain.index(b"IEND") - 4
    turned = plain[:end] + chunk + plain[end:]
    assert read_orientation(turned) == 3
    np.testing.assert_array_equal(decode_grey(turned, "t"), np.rot90(decode_grey(plain, "p"), 2))


def test_the_flag_of_an_animation_counts():
    exif, frames = Image.Exif(), [picture(), picture().rotate(180)]
    exif[0x0112] = 6
    for kind in ("PNG", "WEBP"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:], exif=exif)
        assert read_header(file) == ((56, 40), 6)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_header_is_read_without_the_pixels(kind, monkeypatch):
    """Of a PNG without a flag, too: it might stand behind them."""
    data, loaded = io.BytesIO(), []
    picture().save(data, kind)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: loaded.append(image))
    data.seek(0)
    assert read_header(data) == ((56, 40), 1) and not loaded


def test_a_damaged_flag_leaves_the_pixels_as_they_are():
    data = encode("JPEG", 6)
    at = data.index(b"Exif\0\0") + 6
    for broken in (b"\xff" * 20, b"II*\0" + b"\xff" * 16):
        damaged = data[:at] + broken + data[at + len(broken) :]
        assert read_orientation(damaged) == 1
        assert decode_grey(damaged, "d").shape == (56, 40)


def test_an_image_without_a_flag_is_not_parsed_again(monkeypatch):
    data = io.BytesIO()
    picture().save(data, "JPEG")
    monkeypatch.setattr("datasets.images.orientation.read_header", None)
    assert read_orientation(data.getvalue()) == 1


def test_turning_has_all_eight_ways():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turned = {turn_upright(image, flag).tobytes() for flag in range(1, 9)}
    assert len(turned) == 8
    np.testing.assert_array_equal(turn_upright(image, 6), np.rot90(image, -1))
    np.testing.assert_array_equal(turn_upright(image, 8), np.rot90(image))
