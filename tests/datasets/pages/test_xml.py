"""Parsing and writing XML: what is kept, and which files are refused."""

import pytest

from datasets.pages import xml

KEPT = """<?xml version="1.0" encoding="UTF-8"?>
<?style sheet?>
<!-- before -->
<p:a xmlns:p="urn:p" xmlns:unused="urn:u" z="1" b="&lt;&quot;&amp;">
  <!-- inside --><p:b c="é">text &amp; more</p:b>tail
  <d xmlns="urn:d"><e /></d>
</p:a>
"""


@pytest.fixture
def parse(tmp_path):
    def run(content: str | bytes):
        path = tmp_path / "a.xml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return xml.parse_xml(path)

    return run


def test_what_is_not_changed_stays(parse):
    assert xml.serialize_xml(parse(KEPT)) == KEPT
    latin = KEPT.replace("UTF-8", "iso-8859-1").encode("latin-1")
    assert xml.serialize_xml(parse(latin)) == KEPT
    assert xml.serialize_xml(parse(KEPT.replace("UTF-8", "UTF-16").encode("utf-16"))) == KEPT


REFUSED = [
    ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DOCTYPE"),
    ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DOCTYPE"),
    ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "DOCTYPE"),
    ("<a><b></a>", "damaged XML"),
    ("", "damaged XML"),
    ("<a>&b;</a>", "damaged XML"),
    ("<a>" * 300 + "</a>" * 300, "more than 200 elements"),
    ('<?xml version="1.0" encoding="klingon"?><a/>', "a.xml: "),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_what_is_refused_names_the_file(parse, content, message):
    with pytest.raises(ValueError, match=rf"a\.xml: .*{message}|{message}"):
        parse(content)


def test_children_are_inserted_in_order_and_indented(parse):
    document = parse("<p:a>\n  <p:b/>\n  <p:d/>\n</p:a>")
    xml.insert_child(document.root, "c", ("b",)).text = "x"
    assert "<p:a>\n  <p:b />\n  <p:c>x</p:c>\n  <p:d />\n</p:a>" in xml.serialize_xml(document)
    xml.insert_child(document.root, "e", ("b", "d"))
    xml.insert_child(document.root, "first", ("none",))
    xml.remove_children(document.root, ("d", "c"))
    assert "<p:a>\n  <p:first />\n  <p:b />\n  <p:e />\n</p:a>" in xml.serialize_xml(document)
    xml.remove_children(document.root, ("first", "b", "e"))
    assert "<p:a />" in xml.serialize_xml(document)


def test_what_xml_cannot_say_is_named():
    assert xml.check_writable("tab\tand ſ", "l") == "tab\tand ſ"
    with pytest.raises(ValueError, match=r"l: U\+0007 cannot stand in XML"):
        xml.check_writable("a\x07", "l")
