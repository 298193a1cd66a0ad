"""Image files of all pixel types are loaded as grey; errors name the file."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.images import load_grey
from tests.support.small import noise_line, write_image


def test_a_truncated_jpeg_is_named(tmp_path):
    data = cv2.imencode(".jpg", noise_line(0, width=90, height=40))[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"a\.jpg: "):
        load_grey(str(tmp_path / "a.jpg"))


def grey_of(path: Path, image: np.ndarray) -> list[list[int]]:
    return load_grey(str(write_image(path, image))).tolist()


def test_sixteen_bits_are_scaled_down(tmp_path):
    levels = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    assert grey_of(tmp_path / "grey.png", levels) == [[0, 1, 127, 255]]
    assert grey_of(tmp_path / "grey.tif", levels) == [[0, 1, 127, 255]]
    assert grey_of(tmp_path / "rgb.png", np.dstack([levels] * 3)) == [[0, 1, 127, 255]]


def test_transparency_is_laid_on_white(tmp_path):
    ink, alpha = np.zeros((1, 3), np.uint8), np.array([[255, 128, 0]], np.uint8)
    assert grey_of(tmp_path / "rgba.png", np.dstack([ink] * 3 + [alpha])) == [[0, 127, 255]]
    deep = np.dstack([ink] * 3 + [alpha]).astype(np.uint16) * 257
    assert grey_of(tmp_path / "deep.png", deep) == [[0, 127, 255]]


def test_grey_with_alpha_is_laid_on_white(tmp_path):
    """OpenCV cannot write such a file, so the PNG is assembled here."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 3, 1, 8, 4, 0, 0, 0)  # 3 x 1 pixels, 8 bits, grey + alpha
    pixels = zlib.compress(bytes([0, 0, 255, 0, 128, 0, 0]))
    content = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    (tmp_path / "la.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    assert load_grey(str(tmp_path / "la.png")).tolist() == [[0, 127, 255]]


def test_colour_becomes_grey_by_luminance(tmp_path):
    blue_green_red = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert grey_of(tmp_path / "c.png", blue_green_red) == [[29, 150, 76]]
