"""The command language_model: tuning, measuring and writing a bundle with a character model."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.decoding.beam import BeamSearch
from pipeline.fitting import language_model, language_weights
from pipeline.fitting.language_model import Lines, subsample
from pipeline.fitting.language_weights import cache_logits, count_edits, tune
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.reading.prediction import Recognizer
from pipeline.scoring.readings import text_of
from pipeline.scoring.string_confidence import StringCalibration
from pipeline.scoring.temperature import Calibration
from tests.support.small import noise_line, tiny_bundle, write_image


def confident_bundle():
    """A bundle whose network is confident at most steps, as a trained one is."""
    bundle = tiny_bundle()
    with torch.no_grad():
        for weights in bundle.model.head.parameters():
            weights.mul_(30)
    return bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Noise lines, labelled with the predictions without their last letter."""
    root = tmp_path_factory.mktemp("lines")
    bundle = confident_bundle()
    save_bundle(bundle, root / "tiny.safetensors")
    paths = [str(write_image(root / f"p__{n}.png", noise_line(n))) for n in range(6)]
    texts = [text_of(reading, bundle.labels) for _, reading in Recognizer(bundle).read(paths)]
    rows = [f"{path}\t{text[:-1] or 'a'}\n" for path, text in zip(paths, texts, strict=True)]
    (root / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    return root


def test_the_bundle_that_is_written_searches_by_default(folder, command, tmp_path, monkeypatch):
    monkeypatch.setattr(language_weights, "ROUNDS", 1)
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
    assert len(bundle.seen.digests["language_model"]) == 6 and not bundle.seen.complete
    image = str(folder / "p__0.png")
    reading = "predict", image, "--model", str(made), "--format", "jsonl"
    record = json.loads(command(*reading, "--n_best", "2").out)
    assert record["alternatives"][0]["text"] == record["text"]
    plain = json.loads(command(*reading, "--decoder", "greedy").out)
    tiny = str(folder / "tiny.safetensors")
    own = json.loads(command("predict", image, "--model", tiny, "--format", "jsonl").out)
    assert plain == own


def test_the_weights_of_the_fewest_edits_are_kept(folder, monkeypatch):
    monkeypatch.setattr(language_weights, "BETAS", (-1.0, 0.5, 4.0))
    bundle = confident_bundle()
    rows = [line.split("\t") for line in (folder / "labels.tsv").read_text().splitlines()]
    lines = Lines([row[0] for row in rows], [row[1] for row in rows])
    cached = cache_logits(bundle, lines.paths)
    search = tune(BeamSearch(bundle.labels), cached, lines.texts)
    edits = [
        count_edits(replace(search, beta=beta), cached, lines.texts) for beta in (-1.0, 0.5, 4.0)
    ]
    assert count_edits(search, cached, lines.texts) == min(edits) < max(edits)


def test_a_model_that_does_harm_is_not_written(folder, command, tmp_path, monkeypatch):
    for name in ("ALPHAS", "BETAS"):
        monkeypatch.setattr(language_weights, name, (9.0,))
    monkeypatch.setattr(language_weights, "CERTAIN", (1.0,))
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
        (("--data", "{}", "--texts", "none.txt"), "no such data: none.txt"),
        (("--data", "{}", "--texts", "{}/labels.tsv", "--order", "40"), "order 40: n-grams"),
        (("--data", "{}", "--texts", "{}/labels.tsv", "--prose", "0"), "--prose 0: give"),
        (("--data", "{}", "--texts", "{}/labels.tsv", "--width", "0"), "width 0"),
    ],
)
def test_mistakes_are_reported_before_anything_is_read(
    folder, command, options, reason, monkeypatch
):
    monkeypatch.setattr(language_model, "cache_logits", lambda *_: pytest.fail("lines were read"))
    given = [option.format(folder) for option in options]
    outcome = command("language_model", "--model", str(folder / "tiny.safetensors"), *given)
    assert outcome.code == 2
    assert reason in outcome.err


def few_trials(monkeypatch):
    monkeypatch.setattr(language_weights, "ROUNDS", 1)
    for name, grid in (("ALPHAS", (0.1,)), ("BETAS", (0.0, 0.5)), ("CERTAIN", (0.9,))):
        monkeypatch.setattr(language_weights, name, grid)


@pytest.mark.parametrize("greedy", [True, False])
def test_no_calibration_of_an_older_search_survives(folder, command, tmp_path, monkeypatch, greedy):
    few_trials(monkeypatch)
    bundle, old = load_bundle(str(folder / "tiny.safetensors")), StringCalibration(3.0, -2.0)
    own = {"greedy": old} if greedy else {}
    bundle.calibration = Calibration(1.25, own | {"beam": old})
    path = tmp_path / "b.safetensors"
    save_bundle(bundle, path)
    given = ("--data", folder, "--texts", folder / "labels.tsv", "--order", "2")
    outcome = command("language_model", "--model", path, *given)
    assert outcome.code == 0, outcome.err
    found = load_bundle(str(path)).calibration
    assert found.temperature == 1.25 and found.strings.get("greedy") == own.get("greedy")
    if greedy:
        assert found.strings["beam"].curve.counts[-1] == 6
        assert "calibrating the search on the same validation lines" in outcome.out
    else:
        assert "beam" not in found.strings
        assert "run calibrate --decoder beam" in outcome.out


def test_tuning_lines_are_evenly_spaced(monkeypatch, capsys):
    monkeypatch.setattr(language_model, "MAX_LINES", 3)
    lines = Lines([f"{n}.png" for n in range(7)], [str(n) for n in range(7)])
    assert subsample(lines) == Lines(["0.png", "2.png", "4.png"], ["0", "2", "4"])
    assert "weighing on 3 of 7 validation lines" in capsys.readouterr().out
    few = Lines(lines.paths[:3], lines.texts[:3])
    assert subsample(few) is few


def test_left_out_lines_and_unknown_symbols_are_reported(folder, command, tmp_path, monkeypatch):
    few_trials(monkeypatch)
    rows = [line.split("\t") for line in (folder / "labels.tsv").read_text().splitlines()]
    for i, (path, text) in enumerate(rows):
        (tmp_path / f"p__{i}.gt.txt").write_text(text, encoding="utf-8")
        (tmp_path / f"p__{i}.png").write_bytes(Path(path).read_bytes())
    alone = write_image(tmp_path / "q.png", noise_line(9))
    (tmp_path / "t.txt").write_text("abba §§ zz\n", encoding="utf-8")
    given = ("--texts", tmp_path / "t.txt", "--order", "2", "--output", tmp_path / "o.safetensors")
    model = ("--model", folder / "tiny.safetensors", "--data", tmp_path)
    outcome = command("language_model", *model, *given)
    assert outcome.code == 0, outcome.err
    assert f"{alone}: no transcript; put" in outcome.err
    assert "1 line left out" in outcome.err
    # ten symbols and the line's end, four of them strange
    assert "36 % of the texts' symbols are none of the bundle's labels" in outcome.out
    assert "'z' (2)" in outcome.out and "'§' (2)" in outcome.out


def test_a_share_of_the_prose_is_learnt_from(folder, command, tmp_path, monkeypatch):
    few_trials(monkeypatch)
    (tmp_path / "t.txt").write_text("abc\n" * 500, encoding="utf-8")
    given = ("--texts", tmp_path / "t.txt", "--order", "2", "--output", tmp_path / "o.safetensors")
    model = ("--model", folder / "tiny.safetensors", "--data", folder, "--prose", "0.0003")
    outcome = command("language_model", *model, *given)
    assert outcome.code == 0, outcome.err
    assert "100 of 500 passages" in outcome.out
    learnt = re.search(r"learning from (\d+) symbols", outcome.out)
    assert 300 < int(learnt[1]) < 600  # with the lines' ends and some capitals


def test_cached_logits_are_float16_and_decode_alike(folder):
    bundle = confident_bundle()
    paths = sorted(map(str, folder.glob("*.png")))
    cached = cache_logits(bundle, paths)
    assert {logits.dtype for logits, _ in cached} == {torch.float16}
    read = [
        text_of(reading, bundle.labels) for _, reading in Recognizer(confident_bundle()).read(paths)
    ]
    cached_texts = [text_of(reading, bundle.labels) for _, reading in cached]
    decode = bundle.model.head.decode
    readings = [decode(logits[None], torch.tensor([len(logits)]))[0] for logits, _ in cached]
    decoded = [text_of(reading, bundle.labels) for reading in readings]
    assert cached_texts == read == decoded
