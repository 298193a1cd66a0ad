"""The command calibrate and `predict --accept`, from labelled lines to marked readings."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.decoding.beam import BeamSearch
from pipeline.fitting.calibration import (
    EvidenceRecognizer,
    collect_evidence,
    cross_fitted,
    load_labelled_data,
)
from pipeline.reading.accept import print_accept_summary, set_accept_threshold
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.reading.prediction import Recognizer
from pipeline.reading.records import reading_confidence
from pipeline.scoring import string_evidence
from pipeline.scoring.risk_coverage import (
    AcceptanceThreshold,
    RiskCoverageCurve,
    risk_coverage_curve,
)
from pipeline.scoring.string_confidence import (
    StringCalibration,
    character_confidences,
    fit_platt_scaling,
    negative_log_likelihood,
)
from pipeline.scoring.string_evidence import log_probabilities, peak_logits
from pipeline.scoring.temperature import Calibration
from tests.support.opinions import opinion_bundle
from tests.support.small import ALPHABET, noise_line, tiny_bundle, write_image, write_lines

LINES = 24


@pytest.fixture(scope="module")
def data(tmp_path_factory, expected):
    """Lines of six pages; the transcript is the prediction, with one more letter in every third."""
    folder = tmp_path_factory.mktemp("lines")
    paths = [
        write_image(folder / f"p{i % 6}__{i}.png", noise_line(i, width=16 + 4 * i))
        for i in range(LINES)
    ]
    texts = [r["text"] for r in expected.predict(map(str, paths))]
    true = [text + "b" * (i % 3 == 0) for i, text in enumerate(texts)]
    rows = (f"{p.name}\t{text}\n" for p, text in zip(paths, true, strict=True))
    (folder / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    return folder


def collect_from(bundle, data):
    options = SimpleNamespace(
        data=str(data), config=None, split=None, group=None, group_pattern="(.+?)__", model="x"
    )
    recognizer = EvidenceRecognizer(load_bundle(str(bundle)))
    return collect_evidence(recognizer, load_labelled_data(recognizer, options))


@pytest.fixture
def calibrated(data, bundle_file, tmp_path, command):
    output = tmp_path / "c.safetensors"
    done = command("calibrate", "--model", bundle_file, "--data", data, "--output", output)
    assert done.code == 0, done.err
    return output, done.out


def test_lines_that_cannot_be_read_are_named_once_and_the_others_count(
    data, bundle_file, tmp_path, command
):
    lines, output = tmp_path / "lines", tmp_path / "c.safetensors"
    shutil.copytree(data, lines)
    (lines / "p0__0.png").unlink()
    (lines / "p1__1.png").write_bytes(b"no image")
    given = ("calibrate", "--model", bundle_file, "--data", lines, "--output", output)
    code, out, err = command(*given)
    assert code == 1 and f"wrote {output}" in out
    assert [err.count(f"p{i}__{i}.png") for i in (0, 1)] == [1, 1]
    assert load_bundle(str(output)).calibration.strings["greedy"].curve.counts[-1] == LINES - 2
    for image in lines.glob("*.png"):
        image.write_bytes(b"no image")
    code, _, err = command(*given)
    assert code == 2 and "lines can be read; mend them" in err.splitlines()[-1]


def test_calibrate_fits_on_labelled_lines_and_changes_no_reading(data, bundle_file, calibrated):
    output, out = calibrated
    bundle = load_bundle(str(output))
    fitted = bundle.calibration.strings["greedy"]
    assert fitted.curve.counts[-1] == LINES and fitted.curve.wrong[-1] == LINES // 3
    assert "24 read, 66.7 % of them right as a whole" in out and "wrote " in out
    assert "cannot be promised by these 24" in out and "before" in out and "crossed" in out
    paths = sorted(map(str, data.glob("*.png")))
    before = list(Recognizer(load_bundle(str(bundle_file))).predict(paths))
    after = list(Recognizer(bundle).predict(paths))
    assert [r["text"] for r in before] == [r["text"] for r in after]
    collected = collect_from(bundle_file, data)
    evidence = collected.evidence
    assert fit_platt_scaling(evidence.scores, evidence.exact).slope == pytest.approx(
        fitted.slope, rel=1e-3
    )
    assert sorted(set(collected.groups)) == [f"p{i}" for i in range(6)]
    expected = {round(fitted.confidence(np.exp(s)), 3) for s in evidence.scores}
    assert {round(r["confidence"], 3) for r in after} <= expected | {e + 0.001 for e in expected}


def test_evaluate_prints_the_calibration_error_of_lines(data, calibrated, command, tmp_path):
    output, _ = calibrated
    scores = tmp_path / "s.json"
    done = command(
        "evaluate", "--model", output, "--data", data, "--include_seen", "--json", scores
    )
    ece = json.loads(scores.read_text())["ece"]
    assert f"ece {ece:.2f} %" in done.out and "1 bins; " in done.out
    confidences = [r["confidence"] for r in Recognizer(load_bundle(str(output))).predict(
        map(str, data.glob("*.png"))
    )]  # fmt: skip
    assert ece == pytest.approx(100 * abs(np.mean(confidences) - 2 / 3), abs=0.02)


def test_labels_are_calibrated_too(command, tmp_path):
    bundle = tmp_path / "o.safetensors"
    save_bundle(opinion_bundle(), bundle)
    rows = [("good", 1), ("good bad good", 1), ("bad", 0), ("bad film", 1), ("good film", 1)]
    table = tmp_path / "r.csv"
    table.write_text("text,label\n" + "".join(f"{t},{k}\n" for t, k in rows), encoding="utf-8")
    done = command("calibrate", "--model", bundle, "--data", table)
    assert done.code == 0, done.err
    content = load_bundle(str(bundle)).calibration
    assert content.strings == {} and content.temperature != 1
    assert "5 read, 80.0 % of them right" in done.out


def test_a_search_keeps_the_temperature_it_was_tuned_at(data, bundle_file, command, tmp_path):
    bundle = load_bundle(str(bundle_file))
    old = StringCalibration(2.0, 1.0)
    bundle.calibration = Calibration(1.5, {"greedy": old})
    bundle.decoder = BeamSearch(list(ALPHABET))
    path = tmp_path / "b.safetensors"
    save_bundle(bundle, path)
    assert command("calibrate", "--model", path, "--data", data).code == 0
    found = load_bundle(str(path))
    assert found.calibration.temperature == 1.5 and found.decoder is not None
    assert found.calibration.strings["greedy"] == old
    assert found.calibration.strings["beam"].curve.counts[-1] == LINES
    options = ("--data", data, "--decoder", "greedy")
    assert command("calibrate", "--model", path, *options).code == 0
    found = load_bundle(str(path))
    assert found.calibration.temperature == 1.5 and found.decoder is not None
    assert found.calibration.strings["greedy"].curve.counts[-1] == LINES


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "either --data or --config"),
        (("--data", "d", "--output", "x.txt"), "--output x.txt: name a .safetensors file"),
        (("--data", "d", "--decoder", "beam"), "has no search; run language_model first"),
        (("--data", "d"), "no such data: d"),
    ],
)
def test_a_mistake_is_one_clear_error(options, says, bundle_file, command):
    code, _, err = command("calibrate", "--model", bundle_file, *options)
    assert code == 2 and says in err and err.count("\n") == 1


def test_cross_fitted_confidences_come_from_the_other_half():
    scores = np.log(np.linspace(0.05, 0.95, 40))
    groups = ["a"] * 20 + ["b"] * 20
    # one half is all correct, the other all wrong: each gets what the other one was fitted to
    confidences = cross_fitted(scores, np.arange(40) < 20, groups)
    assert confidences[:20].max() < 0.1 and confidences[20:].min() > 0.9
    assert cross_fitted(scores, np.arange(40) < 20, ["a"] * 40) is None


def test_accepted_lines_are_those_above_the_guaranteed_threshold_without_notes(
    data, bundle_file, command, tmp_path, monkeypatch
):
    monkeypatch.setattr("pipeline.reading.prediction.window_notes", lambda *_: {})
    bundle, paths = load_bundle(str(bundle_file)), sorted(map(str, data.glob("*.png")))
    lifted = StringCalibration(0.2, 1.0)  # noise is read with very little probability
    bundle.calibration = Calibration(1.0, {"greedy": lifted})
    reader = Recognizer(bundle)
    confidences = np.array(
        [reading_confidence(reader.bundle, reading) for _, reading in reader.read(paths)]
    )
    curve = risk_coverage_curve(
        np.repeat(confidences, 25), np.repeat(confidences > np.median(confidences), 25)
    )
    bundle = load_bundle(str(bundle_file))
    bundle.calibration = Calibration(1.0, {"greedy": StringCalibration(0.2, 1.0, curve)})
    path = tmp_path / "b.safetensors"
    save_bundle(bundle, path)
    threshold = set_accept_threshold(Recognizer(bundle), 0.95, None).threshold
    expected = [confidence >= threshold for confidence in confidences]
    assert 0 < sum(expected) < LINES
    done = command("predict", *paths, "--model", path, "--accept", 0.95, "--format", "jsonl")
    assert [json.loads(r)["accepted"] for r in done.out.splitlines()] == expected
    assert f"{sum(expected)} of 24 lines (" in done.err and "at least 95 % are right" in done.err
    done = command("predict", *paths, "no.png", "--model", path, "--accept", 0.95)
    assert done.code == 1 and f"{sum(expected)} of 24 lines (" in done.err  # one was not read
    words = tmp_path / "words.txt"
    words.write_text("abba", encoding="utf-8")
    done = command("predict", *paths, "--model", path, "--accept", 0.95, "--lexicon", words)
    assert done.code == 2 and not done.out and "this search is not the one" in done.err
    done = command("predict", *paths, "--model", path, "--accept", 0.95)
    marks = [row.split("\t")[2] for row in done.out.splitlines()]
    assert marks == ["accepted" if accepted else "look" for accepted in expected]
    done = command("predict", *paths, "--model", path, "--accept", 0.95, "--format", "csv")
    rows = [row["accepted"] for row in csv.DictReader(io.StringIO(done.out))]
    assert rows == [str(accepted).lower() for accepted in expected]
    noted = {(line, 0): ("several lines",) for line in range(LINES)}
    monkeypatch.setattr("pipeline.reading.prediction.window_notes", lambda *_: noted)
    done = command("predict", *paths, "--model", path, "--accept", 0.95, "--format", "jsonl")
    assert not any(json.loads(row)["accepted"] for row in done.out.splitlines())
    assert "0 of 24 lines (" in done.err


def test_an_accuracy_that_cannot_be_guaranteed_is_refused(data, bundle_file, calibrated, command):
    path = str(next(data.glob("*.png")))
    code, out, err = command("predict", path, "--model", bundle_file, "--accept", 0.9)
    assert code == 2 and not out and "never calibrated for strings" in err
    code, out, err = command("predict", path, "--model", calibrated[0], "--accept", 0.99)
    assert code == 2 and not out and "the 24 validation lines do not promise that" in err
    code, _, err = command("predict", path, "--model", calibrated[0], "--accept", 99)
    assert code == 2 and "99 of the answers right: it must lie between 0 and 1" in err


def test_a_guarantee_for_one_decoder_is_none_for_another():
    bundle = tiny_bundle()
    good = StringCalibration(1, 0, RiskCoverageCurve([0.5], [1000], [0]))
    bundle.calibration = Calibration(1.0, {"greedy": good})
    assert set_accept_threshold(Recognizer(bundle), 0.99, None) == AcceptanceThreshold(
        0.5, 1000, 0, 1.0
    )
    own = bundle.decoder = BeamSearch(list(ALPHABET))
    with pytest.raises(ValueError, match="decoder beam"):
        set_accept_threshold(Recognizer(bundle), 0.99, own)


def test_a_guarantee_for_one_search_is_none_for_another():
    bundle, good = tiny_bundle(), StringCalibration(1, 0, RiskCoverageCurve([0.5], [1000], [0]))
    bundle.calibration = Calibration(1.0, {"greedy": good, "beam": good})
    own = BeamSearch(list(ALPHABET), width=8)
    found = AcceptanceThreshold(0.5, 1000, 0, 1.0)
    for asked in (own, replace(own, n_best=5), None):
        bundle.decoder = asked
        assert set_accept_threshold(Recognizer(bundle), 0.99, own) == found
    for asked in (replace(own, lexicon=frozenset({"ab"})), replace(own, n_best=9, width=9)):
        bundle.decoder = asked
        with pytest.raises(ValueError, match="leave out --lexicon and --n_best above 8"):
            set_accept_threshold(Recognizer(bundle), 0.99, own)
    with pytest.raises(ValueError, match="leave out --lexicon, --decoder beam and --n_best"):
        set_accept_threshold(Recognizer(bundle), 0.99, None)


def test_the_accepted_share_is_printed_on_standard_error(capsys):
    print_accept_summary(7812, 10000, 0.99, AcceptanceThreshold(0.9, 300, 1, 0.5))
    printed = capsys.readouterr()
    assert not printed.out and "7,812 of 10,000 lines (78.1 %) can go unread" in printed.err
    assert "(299 of 300 were)" in printed.err
    print_accept_summary(1, 1, 0.99, AcceptanceThreshold(0.9, 300, 1, 0.5))
    assert capsys.readouterr().err.startswith("1 of 1 line (100.0 %) can go unread")
    print_accept_summary(0, 0, 0.99, AcceptanceThreshold(0.9, 300, 1, 0.5))
    assert capsys.readouterr().err == ""  # a blank page: there is nothing to say


def test_the_evidence_is_not_divided_by_the_temperature():
    bundle = tiny_bundle()
    plain = EvidenceRecognizer(bundle)
    logits, lengths = torch.randn(2, 5, len(ALPHABET) + 1), torch.tensor([5, 3])
    plain.temperature = 3.0
    evidence = plain.decode(logits, lengths)
    readings = bundle.model.head.decode(logits / 3, lengths)
    assert [e.reading for e in evidence] == readings and all(r.ids for r in readings)
    rows = peak_logits(logits, readings).tolist()
    assert [row for e in evidence for row in e.logits.tolist()] == rows
    assert [len(e.logits) for e in evidence] == [len(r.ids) for r in readings]
    scores = log_probabilities(logits, lengths, readings)
    assert [e.score for e in evidence] == pytest.approx(scores.tolist())
    bundle.calibration = Calibration(1.0, {"greedy": StringCalibration()})
    calibrated = [e.reading for e in plain.decode(logits, lengths)]
    assert [r.confidence for r in calibrated] == pytest.approx(scores.exp().tolist())
    assert [r.confidences for r in calibrated] == [r.confidences for r in readings]


def test_of_many_lines_only_some_characters_are_kept(data, bundle_file, monkeypatch):
    whole = collect_from(bundle_file, data)
    monkeypatch.setattr(string_evidence, "MAX_CHARACTERS", 20)
    few = collect_from(bundle_file, data)
    assert len(few.evidence.ids) <= 40 < len(whole.evidence.ids)
    assert few.evidence.scores.tolist() == whole.evidence.scores.tolist()
    assert few.correct.tolist() == whole.correct.tolist() == few.evidence.exact.tolist()


def test_character_errors_are_printed_at_the_old_and_the_new_temperature(
    data, bundle_file, command, tmp_path
):
    bundle = load_bundle(str(bundle_file))
    bundle.calibration = Calibration(2.0)
    path = tmp_path / "b.safetensors"
    save_bundle(bundle, path)
    evidence = collect_from(path, data).evidence
    logits, ids = torch.from_numpy(evidence.logits), torch.from_numpy(evidence.ids)

    def nll(temperature):
        confidences = character_confidences(logits, ids, temperature)
        return f"{negative_log_likelihood(confidences, evidence.correct):.4f}"

    out = command("calibrate", "--model", path, "--data", data).out
    written = load_bundle(str(path)).calibration.temperature
    assert len({nll(1.0), nll(2.0), nll(written)}) == 3
    assert f"characters before: nll {nll(2.0)}" in out
    assert f"characters after: nll {nll(written)}" in out
    bundle = load_bundle(str(bundle_file))
    bundle.calibration, bundle.decoder = Calibration(2.0), BeamSearch(list(ALPHABET))
    save_bundle(bundle, path)
    kept = command("calibrate", "--model", path, "--data", data, "--decoder", "greedy").out
    assert f"before: nll {nll(2.0)}" in kept and f"after: nll {nll(2.0)}" in kept


def test_lines_left_out_are_reported(bundle_file, command, tmp_path, expected):
    paths = [write_image(tmp_path / f"p__{i}.png", noise_line(i)) for i in range(3)]
    for path in paths[:2]:
        path.with_suffix(".gt.txt").write_text("ab", encoding="utf-8")
    given = ("--data", tmp_path, "--output", tmp_path / "o.safetensors")
    done = command("calibrate", "--model", bundle_file, *given)
    assert done.code == 0 and done.out.startswith("2 read")
    assert f"{paths[2]}: no transcript" in done.err and "1 line left out" in done.err


def test_a_config_stands_for_all_its_real_lines(bundle_file, command, folder):
    write_lines("ab", "ba", "abba", "b")
    Path("more").mkdir()
    for i, name in enumerate(("q0", "q1", "q2")):
        write_image(Path(f"more/{name}__.png"), noise_line(i, width=50))
        Path(f"more/{name}__.gt.txt").write_text("é" * (i < 2), encoding="utf-8")
    folders = [
        {"root": "lines", "validation": ["p0", "p1"]},
        {"root": "more", "validation": ["q0"]},
    ]
    sources = [
        {"class_path": "datasets.RealLines", "init_args": {"folders": [folder]}}
        for folder in folders
    ]
    mixed = {"class_path": "datasets.Mixture", "init_args": {"sources": sources}}
    Path("c.yaml").write_text(json.dumps({"data": {"source": mixed}}), encoding="utf-8")
    given = ("--config", "c.yaml", "--output", "o.safetensors")
    done = command("calibrate", "--model", bundle_file, *given)
    assert done.code == 0, done.err
    assert done.out.startswith("3 read, ")
    assert "q2__.png: the transcript is empty" in done.err
