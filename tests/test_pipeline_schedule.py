"""Learning rate schedules against torch's own, and by hand."""

import pytest
import torch

from pipeline.schedule import learning_rate_share


def test_one_cycle_is_torchs():
    """Of 101 steps: its peak is at 30 (it counts to one before the share), its end at 100."""
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=101, pct_start=31 / 101, cycle_momentum=False
    )
    for step in range(100):
        found = learning_rate_share("one_cycle", step, 50, step / 100)
        assert found == pytest.approx(scheduler.get_last_lr()[0], abs=1e-6), step
        optimizer.step()
        scheduler.step()


def test_one_cycle_by_hand():
    shares = [learning_rate_share("one_cycle", 0, 0, p) for p in (0, 0.15, 0.3, 0.65, 1, 1.2)]
    assert shares == pytest.approx([0.04, 0.52, 1.0, 0.5, 0.0, 0.0], abs=1e-5)


@pytest.mark.parametrize(
    ("schedule", "progress", "expected"),
    [("cosine", 0.0, 1.0), ("cosine", 0.5, 0.5), ("cosine", 2.0, 0.0), ("constant", 0.9, 1.0)],
)
def test_the_others_warm_up_by_steps(schedule, progress, expected):
    assert learning_rate_share(schedule, 100, 4, progress) == pytest.approx(expected)
    assert learning_rate_share(schedule, 0, 4, progress) == pytest.approx(expected / 4)
    assert learning_rate_share(schedule, 2, 4, progress) == pytest.approx(0.75 * expected)
    assert learning_rate_share(schedule, 0, 0, progress) == pytest.approx(expected)
