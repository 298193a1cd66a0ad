"""Pixels of all types become grey of 8 bits: depths, faint contrast, transparency, colour."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from datasets.images import load_grey, to_grey
from tests.support.small import write_image


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


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_depth_below_sixteen_bits_fills_the_range(tmp_path, bits):
    white = 2**bits - 1
    levels = np.array([[0, white // 2, white]], np.uint16)
    assert grey_of(tmp_path / "deep.png", levels) == [[0, 127, 255]]
    raw = b"P5 3 1 %d " % white + levels.astype(">u2").tobytes()
    (tmp_path / "deep.pgm").write_bytes(raw)
    assert load_grey(str(tmp_path / "deep.pgm")).tolist() == [[0, 127, 255]]


def test_faint_contrast_in_sixteen_bits_is_stretched_before_it_is_cut():
    paper, ink = 40_000, 38_500  # 6 levels of 8 bits
    image = np.full((40, 200), paper, np.uint16)
    image[10:30, 20:40] = ink
    image[10:30, 60:80] = (paper + ink) // 2
    grey = to_grey(image, "faint").astype(int)
    assert grey[0, 0] == round(paper / 257)
    assert grey[0, 0] - grey[20, 30] == pytest.approx(8 * (paper - ink) / 257, abs=1)
    assert grey[0, 0] - grey[20, 70] == pytest.approx(4 * (paper - ink) / 257, abs=1)


def test_noise_of_a_blank_sheet_in_sixteen_bits_stays_noise():
    noise = np.random.default_rng(0).normal(50_000, 60, (64, 500)).astype(np.uint16)
    assert np.ptp(to_grey(noise, "blank")) < 24


def test_frames_of_a_clip_are_converted_alike():
    dark, bright = np.full((4, 4), 900, np.uint16), np.full((4, 4), 60_000, np.uint16)
    assert to_grey(dark, "frame", fixed=True).max() == 3
    assert to_grey(bright, "frame", fixed=True).max() == 233


def test_light_ink_on_transparency_is_laid_on_black(tmp_path):
    ink, alpha = np.full((20, 60, 3), 255, np.uint8), np.zeros((20, 60), np.uint8)
    alpha[5:15, 10:20] = 255
    grey = np.array(grey_of(tmp_path / "white.png", np.dstack([ink, alpha])))
    assert grey[10, 15] == 255 and grey[0, 0] == 0
    assert to_grey(np.dstack([ink, alpha]), "frame", fixed=True).min() == 255


def test_a_scan_with_transparent_edges_is_laid_on_white():
    sheet, alpha = np.full((40, 200, 3), 235, np.uint8), np.full((40, 200), 255, np.uint8)
    sheet[10:30, 50:90] = 20
    alpha[:, :40] = 0
    assert to_grey(np.dstack([sheet, alpha]), "scan")[20, 10] == 255


def test_other_types_of_pixels_are_refused():
    with pytest.raises(ValueError, match="deep: pixels of type float32; convert the image to 8 or"):
        to_grey(np.zeros((4, 4), np.float32), "deep")
