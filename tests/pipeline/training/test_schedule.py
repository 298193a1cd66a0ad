"""Learning rate schedules against torch's own, and against values computed by hand."""

import pytest
import torch

from pipeline.training.schedule import learning_rate_factor

ENDLESS = ("fit", "-c", "words.yaml", "--trainer.max_epochs=-1")


def test_one_cycle_is_torchs():
    """With 101 steps the peak is at step 30 (torch's pct_start counts one more), the end at 100."""
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=101, pct_start=31 / 101, cycle_momentum=False
    )
    for step in range(100):
        factor = learning_rate_factor("one_cycle", step, 50, step / 100)
        assert factor == pytest.approx(scheduler.get_last_lr()[0], abs=1e-6), step
        optimizer.step()
        scheduler.step()


def test_one_cycle_by_hand():
    factors = [learning_rate_factor("one_cycle", 0, 0, p) for p in (0, 0.15, 0.3, 0.65, 1, 1.2)]
    assert factors == pytest.approx([0.04, 0.52, 1.0, 0.5, 0.0, 0.0], abs=1e-5)


@pytest.mark.parametrize(
    ("schedule", "progress", "expected"),
    [("cosine", 0.0, 1.0), ("cosine", 0.5, 0.5), ("cosine", 2.0, 0.0), ("constant", 0.9, 1.0)],
)
def test_the_others_warm_up_by_steps(schedule, progress, expected):
    assert learning_rate_factor(schedule, 100, 4, progress) == pytest.approx(expected)
    assert learning_rate_factor(schedule, 0, 4, progress) == pytest.approx(expected / 4)
    assert learning_rate_factor(schedule, 2, 4, progress) == pytest.approx(0.75 * expected)
    assert learning_rate_factor(schedule, 0, 0, progress) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_a_schedule_for_an_unlimited_training_is_refused(command, folder, schedule):
    """Its learning rate would stay at the peak, or at a 25th of it."""
    code, _, err = command(*ENDLESS, f"--model.schedule={schedule}")
    assert code == 2, err
    assert f"error: schedule {schedule} goes by the share of the training" in err
    assert "set trainer.max_epochs, trainer.max_steps or trainer.max_time" in err
    assert not (folder / "runs/words/checkpoints").exists()


@pytest.mark.parametrize("end", ["--trainer.max_steps=2", "--trainer.max_time=00:00:00:01"])
def test_steps_or_time_are_a_limit(run, folder, end):
    run(*ENDLESS, "--model.schedule=one_cycle", "--data.source.count=4", end)
