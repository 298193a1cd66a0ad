"""Invisible text of an earlier OCR goes; everything that is seen stays."""

import zlib

import numpy as np
import pikepdf
import pytest

from datasets.pages.writers import invisible_text
from datasets.pages.writers.invisible_text import has_invisible_text, remove_invisible_text
from tests.support.pdfs import picture_of, text_of


@pytest.fixture
def cleaned(tmp_path):
    """A page with this content, and what it is without invisible text: both as files."""

    def clean(content: bytes, form: bytes | None = None, pages: int = 1):
        before, after = tmp_path / "before.pdf", tmp_path / "after.pdf"
        with pikepdf.new() as pdf:
            font = pikepdf.Dictionary(
                Type=pikepdf.Name.Font,
                Subtype=pikepdf.Name.Type1,
                BaseFont=pikepdf.Name.Helvetica,
            )
            shared = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=pdf.make_indirect(font)))
            if form is not None:
                kind = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Form}
                made = pdf.make_stream(form, **kind, BBox=[0, 0, 200, 200], Resources=shared)
                shared = pikepdf.Dictionary(Font=shared.Font, XObject={"/Form": made})
            shared = pdf.make_indirect(shared)
            for _ in range(pages):
                leaf = pdf.add_blank_page(page_size=(200, 200)).obj
                leaf.Resources, leaf.Contents = shared, pdf.make_stream(content)
            pdf.save(before)
            remove_invisible_text(pdf, pdf.pages[0])
            pdf.save(after)
        return before, after

    return clean


CASES = [
    (b"BT /F 12 Tf 9 50 Td (seen) Tj ET BT 3 Tr 9 90 Td (hidden) Tj ET", "seen"),
    (b"BT /F 12 Tf 3 Tr 9 50 Td [(hid) 9 (den)] TJ 0 Tr 0 20 Td (seen) Tj ET", "seen"),
    (b"3 Tr q 0 Tr BT /F 12 Tf 9 50 Td (seen) Tj ET Q BT /F 9 Tf (hidden) Tj ET", "seen"),
    (b"BT /F 12 Tf 20 TL 9 90 Td 3 Tr (hidden) ' 0 Tr (seen) ' ET", "seen"),
    (b"BT /F 12 Tf 20 TL 9 90 Td 3 Tr 1 2 (hidden) \" 0 Tr (seen) ' ET", "seen"),
    (b"Q Q BT 3 Tr /F 12 Tf 9 50 Td (hidden) Tj ET", ""),
    (b"BT /F 12 Tf 9 50 Td 7 Tr (clip) Tj ET 0 0 90 90 re f", "clip"),
]


@pytest.mark.parametrize(("content", "kept"), CASES)
def test_only_what_is_hidden_goes(cleaned, content, kept):
    before, after = cleaned(content)
    assert " ".join(text_of(after)).strip() == kept
    assert np.array_equal(picture_of(before, scale=2), picture_of(after, scale=2))


def test_a_form_that_another_page_uses_is_kept_there(cleaned):
    form = b"BT 3 Tr /F 12 Tf 9 50 Td (hidden) Tj ET"
    _, after = cleaned(b"/Form Do", form, pages=2)
    assert (text_of(after, 0), text_of(after, 1)) == ([], ["hidden"])


def test_a_page_without_hidden_text_is_not_touched(cleaned):
    content = b"BT /F 12 Tf 13 Tr 0.3 Tr  9 50 Td (a 3 T) Tj ET % odd but kept"
    _, after = cleaned(content)
    with pikepdf.open(after) as pdf:
        assert pdf.pages[0].Contents.read_bytes() == content
    assert not has_invisible_text(b"13 Tr") and not has_invisible_text(b"(3 Trees)")
    assert has_invisible_text(b"ET\n3\r\nTr") and has_invisible_text(b"3.0 Tr")


def test_content_that_expands_without_end_stays(cleaned, monkeypatch):
    monkeypatch.setattr(invisible_text, "MAX_CONTENT", 1000)
    content = b"BT 3 Tr /F 12 Tf 9 50 Td (hidden) Tj ET" + b" " * 1000
    assert len(zlib.compress(content)) < 100
    _, after = cleaned(content)
    assert text_of(after) == ["hidden"]
    with pikepdf.new() as pdf:
        stream = pdf.make_stream(zlib.compress(content), Filter=pikepdf.Name.FlateDecode)
        assert invisible_text.content_bytes(stream) == b""
        stream = pdf.make_stream(b"no zlib", Filter=pikepdf.Name.FlateDecode)
        assert invisible_text.content_bytes(stream) == b""


def test_damaged_content_stays():
    with pikepdf.new() as pdf:
        leaf = pdf.add_blank_page(page_size=(200, 200))
        whole = pdf.make_stream(b"BT 3 Tr (hidden) Tj ET")
        damaged = pdf.make_stream(b"no zlib", Filter=pikepdf.Name.FlateDecode)
        leaf.obj.Contents = pikepdf.Array([whole, damaged])
        remove_invisible_text(pdf, leaf)
        assert [stream.objgen for stream in leaf.obj.Contents] == [whole.objgen, damaged.objgen]
