"""Suspect labels: CTC losses against an oracle, the ranking, swapped and turned lines."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from datasets import LineReader
from pipeline.doctor import line_suspects
from pipeline.doctor.line_files import ListedLine
from pipeline.doctor.line_ink import measure
from pipeline.doctor.line_suspects import (
    LabelScorer,
    ScoredReading,
    suspect_findings,
    swaps,
    turned_findings,
)
from pipeline.reading.prediction import load_recognizer
from tests.support.small import ALPHABET, noise_line, write_image


def listed(text: str, name: str = "a.png") -> ListedLine:
    return ListedLine(name, name, text, "g", "f", "f", "")


@pytest.fixture(scope="module")
def scorer(bundle_file) -> LabelScorer:
    return LabelScorer(load_recognizer(str(bundle_file)))


def paths_to(ids: list[int], steps: int, blank: int) -> list[tuple[int, ...]]:
    """All CTC paths of so many steps that collapse to a string, by exhaustive search."""
    every = np.indices([blank + 1] * steps).reshape(steps, -1).T
    kept = []
    for path in every.tolist():
        merged = [path[0], *(b for a, b in pairwise(path) if a != b)]
        if [symbol for symbol in merged if symbol != blank] == ids:
            kept.append(tuple(path))
    return kept


def test_the_loss_of_a_label_is_the_sum_over_all_its_paths(scorer, monkeypatch):
    head = scorer.recognizer.model.head
    monkeypatch.setattr(head, "blank", 2)
    logits = torch.randn(1, 4, 3, generator=torch.manual_seed(0))
    probabilities = logits[0].softmax(1)
    for ids in ([0], [0, 1], [1, 1], [0, 1, 0]):
        paths = paths_to(ids, 4, 2)
        total = sum(probabilities[torch.arange(4), list(path)].prod() for path in paths)
        (loss,) = scorer.losses(logits, torch.tensor([4]), [ids])
        assert float(loss) == pytest.approx(-float(total.log()), rel=1e-4)
    assert scorer.losses(logits, torch.tensor([4]), [[1, 1, 1]]).item() == np.inf


def test_the_margin_is_zero_for_the_reading_and_positive_for_another_label(scorer, tmp_path):
    line = listed("", str(write_image(tmp_path / "a.png", noise_line(3, width=90))))
    (read,) = scorer.read([line])
    (own,) = scorer.read([line._replace(text=read.text)])
    assert own.margin == pytest.approx(0, abs=1e-4) and own.text == read.text
    # the best single path need not spell the best string, but here nothing comes near it
    other = "".join(ALPHABET[(ALPHABET.index(c) + 3) % len(ALPHABET)] for c in read.text)
    assert scorer.read([line._replace(text=other)])[0].margin > 0.1


def test_readings_equal_those_of_the_recognizer_in_order(scorer, tmp_path):
    paths = [str(write_image(tmp_path / f"{i}.png", noise_line(i))) for i in range(7)]
    readings = scorer.read([listed("ab", path) for path in paths])
    expected = [record["text"] for record in scorer.recognizer.predict(paths)]
    assert [reading.text for reading in readings] == expected


def test_suspects_are_sorted_by_margin_without_labels_that_are_too_long():
    lines = [listed("right", "0"), listed("wrung", "1"), listed("worse", "2"), listed("x", "3")]
    readings = [ScoredReading("right", 0.0, 0.9), ScoredReading("wrong", 0.6, 0.9),
                ScoredReading("other", 2.0, 0.9), ScoredReading("y", np.inf, 0.9)]  # fmt: skip
    findings = list(suspect_findings(lines, readings))
    assert [(f.line.name, f.leave_out) for f in findings] == [("2", True), ("1", False)]
    unsure = [reading._replace(confidence=0.5) for reading in readings]
    assert not any(finding.leave_out for finding in suspect_findings(lines, unsure))


def test_case_is_no_reason_to_doubt_a_label_of_any_case():
    lines = [listed("TOTAL", "0"), listed("TOTAL", "1")._replace(any_case=True)]
    readings = [ScoredReading("Total", 2.0, 0.9)] * 2
    assert [f.line.name for f in suspect_findings(lines, readings)] == ["0"]
    wrong = [ScoredReading("Tofal", 2.0, 0.9)] * 2
    assert [f.line.name for f in suspect_findings(lines, wrong)] == ["0", "1"]


def test_unknown_characters_are_no_reason_to_doubt_a_label():
    """A dash read as two hyphens is explained; a wrong word beside one is told, not left out."""
    lines = [
        listed("so \u2014 then", "0"),
        listed("the \u2014 ravine", "1"),
        listed("so then", "2"),
    ]
    predictions = ("so -- then", "a -- worthy one", "and then")
    readings = [ScoredReading(text, 3.0, 0.9) for text in predictions]
    known = frozenset("so thenravi")
    told = {f.line.name: f.leave_out for f in suspect_findings(lines, readings, known)}
    assert told == {"1": False, "2": True}
    told = {f.line.name: f.leave_out for f in suspect_findings(lines, readings)}
    assert told == {"0": True, "1": True, "2": True}


def test_swapped_labels_are_matched_to_their_lines():
    texts = ["the first line", "another one here", "something else", "last of all"]
    labels = [texts[1], texts[0], *texts[2:]]
    lines = [listed(text, str(index)) for index, text in enumerate(labels)]
    predictions = ["the fi rst line", "another onehere", "something else", "lost of all"]
    readings = [ScoredReading(text, 3.0, 0.9) for text in predictions]
    assert dict(swaps(lines, readings)) == {0: 1, 1: 0}
    kinds = {
        finding.line.name: (finding.kind, finding.other and finding.other.name)
        for finding in suspect_findings(lines, readings)
    }
    assert kinds["0"] == ("swapped", "1") and kinds["3"] == ("suspect", None)
    nothing = [reading._replace(text="zzzzzzzz") for reading in readings]
    assert dict(swaps(lines, nothing)) == {}


def test_a_line_whose_label_fits_it_turned_is_reported(scorer, tmp_path):
    image = noise_line(5, width=90)
    upright = listed("", str(write_image(tmp_path / "a.png", image)))
    text = scorer.read([upright])[0].text
    line = listed(text, str(write_image(tmp_path / "b.png", np.rot90(image, 2))))
    ink = measure(line.path, LineReader())
    (read,) = scorer.read([line])
    findings = list(turned_findings(scorer, [line], [read._replace(text="?")], [ink], set()))
    assert findings[0].kind == "upside down" and findings[0].reading == text
    straight = scorer.read([upright._replace(text=text)])
    assert not list(turned_findings(scorer, [upright._replace(text=text)], straight, [ink], {0}))


def test_many_misread_lines_are_compared_in_blocks(monkeypatch):
    """Each line has the next one's text; the 9 x 9 distances are never in memory at once."""
    texts = [chr(97 + index) * 6 for index in range(9)]
    lines = [listed(text, str(index)) for index, text in enumerate(texts)]
    readings = [ScoredReading(text, 3.0, 0.9) for text in [*texts[1:], texts[0]]]
    shapes, original = [], line_suspects.cdist

    def counted(predictions, *rest, **options):
        shapes.append(len(predictions))
        return original(predictions, *rest, **options)

    monkeypatch.setattr(line_suspects, "cdist", counted)
    monkeypatch.setattr(line_suspects, "BLOCK", 4, raising=False)
    assert dict(swaps(lines, readings)) == {index: (index + 1) % 9 for index in range(9)}
    assert shapes == [4, 4, 1]
