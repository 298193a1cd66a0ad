"""PAGE-XML: reading lines in reading order, and writing texts without other changes."""

import re

import numpy as np
import pytest

from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading
from tests.support.pages import PAGE, TEXTS, transkribus

OLD = f"""<p:PcGts xmlns:p="{PAGE}/2010-03-19"><p:Page imageFilename="a.tif" imageWidth="400"
 imageHeight="300"><p:TextRegion id="r"><p:TextLine id="one">
 <p:Coords><p:Point x="1" y="2"/><p:Point x="30" y="2"/><p:Point x="30" y="9"/></p:Coords>
 {{}}</p:TextLine></p:TextRegion></p:Page></p:PcGts>"""
WORD = '<p:Word id="{}"><p:TextEquiv conf="0.1"><p:Unicode>{}</p:Unicode></p:TextEquiv></p:Word>'


@pytest.fixture
def old(tmp_path):
    """A function that writes a file of 2010 whose only line has the given content."""

    def make(inside: str):
        (tmp_path / "old.xml").write_text(OLD.format(inside), encoding="utf-8")
        return tmp_path / "old.xml"

    return make


def test_transkribus_is_read_in_its_reading_order(tmp_path):
    page = read_page(transkribus(tmp_path / "p.xml"))
    assert (page.kind, page.image, page.size, page.unit) == ("page", "p.png", None, "pixel")
    assert [line.id for line in page.lines] == ["l0", "l1", "l2", "l3"]
    assert [line.region for line in page.lines] == ["above", "above", "below", "below"]
    assert [line.text for line in page.lines] == TEXTS
    assert page.lines[0].polygon.shape == (4, 2) and page.lines[0].baseline.shape == (2, 2)


def test_an_old_file_with_a_prefix_has_points_as_elements(old):
    page = read_page(old(WORD.format("w", "hi")))
    assert page.size == (400, 300)
    assert page.lines[0].polygon.tolist() == [[1, 2], [30, 2], [30, 9]]
    assert page.lines[0].baseline is None


TEXT_SOURCES = [
    ("", None),
    (WORD.format("a", "two") + WORD.format("b", "words"), "two words"),
    ("<p:TextEquiv><p:Unicode> a\n  b </p:Unicode></p:TextEquiv>", "a b"),
    ("<p:TextEquiv><p:PlainText>plain</p:PlainText></p:TextEquiv>", "plain"),
    ("<p:TextEquiv><p:Unicode/></p:TextEquiv>", ""),
    (
        '<p:TextEquiv index="1"><p:Unicode>second</p:Unicode></p:TextEquiv>'
        '<p:TextEquiv index="0"><p:Unicode>first</p:Unicode></p:TextEquiv>',
        "first",
    ),
]


@pytest.mark.parametrize(("inside", "text"), TEXT_SOURCES)
def test_where_a_text_comes_from(old, inside, text):
    assert read_page(old(inside)).lines[0].text == text


def test_regions_without_order_follow_transkribus_indices(tmp_path):
    path = transkribus(tmp_path / "p.xml")
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition("<ReadingOrder>")
    text = head + rest.partition("</ReadingOrder>")[2]
    path.write_text(text, encoding="utf-8")
    assert [line.id for line in read_page(path).lines] == ["l2", "l3", "l0", "l1"]
    for region, index in (("above", 0), ("below", 1)):
        attributes = f'id="{region}" custom="readingOrder {{index:{index};}}"'
        text = text.replace(f'id="{region}"', attributes)
    path.write_text(text, encoding="utf-8")
    assert [line.id for line in read_page(path).lines] == ["l0", "l1", "l2", "l3"]


def test_writing_changes_texts_alone(tmp_path):
    path = transkribus(tmp_path / "p.xml")
    before = path.read_text(encoding="utf-8")
    written = write_page(str(path), {"l2": Reading("a < b & c", 0.25)})
    lines = {"<Unicode>a third<": "<Unicode>a &lt; b &amp; c<"}
    lines["<Unicode>old<"] = "<Unicode>a &lt; b &amp; c\nhere it ends<"  # the region's own text
    expected = before.replace(' standalone="yes"', "")
    for old_text, new in lines.items():
        expected = expected.replace(old_text, new)
    expected = expected.replace(
        "<TextEquiv><Unicode>a &lt;", '<TextEquiv conf="0.2500"><Unicode>a &lt;', 1
    )
    assert written.replace(" />", "/>") == expected
    path.write_text(written, encoding="utf-8")
    assert [line.text for line in read_page(path).lines] == [*TEXTS[:2], "a < b & c", TEXTS[3]]


def test_a_line_without_text_gets_one_behind_its_baseline(tmp_path):
    path = transkribus(tmp_path / "p.xml", [None, "b", None, "d"])
    written = write_page(str(path), {"l0": Reading("new", 1)})
    path.write_text(written, encoding="utf-8")
    assert [line.text for line in read_page(path).lines] == ["new", "b", None, "d"]
    _, after, _ = written.partition('id="l0"')[2].partition("<Baseline")
    assert after and written.partition('id="l0"')[2].index("<Baseline") < written.index("new")


def test_words_get_a_word_each_or_lose_their_texts(old):
    path = old(WORD.format("a", "two") + WORD.format("b", "wards"))
    same = write_page(str(path), {"one": Reading("two words", 0.5)})
    assert same.count("<p:Unicode>two</p:Unicode>") == same.count("<p:Unicode>words<") == 1
    assert same.count('conf="0.5000"') == 3
    sure = write_page(str(path), {"one": Reading("two words", 0.5, words=(0.75, 0.25))})
    assert re.findall(r'conf="(.*?)"', sure) == ["0.7500", "0.2500", "0.5000"]
    other = write_page(str(path), {"one": Reading("three words now", 0.5, words=(0.7, 0.8, 0.9))})
    assert other.count("<p:Word ") == 2 and other.count("<p:TextEquiv") == 1
    assert "two" not in other


def test_coordinates_that_are_no_pairs_are_none(old):
    path = old("")
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition("<p:Coords>")
    after = rest.partition("</p:Coords>")[2]
    polygons = {"1,2 3,4 5": None, "a,b": None, "1,2 3,4 5.5,6": [[1, 2], [3, 4], [5.5, 6]]}
    for points, expected in polygons.items():
        path.write_text(f'{before}<p:Coords points="{points}"/>{after}', encoding="utf-8")
        polygon = read_page(path).lines[0].polygon
        assert polygon is None if expected is None else np.array_equal(polygon, expected)
