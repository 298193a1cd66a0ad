"""Pictures as PDF pages: JPEG as it is, everything else pixel for pixel."""

import io
import tracemalloc

import numpy as np
import pikepdf
import pytest
from PIL import Image

from datasets.images import load_grey
from datasets.images.orientation import TAG
from datasets.pages.writers.picture_pdf import PicturePdf, page_size
from datasets.pages.writers.pictures import Picture, jpeg_frame, read_picture
from tests.support.pdfs import picture_of

LOSSLESS = {"a.webp": {"lossless": True, "exact": True}}
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (40, 60, 3), np.uint8)


def made(tmp_path, *pictures: Picture):
    path = tmp_path / "made.pdf"
    with path.open("wb") as file:
        pdf = PicturePdf(file)
        for picture in pictures:
            pdf.add(picture)
        pdf.finish()
    with pikepdf.open(path) as opened:
        assert not opened.check_pdf_syntax()
    return path


def drawn(tmp_path, path) -> np.ndarray:
    """The picture of an image file as PDFium draws its page, pixel for pixel."""
    return picture_of(made(tmp_path, read_picture(path)._replace(dpi=(72, 72))))


def save(tmp_path, image: Image.Image, name: str, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


COLOUR = Image.fromarray(COLOURS)
GREY = COLOUR.convert("L")
FADED = COLOUR.copy()
FADED.putalpha(GREY)
ON_WHITE = Image.alpha_composite(Image.new("RGBA", FADED.size, "white"), FADED).convert("RGB")


@pytest.mark.parametrize(
    ("name", "image", "shown"),
    [
        ("a.png", COLOUR, COLOUR),
        ("a.png", GREY, GREY),
        ("a.png", COLOUR.convert("1"), COLOUR.convert("1")),
        ("a.png", COLOUR.quantize(17), COLOUR.quantize(17)),
        ("a.png", FADED, ON_WHITE),
        ("a.webp", FADED, ON_WHITE),
        ("a.tif", FADED, ON_WHITE),
        ("a.tif", COLOUR.convert("1"), COLOUR.convert("1")),
        ("a.bmp", COLOUR, COLOUR),
        ("a.gif", COLOUR.quantize(17), COLOUR.quantize(17)),
        ("a.ppm", COLOUR, COLOUR),
    ],
    ids=lambda value: value if isinstance(value, str) else value.mode,
)
def test_pixels_are_kept(tmp_path, name, image, shown):
    path = save(tmp_path, image, name, **LOSSLESS.get(name, {}))
    assert np.array_equal(drawn(tmp_path, path), np.asarray(shown.convert("RGB")))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_of_16_bits_is_kept(tmp_path, name):
    values = (np.asarray(GREY).astype(np.uint16) << 8) + 7
    path = save(tmp_path, Image.fromarray(values), name)
    picture = read_picture(path)
    assert (picture.bits, picture.channels) == (16, 1)
    with pikepdf.open(made(tmp_path, picture)) as pdf:
        data = pdf.pages[0].Resources.XObject.Picture.read_bytes()
    assert np.array_equal(np.frombuffer(data, ">u2").reshape(values.shape), values)


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = Image.fromarray((np.asarray(GREY) > 128).astype(np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 200, 0, 0])
    path = save(tmp_path, image, "a.png", transparency=1)
    expected = np.where(np.asarray(image)[..., None] == 1, 255, [10, 20, 30])
    assert np.array_equal(drawn(tmp_path, path), expected)


def test_a_jpeg_is_embedded_byte_for_byte(tmp_path):
    for image, options in ((COLOUR, {}), (GREY, {}), (COLOUR, {"progressive": True}),
                           (COLOUR.convert("CMYK"), {})):  # fmt: skip
        path = save(tmp_path, image, "a.jpg", quality=90, **options)
        picture = read_picture(path)
        with pikepdf.open(made(tmp_path, picture)) as pdf:
            stored = pdf.pages[0].Resources.XObject.Picture
            assert stored.read_raw_bytes() == path.read_bytes()
        with Image.open(path) as stored_image:
            expected = np.asarray(stored_image.convert("RGB")).astype(int)
        assert np.abs(drawn(tmp_path, path) - expected).mean() < (30 if image.mode == "CMYK" else 3)


def test_an_adobe_cmyk_jpeg_is_not_shown_in_negative(tmp_path):
    path = save(tmp_path, Image.new("CMYK", (60, 40), (0, 0, 0, 0)), "a.jpg")
    assert drawn(tmp_path, path).min() > 245


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_pictures_are_shown_upright(tmp_path, name, orientation):
    blocks = np.kron(RNG.integers(0, 2, (5, 6)) * 255, np.ones((8, 8))).astype(np.uint8)
    exif = Image.Exif()
    exif[TAG] = orientation
    path = save(tmp_path, Image.fromarray(blocks), name, exif=exif, **LOSSLESS.get(name, {}))
    shown = drawn(tmp_path, path)
    assert np.abs(shown[..., 0] - load_grey(str(path)).astype(int)).mean() < 3
    assert shown.shape[:2] == ((48, 40) if orientation > 4 else (40, 48))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dpi": (144, 144)}, (30, 20)),
        ({}, (60 * 72 / 300, 40 * 72 / 300)),
        ({"dpi": (1, 1)}, (60 * 72 / 300, 40 * 72 / 300)),
        ({"dpi": (144, 72)}, (30, 40)),
    ],
)
def test_a_page_has_the_size_that_the_resolution_says(tmp_path, options, expected):
    picture = read_picture(save(tmp_path, GREY, "a.tif", **options))
    assert page_size(picture) == pytest.approx(expected, rel=1e-3)
    turned = picture._replace(orientation=6)
    assert page_size(turned) == pytest.approx(expected[::-1], rel=1e-3)


def test_no_page_is_larger_than_viewers_show():
    picture = Picture(b"", (60_000, 10), 1, 8, "", dpi=(72, 72))
    assert page_size(picture) == pytest.approx((14_400, 2.4))


def test_an_icc_profile_is_kept_once_if_it_fits(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colour = read_picture(save(tmp_path, COLOUR, "a.png", icc_profile=profile))
    grey = read_picture(save(tmp_path, GREY, "b.png", icc_profile=profile))
    assert (colour.profile, grey.profile) == (profile, b"")
    with pikepdf.open(made(tmp_path, colour, colour)) as pdf:
        spaces = [leaf.Resources.XObject.Picture.ColorSpace for leaf in pdf.pages]
        assert spaces[0][1].objgen == spaces[1][1].objgen
        assert spaces[0][1].read_bytes() == profile


def test_only_jpegs_that_pdf_knows_are_embedded(tmp_path):
    data = save(tmp_path, COLOUR, "a.jpg").read_bytes()
    start = data.index(b"\xff\xc0")
    assert jpeg_frame(data) == (60, 40, 3, False)
    assert jpeg_frame(data[:start] + b"\xff" + data[start:]) == (60, 40, 3, False)  # a fill byte
    arithmetic = data[: start + 1] + b"\xc9" + data[start + 2 :]
    deep = data[: start + 4] + b"\x0c" + data[start + 5 :]
    for odd in (arithmetic, deep, data[: start + 1], b"", b"\xff\xd8no jpeg"):
        assert jpeg_frame(odd) is None
    (tmp_path / "a.jpg").write_bytes(arithmetic)
    assert "/FlateDecode" in read_picture(tmp_path / "a.jpg").encoding


def test_broken_large_and_missing_files_are_named(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"no image")
    large = save(tmp_path, GREY, "large.png")
    for name, error in (("a.png", ValueError), ("none.png", FileNotFoundError)):
        with pytest.raises(error, match=name):
            read_picture(tmp_path / name)
    with pytest.raises(ValueError, match="has no page 2"):
        read_picture(large, 2)
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "2399")
    with pytest.raises(ValueError, match=r"large\.png: more than 2,399 pixels"):
        read_picture(large)


def test_one_picture_at_a_time_is_in_memory(tmp_path):
    noise = Image.fromarray(RNG.integers(0, 256, (1000, 1000), np.uint8))
    path = save(tmp_path, noise, "a.png")
    tracemalloc.start()
    with (tmp_path / "made.pdf").open("wb") as file:
        pdf = PicturePdf(file)
        for _ in range(20):
            pdf.add(read_picture(path))
        pdf.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "made.pdf").stat().st_size > 20e6 > 8e6 > peak
    assert io.BytesIO((tmp_path / "made.pdf").read_bytes()).read(8) == b"%PDF-1.5"
