"""Doubted labels: forced losses against an oracle, the ranking, swapped and turned lines."""

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
    Reading,
    suspect_findings,
    swaps,
    turned_findings,
)
from pipeline.reading.prediction import load_recognizer
from tests.support.small import ALPHABET, noise_line, write_image


def listed(text: str, name: str = "a.png") -> ListedLine:
    return ListedLine(name, name, text, "g", "f", "f", "")


@pytest.fixture(scope="module")
def judge(bundle_file) -> LabelScorer:
    return LabelScorer(load_recognizer(str(bundle_file)))


def paths_to(ids: list[int], steps: int, blank: int) -> list[tuple[int, ...]]:
    """Every path of so many steps that collapses to a string, by trying all of them."""
    every = np.indices([blank + 1] * steps).reshape(steps, -1).T
    kept = []
    for path in every.tolist():
        merged = [path[0], *(b for a, b in pairwise(path) if a != b)]
        if [symbol for symbol in merged if symbol != blank] == ids:
            kept.append(tuple(path))
    return kept


def test_the_loss_of_a_label_is_the_sum_over_all_its_paths(judge, monkeypatch):
    head = judge.recognizer.model.head
    monkeypatch.setattr(head, "blank", 2)
    logits = torch.randn(1, 4, 3, generator=torch.manual_seed(0))
    sure = logits[0].softmax(1)
    for ids in ([0], [0, 1], [1, 1], [0, 1, 0]):
        ways = paths_to(ids, 4, 2)
        total = sum(torch.stack([sure[t, s] for t, s in enumerate(way)]).prod() for way in ways)
        (loss,) = judge.losses(logits, torch.tensor([4]), [ids])
        assert float(loss) == pytest.approx(-float(total.log()), rel=1e-4)
    assert judge.losses(logits, torch.tensor([4]), [[1, 1, 1]]).item() == np.inf


def test_its_own_reading_has_no_margin_and_another_label_has(judge, tmp_path):
    line = listed("", str(write_image(tmp_path / "a.png", noise_line(3, width=90))))
    (read,) = judge.read([line])
    (own,) = judge.read([line._replace(text=read.text)])
    assert own.margin == pytest.approx(0, abs=1e-4) and own.text == read.text
    # the best single path need not spell the best string, but here nothing comes near it
    other = "".join(ALPHABET[(ALPHABET.index(c) + 3) % len(ALPHABET)] for c in read.text)
    assert judge.read([line._replace(text=other)])[0].margin > 0.1


def test_lines_are_read_as_by_the_recognizer_in_their_order(judge, tmp_path):
    paths = [str(write_image(tmp_path / f"{i}.png", noise_line(i))) for i in range(7)]
    found = judge.read([listed("ab", path) for path in paths])
    assert [one.text for one in found] == [r["text"] for r in judge.recognizer.predict(paths)]


def test_the_worst_label_comes_first_and_what_does_not_fit_is_no_suspect():
    lines = [listed("right", "0"), listed("wrung", "1"), listed("worse", "2"), listed("x", "3")]
    readings = [Reading("right", 0.0, 0.9), Reading("wrong", 0.6, 0.9),
                Reading("other", 2.0, 0.9), Reading("y", np.inf, 0.9)]  # fmt: skip
    found = list(suspect_findings(lines, readings))
    assert [(one.line.name, one.leave_out) for one in found] == [("2", True), ("1", False)]
    unsure = [reading._replace(sure=0.5) for reading in readings]
    assert not any(one.leave_out for one in suspect_findings(lines, unsure))


def test_swapped_labels_are_given_back():
    texts = ["the first line", "another one here", "something else", "last of all"]
    labels = [texts[1], texts[0], *texts[2:]]
    lines = [listed(text, str(place)) for place, text in enumerate(labels)]
    said = ["the fi rst line", "another onehere", "something else", "lost of all"]
    readings = [Reading(text, 3.0, 0.9) for text in said]
    assert dict(swaps(lines, readings)) == {0: 1, 1: 0}
    kinds = {
        one.line.name: (one.kind, one.other and one.other.name)
        for one in suspect_findings(lines, readings)
    }
    assert kinds["0"] == ("swapped", "1") and kinds["3"] == ("suspect", None)
    nothing = [reading._replace(text="zzzzzzzz") for reading in readings]
    assert dict(swaps(lines, nothing)) == {}


def test_a_turned_line_is_one_whose_label_fits_it_turned(judge, tmp_path):
    image = noise_line(5, width=90)
    upright = listed("", str(write_image(tmp_path / "a.png", image)))
    text = judge.read([upright])[0].text
    line = listed(text, str(write_image(tmp_path / "b.png", np.rot90(image, 2))))
    picture = measure(line.path, LineReader())
    (read,) = judge.read([line])
    found = dict(turned_findings(judge, [line], [read._replace(text="?")], [picture], set()))
    assert found[0].kind == "upside down" and found[0].reading == text
    straight = judge.read([upright._replace(text=text)])
    assert not dict(turned_findings(judge, [upright._replace(text=text)], straight, [picture], {0}))


def test_many_misread_lines_are_compared_in_blocks(monkeypatch):
    """Each line has the next one's text; 9 x 9 distances are never there at once."""
    texts = [chr(97 + place) * 6 for place in range(9)]
    lines = [listed(text, str(place)) for place, text in enumerate(texts)]
    readings = [Reading(text, 3.0, 0.9) for text in [*texts[1:], texts[0]]]
    shapes, whole = [], line_suspects.cdist

    def counted(said, *rest, **options):
        shapes.append(len(said))
        return whole(said, *rest, **options)

    monkeypatch.setattr(line_suspects, "cdist", counted)
    monkeypatch.setattr(line_suspects, "BLOCK", 4, raising=False)
    assert dict(swaps(lines, readings)) == {place: (place + 1) % 9 for place in range(9)}
    assert shapes == [4, 4, 1]
