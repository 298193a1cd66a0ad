import json
from dataclasses import replace

import pytest
import torch
from conftest import noise_line, tiny_bundle, write_image

from models.beam import BeamSearch
from pipeline import language_model
from pipeline.bundle import load_bundle, save_bundle
from pipeline.language_model import Lines, edits, look, tune
from pipeline.prediction import Recognizer
from pipeline.scoring import text_of


def sure_bundle():
    """A network that doubts few steps, as a trained one does."""
    bundle = tiny_bundle()
    with torch.no_grad():
        for weights in bundle.model.head.parameters():
            weights.mul_(30)
    return bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Noise lines, labelled with what the network reads in them but for the last letter of each."""
    root = tmp_path_factory.mktemp("lines")
    bundle = sure_bundle()
    save_bundle(bundle, root / "tiny.safetensors")
    paths = [str(write_image(root / f"p__{n}.png", noise_line(n))) for n in range(6)]
    texts = [text_of(reading, bundle.labels) for _, reading in Recognizer(bundle).read(paths)]
    rows = [f"{path}\t{text[:-1] or 'a'}\n" for path, text in zip(paths, texts, strict=True)]
    (root / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    return root


def test_the_bundle_that_is_written_searches_by_default(folder, command, tmp_path, monkeypatch):
    monkeypatch.setattr(language_model, "ROUNDS", 1)
    made = tmp_path / "made.safetensors"
    arguments = ("--model", folder / "tiny.safetensors", "--data", folder, "--output", made)
    texts = ("--texts", folder / "labels.tsv", "--order", "3")
    outcome = command("language_model", *map(str, arguments + texts))
    assert outcome.code == 0, outcome.err
    rows = {line[:24].strip(): line[24:].split() for line in outcome.out.splitlines()}
    assert float(rows["beam, language model"][0]) <= float(rows["greedy"][0])
    bundle = load_bundle(str(made))
    assert bundle.decoder.language_model.order == 3
    assert "6 validation lines" in bundle.card["language_model"]
    image = str(folder / "p__0.png")
    reading = "predict", image, "--model", str(made), "--format", "jsonl"
    record = json.loads(command(*reading, "--n_best", "2").out)
    assert record["alternatives"][0]["text"] == record["text"]
    plain = json.loads(command(*reading, "--decoder", "greedy").out)
    tiny = str(folder / "tiny.safetensors")
    own = json.loads(command("predict", image, "--model", tiny, "--format", "jsonl").out)
    assert plain == own


def test_the_weights_of_the_fewest_edits_are_kept(folder, monkeypatch):
    monkeypatch.setattr(language_model, "BETAS", (-1.0, 0.5, 4.0))
    bundle = sure_bundle()
    rows = [line.split("\t") for line in (folder / "labels.tsv").read_text().splitlines()]
    lines = Lines([row[0] for row in rows], [row[1] for row in rows])
    looked = look(bundle, lines.paths)
    found = tune(BeamSearch(bundle.labels), looked, lines.texts)
    tried = [edits(replace(found, beta=beta), looked, lines.texts) for beta in (-1.0, 0.5, 4.0)]
    assert edits(found, looked, lines.texts) == min(tried) < max(tried)


def test_a_model_that_does_harm_is_not_written(folder, command, tmp_path, monkeypatch):
    for name in ("ALPHAS", "BETAS"):
        monkeypatch.setattr(language_model, name, (9.0,))
    monkeypatch.setattr(language_model, "CERTAIN", (1.0,))
    made = tmp_path / "made.safetensors"
    data = ("--data", folder, "--texts", folder / "labels.tsv", "--order", "2")
    model = ("--model", folder / "tiny.safetensors", "--output", made)
    outcome = command("language_model", *map(str, model + data))
    assert outcome.code == 2
    assert "of the greedy reading; nothing is written" in outcome.err
    assert not made.exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "either --data or --config"),
        (("--data", "{}", "--config", "c.yaml"), "either --data or --config"),
        (("--data", "{}", "--output", "nowhere/x.safetensors"), "--output nowhere"),
        (("--data", "{}"), "nothing to learn from"),
    ],
)
def test_what_cannot_be_done_is_said(folder, command, options, reason):
    given = [option.format(folder) for option in options]
    outcome = command("language_model", "--model", str(folder / "tiny.safetensors"), *given)
    assert outcome.code == 2
    assert reason in outcome.err
