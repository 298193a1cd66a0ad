"""Temperature scaling, from the last validation to the predicted confidence; calibration error."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy

from datasets import TextReader
from models import (
    CTCHead,
    RecurrentStack,
    SequenceClassificationHead,
    TokenClassificationHead,
    TokenEmbedding,
)
from models.heads.labels import Text
from pipeline.reading.bundle import Bundle, load_bundle, read_metadata, save_bundle
from pipeline.reading.prediction import Recognizer
from pipeline.scoring.risk_coverage import RiskCoverageCurve
from pipeline.scoring.string_confidence import StringCalibration, StringEvidence
from pipeline.scoring.temperature import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    Calibration,
    LabelEvidence,
    chance_calibration_error,
    expected_calibration_error,
    fit_calibration,
    fit_temperature,
    label_evidence,
    num_bins,
    string_confidence,
)
from tests.support.networks import connect
from tests.support.small import tiny_bundle, write_lines


def drawn(samples: int, labels: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, L), and labels that are drawn from their softmax: calibrated at temperature 1."""
    torch.manual_seed(seed)
    logits = 2 * torch.randn(samples, labels, dtype=torch.float64)
    return logits, logits.softmax(1).multinomial(1)[:, 0]


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_temperature_is_what_the_logits_were_multiplied_by(scale):
    logits, labels = drawn(20_000, 4)
    assert fit_temperature(scale * logits, labels) == pytest.approx(scale, rel=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_no_temperature_is_better_than_the_one_that_is_fitted(seed):
    logits, labels = drawn(50, 3, seed)
    best = fit_temperature(logits, labels)
    assert MIN_TEMPERATURE < best < MAX_TEMPERATURE
    lowest = cross_entropy(logits / best, labels)
    for temperature in [1.0, *np.geomspace(MIN_TEMPERATURE, MAX_TEMPERATURE, 200).tolist()]:
        assert lowest <= cross_entropy(logits / temperature, labels) + 1e-12


def test_all_wrong_and_all_correct_validations_end_at_the_bounds():
    logits = torch.tensor([[4.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    assert fit_temperature(logits, torch.tensor([0, 1])) == pytest.approx(MIN_TEMPERATURE)
    assert fit_temperature(logits, torch.tensor([1, 0])) == pytest.approx(MAX_TEMPERATURE)
    assert fit_temperature(1e4 * logits, torch.tensor([1, 0])) == pytest.approx(MAX_TEMPERATURE)


def test_calibrating_lowers_both_errors_of_an_overconfident_network():
    logits, labels = drawn(5_000, 2)
    parts = [
        LabelEvidence((3 * logits[c]).numpy(), labels[c].numpy())
        for c in (slice(2000), slice(2000, None))
    ]
    calibration, scores = fit_calibration(parts)
    assert calibration.temperature == pytest.approx(3, rel=0.1)
    assert scores["nll"] == pytest.approx(float(cross_entropy(3 * logits, labels)))
    assert scores["nll_calibrated"] < scores["nll"] and scores["nll_calibrated"] < 0.5
    assert scores["ece"] > 5 > 2.5 > scores["ece_calibrated"]


def test_without_a_label_there_is_nothing_to_fit():
    nothing = LabelEvidence(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
    assert fit_calibration([]) == fit_calibration([nothing]) == (Calibration(1.0), {})


def test_labelled_steps_count_and_others_do_not():
    logits = torch.arange(12.0).reshape(2, 2, 3)
    head = TokenClassificationHead(4, 3)
    evidence = label_evidence(head, logits, torch.tensor([[2, -100], [0, 1]]))
    assert evidence.logits.tolist() == [[0, 1, 2], [6, 7, 8], [9, 10, 11]]
    assert evidence.labels.tolist() == [2, 0, 1]
    sequences = label_evidence(SequenceClassificationHead(4, 3), logits[0], torch.tensor([1, 0]))
    assert sequences.logits.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert sequences.labels.tolist() == [1, 0]
    several = TokenClassificationHead(4, 3, multi_label=True)
    assert label_evidence(several, logits, torch.zeros(2, 2, 3)) is None
    assert label_evidence(CTCHead(4, 2), logits, torch.tensor([[1], [0]])) is None


def word_bundle(temperature: float) -> Bundle:
    torch.manual_seed(0)
    model = connect(
        6, 2, lambda n: TokenEmbedding(n, 4), lambda n: RecurrentStack(n, 3, 1),
        lambda n, k: SequenceClassificationHead(n, k),
    ).eval()  # fmt: skip
    torch.nn.init.normal_(model.head.linear.weight, std=4)
    reader = TextReader(["good", "bad", "a", "film"])
    return Bundle(model, ["no", "yes"], reader, calibration=Calibration(temperature))


def test_a_prediction_has_the_softmax_of_the_scaled_logits(tmp_path):
    save_bundle(word_bundle(2.5), tmp_path / "b.safetensors")
    recognizer = Recognizer(load_bundle(str(tmp_path / "b.safetensors")))
    recognizer.precision = torch.float32
    ids = torch.tensor([[4, 2, 5]])  # 0 and 1 are padding and unknown
    with torch.no_grad():
        logits, _ = recognizer.model(ids, torch.tensor([3]))
    (record,) = recognizer.predict(["a good film"])
    best = int(logits.argmax())
    scaled = float((logits[0] / 2.5).softmax(0)[best])
    assert scaled < float(logits[0].softmax(0)[best]) - 0.01  # or the division proves nothing
    assert record["label"] == ["no", "yes"][best]
    assert record["confidence"] == pytest.approx(scaled, abs=6e-5)


def test_a_bundle_keeps_its_temperature_and_an_old_one_has_none(tmp_path):
    path = tmp_path / "b.safetensors"
    save_bundle(word_bundle(1.75), path)
    assert read_metadata(path)["calibration"] == {"temperature": 1.75}
    assert load_bundle(str(path)).calibration == Calibration(1.75)
    content = read_metadata(path)
    del content["calibration"]
    save_file(load_file(path), path, metadata={"strand": json.dumps(content)})
    assert load_bundle(str(path)).calibration.temperature == 1


@pytest.mark.parametrize(
    "damage",
    [
        {"temperature": 0},
        {"temperature": "2"},
        {"temperature": None},
        {"bias": 1},
        3,
        {"strings": {"greedy": 5}},
        {"strings": {"greedy": {"slope": 1, "offset": 0}}},
        {"strings": {"greedy": {"slope": -1, "offset": 0, "curve": {}}}},
        {"strings": {"greedy": {"curve": {"thresholds": [1], "counts": [], "wrong": []}}}},
    ],
)
def test_a_damaged_calibration_is_one_clear_error(tmp_path, damage):
    path = tmp_path / "b.safetensors"
    save_bundle(tiny_bundle(), path)
    content = read_metadata(path) | {"calibration": damage}
    save_file(load_file(path), path, metadata={"strand": json.dumps(content)})
    with pytest.raises(ValueError, match=r"b\.safetensors: damaged calibration \("):
        load_bundle(str(path))


def test_a_training_calibrates_its_best_bundle(command, folder):
    code, _, err = command("fit", "-c", "words.yaml", "--name=w", "--trainer.max_epochs=1")
    assert code == 0, err
    content = read_metadata(folder / "runs" / "w" / "best.safetensors")
    bundle = load_bundle(str(folder / "runs" / "w" / "best.safetensors"))
    scores = content["scores"]
    assert scores["validation/nll_calibrated"] <= scores["validation/nll"]
    from datasets import SyntheticReviews

    split = SyntheticReviews(count=12, validation=8, test=4).split("validation")
    samples = [split.read(i) for i in range(8)]
    with torch.no_grad():
        outputs = [bundle.model(torch.from_numpy(s.inputs)[None], torch.tensor([len(s.inputs)]))[0]
                for s in samples]  # fmt: skip
    logits, labels = torch.cat(outputs).double(), torch.tensor([int(s.target) for s in samples])
    assert len(set(labels.tolist())) == 2
    assert scores["validation/nll"] == pytest.approx(float(cross_entropy(logits, labels)), abs=2e-3)
    expected = fit_temperature(logits, labels)  # of weights that were rounded to float16
    assert bundle.calibration.temperature == pytest.approx(expected, rel=0.05)


def test_calibration_error_by_hand():
    confidences, correct = [0.9, 0.6, 0.8, 0.7], [True, False, False, True]
    # Two bins: 0.6 and 0.7 with one hit, 0.8 and 0.9 with one: |1 - 1.3| / 4 + |1 - 1.7| / 4.
    assert expected_calibration_error(confidences, correct, bins=2) == pytest.approx(
        100 * (0.3 + 0.7) / 4
    )
    # One bin: |2 - 3| / 4. One answer a bin, however many bins: the mean distance.
    assert expected_calibration_error(confidences, correct, bins=1) == pytest.approx(25)
    for bins in (4, 15):
        distance = (0.1 + 0.6 + 0.8 + 0.3) / 4
        assert expected_calibration_error(confidences, correct, bins) == pytest.approx(
            100 * distance
        )
    assert math.isnan(expected_calibration_error([], []))


def test_equal_confidences_share_a_bin_whatever_their_order():
    confidences, correct = [0.75] * 40, [True] * 30 + [False] * 10
    assert expected_calibration_error(confidences, correct) == pytest.approx(0)
    mixed = [0.5] * 20 + [1.0] * 20
    first = expected_calibration_error(mixed, [True, False] * 10 + [True] * 20)
    second = expected_calibration_error(mixed, [True] * 10 + [False] * 10 + [True] * 20)
    assert first == second == pytest.approx(0)


def test_bins_are_of_equal_mass():
    random = np.random.default_rng(0)
    confidences = random.uniform(0.5, 1, 3000)
    correct = random.uniform(size=3000) < confidences**2  # p ** 2 instead of p: overconfident
    order = np.argsort(confidences)
    shares = [abs(correct[b].mean() - confidences[b].mean()) for b in np.array_split(order, 15)]
    assert expected_calibration_error(confidences, correct) == pytest.approx(100 * np.mean(shares))


def test_a_bundle_keeps_what_its_strings_were_fitted_with(tmp_path):
    bundle = tiny_bundle()
    fitted = StringCalibration(0.75, -1.5, RiskCoverageCurve([0.9, 0.25], [3, 8], [0, 2]))
    bundle.calibration = Calibration(1.5, {"greedy": fitted})
    save_bundle(bundle, tmp_path / "b.safetensors")
    assert load_bundle(str(tmp_path / "b.safetensors")).calibration == bundle.calibration


def test_string_confidence_is_of_its_decoders_calibration_or_else_anothers():
    greedy, beam = StringCalibration(1.0, 1.0), StringCalibration(1.0, -1.0)
    reading = Text([0], [0.9], [(0, 0)], 0.5)
    both = Calibration(1.0, {"greedy": greedy, "beam": beam})
    assert string_confidence(both, reading, "beam") == pytest.approx(1 / (1 + math.e))
    assert string_confidence(both, reading) == pytest.approx(1 / (1 + 1 / math.e))
    alone = Calibration(1.0, {"greedy": greedy})
    assert string_confidence(alone, reading, "beam") == string_confidence(both, reading)
    assert string_confidence(Calibration(), reading) is None


def test_calibrating_strings_lowers_the_errors_of_strings_and_characters():
    torch.manual_seed(0)
    logits, labels = drawn(4000, 3)
    ids = logits.argmax(1)
    confidences = torch.rand(4000, dtype=torch.float64)
    exact = torch.rand(4000) < confidences
    evidence = StringEvidence(
        (2 * logits).float().numpy(), ids.numpy(), (ids == labels).numpy(),
        (confidences**2).log().numpy(), exact.numpy(),
    )  # fmt: skip
    calibration, scores = fit_calibration([evidence, evidence])
    assert calibration.temperature == pytest.approx(2, rel=0.1)
    assert calibration.strings["greedy"].curve.counts[-1] == 8000
    for name in ("nll", "ece", "characters_nll", "characters_ece"):
        assert scores[f"{name}_calibrated"] < scores[name]
    assert scores["ece"] > 10 > 4 > scores["ece_calibrated"]


def test_the_chance_error_is_that_of_perfectly_calibrated_confidences():
    random = np.random.default_rng(0)
    confidences = random.uniform(size=900) ** 0.3
    drawn_errors = [
        expected_calibration_error(confidences, random.uniform(size=900) < confidences, 6)
        for _ in range(200)
    ]
    assert chance_calibration_error(confidences, 6) == pytest.approx(
        np.mean(drawn_errors), rel=0.05
    )
    # one bin of two answers at 0.5: a deviation of sqrt(0.5) answers
    expected = 100 * math.sqrt(2 / math.pi * 0.5) / 2
    assert chance_calibration_error([0.5, 0.5], 1) == pytest.approx(expected)
    assert math.isnan(chance_calibration_error([]))


def test_bins_hold_a_hundred_answers_or_are_fifteen():
    assert [num_bins(n) for n in (0, 99, 450, 1500, 10_000)] == [1, 1, 4, 15, 15]


def test_a_training_calibrates_the_strings_of_its_best_bundle(command, folder):
    write_lines("ab", "ba", "abba", "b", "a", "bb")
    code, _, err = command("fit", "-c", "lines.yaml", "--name=l")
    assert code == 0, err
    path = folder / "runs" / "l" / "best.safetensors"
    fitted = load_bundle(str(path)).calibration.strings["greedy"]
    # the two lines of the pages kept for validation, both wrong: Platt's target is 1 / (2 + 2)
    assert (fitted.curve.counts[-1], fitted.curve.wrong[-1]) == (2, 2)
    assert (fitted.slope, fitted.offset) == (0, pytest.approx(math.log(1 / 3)))
    scores = read_metadata(path)["scores"]
    assert scores["validation/nll_calibrated"] == pytest.approx(-math.log(3 / 4), abs=1e-3)
