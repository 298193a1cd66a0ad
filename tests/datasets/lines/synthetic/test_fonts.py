"""Fonts: found by name or folder, for the characters that they draw."""

import pathlib

import numpy as np
import pytest
from PIL import ImageFont

from datasets.lines.synthetic import fonts as fonts_here
from datasets.lines.synthetic.fonts import find_fonts
from datasets.lines.synthetic.typesetting import render_line
from tests.support.type_1_font import write_type_1
from tests.support.typefaces import LETTERS, SERIF


def test_a_font_has_only_the_characters_that_it_draws(monkeypatch):
    real = fonts_here.load_font

    class NoDigits:
        def __init__(self, font):
            self.font = font

        def getmask(self, text):
            return self.font.getmask(" " if text.isdigit() else "A" if text in "Aa" else text)

    monkeypatch.setattr(fonts_here, "load_font", lambda path, size: NoDigits(real(path, size)))
    assert fonts_here.drawn_characters(SERIF, "AaBb 12") == {"A", "B", "b"}


def test_a_feature_of_empty_glyphs_is_not_used(monkeypatch):
    class EmptyFigures:
        def getmask(self, text, features):
            return ImageFont.load_default().getmask(" " if features == ["onum"] else text)

    monkeypatch.setattr(fonts_here, "has_raqm", lambda: True)
    monkeypatch.setattr(fonts_here, "load_font", lambda path, size: EmptyFigures())
    assert fonts_here.drawn_features("x", frozenset({"onum", "smcp"})) == {"smcp"}
    monkeypatch.setattr(fonts_here, "has_raqm", lambda: False)
    assert fonts_here.drawn_features("x", frozenset({"smcp"})) == frozenset()


def test_a_font_is_found_by_its_name_and_named_ones_may_lack_more(tmp_path, monkeypatch):
    file = tmp_path / "TitlingSerif.ttf"
    file.write_bytes(pathlib.Path(SERIF).read_bytes())
    monkeypatch.setattr(fonts_here, "system_folders", lambda: [tmp_path])
    fonts_here.files_by_name.cache_clear()
    try:
        assert [font.path for font in find_fonts(LETTERS, ["TitlingSerif.ttf"])] == [str(file)]
        with pytest.raises(FileNotFoundError, match="make fonts"):
            find_fonts(LETTERS, ["Nowhere.ttf"])
    finally:
        fonts_here.files_by_name.cache_clear()
    with pytest.raises(ValueError, match="display font"):  # of a folder, only text fonts are used
        find_fonts(LETTERS, [str(tmp_path)])
    rare = LETTERS + "".join(map(chr, range(0x4E00, 0x4E00 + 20)))  # it has 68 of 88
    assert find_fonts(rare, [str(file)])
    with pytest.raises(ValueError, match="none of 1"):
        find_fonts(rare + "".join(map(chr, range(0x5000, 0x5040))), [str(file)])


def test_a_type_1_font_is_used_where_it_is_named(tmp_path):
    letters = "abcdefgABCDEFG123.,é"
    file = write_type_1(tmp_path / "boxes.pfb", letters, "Jana Skrivana", angle=-12)
    (font,) = find_fonts(letters + " ", [str(file)])
    assert (font.family, font.kind, font.italic) == ("Jana Skrivana", "script", True)
    assert set(letters) <= font.characters and "h" not in font.characters
    assert render_line(np.random.default_rng(0), "abé", font).min() == 0
    with pytest.raises(
        ValueError, match="none of 0 font files"
    ):  # folders are searched for other formats only
        find_fonts(letters, [str(tmp_path)])
    (tmp_path / "broken.pfb").write_bytes(b"no font")
    with pytest.raises(ValueError, match=r"broken\.pfb unreadable"):
        find_fonts(letters, [str(tmp_path / "broken.pfb")])
