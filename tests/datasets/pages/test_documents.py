"""Pages of PDF, TIFF, GIF and WebP: counted, named, loaded, and refused with one clear line."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pytest
from PIL import Image

from datasets.limits.opening import MAX_BYTES
from datasets.pages import documents
from datasets.pages.documents import (
    chosen_pages,
    count_characters,
    count_pages,
    load_page_image,
    page_name,
    page_size,
    parse_ranges,
    split_page_name,
    visible_characters,
)
from tests.support.pdfs import scan_pdf


def frames(path: Path, greys: list[int]) -> Path:
    """An image file of grey frames, 30 x 20 pixels."""
    first, *others = (Image.fromarray(np.full((20, 30), grey, np.uint8)) for grey in greys)
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=others, **lossless)
    return path


def pdf(path: Path, contents: list[bytes], size: tuple[float, float] = (72, 36), **save) -> Path:
    """A PDF with a page for each content stream. size: in points."""
    document = pikepdf.new()
    for content in contents:
        page = document.add_blank_page(page_size=size)
        page.Contents = document.make_stream(content)
        font = {"Type": "/Font", "Subtype": "/Type1", "BaseFont": "/Helvetica"}
        font = pikepdf.Dictionary({f"/{k}": pikepdf.Name(v) for k, v in font.items()})
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    document.save(path, **save)
    return path


HALF = b"0 g 0 0 36 36 re f"  # the left half black
WORDS = b"BT /F1 12 Tf 5 10 Td (Hello you) Tj ET"


@pytest.mark.parametrize("ending", ["tif", "tiff", "gif", "webp"])
def test_every_frame_is_a_page(tmp_path, ending):
    path = frames(tmp_path / f"a.{ending}", [40, 120, 200])
    assert count_pages(path) == 3
    means = [load_page_image(page_name(path, number)).mean() for number in (1, 2, 3)]
    assert means == pytest.approx([40, 120, 200], abs=5)
    assert load_page_image(f"{path}#page=2").shape == (20, 30)


@pytest.mark.parametrize(("flag", "corner"), [(3, (19, 29)), (6, (0, 19)), (8, (29, 0))])
def test_frames_of_an_animation_are_turned_as_their_flag_says(tmp_path, flag, corner):
    still = np.full((20, 30), 200, np.uint8)
    still[:8, :8] = 10
    first, second = Image.fromarray(still), Image.fromarray(255 - still)
    exif = Image.Exif()
    exif[0x0112] = flag
    path = tmp_path / "a.webp"
    first.save(path, save_all=True, append_images=[second], lossless=True, exif=exif)
    for number, dark in ((1, True), (2, False)):
        image = load_page_image(page_name(path, number))
        assert image.shape == page_size(page_name(path, number))
        assert image.shape == ((20, 30) if flag == 3 else (30, 20))
        assert (image[corner] < 100) == dark


def test_a_pdf_is_rendered_at_300_dpi(tmp_path):
    path = pdf(tmp_path / "a.pdf", [HALF, b"", WORDS])
    assert count_pages(path) == 3
    image = load_page_image(f"{path}#page=1")
    assert (image.shape, image.dtype) == ((150, 300), np.uint8)
    assert page_size(f"{path}#page=1") == (150, 300)
    assert image[:, :148].max() == 0 and image[:, 152:].min() == 255
    assert load_page_image(f"{path}#page=2").min() == 255
    assert [count_characters(f"{path}#page={n}") for n in (1, 2, 3)] == [0, 0, len("Hello you")]


def test_only_text_that_is_seen_is_visible(tmp_path):
    hidden = b"BT 3 Tr /F1 12 Tf 5 10 Td (old) Tj ET "
    path = pdf(tmp_path / "a.pdf", [hidden, hidden + WORDS.replace(b"BT", b"BT 0 Tr")])
    assert [len(visible_characters(f"{path}#page={n}", (300, 150))) for n in (1, 2)] == [0, 8]
    x, y = visible_characters(f"{path}#page=2", (300, 150)).T
    assert x.min() > 15 and x.max() < 300 and (np.abs(y - 90) < 25).all()


def test_a_turned_page_is_rendered_as_it_is_shown(tmp_path):
    path = pdf(tmp_path / "a.pdf", [HALF])
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        document.pages[0].Rotate = 90
        document.save(path)
    image = load_page_image(f"{path}#page=1")
    assert image.shape == (300, 150) and image[:148].max() == 0 and image[152:].min() == 255


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: pdf(p, [HALF], encryption=pikepdf.Encryption(owner="o", user="u")),
         "it has a password; save it without one"),
        (lambda p: pdf(p, []), "a PDF of 0 pages"),
        (lambda p: p.write_bytes(b"%PDF-1.4\nnothing"), "not a PDF, or damaged"),
        (lambda p: p.write_bytes(b""), "not a PDF, or damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_one_line(tmp_path, make, message):
    path = tmp_path / "a.pdf"
    make(path)
    for call in (count_pages, lambda p: load_page_image(f"{p}#page=1")):
        with pytest.raises(ValueError, match=rf"^{path}: {message}[^\n]*$"):
            call(path)


def test_a_missing_file_and_a_missing_page_are_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        count_pages(tmp_path / "none.pdf")
    path = pdf(tmp_path / "a.pdf", [HALF])
    with pytest.raises(ValueError, match="#page=2: the PDF has 1 page"):
        load_page_image(f"{path}#page=2")
    scan = frames(tmp_path / "a.tif", [10, 20])
    with pytest.raises(ValueError, match="#page=3: no such frame"):
        load_page_image(f"{scan}#page=3")


def test_a_page_that_pdfium_cannot_load_is_named(tmp_path):
    path = scan_pdf(tmp_path / "a.pdf", pages=2)
    path.write_bytes(path.read_bytes().replace(b"4 0 obj", b"9 0 obj"))
    for read in (load_page_image, count_characters):
        with pytest.raises(ValueError, match=r"a\.pdf#page=2: a damaged page .*save the PDF again"):
            read(f"{path}#page=2")


def test_what_qpdf_finds_while_it_lists_the_pages_is_damage(tmp_path, monkeypatch):
    def fail(path):
        raise RuntimeError("/Count is wrong after flattening pages tree")

    monkeypatch.setattr(pikepdf, "open", fail)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n")
    with pytest.raises(ValueError, match=r"a\.pdf: not a PDF, or damaged; save it again"):
        count_pages(tmp_path / "a.pdf")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_damaged_frames_are_named_whatever_pillow_raises(tmp_path, kind):
    file, images = io.BytesIO(), [Image.fromarray(np.full((20, 30), n, np.uint8)) for n in (9, 90)]
    images[0].save(file, kind, save_all=True, append_images=images[1:])
    content, path = file.getvalue(), tmp_path / f"a.{kind.lower()}"
    refused = []
    for place in range(8, len(content)):
        for damaged in (content[:place], content[:place] + b"\xff" + content[place + 1 :]):
            path.write_bytes(damaged)
            try:
                load_page_image(f"{path}#page=2")
            except ValueError as error:
                refused.append(str(error))
    assert all(reason.startswith(f"{path}#page=2: ") for reason in refused)
    assert len(refused) > len(content)


def test_a_truncated_tiff_is_damaged_and_its_first_frame_is_not_all(tmp_path):
    images = [Image.fromarray(np.full((20, 30), 9 * n, np.uint8)) for n in range(3)]
    path = tmp_path / "a.tif"
    images[0].save(path, save_all=True, append_images=images[1:])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"a\.tif: not an image, or damaged .*convert it to PNG"):
        count_pages(path)


def test_a_huge_page_is_refused_before_it_is_rendered(tmp_path, monkeypatch):
    path = pdf(tmp_path / "a.pdf", [HALF], size=(7200, 7200))
    with pytest.raises(ValueError, match=r"30,000 x 30,000 pixels at 300 dpi are more than"):
        load_page_image(f"{path}#page=1")


def test_a_frame_of_a_tiff_is_read_however_large_the_file_is(tmp_path):
    scan = frames(tmp_path / "a.tif", [40, 120])
    os.truncate(scan, MAX_BYTES + 1)  # sparse: what lies behind the frames, as others would
    assert count_pages(scan) == 2
    assert load_page_image(f"{scan}#page=2").mean() == 120


def test_a_huge_frame_of_a_tiff_is_refused(tmp_path):
    sheet = Image.new("1", (10_100, 10_000))
    sheet.save(tmp_path / "a.tif", save_all=True, append_images=[sheet], compression="group4")
    says = r"a\.tif#page=2: 10,100 x 10,000 pixels of 1 bits are more than 100,000"
    with pytest.raises(ValueError, match=says):
        load_page_image(f"{tmp_path}/a.tif#page=2")


def test_frames_are_counted_however_large_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)  # Pillow's own, by which it refuses twice
    assert count_pages(frames(tmp_path / "a.tif", [40, 120])) == 2


def test_sixteen_bit_frames_come_as_single_images_do(tmp_path):
    deep = (np.arange(600, dtype=np.uint16).reshape(20, 30) * 109).astype(np.uint16)
    cv2.imwritemulti(str(tmp_path / "a.tif"), [deep, deep])
    cv2.imwrite(str(tmp_path / "b.tif"), deep)
    from datasets.images import load_grey

    several = load_page_image(f"{tmp_path}/a.tif#page=2")
    np.testing.assert_array_equal(several, load_grey(str(tmp_path / "b.tif")))


def test_names_of_pages():
    assert page_name("a b.pdf", 3) == "a b.pdf#page=3"
    assert split_page_name("x#1/a.pdf#page=12") == ("x#1/a.pdf", 12)
    for name in ("a.pdf", "a.pdf#page=0", "a.pdf#page=", "a.xml#l1", "#page=1"):
        assert split_page_name(name) is None


@pytest.mark.parametrize(
    ("text", "pages"),
    [("3", [3]), ("3-5", [3, 4, 5]), ("-2", [1, 2]), ("1,4-", [1, 4, 5, 6]), ("9", []),
     ("2 - 3, 3", [2, 3])],
)  # fmt: skip
def test_ranges_of_pages(text, pages):
    assert chosen_pages(6, parse_ranges(text)) == pages
    assert chosen_pages(6, None) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("text", ["", "0", "5-3", "a", "1;2", "-", "1-2-3", "-0"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="--pages"):
        parse_ranges(text)


def test_pdfium_runs_in_one_thread_at_a_time(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    path = pdf(tmp_path / "a.pdf", [HALF] * 8)
    names = [f"{path}#page={n}" for n in range(1, 9)] * 2
    with ThreadPoolExecutor(4) as pool:
        means = {image.mean() for image in pool.map(load_page_image, names)}
    assert len(means) == 1 and documents._PDFIUM.acquire(blocking=False)
    documents._PDFIUM.release()
