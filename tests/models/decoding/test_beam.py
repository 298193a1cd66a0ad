"""CTC prefix beam search against the enumeration of all paths."""

from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from models.decoding.beam import BeamSearch
from models.decoding.character_counts import fit_character_lm
from models.heads.ctc import CTCHead

LABELS = ["a", "b", " "]
BLANK = len(LABELS)
EXACT = BeamSearch(LABELS, width=10**6, threshold=0.0, certain=2.0, margin=0.0)


def every_string(row):
    """String -> the total probability of all its paths, by enumeration."""
    probabilities = defaultdict(float)
    for path in product(range(row.shape[1]), repeat=len(row)):
        kept = [s for i, s in enumerate(path) if not i or path[i - 1] != s]
        probabilities[tuple(s for s in kept if s != BLANK)] += np.prod(row[range(len(row)), path])
    return dict(probabilities)


def ranked(scores):
    total = sum(scores.values())
    best_first = sorted(scores, key=scores.get, reverse=True)
    return [list(s) for s in best_first], [scores[s] / total for s in best_first]


def assert_ranked(results, scores):
    strings, shares = ranked(scores)
    assert [ids for ids, _ in results] == strings
    np.testing.assert_allclose([share for _, share in results], shares, rtol=1e-6)


@pytest.fixture(scope="module")
def row():
    return np.random.default_rng(3).dirichlet(np.ones(BLANK + 1), 5)


@pytest.fixture(scope="module")
def model():
    lines = [[0, 1, 2, 0], [0, 1], [1, 0, 0], [0, 1, 2, 1]]
    return fit_character_lm(np.array([s for line in lines for s in [*line, BLANK]]), BLANK, order=3)


def test_a_wide_beam_sums_every_path(row):
    assert_ranked(EXACT.search(row), every_string(row))


def test_with_a_language_model_it_is_the_enumeration_with_it(row, model):
    scores = {
        ids: p
        * np.exp(0.7 * model.line_log_probabilities(np.array(ids, int)).sum() + 0.4 * len(ids))
        for ids, p in every_string(row).items()
    }
    search = replace(EXACT, language_model=model, alpha=0.7, beta=0.4)
    assert_ranked(search.search(row), scores)


def test_a_known_word_gains_its_bonus_once(row):
    scores = {}
    for ids, p in every_string(row).items():
        words = "".join(LABELS[i] for i in ids).split(" ")
        scores[ids] = p * np.exp(1.5 * (words.count("ab") + words.count("b")))
    search = replace(EXACT, lexicon=frozenset({"ab", "b"}), word_bonus=1.5)
    assert_ranked(search.search(row), scores)


def test_certain_steps_are_joined_without_changing_the_ranking(model):
    """Runs of blanks and symbols between two uncertain steps: equal to the enumeration without
    repeats.
    """
    steps = [BLANK, BLANK, 0, 0, (0.6, 0.4), BLANK, BLANK, 1, 1, BLANK, (0.3, 0.7)]
    row = np.zeros((len(steps), BLANK + 1))
    for position, step in enumerate(steps):
        if isinstance(step, tuple):
            row[position, [1, BLANK]] = step
        else:
            row[position, step] = 1.0
    scores = {
        ids: p * np.exp(0.5 * model.line_log_probabilities(np.array(ids, int)).sum())
        for ids, p in every_string(row[[0, 2, 4, 5, 7, 9, 10]]).items()
        if p
    }
    search = BeamSearch(LABELS, model, alpha=0.5, margin=0.0)
    assert len(scores) == 3
    assert len(search.steps(row, row.max(1))) == 7
    assert_ranked(search.search(row), scores)


def logits_of(*rows):
    return torch.tensor(np.log(np.maximum(rows, 1e-9)), dtype=torch.float32)


def test_the_language_turns_a_doubtful_symbol_and_keeps_the_doubt(model):
    """b follows a in all lines of the model but one; the network slightly prefers a space."""
    row = [[0.97, 0.01, 0.01, 0.01], [0.01, 0.01, 0.01, 0.97], [0.02, 0.4, 0.57, 0.01]]
    logits, lengths = logits_of([*row, row[1]]), torch.tensor([3])
    head = CTCHead(4, BLANK)
    greedy = head.decode(logits, lengths)
    assert greedy[0].ids == [0, 2]
    (text,) = BeamSearch(LABELS, model, alpha=1.0, n_best=2).decode(logits, lengths, greedy)
    assert text.ids == [0, 1]
    assert text.steps == [(0, 0), (2, 2)]
    assert text.confidences == pytest.approx([0.97, 0.4], abs=1e-4)
    assert [ids for ids, _ in text.alternatives] == [[0, 1], [0, 2]]
    assert 1 > text.alternatives[0][1] > text.alternatives[1][1] > 0


def test_a_certain_line_is_what_greedy_read(model):
    row = [[0.995, 0.005, 0, 0], [0, 0, 0, 1], [0, 0.005, 0.995, 0]]
    logits, lengths = logits_of(row), torch.tensor([3])
    greedy = CTCHead(4, BLANK).decode(logits, lengths)
    (text,) = BeamSearch(LABELS, model, alpha=9.0).decode(logits, lengths, greedy)
    assert text is greedy[0]
    (searched,) = BeamSearch(LABELS, model, alpha=9.0, threshold=2e-3, certain=1.0).decode(
        logits, lengths, greedy
    )
    assert searched.ids != greedy[0].ids


@pytest.mark.parametrize("best", [7, 800])
def test_among_many_symbols_the_best_is_tried_though_it_is_improbable(best):
    """Almost uniform over 800 labels and the blank: each has a probability of about 1/801."""
    logits = torch.zeros(1, 3, 801)
    logits[0, :, best] = 0.1
    logits[0, 1, 3] = 0.2
    lengths, head = torch.tensor([3]), CTCHead(4, 800)
    search = BeamSearch(["x"] * 800, threshold=2e-3)
    (text,) = search.decode(logits, lengths, head.decode(logits, lengths))
    assert text.ids == ([3] if best == 800 else [7, 3, 7])


def test_nothing_to_read():
    greedy = CTCHead(4, BLANK).decode(torch.zeros(1, 2, 4), torch.tensor([0]))
    assert EXACT.decode(torch.zeros(1, 2, 4), torch.tensor([0]), greedy) == greedy


def test_padding_changes_nothing(row, model):
    search = BeamSearch(LABELS, model, alpha=0.5)
    short, long = logits_of(row), logits_of(row, row)[:1].repeat(1, 2, 1)
    lengths, head = torch.tensor([len(row)]), CTCHead(4, BLANK)
    alone = search.decode(short, lengths, head.decode(short, lengths))
    beside = search.decode(long, lengths, head.decode(long, lengths))
    assert alone == beside


def test_no_string_at_all_is_refused():
    with pytest.raises(ValueError, match="width 0"):
        BeamSearch(LABELS, width=0)


def test_a_batch_reads_each_line_as_alone(model):
    """The second and the last line are changed by the search, at different steps."""
    changed = [[0.97, 0.01, 0.01, 0.01], [0.01, 0.01, 0.01, 0.97], [0.02, 0.4, 0.57, 0.01]]
    certain, blank = [0.001, 0.997, 0.001, 0.001], [0.0, 0.0, 0.0, 1.0]
    rows = [[certain, blank, blank, blank], [*changed, blank], [blank, *changed]]
    search, head = BeamSearch(LABELS, model, alpha=1.0, n_best=2), CTCHead(4, BLANK)

    def read(rows):
        logits, lengths = logits_of(*rows), torch.tensor([4] * len(rows))
        return search.decode(logits, lengths, head.decode(logits, lengths))

    together = read(rows)
    assert [text.ids for text in together] == [[1], [0, 1], [0, 1]]
    assert [text.steps for text in together[1:]] == [[(0, 0), (2, 2)], [(1, 1), (3, 3)]]
    assert together == [read([row])[0] for row in rows]


@pytest.mark.parametrize("seed", range(20))
def test_steps_of_one_choice_are_followed_as_they_are_searched(model, seed, monkeypatch):
    """Mostly certain steps, among them repeats with and without a blank between."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(BLANK + 1, 0.05), 60).astype(np.float32)
    search = BeamSearch(LABELS, model, alpha=0.7, beta=0.3, certain=0.9)
    found = search.search(rows)
    monkeypatch.setattr("models.decoding.beam.Prefixes.follow", lambda *step: None)
    assert search.search(rows) == found
