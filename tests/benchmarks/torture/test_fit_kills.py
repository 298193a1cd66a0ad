"""Trainings that are really killed end as those that are not."""

import shutil

import pytest

from benchmarks.torture import fit_kills
from benchmarks.torture.fit_kills import Outcome, torture


@pytest.mark.slow
def test_two_kills_are_survived(capfd):
    (reviews,) = torture(kills=2, write_kills=0, kinds=["reviews"])
    assert reviews[:1] == ("fit of reviews",) and reviews.kills == 2
    assert reviews.trainings == 1 and reviews.lost == 0 and "differs" not in capfd.readouterr().err
    assert len(reviews.row()) == len(Outcome.HEAD)


@pytest.mark.slow
def test_a_difference_is_a_loss_of_all_kills_of_the_training(monkeypatch, capfd):
    monkeypatch.setattr(fit_kills, "differences", lambda one, other: ["bundle"])
    (outcome,) = torture(kills=1, write_kills=0, kinds=["synthetic reviews"])
    assert outcome.kills == outcome.lost == 1
    assert "synthetic reviews: differs in bundle" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.disk_usage("/dev/shm").free < 1e7, reason="needs another file system")
def test_a_kill_inside_a_write_keeps_the_checkpoint_before():
    (outcome,) = torture(kills=0, write_kills=1)
    assert outcome.kills == outcome.resumed == 1 and outcome.lost == 0
