"""Where lines and their words are said to be: on their ink, however the line was prepared."""

import json
import re
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from datasets.pages.files import read_page
from tests.support.pages import set_page, transkribus
from tests.support.small import noise_line, write_image

TEXT = "and wrote them in a ledger of red calf"
SIZE, LEFT, TOP = 40, 10, 4


def typeset() -> tuple[np.ndarray, list[tuple[float, float]]]:
    """A line (56, W), and where the ink of each word begins and ends."""
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf", SIZE)
    image = Image.new("L", (int(font.getlength(TEXT)) + 2 * LEFT, 56), 235)
    ImageDraw.Draw(image).text((LEFT, TOP), TEXT, font=font, fill=25)
    spans, place = [], 0
    for word in TEXT.split():
        place = TEXT.index(word, place)
        begin = LEFT + font.getlength(TEXT[:place])
        spans.append((begin + font.getbbox(word)[0], begin + font.getbbox(word)[2]))
        place += len(word)
    return np.array(image), spans


@pytest.fixture
def read(command, tmp_path):
    """The record of an image's only line, in the PAGE, ALTO, hOCR and PDF formats' way."""

    def read(image: np.ndarray) -> dict:
        path = write_image(tmp_path / "line.png", image)
        out = tmp_path / "line.xml"
        given = ("predict", path, "--layout", "line", "--format", "page", "--output", out)
        assert command(*given, "--model", "lines-en").code == 0
        text = out.read_text("utf-8")
        words = [
            np.array([[int(v) for v in p.split(",")] for p in points.split()])
            for points in re.findall(r'<Word id="[^"]*">\s*<Coords points="([^"]*)"', text)
        ]
        (line,) = read_page(out).lines
        assert len(words) == len(TEXT.split()), line.text
        return {"polygon": line.polygon, "baseline": line.baseline, "words": words}

    return read


def test_words_are_where_their_ink_is(read):
    image, spans = typeset()
    found = read(image)
    edges = [(word[:, 0].min(), word[:, 0].max()) for word in found["words"]]
    differences = np.subtract(edges, spans)
    assert np.abs(np.median(differences, 0)).max() <= 3
    assert np.abs(differences).max() <= 20
    assert found["polygon"].max(0).tolist() == list(image.shape[::-1])


def test_words_of_a_trimmed_line_are_where_their_ink_is(read):
    image, spans = typeset()
    found = read(np.pad(image, ((120, 60), (300, 500)), constant_values=235))
    edges = [(word[:, 0].min(), word[:, 0].max()) for word in found["words"]]
    assert np.abs(np.median(np.subtract(edges, spans) - 300, 0)).max() <= 4
    for word in found["words"]:
        assert 110 <= word[:, 1].min() <= 135 and 155 <= word[:, 1].max() <= 190
    assert found["polygon"][:, 1].min() >= 100 and found["polygon"][:, 1].max() <= 200
    assert found["baseline"] is None


@pytest.mark.parametrize("slope", [-0.06, 0.06])
def test_words_of_a_levelled_line_are_where_their_ink_is(read, slope):
    image, spans = typeset()
    wide = image.shape[1]
    rise = int(abs(slope) * wide / 2)
    image = np.pad(image, ((rise, rise), (0, 0)), constant_values=235)
    shear = np.array([[1, 0, 0], [slope, 1, -slope * wide / 2]])
    found = read(cv2.warpAffine(image, shear, image.shape[::-1], borderValue=235))
    for word, (begin, end) in zip(found["words"], spans, strict=True):
        middle = TOP + SIZE / 2 + rise + slope * ((begin + end) / 2 - wide / 2)
        assert abs(word[:, 1].mean() - middle) < SIZE / 3
        assert abs(word[:, 0].mean() - (begin + end) / 2) < 10
        assert np.ptp(word[:, 1]) < 2 * SIZE
    (x0, y0), (x1, y1) = found["baseline"]
    assert (y1 - y0) / (x1 - x0) == pytest.approx(slope, abs=0.02)


def test_a_line_with_a_baseline_only_gets_the_outline_it_was_cut_by(command, bundle_file, tmp_path):
    path = transkribus(tmp_path / "p.xml")
    text = path.read_text("utf-8")
    path.write_text(re.sub(r'<Coords points="(?!0,0)[^"]*"/>', "", text), "utf-8")
    boxes = set_page(tmp_path / "again.png")
    given = ("predict", path, "--model", bundle_file, "--format")
    record = json.loads(command(*given, "jsonl").out)
    for line, (left, top, right, bottom) in zip(record["lines"], boxes, strict=True):
        assert line["polygon"] is not None
        x0, y0, x1, y1 = line["box"]
        assert x0 <= left + 1 and x1 >= right - 1
        assert y0 <= top + 3 and y1 >= bottom - 3 and y1 - y0 < 3 * (bottom - top)
    assert command(*given, "alto", "--output", tmp_path / "p.alto.xml").code == 0
    assert all(line.box[3] - line.box[1] > 5 for line in read_page(tmp_path / "p.alto.xml").lines)


def test_a_blank_page_with_a_page_file_is_read_as_nothing(command, bundle_file, tmp_path):
    path = transkribus(tmp_path / "p.xml")
    without = re.sub(r"<TextLine.*?</TextLine>", "", path.read_text("utf-8"), flags=re.DOTALL)
    path.write_text(without, "utf-8")
    given = ("predict", path, "--model", bundle_file)
    code, _, err = command(*given)
    assert code == 1 and "no text line in it; segment it" in err
    write_image(tmp_path / "p.png", np.full((900, 700), 245, np.uint8))
    assert tuple(command(*given)) == (0, "", "")


@pytest.fixture
def contained(tmp_path) -> list[str]:
    """The names of a line of a page file and of a record of an LMDB."""
    lmdb = pytest.importorskip("lmdb")
    image = cv2.imencode(".png", noise_line(1))[1].tobytes()
    with lmdb.open(str(tmp_path / "x.lmdb"), map_size=1 << 20) as base, base.begin(write=True) as t:
        t.put(b"num-samples", b"1")
        t.put(b"image-000000001", image)
    page = transkribus(tmp_path / "my page.xml")
    return [f"{page}#l2", f"{tmp_path}/x.lmdb#image-000000001"]


@pytest.mark.parametrize("kind", ["pdf", "html", "page", "alto", "hocr"])
def test_lines_in_containers_have_their_pictures(command, bundle_file, tmp_path, contained, kind):
    for name in contained:
        given = ("predict", name, "--model", bundle_file)
        text = json.loads(command(*given, "--format", "jsonl").out)["text"]
        out = tmp_path / f"out.{kind}"
        assert tuple(command(*given, "--format", kind, "--output", out)) == (0, "", ""), name
        assert out.is_file()
        if kind in ("page", "alto"):
            assert [line.text for line in read_page(out).lines] == [text.strip()]
        if kind == "html":
            assert out.read_text("utf-8").count("<image href") == 1


def test_a_line_of_a_page_file_stays_where_it_is_on_its_page(command, bundle_file, tmp_path):
    path = transkribus(tmp_path / "p.xml")
    out = tmp_path / "one.xml"
    given = ("predict", f"{path}#l2", "--model", bundle_file, "--format", "alto", "--output", out)
    assert command(*given).code == 0
    before, after = read_page(path).lines[2], read_page(out).lines[0]
    np.testing.assert_array_equal(before.polygon, after.polygon)
    assert read_page(out).image == "p.png"
