"""Images that take much memory a pixel may have fewer: told by headers, of all kinds of files."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets.images import decode_bgr, decode_grey
from datasets.images.memory import check_tiff, tiff_layout
from datasets.limits.pixels import LIMIT, max_pixels
from datasets.pages.documents import load_page_image
from datasets.pages.writers.pictures import read_picture
from pipeline.training.memory import peak_memory_mib
from tests.datasets.limits.test_opening import png

ROOT = Path(__file__).parents[3]
GREY = np.tile(np.arange(50, dtype=np.uint8) * 5, (48, 1))  # 2400 pixels
DEEP = GREY.astype(np.uint16) * 257


def encode(suffix: str, image: np.ndarray) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def save(kind: str, *frames: np.ndarray, **options) -> bytes:
    file, images = io.BytesIO(), [Image.fromarray(frame) for frame in frames]
    images[0].save(file, kind, save_all=len(images) > 1, append_images=images[1:], **options)
    return file.getvalue()


LIGHT = {
    "grey.png": encode(".png", GREY),
    "rgba.png": encode(".png", cv2.merge([GREY] * 4)),
    "grey.tif": encode(".tif", GREY),
    "rgb.tif": encode(".tif", cv2.merge([GREY] * 3)),
    "one.tif": save("TIFF", GREY > 99, compression="group4"),
    "pages.tif": save("TIFF", GREY, 200 - GREY),
    "a.jpg": encode(".jpg", GREY),
    "a.bmp": encode(".bmp", GREY),
    "a.webp": encode(".webp", GREY),
    "a.pgm": encode(".pgm", GREY),
}
HALF = {
    "deep.png": (encode(".png", DEEP), "of 16 bits"),
    "rgba.png": (encode(".png", cv2.merge([DEEP] * 4)), "of 16 bits"),
    "moving.png": (save("PNG", GREY, 200 - GREY), "of an animation"),
    "deep.tif": (encode(".tif", DEEP), "of 16 bits"),
    "rgb.tif": (encode(".tif", cv2.merge([DEEP] * 3)), "of 16 bits"),
    "a.gif": (encode(".gif", cv2.merge([GREY] * 3)), "of GIF"),
    "a.jp2": (encode(".jp2", GREY), "of JPEG2000"),
}
QUARTER = {"a.avif": (encode(".avif", GREY), "of AVIF")}


@pytest.fixture(autouse=True)
def no_file_is_small(monkeypatch):
    monkeypatch.setattr("datasets.images.memory.SMALL", 0)


@pytest.mark.parametrize("name", LIGHT)
def test_eight_bits_may_have_all_pixels(name, monkeypatch):
    monkeypatch.setenv(LIMIT, "2400")
    assert decode_grey(LIGHT[name], name).shape == GREY.shape


@pytest.mark.parametrize("name", HALF | QUARTER)
def test_what_takes_more_may_have_fewer(name, monkeypatch):
    data, what = (HALF | QUARTER)[name]
    share = 4 if name in QUARTER else 2
    monkeypatch.setenv(LIMIT, str(2400 * share))
    assert decode_grey(data, name).shape == decode_bgr(data, name).shape[:2] == GREY.shape
    monkeypatch.setenv(LIMIT, str(2400 * share - 1))
    for decode in (decode_grey, decode_bgr):
        with pytest.raises(ValueError, match=rf"{name}: 50 x 48 pixels {what} are more than"):
            decode(data, name)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_samples_of_more_than_16_bits_are_refused_before_they_are_decoded(kind):
    data = encode(".tif", GREY.astype(kind))
    with pytest.raises(ValueError, match=r"a\.tif: samples of (32|64) bits; convert the image"):
        decode_grey(data, "a.tif")


def test_formats_that_pillow_does_not_know_are_refused():
    with pytest.raises(ValueError, match=r"a\.hdr: not an image, or damaged; convert it"):
        decode_grey(encode(".hdr", cv2.merge([GREY] * 3).astype(np.float32)), "a.hdr")


def test_a_small_tiff_costs_no_second_look(monkeypatch):
    monkeypatch.setattr("datasets.images.memory.SMALL", 2**18)
    monkeypatch.setattr("datasets.images.memory.check_tiff", None)
    assert decode_grey(HALF["deep.tif"][0], "a").shape == GREY.shape


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_frames_of_a_tiff_in_all_byte_orders_and_sizes(order, big):
    mark, wide = (b"II" if order == "<" else b"MM"), "Q" if big else "I"
    data = mark + struct.pack(f"{order}H", 43 if big else 42)
    data += struct.pack(f"{order}HH", 8, 0) * big + struct.pack(order + wide, 16)
    data = data.ljust(16, b"\0")
    for number, size in enumerate([(70_000, 300), (30, 20)]):
        tags = [(256, 4, size[0]), (257, 3, size[1]), (258, 3, 8 << number)]
        data += struct.pack(order + ("Q" if big else "H"), len(tags))
        for tag, kind, value in tags:
            data += struct.pack(f"{order}HH{wide}", tag, kind, 1)
            data += struct.pack(order + {3: "H", 4: "I"}[kind], value).ljust(8 if big else 4, b"\0")
        end = len(data) + (8 if big else 4)
        data += struct.pack(order + wide, 0 if number else end)
    assert tiff_layout(io.BytesIO(data)) == (70_000, 300, 8)
    assert tiff_layout(io.BytesIO(data), 2) == (30, 20, 16)
    with pytest.raises(ValueError, match="no such frame"):
        tiff_layout(io.BytesIO(data), 3)
    for length in range(len(data)):  # what is damaged is the decoder's to name
        check_tiff(io.BytesIO(data[:length]), "a.tif")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_a_page_has_the_limit_of_its_format(tmp_path, monkeypatch, suffix):
    path, share = tmp_path / f"a{suffix}", 1 if suffix == ".tif" else 2
    kind = {".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    path.write_bytes(save(kind, GREY, 200 - GREY))
    monkeypatch.setenv(LIMIT, str(2400 * share))
    assert load_page_image(f"{path}#page=2").shape == GREY.shape
    assert read_picture(path, 2).size == (50, 48)
    monkeypatch.setenv(LIMIT, str(2400 * share - share))
    for read in (lambda: load_page_image(f"{path}#page=2"), lambda: read_picture(path, 2)):
        with pytest.raises(ValueError, match=rf"a{suffix}.*: .*more than 2,"):
            read()


def test_a_deep_frame_behind_others_has_its_own_limit(tmp_path, monkeypatch):
    cv2.imwritemulti(str(tmp_path / "a.tif"), [GREY, DEEP])
    monkeypatch.setenv(LIMIT, "4799")
    load_page_image(f"{tmp_path}/a.tif#page=1")
    with pytest.raises(ValueError, match=r"a\.tif#page=2: 50 x 48 pixels of 16 bits are more"):
        load_page_image(f"{tmp_path}/a.tif#page=2")


def test_a_frame_of_a_gif_that_makes_it_larger_is_not_decoded(tmp_path):
    """Pillow enlarges the image to hold it: to 2.5 billion pixels here."""
    content = bytearray(save("GIF", GREY, 200 - GREY))
    frame = content.rindex(b"," + bytes(4) + struct.pack("<HH", 50, 48))
    content[frame + 5 : frame + 9] = struct.pack("<HH", 50_000, 50_000)
    path = tmp_path / "a.gif"
    path.write_bytes(content)
    before = peak_memory_mib()
    for read in (lambda: load_page_image(f"{path}#page=2"), lambda: read_picture(path, 2)):
        with pytest.raises(ValueError, match=r"a\.gif.*: more than 100,000,000 pixels; scale it"):
            read()
    content[frame + 5 : frame + 9] = struct.pack("<HH", 9000, 9000)
    path.write_bytes(content)
    for read in (lambda: load_page_image(f"{path}#page=2"), lambda: read_picture(path, 2)):
        with pytest.raises(ValueError, match=r"a\.gif.*: 9,000 x 9,000 pixels of GIF are more"):
            read()
    assert peak_memory_mib() - before < 900


# reads each file of a folder; memory is that of the process, above what it had before
PEAK = """
import sys
from pathlib import Path
from datasets.images import load_grey
from pipeline.training.memory import peak_memory_mib
before = peak_memory_mib()
for path in sorted(Path(sys.argv[1]).iterdir()):
    assert load_grey(str(path)).size >= 49_000_000
print(int(peak_memory_mib() - before))
"""


@pytest.mark.slow
def test_the_largest_images_of_all_kinds_take_less_than_a_gigabyte(tmp_path):
    """100 million pixels of colour, and half as many of what is told apart."""
    flat, half = np.full((10_000, 10_000), 200, np.uint8), np.full((7000, 7000), 60_000, np.uint16)
    cv2.imwrite(str(tmp_path / "grey.png"), flat)
    cv2.imwrite(str(tmp_path / "rgb.png"), cv2.merge([flat] * 3))
    cv2.imwrite(str(tmp_path / "rgba.png"), cv2.merge([half] * 4))
    cv2.imwrite(str(tmp_path / "rgb.tif"), cv2.merge([half] * 3))
    cv2.imwrite(str(tmp_path / "rgb.jpg"), cv2.merge([flat] * 3))
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 950


def test_a_header_that_claims_16_bits_is_refused_before_its_pixels_are_decoded():
    data = bytearray(png(10_000, 10_000, 6))
    data[24] = 16
    with pytest.raises(ValueError, match="10,000 x 10,000 pixels of 16 bits are more than 50,000,"):
        decode_grey(bytes(data), "a.png")
    assert max_pixels() == 2 * max_pixels(deep=True) == 4 * max_pixels("AVIF")
