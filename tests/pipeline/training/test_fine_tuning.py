"""Data alone are a config: options on top, what fine-tuning bought, and values to be quoted."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from pipeline.reading.bundle import load_bundle
from tests.support.small import write_lines

pytestmark = pytest.mark.usefixtures("folder")
ALONE = """
data:
  source:
    class_path: datasets.RealLines
    init_args: {folders: [{root: lines, validation: [p0, p1]}]}
  workers: 0
"""
BEST = "runs/lines/best.safetensors"


@pytest.fixture
def start(run) -> str:
    """A bundle of the labels a, b, and a config of other lines that names no network."""
    write_lines("ab", "ba", "ab", "aab")
    run("fit", "-c", "lines.yaml")
    write_lines("ab", "bxa", "ab", "axb")
    Path("alone.yaml").write_text(ALONE, encoding="utf-8")
    return BEST


def test_all_comes_from_the_bundle_and_both_are_scored_on_the_same_lines(run, start):
    out = run("fit", "-c", "alone.yaml", "--init_from", start, "--trainer.max_epochs=1")
    assert "network: LineCNN, RecurrentStack, CTCHead of runs/lines/best.safetensors; see " in out
    assert "2 labels kept, 1 new, 0 dropped" in out
    new = load_bundle("runs/alone/best.safetensors")
    assert (new.reader.height, new.reader.max_width, new.labels) == (16, 500, ["a", "b", "x"])
    report = re.search(r"on the 2 validation samples.*\n  before \(lines\): cer ([\d.]+) %.*\n"
                       r"  after \(alone\): cer ([\d.]+) %", out)  # fmt: skip
    assert abs(float(report[2]) - new.scores["validation/cer"]) < 0.01
    assert "run.py calibrate --model runs/alone/best.safetensors --config runs/alone/co" in out


def test_the_commands_that_come_next_run(run, start, command):
    out = run("fit", "-c", "alone.yaml", "--init_from", start, "--trainer.max_epochs=1")
    Path("TEXTS.txt").write_text("ab ba axb\n" * 20, encoding="utf-8")
    following = [
        line.split("run.py ")[1].split() for line in out.splitlines() if "  python" in line
    ]
    assert [words[0] for words in following] == ["predict", "language_model", "calibrate"]
    for words in following:
        outcome = command(*("lines/p0__.png" if word == "INPUT" else word for word in words))
        assert outcome.code == 0, outcome.err


def test_options_change_the_default_network(run, start):
    more = ["--model.recurrent.hidden_size=7", "--trainer.max_epochs=1", "--name=small"]
    out = run("fit", "-c", "alone.yaml", "--model.encoder.channels=[4,4,4]", *more)
    assert "LineCNN, RecurrentStack, CTCHead, the default for lines; see runs/small/config" in out
    options = yaml.safe_load(Path("runs/small/config.yaml").read_text())["model"]
    assert options["recurrent"]["init_args"]["hidden_size"] == 7
    assert options["recurrent"]["init_args"]["num_layers"] == 2
    assert options["encoder"]["init_args"]["channels"] == [4, 4, 4]
    assert "before" not in out and "next:" in out


def test_the_run_of_data_alone_is_resumed_from_its_own_config(run, start):
    run("fit", "-c", "alone.yaml", "--init_from", start, "--trainer.max_epochs=1")
    last = "runs/alone/checkpoints/last.ckpt"
    out = run("fit", "-c", "runs/alone/config.yaml", "--ckpt_path", last, "--trainer.max_epochs=2")
    assert "epoch 2: " in out and "run folder: runs/alone (" in out


REVIEWS = """
data:
  source:
    class_path: datasets.Reviews
    init_args: {root: reviews.csv, validation: 0.25, cache: cache}
  workers: 0
"""
NETWORK = """
model:
  encoder: {class_path: models.TokenEvidence, init_args: {embedding_size: 4}}
  recurrent: {class_path: models.RecurrentStack, init_args: {hidden_size: 4}}
  head: models.SequenceClassificationHead
  wide: models.BagOfTokens
"""


def write_reviews(good: str, bad: str) -> None:
    rows = [f"{(bad, good)[i % 2]} film,{('no', 'yes')[i % 2]}" for i in range(16)]
    Path("reviews.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")


def test_a_bundle_of_texts_keeps_its_words_and_what_it_counted(run):
    write_reviews("good", "bad")
    Path("first.yaml").write_text(NETWORK + REVIEWS, encoding="utf-8")
    run("fit", "-c", "first.yaml", "--trainer.max_epochs=1")
    write_reviews("bad", "good")  # now good is bad
    Path("second.yaml").write_text(REVIEWS, encoding="utf-8")
    out = run("fit", "-c", "second.yaml", "--init_from=runs/first/best.safetensors",
              "--trainer.max_epochs=1")  # fmt: skip
    assert "TokenEvidence, RecurrentStack, SequenceClassificationHead, BagOfTokens of" in out
    first, second = (load_bundle(f"runs/{name}/best.safetensors") for name in ("first", "second"))
    assert second.reader.symbols == first.reader.symbols == ["film", "good", "bad"]
    ratios = [bundle.model.encoder.ratios for bundle in (first, second)]
    torch.testing.assert_close(ratios[0].whole, ratios[1].whole)
    assert re.search(r"before \(first\): accuracy .*\n  after \(second\): accuracy ", out)
    # labels that the bundle has never heard of: nothing to compare; one would clear the screen
    table = Path("reviews.csv")
    table.write_text(table.read_text().replace(",no", ",\x1b[2Jdown").replace(",yes", ",up"))
    out = run("fit", "-c", "second.yaml", "--init_from=runs/first/best.safetensors",
              "--trainer.max_epochs=1", "--name=third")  # fmt: skip
    assert "of the head 0 labels kept, 2 new, 2 dropped" in out
    assert "\x1b" not in out and "\n  new: \\x1b[2Jdown (anew), up (anew)\n" in out
    assert "before (first): not scored: it knows none of the data's labels\n  after (third)" in out


QUOTES = [
    ("labels: [on, off]", '(YAML reads on as True); it must be text: put it in quotes, "on"'),
    ("test: [0412, 0413]", '(YAML reads 0412 as 266); it must be text: put it in quotes, "0412"'),
    ("group: no", '(YAML reads no as False); it must be text: put it in quotes, "no"'),
]


@pytest.mark.parametrize(("option", "says"), QUOTES)
def test_what_yaml_does_not_read_as_text_is_to_be_quoted(command, option, says):
    source = f"class_path: datasets.Clips, init_args: {{root: x, {option}}}"
    text = f"data: {{source: {{{source}}}}}"
    Path("films.yaml").write_text(text, encoding="utf-8")
    code, _, err = command("fit", "-c", "films.yaml")
    assert code == 2 and err.splitlines()[-1].count(says) == 1
