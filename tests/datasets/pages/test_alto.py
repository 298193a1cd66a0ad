"""ALTO: reading boxes, polygons, baselines and Strings, and writing texts."""

import re

import pytest

from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading
from tests.support.pages import TEXTS, escriptorium, tesseract

STRING = '<String CONTENT="{}"/>'
FILE = """<alto xmlns="http://www.loc.gov/standards/alto/ns-v2#"><Description/>{}<Layout><Page>
<PrintSpace><TextBlock ID="b"><TextLine ID="l" HPOS="1" VPOS="2" WIDTH="30" HEIGHT="10"{}>{}
</TextLine><TextLine ID="m"/></TextBlock></PrintSpace></Page></Layout></alto>"""


@pytest.fixture
def alto(tmp_path):
    def make(inside: str, attributes: str = "", order: str = ""):
        (tmp_path / "a.xml").write_text(FILE.format(order, attributes, inside), encoding="utf-8")
        return tmp_path / "a.xml"

    return make


def rewrite(path, text: str) -> str | None:
    """Write a text into line l, and return what is read then."""
    path.write_text(write_page(str(path), {"l": Reading(text, 0.5)}), encoding="utf-8")
    return read_page(path).lines[0].text


def test_escriptorium_has_polygons_and_baselines(tmp_path):
    page = read_page(escriptorium(tmp_path / "p.xml"))
    assert page[1:5] == ("alto", "somewhere/p.png", None, "pixel")
    assert [line.text for line in page.lines] == TEXTS
    assert {line.region for line in page.lines} == {"block"}
    line = page.lines[0]
    assert line.polygon.shape == (4, 2) and line.baseline.shape == (2, 2)
    assert line.box == (*line.polygon[0], *line.polygon[2])


def test_tesseract_has_boxes_and_words(tmp_path):
    page = read_page(tesseract(tmp_path / "p.xml", ["two words", "a hy-"]))
    assert [line.text for line in page.lines] == ["two words", "a hy-"]
    assert page.lines[0].polygon is None and page.lines[0].baseline is None
    assert page.size[0] > page.lines[0].box[2]


def test_old_baselines_are_one_height(alto):
    baseline = read_page(alto("", ' BASELINE="9.5"')).lines[0].baseline
    assert baseline.tolist() == [[1, 9.5], [31, 9.5]]


def test_strings_stand_apart_with_or_without_a_space_element(alto):
    two = STRING.format("a") + "{}" + STRING.format("b")
    for between in ("", "<SP/>", "<SP/><SP/>"):
        assert read_page(alto(two.format(between))).lines[0].text == "a b"
    assert [line.text for line in read_page(alto("")).lines] == [None, None]


def test_the_reading_order_of_version_4_3(alto):
    order = '<ReadingOrder><OrderedGroup><ElementRef REF="m"/></OrderedGroup></ReadingOrder>'
    assert [line.id for line in read_page(alto("", order=order)).lines] == ["m", "l"]


@pytest.mark.parametrize("text", ["a b", "one", "three words now", "", "a  b", "a b-", "-", "x -"])
@pytest.mark.parametrize("old", ["", "one", "a b", "a b-"])
def test_what_is_written_is_read_again(alto, old, text):
    strings = "<SP/>".join(STRING.format(word) for word in old.removesuffix("-").split())
    path = alto(strings + ("<HYP/>" if old.endswith("-") else ""))
    assert rewrite(path, text) == text
    assert rewrite(path, "and another") == "and another"


def test_words_keep_their_places(tmp_path):
    path = tesseract(tmp_path / "p.xml", ["two words-"])
    before = path.read_text(encoding="utf-8")
    written = write_page(str(path), {"line_0": Reading("two wards-", 0.25)})
    expected = before.replace("words", "wards").replace('WC="0.5"', 'WC="0.2500"')
    assert written.replace(" />", "/>") == expected
    sure = write_page(str(path), {"line_0": Reading("two wards-", 0.25, words=(0.75, 0.5))})
    assert re.findall(r'WC="(.*?)"', sure) == ["0.7500", "0.5000"]
    other = write_page(str(path), {"line_0": Reading("one and two", 1)})
    assert other.count("<a:String") == 1 and "a:SP" not in other and "HYP" not in other
    assert other.partition("<a:String")[2].count('HPOS="') == 1


def test_what_described_the_old_content_goes(alto):
    old = '<String CONTENT="{}" CC="9" SUBS_TYPE="HypPart1" SUBS_CONTENT="abc"><Glyph/></String>'
    path = str(alto(old.format("ab") + old.format("cd")))
    written = write_page(path, {"l": Reading("ab ce", 0.5)})
    assert written.count("CC=") == written.count("SUBS_TYPE=") == written.count("<Glyph") == 1


def test_two_pages_are_refused(alto):
    path = alto("")
    text = path.read_text(encoding="utf-8").replace("</Page>", "</Page><Page/>")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.xml: 2 pages in one ALTO file"):
        read_page(path)
