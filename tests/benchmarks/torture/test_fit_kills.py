"""Trainings that are really killed end as those that are not."""

import shutil

import pytest

from benchmarks.torture import fit_kills
from benchmarks.torture.fit_kills import kill_fits, kill_writes


@pytest.mark.slow
def test_two_kills_are_survived(capfd):
    outcome = kill_fits("reviews", kills=2)
    assert outcome.times == 2 and outcome.of_these.endswith("; 1 trainings compared")
    assert outcome.lost == 0 and "differs" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_difference_is_a_loss_of_all_kills_of_the_training(monkeypatch, capfd):
    monkeypatch.setattr(fit_kills, "differences", lambda one, other: ["bundle"])
    outcome = kill_fits("synthetic reviews", kills=1)
    assert outcome.times == outcome.lost == 1
    assert "synthetic reviews: differs in bundle" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.disk_usage("/dev/shm").free < 1e7, reason="needs another file system")
def test_a_kill_inside_a_write_keeps_the_checkpoint_before():
    outcome = kill_writes(1)
    assert outcome.times == 1 and outcome.of_these.startswith("1 found the checkpoint before")
    assert outcome.lost == 0


def test_the_kinds_share_the_kills():
    shares = [call.args for call in fit_kills.rounds(4, 3)]
    assert shares == [("lines", 2), ("clips", 1), ("reviews", 1), (3,)]
