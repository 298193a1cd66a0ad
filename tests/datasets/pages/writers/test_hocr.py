"""hOCR: well-formed, with the classes and properties of the specification."""

import re
import xml.etree.ElementTree as ElementTree

from datasets.pages.writers.hocr import TAIL, hocr_head, hocr_page
from datasets.pages.writers.record import read_record
from tests.support.records import HOSTILE, SCRIPTS, UNWRITABLE, line_record, page_record

XHTML = "{http://www.w3.org/1999/xhtml}"


def write(*records: dict, title: str = "t") -> str:
    pages = [hocr_page(read_record(record), place) for place, record in enumerate(records, 1)]
    return hocr_head(title) + "".join(pages) + TAIL


def parse(*records: dict, title: str = "t") -> ElementTree.Element:
    return ElementTree.fromstring(write(*records, title=title).encode("utf-8"))


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if element.get("class") == name]


def properties(element: ElementTree.Element) -> dict[str, str]:
    """bbox 1 2 3 4; x_wconf 9 -> {"bbox": "1 2 3 4", "x_wconf": "9"}."""
    return dict(part.split(" ", 1) for part in element.get("title").split("; "))


def test_texts_are_kept_line_by_line():
    texts = [*SCRIPTS, *HOSTILE]
    lines = of_class(parse(page_record(texts)), "ocr_line")
    assert ["".join(line.itertext()) for line in lines] == texts


def test_words_and_lines_have_boxes_and_confidences():
    baseline = [[100, 150], [900, 142]]
    root = parse(page_record([]) | {"lines": [line_record(0, "ab cd", baseline=baseline)]})
    (line,) = of_class(root, "ocr_line")
    assert properties(line) == {
        "bbox": "50 100 175 160",
        "baseline": "-0.0100 -9.5",
        "x_wconf": "87.50",
    }
    words = of_class(root, "ocrx_word")
    assert [properties(word)["bbox"] for word in words] == ["50 100 100 160", "125 100 175 160"]
    assert {properties(word)["x_wconf"] for word in words} == {"87.50"}
    (page,) = of_class(root, "ocr_page")
    assert properties(page) == {"image": '"scan.png"', "bbox": "0 0 1000 200", "ppageno": "0"}


def test_pages_of_one_document():
    names = ["a b.pdf#page=2", "a b.pdf#page=4"]
    records = [page_record(["one"], names[0]), {"input": names[1], "error": "damaged <page>"}]
    root = parse(*records, title="<a> & \x01")
    assert root.findtext(f"{XHTML}head/{XHTML}title") == "<a> & \ufffd"
    first, second = of_class(root, "ocr_page")
    assert properties(first)["ppageno"] == "1" and properties(second)["ppageno"] == "3"
    assert second.get("data-error") == "damaged <page>" and len(second) == 0
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_what_is_known_of_a_line_is_written():
    lines = [line_record(0, "a", accepted=True, notes=["n"]), line_record(1, "b", accepted=False),
             line_record(2, None), line_record(3, UNWRITABLE[0]), line_record(4, "c")]  # fmt: skip
    root = parse(page_record([]) | {"lines": lines, "height": 900})
    found = of_class(root, "ocr_line")
    assert [line.get("data-accepted") for line in found] == ["true", "false", None, None, None]
    assert found[0].get("data-notes") == "n" and found[2].get("data-error") == "too wide"
    assert "U+0007" in found[3].get("data-error") and not list(found[3].itertext())


def test_right_to_left_paragraphs_say_so():
    lines = [line_record(0, SCRIPTS[3]), line_record(1, "latin", region="r1")]
    paragraphs = of_class(parse(page_record([]) | {"lines": lines}), "ocr_par")
    assert [paragraph.get("dir") for paragraph in paragraphs] == ["rtl", None]


def test_an_html_parser_sees_the_same_nesting():
    """No element closes itself: HTML would leave it open."""
    written = write(page_record([None]))
    assert re.findall(r"<(\w+)[^>]*/>", written) == ["meta"] * 3
