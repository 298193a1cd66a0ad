"""`--init_from`: all weights for the same task, body and known labels for another."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from datasets import LineReader
from models import CTCHead, LineCNN, RecurrentStack, SequenceModel, TokenClassificationHead
from models.decoding.beam import BeamSearch
from models.decoding.character_counts import fit_character_lm
from pipeline.reading.bundle import Bundle
from pipeline.scoring.string_confidence import StringCalibration
from pipeline.scoring.temperature import Calibration
from pipeline.training.fine_tuning.initialization import HANDICAP, initialize_from
from tests.support.networks import connect
from tests.support.small import tiny_model


def model(labels: int, head=TokenClassificationHead, hidden: int = 6) -> SequenceModel:
    return connect(
        16, labels, lambda n: LineCNN(n, (4, 6), 2, 4), lambda n: RecurrentStack(n, hidden), head
    )


def bundle(network: SequenceModel, labels: list[str]) -> Bundle:
    return Bundle(network, labels, LineReader(16))


def test_the_same_task_copies_all_weights():
    given, own = model(3), model(3)
    summary = initialize_from(own, ["a", "b", "c"], bundle(given, ["a", "b", "c"]))
    assert_close(own.state_dict(), given.state_dict())
    assert summary == ["--init_from: all weights, 3 labels"]


def test_another_head_keeps_the_body_and_the_labels_that_both_have():
    given, own = model(3), model(2, CTCHead)
    before = own.head.linear.weight.detach().clone()
    summary = initialize_from(own, ["c", "d"], bundle(given, ["a", "b", "c"]))
    body = {k: w for k, w in own.state_dict().items() if not k.startswith("head.")}
    assert_close(body, {k: given.state_dict()[k] for k in body})
    assert_close(own.head.linear.weight[0], given.head.linear.weight[2])
    assert_close(own.head.linear.bias[0], given.head.linear.bias[2])
    assert_close(own.head.linear.weight[1:], before[1:])  # d is new, and so is the blank
    assert summary == [
        "--init_from: encoder and recurrent stack; of the head 1 labels kept, 1 new, 2 dropped",
        "  kept: c",
        "  new: d (anew)",
        "  dropped: a b",
    ]


def test_between_alphabets_rows_are_copied_by_character_and_new_ones_from_look_alikes():
    given, own = tiny_model(4), tiny_model(5, seed=1)
    before = own.head.linear.weight.detach().clone()
    summary = initialize_from(own, [" ", "ſ", "e", "☞", "é"], bundle(given, ["x", "f", "e", " "]))
    weight, bias = given.head.linear.weight, given.head.linear.bias
    rows = [3, 1, 2, 2, 4]  # of " ", the f for ſ, e, the e for é, and the blank
    assert_close(own.head.linear.weight[[0, 1, 2, 4, 5]], weight[rows])
    handicap = torch.tensor([0, HANDICAP, 0, HANDICAP, 0])
    assert_close(own.head.linear.bias[[0, 1, 2, 4, 5]], bias[rows] - handicap)
    assert_close(own.head.linear.weight[3], before[3])
    assert summary[1:] == [
        "  kept: ␣ e",
        "  new: ſ (from f), ☞ (anew), é (from e)",
        "  dropped: x f",
    ]


def test_running_statistics_are_kept():
    given, own = tiny_model(2), tiny_model(3, seed=1)
    initialize_from(own, ["a", "b", "c"], bundle(given, ["a", "b"]))
    kept = {k: v for k, v in given.named_buffers() if "running" in k}
    assert kept
    assert_close({k: v for k, v in own.named_buffers() if k in kept}, kept)


def test_no_reading_changes_before_the_first_step():
    """New characters have lower logits than the ones they are copied from."""
    given, own = tiny_model(2), tiny_model(4, seed=1)
    initialize_from(own.eval(), ["f", "e", "ſ", "é"], bundle(given, ["f", "e"]))
    inputs, lengths = torch.randint(0, 256, (3, 80, 1, 16), dtype=torch.uint8), torch.full((3,), 80)
    old, new = given.head.decode(*given(inputs, lengths)), own.head.decode(*own(inputs, lengths))
    assert [text.ids for text in new] == [text.ids for text in old] and any(t.ids for t in old)


@pytest.mark.parametrize("labels", [["a", "b", "c"], ["a", "x"]])
def test_what_is_not_copied_is_reported(labels):
    given = bundle(model(3), ["a", "b", "c"])
    line = "its {} does not come along: run language_model again; its calibration is fitted anew"
    language_model = fit_character_lm(np.array([0, 1, 2, 3, 1, 2, 3]), 3, order=2)
    words = frozenset({"ab"})
    searches = {
        "language model": BeamSearch(given.labels, language_model),
        "lexicon": BeamSearch(given.labels, lexicon=words),
        "language model and lexicon": BeamSearch(given.labels, language_model, lexicon=words),
        "beam search": BeamSearch(given.labels),
    }
    plain = initialize_from(model(len(labels)), labels, given)
    for what, search in searches.items():
        given.decoder = search
        summary = initialize_from(model(len(labels)), labels, given)
        assert summary == [*plain, f"  {line.format(what)}"]
    given.decoder = None
    given.calibration = Calibration(1.0, {"greedy": StringCalibration(2.0)})
    summary = initialize_from(model(len(labels)), labels, given)
    assert summary == [*plain, "  its calibration is fitted anew"]


def test_the_order_of_the_labels_may_differ():
    given, own = model(3), model(3)
    initialize_from(own, ["c", "a", "b"], bundle(given, ["a", "b", "c"]))
    assert_close(own.head.linear.weight, given.head.linear.weight[[2, 0, 1]])


def test_a_body_that_does_not_fit_is_refused():
    first = r"fit the network; recurrent\S+ is \(24, 6\), the network has \(20, 6\)"
    with pytest.raises(ValueError, match=f"--init_from: .* {first}"):
        initialize_from(model(3, hidden=5), ["x", "y", "z"], bundle(model(3), ["a", "b", "c"]))


def test_a_head_of_another_width_starts_anew():
    given = tiny_model(3)
    own = tiny_model(3)
    own.head = TokenClassificationHead(own.recurrent.output_size + 1, 3)
    before = {k: w.clone() for k, w in own.head.state_dict().items()}
    summary = initialize_from(own, ["a", "b", "c"], bundle(given, ["a", "b", "c"]))
    assert_close(own.head.state_dict(), before) and torch.is_tensor(before["linear.bias"])
    assert "0 labels kept" in summary[0]
