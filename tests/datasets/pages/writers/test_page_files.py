"""New ALTO and PAGE documents: our readers read again what was written."""

import xml.etree.ElementTree as ElementTree

import pytest

from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading
from datasets.pages.writers.alto import alto_document
from datasets.pages.writers.page_xml import page_document
from datasets.pages.writers.record import read_record
from tests.support.pages import escriptorium, transkribus
from tests.support.records import HOSTILE, SCRIPTS, UNWRITABLE, line_record, page_record

WRITE = {"alto": alto_document, "page": page_document}
both = pytest.mark.parametrize("kind", WRITE)


@pytest.fixture
def again(tmp_path):
    def read(kind: str, record: dict):
        path = tmp_path / "again.xml"
        path.write_text(WRITE[kind](read_record(record)), encoding="utf-8")
        page = read_page(path)
        assert page.kind == kind
        return page

    return read


@both
def test_texts_are_read_again(again, kind):
    texts = [*SCRIPTS, *HOSTILE, "a  b", "hy-"]
    page = again(kind, page_record(texts))
    assert [line.text for line in page.lines] == texts
    assert [line.id for line in page.lines] == [f"l{i}" for i in range(len(texts))]
    assert (page.image, page.unit, page.size) == (
        "scan.png",
        "pixel",
        (1000, 200 + 100 * len(texts)),
    )


@both
def test_places_and_the_order_are_read_again(again, kind):
    regions = ["below", "below", "above", "below"]
    lines = [line_record(i, f"t{i}", region=region) for i, region in enumerate(regions)]
    lines[1] |= {"polygon": [[1, 2], [30, 2], [30, 40]], "baseline": [[1, 30], [20, 31], [30, 30]]}
    page = again(kind, page_record([]) | {"lines": lines, "height": 600})
    assert [line.text for line in page.lines] == ["t0", "t1", "t2", "t3"]
    assert [line.region for line in page.lines] == ["below", "below", "above", "below_2"]
    assert page.lines[1].polygon.tolist() == lines[1]["polygon"]
    assert page.lines[1].baseline.tolist() == lines[1]["baseline"]
    if kind == "alto":
        assert page.lines[0].box == tuple(lines[0]["box"]) and page.lines[0].polygon is None
    else:
        assert page.lines[0].polygon[[0, 2]].flatten().tolist() == lines[0]["box"]


@both
def test_a_page_without_lines_and_lines_without_text(again, kind):
    assert again(kind, page_record([])).lines == ()
    page = again(kind, page_record(["a", None, UNWRITABLE[0], "", "b"]))
    assert [line.text or "" for line in page.lines] == ["a", "", "", "", "b"]


@both
def test_what_is_known_of_a_line_is_written(kind):
    lines = [
        line_record(0, "a", accepted=True, notes=['two\nlines <&"', "\x01"]),
        line_record(1, "b", accepted=False),
        line_record(2, None),
    ]
    record = page_record([], notes=["of the page <"]) | {"lines": lines}
    written = WRITE[kind](read_record(record))
    assert "of the page &lt;" in written
    if kind == "alto":
        root = ElementTree.fromstring(written)
        tags = {
            tag.get("ID"): (tag.get("TYPE"), tag.get("LABEL"))
            for tag in root.iter()
            if tag.get("TYPE")
        }
        found = [
            [tags[name] for name in line.get("TAGREFS").split()]
            for line in root.iter(f"{root.tag.removesuffix('alto')}TextLine")
        ]
        assert found == [
            [("review", "accepted"), ("note", 'two\nlines <&"'), ("note", "\ufffd")],
            [("review", "look")],
            [("error", "too wide")],
        ]
    else:
        assert (
            written.count("accepted {value:true;}") == written.count("accepted {value:false;}") == 1
        )
        assert 'comments="two&#10;lines &lt;&amp;&quot;; \ufffd"' in written
        assert 'comments="error: too wide"' in written
    assert "Strand" in written and "0.8750" in written


def test_every_alto_line_has_a_string_as_the_schema_demands():
    root = ElementTree.fromstring(alto_document(read_record(page_record(["a", None, "", "\x00"]))))
    names = [
        [e.tag.rpartition("}")[2] for e in line] for line in root.iter() if "TextLine" in line.tag
    ]
    assert names == [["String"]] * 4


@both
def test_ids_are_unique(kind):
    lines = [line_record(i, "two words", id="page", region="strand") for i in range(3)]
    root = ElementTree.fromstring(WRITE[kind](read_record(page_record([]) | {"lines": lines})))
    ids = [e.get("ID") or e.get("id") for e in root.iter() if e.get("ID") or e.get("id")]
    assert len(ids) == len(set(ids)) > 5


@both
def test_the_same_page_gives_the_same_file(kind):
    page = read_record(page_record(SCRIPTS))
    assert WRITE[kind](page) == WRITE[kind](page)


@pytest.mark.parametrize(("write", "kind"), [(transkribus, "alto"), (escriptorium, "page")])
def test_a_page_of_the_other_kind_keeps_its_lines(again, tmp_path, write, kind):
    source = read_page(write(tmp_path / "p.xml"))
    lines = [
        {
            "id": line.id,
            "region": line.region,
            "text": line.text,
            "confidence": 1,
            "polygon": line.polygon.tolist(),
            "baseline": line.baseline.tolist(),
            "box": [*line.polygon.min(0), *line.polygon.max(0)],
        }
        for line in source.lines
    ]
    page = again(kind, page_record([], "p.xml", lines=lines, height=5000, width=5000))
    for old, new in zip(source.lines, page.lines, strict=True):
        assert (old.id, old.region, old.text) == (new.id, new.region, new.text)
        assert (old.polygon == new.polygon).all() and (old.baseline == new.baseline).all()


@pytest.mark.parametrize("write", [transkribus, escriptorium])
def test_accepted_lines_are_marked_in_the_file_that_was_given(tmp_path, write):
    path = write(tmp_path / "p.xml")
    for accepted in ([True, False, None], [None, True, True], [False, None, None], [None] * 3):
        readings = {f"l{i}": Reading("t", 0.5, mark) for i, mark in enumerate(accepted)}
        path.write_text(write_page(str(path), readings), encoding="utf-8")
        text = path.read_text(encoding="utf-8")
        if write is transkribus:
            assert text.count("accepted {value:true;}") == accepted.count(True)
            assert text.count("accepted {value:false;}") == accepted.count(False)
            assert text.count("readingOrder {index:") == 4
        else:
            root = ElementTree.fromstring(text)
            labels = {tag.get("ID"): tag.get("LABEL") for tag in root.iter() if tag.get("LABEL")}
            lines = [e.get("TAGREFS", "").split() for e in root.iter() if e.get("BASELINE")]
            assert [name for names in lines for name in names].count("LT1") == 4
            marks = [labels.get(name) for names in lines for name in names if name != "LT1"]
            assert marks == [
                {True: "accepted", False: "look"}[a] for a in accepted if a is not None
            ]
        assert read_page(path).lines[0].text == "t"
