"""evaluate on texts with a label for each token: CoNLL files, spans and the confusion of labels."""

import json
from pathlib import Path

import pytest

from pipeline.reading.bundle import save_bundle
from tests.support.tags import tag_bundle

CONLL = """-DOCSTART- O

Anna NNP B-PER
Smith NNP I-PER
is VBZ O
in IN O
BONN NNP B-LOC

-DOCSTART- O

anna NN O
Köln NNP B-LOC

Bonn
"""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    bundle = tag_bundle()
    bundle.reader.max_length = 2  # which cuts reviews, not sentences that are labelled
    save_bundle(bundle, Path("tags.safetensors"))
    Path("t.conll").write_text(CONLL, encoding="utf-8")
    return tmp_path


def test_tokens_and_spans_are_scored(command, here):
    options = ("--model", "tags.safetensors", "--data", "t.conll", "--json", "s.json")
    done = command("evaluate", *options)
    assert done.code == 0, done.err
    found = json.loads(Path("s.json").read_text())
    assert found["n"] == 2 and found["token_accuracy"] == pytest.approx(100 * 5 / 7)
    # true: PER, LOC, LOC; read: PER, LOC, PER
    for name in ("span_precision", "span_recall", "span_f1"):
        assert found[name] == pytest.approx(100 * 2 / 3)
    assert not {"ece", "edit", "frame_accuracy"} & set(found)
    assert "'Bonn' without a label; add it; not scored" in done.err and "line 14" in done.err
    assert "token_accuracy 71.43 % (" in done.out and "over 2 groups" in done.out
    assert "2 sentences, " in done.out
    table = {row.split()[0]: row.split() for row in done.out.splitlines() if row}
    assert table["LOC"] == ["LOC", "100.00", "%", "50.00", "%", "66.67", "%", "2"]
    assert table["B-LOC"] == ["B-LOC", "1", "0", "0", "1", "50.0", "%"]


def test_a_split_of_a_folder_is_taken(command, here):
    for name in ("train", "test"):
        Path(f"{name}.conll").write_text("Anna B-PER\n\n" * (1 + (name == "test")))
    done = command("evaluate", "--model", "tags.safetensors", "--data", ".")
    assert done.code == 0 and "2 sentences" in done.out
    done = command("evaluate", "--model", "tags.safetensors", "--data", ".", "--split=validation")
    assert done.code == 2 and "has no validation split; --split takes test, train" in done.err


def test_labels_that_the_bundle_does_not_know_are_told(command, here):
    Path("t.conll").write_text("Anna B-MISC\nBonn B-LOC\n")
    done = command("evaluate", "--model", "tags.safetensors", "--data", "t.conll")
    assert done.code == 2 and "such as 'B-MISC'; it knows 'O', 'B-PER'" in done.err
    done = command(
        "evaluate", "--model", "tags.safetensors", "--data", "t.conll", "--ignore", "B-MISC"
    )
    assert done.code == 0 and "token_accuracy 100.00 %" in done.out
    Path("t.conll").write_text("Anna\n")
    done = command("evaluate", "--model", "tags.safetensors", "--data", "t.conll")
    assert done.code == 2 and "no labelled sentence to score" in done.err
