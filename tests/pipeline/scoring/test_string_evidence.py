"""String probabilities over all CTC paths, the evidence of a batch, and its subsampling."""

import itertools

import numpy as np
import pytest
import torch

from models import CTCHead
from models.heads.labels import Text
from pipeline.scoring import string_evidence as module
from pipeline.scoring.string_confidence import with_string_probabilities
from pipeline.scoring.string_evidence import (
    EvidenceBuffer,
    StringEvidence,
    correct_symbols,
    log_probabilities,
    peak_logits,
    string_evidence,
)


def collapse(path: tuple[int, ...], blank: int) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label != blank]


def test_a_strings_probability_is_the_sum_over_its_paths():
    torch.manual_seed(0)
    logits, lengths = torch.randn(3, 4, 3), torch.tensor([4, 3, 4])
    readings = [Text(ids, [0.5] * len(ids), [], 0.0) for ids in ([0, 0], [], [1, 0])]
    found = with_string_probabilities(logits, lengths, readings)
    for row, steps, reading in zip(logits.softmax(2), lengths.tolist(), found, strict=True):
        paths = itertools.product(range(3), repeat=steps)
        kept = [path for path in paths if collapse(path, 2) == reading.ids]
        expected = sum(float(row[range(steps), path].prod()) for path in kept)
        assert reading.confidence == pytest.approx(expected, rel=1e-5)


def test_no_steps_give_the_empty_string_with_probability_one():
    nothing = [Text([], [], [], 1.0)]
    assert log_probabilities(torch.zeros(1, 0, 3), torch.tensor([0]), nothing).tolist() == [0]


def test_aligned_characters_are_right_where_they_are_equal():
    assert correct_symbols([1, 2, 3, 4], [1, 3, 5]).tolist() == [True, False, True, False]
    assert correct_symbols([], [1]).tolist() == []


def test_evidence_of_a_batch():
    # the first sample reads 0, blank, 1; the second one 1 in its two steps, with a peak of 4.0
    first = torch.tensor([[3.0, 0, 0], [0, 0, 5], [0, 2, 0]])
    second = torch.tensor([[0.0, 1, 0], [0, 4, 0], [9, 9, 9]])
    logits, lengths = torch.stack([first, second]), torch.tensor([3, 2])
    readings = CTCHead(4, 2).decode(logits, lengths)
    evidence = string_evidence(logits, lengths, readings, [np.array([0, 0]), np.array([1])])
    assert evidence.ids.tolist() == [0, 1, 1] and evidence.correct.tolist() == [True, False, True]
    assert evidence.logits.tolist() == [[3, 0, 0], [0, 2, 0], [0, 4, 0]]
    assert evidence.exact.tolist() == [False, True]
    wanted = log_probabilities(logits, lengths, readings)
    assert np.allclose(evidence.scores, wanted.numpy())
    empty = string_evidence(logits[:1], lengths[:1], [Text([], [], [], 0.1)], [np.array([1])])
    assert len(empty.ids) == 0 and empty.exact.tolist() == [False]


def test_peak_steps_are_those_of_the_highest_softmax():
    torch.manual_seed(0)
    logits, lengths = 3 * torch.randn(6, 40, 5), torch.tensor([40, 1, 17, 40, 9, 0])
    readings = CTCHead(4, 4).decode(logits, lengths)
    assert max(last - first for r in readings for first, last in r.steps) > 1
    p, expected = logits.softmax(2), []
    for row, probabilities, reading in zip(logits, p, readings, strict=True):
        for i, (first, last) in zip(reading.ids, reading.steps, strict=True):
            expected.append(row[first + int(probabilities[first : last + 1, i].argmax())].tolist())
    assert peak_logits(logits, readings).tolist() == expected
    assert peak_logits(logits[5:], readings[5:]).shape == (0, 5)


def test_all_strings_are_kept_but_only_some_of_their_characters(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHARACTERS", 50)
    tally, random, ids = EvidenceBuffer(), np.random.default_rng(0), np.arange(1234)
    assert tally.evidence() == []
    parts = np.split(ids, np.sort(random.integers(0, 1234, 99)))
    for part in parts:
        logits = np.repeat(part[:, None], 3, 1).astype(np.float32)
        string = np.array([-float(len(part))]), np.array([True])
        tally.add(StringEvidence(logits, part, part % 2 == 0, *string))
        assert sum(len(kept.ids) for kept in tally.parts) <= 2 * 50
    (evidence,) = tally.evidence()
    assert evidence.scores.tolist() == [-len(part) for part in parts] and len(evidence.exact) == 100
    assert evidence.ids.tolist() == list(range(0, 1234, 16))  # every 16th of all, across batches
    assert evidence.logits[:, 0].tolist() == evidence.ids.tolist()
    tally.clear()
    assert tally.evidence() == []
