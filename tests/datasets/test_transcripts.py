"""Transcripts: what is folded, what is refused, and what is said of it."""

import pytest

from datasets.transcripts import SpaceFolding, transcript_fault


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("a\tb", "a b"),
        ("\ufeffa\u00a0\u202f\u3000b\u200b", "a   b"),
        ("cafe\u0301\r\n\n", "caf\u00e9"),
        ("\u0645\u06cc\u200c\u0631\u0648\u062f", "\u0645\u06cc\u200c\u0631\u0648\u062f"),
        ("soft\u00adhyphen \ue000", "soft\u00adhyphen \ue000"),
    ],
)
def test_spaces_are_folded(text, folded):
    assert SpaceFolding().fold(text, "x") == folded


@pytest.mark.parametrize("character", "\n\r\x0b\x0c\x1c\x85\u2028\u2029")
def test_a_line_break_inside_is_refused(character):
    assert transcript_fault(f"a{character}b").startswith("a line break inside")
    with pytest.raises(ValueError, match=r"^x\.png: a line break inside the transcript; give each"):
        SpaceFolding().fold(f"a{character}b", "x.png")


def test_controls_are_refused_by_name():
    assert transcript_fault("a\x07\x00b") == (
        "control characters in the transcript: U+0000, U+0007; remove them"
    )
    assert transcript_fault("a b\n") is None


def test_what_was_folded_is_counted():
    folding = SpaceFolding()
    for name, text in (("1", "a b"), ("2", "a\u00a0b\u00a0c\td"), ("3", "\ta")):
        folding.fold(text, name)
    (note,) = folding.notes("lines")
    assert note.reason == (
        "lines: 2 transcripts with tabs or unusual spaces (2 x U+00A0, 2 x U+0009), learnt with "
        "plain ones; the first is 2"
    )
    assert SpaceFolding().notes("lines") == []
