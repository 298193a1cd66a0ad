"""The report's sections on lines, each figure counted by hand."""

import re
from types import SimpleNamespace

import numpy as np

from datasets import LineReader
from models.heads.labels import Text
from pipeline.reports import line_sections
from pipeline.reports.lines import all_scores, terminal_summary
from pipeline.reports.lines_read import LinesRead
from pipeline.scoring.metrics import Normalization, tally_texts
from tests.pipeline.reports.test_html import Page

REFERENCES = ["modern 10", "Ode <b>", "same", "é, “x”"]
PREDICTIONS = ["modem I0", "ode <b>", "same", 'e, "x"']
GROUPS = ["a", "a", "b & c", "b & c"]


RECOGNIZER = SimpleNamespace(bundle=SimpleNamespace(reader=LineReader()))


def lines_read(
    name="one",
    predictions=tuple(PREDICTIONS),
    references=tuple(REFERENCES),
    groups=tuple(GROUPS),
    failed=(),
):
    items = [f"none/{name}{i}.png" for i in range(len(predictions))]
    readings = [Text(list(range(len(s))), [0.9] * len(s), [(i, i) for i in range(len(s))], 0.5)
                for s in predictions]  # fmt: skip
    tally = tally_texts(predictions, references, groups)
    return LinesRead(
        name, RECOGNIZER, items, list(groups), list(references), list(predictions), readings,
        np.linspace(0.9, 0.6, len(predictions)), dict.fromkeys(failed, "none/x.png: no such file"),
        tally, [], Normalization(),
    )  # fmt: skip


def rows(html: str) -> list[list[str]]:
    """The cells of every row of the tables in it, as text."""
    assert not Page(html).open
    trs = re.findall(r"<tr>(.*?)</tr>", html)
    return [
        ["".join(Page(cell).text) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in trs
    ]


def test_kinds_of_errors_add_up():
    _, *body = rows("".join(line_sections.class_section(lines_read())))
    # rn -> m is a substitution and a deletion of letters; 1 -> I; O -> o; é -> e; two quotes
    assert body == [
        ["spaces", "0", "0", "0", "0", "0.0 %"],
        ["digits", "0", "0", "1", "1", "14.3 %"],
        ["punctuation", "0", "0", "2", "2", "28.6 %"],
        ["case", "0", "0", "1", "1", "14.3 %"],
        ["diacritics", "0", "0", "1", "1", "14.3 %"],
        ["other letters", "0", "1", "1", "2", "28.6 %"],
        ["all", "0", "1", "6", "7", "100.0 %"],
    ]


def test_the_worst_group_comes_first_with_its_own_score():
    _, *body = rows("".join(line_sections.groups_section(lines_read())))
    assert body == [
        ["b & c", "2", "10", "30.00 %", "50.0 %", "3", "42.9 %"],
        ["a", "2", "16", "25.00 %", "0.0 %", "4", "57.1 %"],
    ]
    assert line_sections.groups_section(lines_read(groups=["a"] * 4)) == []


def test_confusions_have_an_example_and_markup_in_texts_stays_text():
    own = lines_read(
        predictions=["modem 10", "Ode _b>", "sa me", "<b>i"],
        references=[*REFERENCES[:3], "<b>a"],
    )
    html = "".join(line_sections.confusion_section(own))
    _, *body = rows(html)
    assert ["rn", "m", "1", "1", "modem 10, modern 10 one0.png"] in body
    assert ["-", "\u2423", "1", "1", "sa\u2423me, same one2.png"] in body
    assert ["a", "i", "1", "1", "<b>i, <b>a one3.png"] in body and "b" not in Page(html).tags
    assert ["<", "_", "1", "1", "Ode _b>, Ode <b> one1.png"] in body
    assert '<mark class="wrong">m</mark>' in html and '<mark class="right">rn</mark>' in html
    right = "".join(line_sections.confusion_section(lines_read(predictions=REFERENCES)))
    assert "No line has an error" in right


def test_scores_of_both_normalizations_are_shown():
    own = lines_read()
    by_normalization = all_scores(own)
    summary = terminal_summary(by_normalization, [])
    assert summary[0] == "compared after NFC:" and "  cer 26.92 %" in summary[1]  # 7 of 26
    assert "quotes, dashes" in summary[4] and "  cer 19.23 %" in summary[5]  # 5 of 26
    html = "".join(line_sections.overview(own, by_normalization))
    assert rows(html)[1][0] == "NFC" and rows(html)[2][1].startswith("19.23 %")


def test_only_lines_that_were_read_count_in_the_risk_figures():
    own = lines_read(predictions=[*PREDICTIONS[:3], ""], failed=[3])
    assert own.readable.tolist() == [True, True, True, False]
    assert own.correct.tolist() == [False, False, True, False]
    html = "".join(line_sections.page_sections(own, [], [], all_scores(own), {}, 5))
    assert "Of the 3 lines that were read" in html and "on average 80.0 %, and 33.3 % were" in html
    assert "1 not read or not scored" in html and not Page(html).open
