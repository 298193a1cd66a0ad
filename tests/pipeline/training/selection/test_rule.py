"""The order of epochs: by error, then by loss, then the first; monitors that would do otherwise."""

import math
from types import SimpleNamespace

import pytest

from models import CTCHead, SequenceClassificationHead, TokenClassificationHead
from pipeline.scoring.metrics import Score
from pipeline.scoring.readings import error_rate
from pipeline.training.selection.early_stopping import EpochEarlyStopping
from pipeline.training.selection.rule import (
    SCORES,
    check_monitor,
    is_better,
    scores_of,
    selection_value,
    worst,
)

IN_ORDER = [
    (0.0, 1e6),
    (1.0, -0.5),
    (1.0, 0.0),
    (1.0, 0.3),
    (1.0, 0.30001),
    (1.0, 50.0),
    (1.0, math.nan),
    (1.00001, 0.0),  # an edit more in ten million characters
    (100.0, 0.6),
    (100.0, 0.601),
    (250.0, 0.1),
]


def test_the_error_decides_and_the_loss_between_equal_ones():
    values = [float(selection_value(*epoch)) for epoch in IN_ORDER]
    assert values == sorted(set(values))
    assert all(
        abs(value - error) < 1e-7 for value, (error, _) in zip(values, IN_ORDER, strict=True)
    )
    assert math.isnan(selection_value(math.nan, 0.1))


def test_equal_values_and_nan_are_not_better():
    for mode, better in (("min", 1.0), ("max", 3.0)):
        assert is_better(better, 2.0, mode) and is_better(2.0, worst(mode), mode)
        assert not is_better(2.0, 2.0, mode) and not is_better(math.nan, worst(mode), mode)


def test_every_score_is_one_of_some_head():
    heads = [CTCHead(4, 3), SequenceClassificationHead(4, 3)]
    heads += [TokenClassificationHead(4, 3, multi_label=several) for several in (False, True)]
    names = {name for values in SCORES.values() for name in values}
    assert {name for head in heads for name in scores_of(head)} == names
    assert set(scores_of(object())) == names


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    def score(value: float) -> Score:
        return Score(value, math.nan, math.nan, 10, 1)

    labels = {"accuracy": score(90), "mean_class_accuracy": score(50)}
    assert error_rate(labels) == 50
    steps = {"frame_accuracy": score(99), "mean_class_accuracy": score(60)}
    assert error_rate(steps) == 40 and error_rate(steps | {"mean_label_f1": score(20)}) == 80
    assert error_rate(steps | {"mean_label_f1": score(math.nan)}) == 40
    assert error_rate({"cer": score(7), "wer": score(20)}) == 7


@pytest.mark.parametrize(
    ("monitor", "mode", "says"),
    [
        ("validation/accuracy", "min", "the higher the better; give checkpoint.mode max too"),
        ("validation/loss", "max", "the lower the better; give checkpoint.mode min too"),
        ("validation/acuracy", "max", "there is no such score; take one of validation/selection,"),
    ],
)
def test_a_monitor_that_would_choose_the_worst_is_refused(monitor, mode, says):
    with pytest.raises(ValueError, match=f"^checkpoint.monitor {monitor}: {says}"):
        check_monitor("checkpoint", monitor, mode)


def test_every_other_monitor_is_let_pass():
    for mode, names in SCORES.items():
        for name in names:
            check_monitor("checkpoint", f"validation/{name}", mode)
    check_monitor("checkpoint", "mine/score", "max")
    check_monitor("checkpoint", None, "min")


def patience(**limits: int) -> int:
    limits = {"max_epochs": -1, "max_steps": -1, "accumulate_grad_batches": 1} | limits
    data = SimpleNamespace(batch_size=4, split=lambda name: range(38))  # ten batches
    stopping = EpochEarlyStopping(patience=limits.pop("patience", None))
    trainer = SimpleNamespace(datamodule=data, **limits)
    stopping.setup(trainer, None, "fit")
    return stopping.patience


def test_the_patience_is_a_third_of_the_planned_epochs_and_twenty_at_least():
    assert patience(max_epochs=10) == patience(max_epochs=60) == patience() == 20
    assert patience(max_epochs=100) == 34 and patience(max_epochs=300) == 100
    assert (
        patience(max_steps=900) == 30 and patience(max_steps=450, accumulate_grad_batches=4) == 60
    )
    assert patience(max_epochs=300, patience=7) == 7
