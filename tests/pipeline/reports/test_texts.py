"""report on texts: the scores of evaluate, confusion, confidence, the words behind mistakes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.word_evidence import MAX_WORDS, word_evidence
from pipeline.reading.bundle import save_bundle
from pipeline.reading.prediction import Recognizer
from tests.pipeline.reports.test_html import Page
from tests.support.opinions import opinion_bundle
from tests.support.tags import tag_bundle

REVIEWS = [
    ("good", "positive", "x"),
    ("good good bad", "positive", "x"),
    ("bad", "negative", "y"),
    ("a bad <film>", "positive", "y"),
    ("good", "negative", "z"),
]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_bundle(opinion_bundle(), Path("opinions.safetensors"))
    rows = [",".join(row) + "\n" for row in REVIEWS]
    Path("r.csv").write_text("text,label,group\n" + "".join(rows), encoding="utf-8")
    return tmp_path


def page_of(command, *options: object) -> tuple[str, Page, str]:
    done = command("report", *options)
    assert done.code == 0, done.err
    html = Path("report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert not page.open and not {"script", "link", "iframe"} & set(page.tags)
    return html, page, done.out


def test_the_page_of_reviews_has_scores_confusions_and_the_surest_mistakes(command, here):
    options = ("--model", "opinions.safetensors", "--data", "r.csv")
    Path("other.json").write_text(json.dumps({"accuracy": 12.34, "n": 5}))
    html, page, out = page_of(command, *options, "--beside", "other.json")
    text = "".join(page.text)
    assert "accuracy 60.00 % (" in out and out.rstrip().endswith("report.html")
    command("evaluate", *options, "--json", "s.json")
    scores = json.loads(Path("s.json").read_text())
    assert "<dd>60.0 % (" in html and "<td>12.34</td>" in html
    assert f"calibration error {scores['ece']:.2f} %" in text
    assert "Of the 5 reviews that were read. A review's confidence is the probability" in text
    # two mistakes, the surer one first, and the words that carried them
    cards = html.split('<article class="line">')[1:]
    assert len(cards) == 2 and "r.csv row 5" in cards[0] and "r.csv row 4" in cards[1]
    marks = re.findall(r'<mark class="(for|against)" style="--v:([\d.]+)" title="(.*?)">(.*?)<',
                       cards[1])  # fmt: skip
    assert marks == [("for", "1.00", "+0.40", "bad")] and "for: bad" in cards[1]
    assert "truth: positive" in cards[1] and "&lt; film &gt;" in cards[1]
    html, *_ = page_of(command, *options, "--texts", 1)
    assert html.count('<article class="line">') == 1 and "1 of 2 are shown; --texts shows" in html


def test_the_page_of_a_split_of_made_reviews(command, here):
    """Also of samples that are no files: their words are those that were made."""
    from tests.support.small import WORDS

    Path("words.yaml").write_text(WORDS, encoding="utf-8")
    assert command("fit", "-c", "words.yaml", "--trainer.max_epochs=1").code == 0
    model = "runs/words/best.safetensors"
    options = ("--model", model, "--config", "words.yaml", "--split", "test")
    html, page, _ = page_of(command, *options)
    assert "4 reviews of the test split of words.yaml" in "".join(page.text)
    assert html.count('<article class="line">') == html.count("truth: ") > 0


def test_the_page_of_tagged_sentences(command, here):
    save_bundle(tag_bundle(), Path("tags.safetensors"))
    Path("t.conll").write_text("Anna B-PER\nSmith I-PER\n\nanna O\nKöln B-LOC\nis O\n")
    html, page, out = page_of(command, "--model", "tags.safetensors", "--data", "t.conll")
    text = "".join(page.text)
    assert "2 sentences of t.conll" in text and "span f1" in text and "token_accuracy 60.00" in out
    row = re.search(r'<th scope="row">PER</th>(.*?)</tr>', html)[1]
    assert re.findall(r"<td>(.*?)</td>", row) == ["1", "2", "50.0 %", "100.0 %", "66.7 %"]
    (card,) = html.split('<article class="line">')[1:]
    assert "2 wrong labels" in card and "Of the 5 words that were read" in text
    assert (
        '<mark class="wrong">köln <small>O</small></mark><mark class="right"><small>B-LOC' in card
    )


def test_the_evidence_of_a_word_is_what_the_log_odds_lose_without_it():
    recognizer = Recognizer(opinion_bundle(temperature=0.5))
    tokens, effects = word_evidence(recognizer, ["good", "film", "bad", "good"], 1)
    assert tokens == ["good", "film", "bad", "good"]
    # the mean is 1/4; without a good word 0, without the bad one 1/2; log-odds: 4 times the mean
    np.testing.assert_allclose(effects, [1, 0, -1, 1], atol=0.02)
    recognizer.bundle.reader.max_length = 2
    assert word_evidence(recognizer, tokens, 1).tokens == ["bad", "good"]
    recognizer.bundle.reader.keep = "start"
    assert word_evidence(recognizer, tokens, 1).tokens == ["good", "film"]
    assert word_evidence(recognizer, [], 1).tokens == []


def test_in_a_long_text_the_strongest_parts_are_looked_at_word_by_word():
    long = ["film"] * (3 * MAX_WORDS)
    long[1], long[200] = "good", "bad"
    _, effects = word_evidence(Recognizer(opinion_bundle()), long, 1)
    assert len(effects) == len(long) and effects[1] > 0 > effects[200]
    assert not np.delete(effects, [1, 200]).any()


def test_bundles_are_not_compared_on_texts(command, here):
    own = ("--model", "opinions.safetensors", "--data", "r.csv")
    done = command("report", *own, "--beside", "opinions.safetensors")
    assert done.code == 2 and "for videos and texts give the .json files" in done.err
