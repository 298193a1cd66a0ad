"""The alphabet chosen for fine-tuning, and the look-alikes of new characters."""

import string
import unicodedata
from types import SimpleNamespace

import pytest

from datasets import RealLines
from datasets.lines.folders import LineFolder
from pipeline.training.fine_tuning.alphabets import (
    LOOK_ALIKES,
    choose_alphabet,
    nearest_known,
    spell_out,
    transcript_alphabet,
)
from tests.support.small import write_lines

pytestmark = pytest.mark.usefixtures("folder")


def source(alphabet: str | None) -> dict:
    """Options of RealLines; page 0 is for validation, page 1 for the test."""
    folder = SimpleNamespace(root="lines", group_pattern="(.+?)__", validation=["p0"], test=["p1"])
    return {"init_args": {"alphabet": alphabet, "folders": [folder]}}


@pytest.mark.parametrize(
    ("policy", "given", "chosen"),
    [
        ("union", None, "bafé"),
        ("replace", None, "abfé"),
        ("keep", None, "ba"),
        ("union", "cab", "bac"),  # what the config names counts, not the transcripts
        ("replace", "cab", "cab"),
        ("keep", "cab", "ba"),
    ],
)
def test_the_policies(policy, given, chosen):
    write_lines("fe\u0301", "test", "aba", "b")  # é is composed; t and s occur in the test only
    mixture = {"init_args": {"sources": [source(given), {"init_args": {"count": 3}}]}}
    for _ in range(2):  # the second time as when resuming from the config written
        choose_alphabet(mixture, ["b", "a"], policy)
        real, rendered = mixture["init_args"]["sources"]
        assert real["init_args"]["alphabet"] == chosen
        assert rendered["init_args"] == {"count": 3}


def test_sources_of_a_mixture_get_one_alphabet():
    write_lines("fa", "t", "aba", "b")
    rendered = {"init_args": {"alphabet": "xb"}}
    mixture = {"init_args": {"sources": [source(None), rendered]}}
    choose_alphabet(mixture, ["b"], "replace")
    assert [s["init_args"]["alphabet"] for s in mixture["init_args"]["sources"]] == ["abfx"] * 2


def test_labels_that_are_words_leave_the_alphabet_as_it_is():
    options = source("ab")
    choose_alphabet(options, ["walk", "a"], "union")
    assert options["init_args"]["alphabet"] == "ab"


def test_the_alphabet_of_the_transcripts_is_the_one_that_the_source_derives(tmp_path):
    write_lines("zx", "t", "aba", "ſe")
    (tmp_path / "out.tsv").write_text("p2__.png\tno such text\n", encoding="utf-8")
    folder = LineFolder("lines", validation=["p0"], test=["p1"], leave_out="out.tsv")
    assert transcript_alphabet([folder]) == RealLines([folder]).labels == ["e", "x", "z", "ſ"]


KNOWN = set(string.ascii_letters + string.digits + string.punctuation + " ")


@pytest.mark.parametrize(
    ("symbol", "old"),
    [
        *zip("ſßéÄœŒ«„”—⸗ͤ⁵ʳ½ﬁаΡ", "fBeAoO<,\"-=e5r1faP", strict=True),
        *zip("\u00a0\u2013’…", " -'.", strict=True),
        ("☞", None),
        ("\u0301", None),
        ("walk", None),
    ],
)  # fmt: skip
def test_look_alikes(symbol, old):
    assert nearest_known(symbol, KNOWN) == old


def test_a_look_alike_must_be_known():
    assert nearest_known("ß", set("s")) == "s"
    assert nearest_known("é", set("E")) == "E"
    assert nearest_known("é", set("xyz")) is None


def test_the_table_holds_single_composed_characters():
    wrong = [c for c in LOOK_ALIKES if len(c) != 1 or unicodedata.normalize("NFC", c) != c]
    assert not wrong and not [c for c, old in LOOK_ALIKES.items() if c in old or not old]


def test_labels_are_printed_readably():
    assert spell_out([" ", "a", "\u0364"]) == "␣ a ◌\u0364"
    assert spell_out([]) == "none"
