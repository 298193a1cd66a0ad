"""--init_from: everything for the same task, the body and the known labels for another."""

import pytest
import torch
from conftest import tiny_model
from torch.testing import assert_close

from datasets import LineReader
from models import CTCHead, LineCNN, RecurrentStack, SequenceModel, TokenClassificationHead
from pipeline.bundle import Bundle
from pipeline.initialization import start_from


def model(labels: int, head=TokenClassificationHead, hidden: int = 6) -> SequenceModel:
    return SequenceModel(
        16, labels, lambda n: LineCNN(n, (4, 6), 2, 4), lambda n: RecurrentStack(n, hidden), head
    )


def bundle(network: SequenceModel, labels: list[str]) -> Bundle:
    return Bundle(network, labels, LineReader(16))


def test_the_same_task_takes_all_weights():
    given, own = model(3), model(3)
    told = start_from(own, ["a", "b", "c"], bundle(given, ["a", "b", "c"]))
    assert_close(own.state_dict(), given.state_dict())
    assert told == "--init_from: all weights, 3 labels"


def test_another_head_keeps_the_body_and_the_labels_that_both_have():
    given, own = model(3), model(2, CTCHead)
    before = own.head.linear.weight.detach().clone()
    told = start_from(own, ["c", "d"], bundle(given, ["a", "b", "c"]))
    body = {k: w for k, w in own.state_dict().items() if not k.startswith("head.")}
    assert_close(body, {k: given.state_dict()[k] for k in body})
    assert_close(own.head.linear.weight[0], given.head.linear.weight[2])
    assert_close(own.head.linear.bias[0], given.head.linear.bias[2])
    assert_close(own.head.linear.weight[1:], before[1:])  # d is new, and so is the blank
    assert "1 labels kept, 1 new, 2 dropped" in told


def test_the_order_of_the_labels_may_differ():
    given, own = model(3), model(3)
    start_from(own, ["c", "a", "b"], bundle(given, ["a", "b", "c"]))
    assert_close(own.head.linear.weight, given.head.linear.weight[[2, 0, 1]])


def test_a_body_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"--init_from: .* weights do not fit"):
        start_from(model(3, hidden=5), ["x", "y", "z"], bundle(model(3), ["a", "b", "c"]))


def test_a_head_of_another_width_starts_anew():
    given = tiny_model(3)
    own = tiny_model(3)
    own.head = TokenClassificationHead(own.recurrent.output_size + 1, 3)
    before = {k: w.clone() for k, w in own.head.state_dict().items()}
    told = start_from(own, ["a", "b", "c"], bundle(given, ["a", "b", "c"]))
    assert_close(own.head.state_dict(), before) and torch.is_tensor(before["linear.bias"])
    assert "0 labels kept" in told
