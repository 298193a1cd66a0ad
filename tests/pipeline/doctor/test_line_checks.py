"""Checks of transcripts and images, on single cases: spaces, controls, spellings, CTC steps."""

import numpy as np
import pytest

from pipeline.doctor.line_checks import (
    character_findings,
    is_control,
    odd_spaces,
    shape_findings,
    spelling_findings,
    steps_needed,
    text_findings,
)
from pipeline.doctor.line_files import ListedLine
from pipeline.doctor.line_ink import LineInk


def listed(text: str | None, name: str = "a.png") -> ListedLine:
    return ListedLine(name, name, text, "g", "f", "f", "labels.tsv, line 1")


def kinds(text: str | None) -> list[str]:
    return [finding.kind for finding in text_findings(listed(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all is well", []),
        ("caf\u00e9 \u2014 \u017fo \ufb01n", []),
        ("cafe\u0301", ["not composed"]),
        (None, ["no transcript"]),
        ("", ["empty transcript"]),
        (" \u200b\u00a0", ["empty transcript"]),
        (" a", ["odd spaces"]),
        ("a b\u202f", ["odd spaces"]),
        ("a\tb", ["odd spaces"]),
        ("a\nb", ["breaks or controls"]),
        ("a\x07b", ["breaks or controls"]),
        ("a\u202eb", ["control characters"]),
        ("a\ufffdb\ue000", ["control characters"]),
        ("soft\u00adhyphen", []),
    ],
)
def test_findings_of_a_single_text(text, expected):
    assert kinds(text) == expected


def test_odd_spaces_are_named_and_counted():
    assert list(odd_spaces(" a  b\u00a0\u00a0c")) == [
        "a space at the start", "two spaces side by side", "2 x no-break space (U+00A0)",
    ]  # fmt: skip
    assert list(odd_spaces("a b c")) == []
    assert not is_control("\u200b") and is_control("\x85") and is_control("\u2028")


def test_only_the_rarer_of_two_spellings_is_found():
    lines = [listed("it's", str(i)) for i in range(6)] + [listed("it\u2019s", "odd")]
    (finding,) = spelling_findings(lines)
    assert finding.line.name == "odd" and "1 in this folder beside 6" in finding.reason
    assert list(spelling_findings(lines[:6])) == []
    even = [listed("it's"), listed("it\u2019s")]
    assert list(spelling_findings(even)) == []  # used equally often: neither is wrong


def test_round_s_is_reported_only_in_a_folder_of_long_s():
    long_s = [listed("die\u017fe \u017fache", str(i)) for i in range(9)]
    (finding,) = spelling_findings([*long_s, listed("diese sache", "modern")])
    assert finding.line.name == "modern"
    assert list(spelling_findings([*long_s, listed("das gras", "final")])) == []


def test_rare_and_unknown_characters():
    lines = [listed("abc", "1"), listed("abcq", "2"), listed("cafe\u0301cab\u00e9", "3")]
    (rare, second) = character_findings(lines, None)
    assert (rare.line.name, rare.kind) == ("2", "rare character") and "'q'" in rare.reason
    assert second.line.name == "3" and "'f'" in second.reason and "\u00e9" not in second.reason
    (unknown,) = character_findings(lines, frozenset("abcf\u00e9"))
    assert (unknown.line.name, unknown.kind) == ("2", "not in the alphabet")
    assert not unknown.leave_out  # fine-tuning learns it


def test_steps_count_repeats():
    assert [steps_needed(text) for text in ("", "a", "ab", "aab", "aaa")] == [0, 1, 2, 4, 5]


def make_ink(width: int, height: int = 40, strokes: float = 3.0, **values) -> LineInk:
    blank = {"marks": 9, "two_bands": 0.0, "zones": np.ones(24) / 24, "thumbnail": np.ones(4)}
    return LineInk(height, width, strokes, inked_aspect=3.0, content="", **(blank | values))


def shapes(text: str, ink: LineInk) -> list[str]:
    """Kinds of findings of a line among 30 usual ones: 10 letters, 200 pixels, 4 heights of ink."""
    lines = [listed("abcdeabcde")] * 30 + [listed(text)]
    usual = [make_ink(200, strokes=4.0)] * 30
    findings = shape_findings(lines, [*usual, ink], lambda p: p.width * 40 // p.height // 4)
    return [finding.kind for finding in findings]


@pytest.mark.parametrize(
    ("text", "ink", "expected"),
    [
        ("abcdeabcde", make_ink(200, strokes=4.0), []),
        ("abcdeabcde", make_ink(200, strokes=0.0), ["blank"]),
        ("abcdeabcde", make_ink(200, strokes=0.2, marks=0), ["blank"]),
        ("-", make_ink(40, strokes=0.2, marks=0), []),
        ("abcdeabcde", make_ink(40, 200, strokes=0.5), ["on its side"]),
        ("I", make_ink(20, 40, strokes=0.3), []),
        ("abcdeabcdea", make_ink(44, strokes=4.4), []),
        ("abcdeabcdea", make_ink(43, strokes=4.4), ["too long"]),
        ("abcdeabcdd", make_ink(43, strokes=4.4), ["too long"]),
        ("abcdeabcde" * 3, make_ink(200, strokes=4.0), ["too long"]),
        ("abcd", make_ink(200, strokes=4.0), ["too short"]),
        ("abcdeabcde", make_ink(200, strokes=4.0, two_bands=0.5), ["several lines"]),
    ],
)
def test_findings_of_an_image_and_its_text(text, ink, expected):
    assert shapes(text, ink) == expected
