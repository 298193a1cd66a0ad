"""Trainings that are really killed end as those that are not."""

import shutil
from pathlib import Path

import pytest

from benchmarks.torture import fit_kills
from benchmarks.torture.fit_kills import Kills, Training, kill_fits, kill_often, kill_writes


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
    assert "synthetic_reviews, 1 kills: differs in bundle" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.disk_usage("/dev/shm").free < 1e7, reason="needs another file system")
def test_a_kill_inside_a_write_keeps_the_checkpoint_before():
    outcome = kill_writes(1)
    assert outcome.times == 1 and outcome.of_these.startswith("1 found the checkpoint before")
    assert outcome.lost == 0


def test_the_kinds_share_the_kills():
    shares = [call.args for call in fit_kills.rounds(4, 3)]
    assert shares == [("lines", 2), ("clips", 1), ("reviews", 1), (3,)]


def kills_of(monkeypatch, folder: Path, starts: int) -> Kills:
    """Kills of trainings of which each can be started so often, and fails then."""

    class Torn(Training):
        left = starts

        def start(self):
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("fit ended with 1: last.ckpt: not a checkpoint")

    monkeypatch.setattr(fit_kills, "Training", Torn)
    whole = Torn(folder, folder / "reviews.yaml", "whole")
    return kill_often(whole, 4, lambda training: True, a_run=5)


def test_a_training_that_cannot_go_on_is_a_loss_of_all_its_kills(monkeypatch, tmp_path, capsys):
    assert kills_of(monkeypatch, tmp_path, starts=2) == Kills(done=4, trainings=2, lost=4)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("reviews, 2 kills: RuntimeError: fit ended with 1: last.ckpt")


def test_a_training_that_fails_without_a_kill_is_one_loss_and_the_last(monkeypatch, tmp_path):
    assert kills_of(monkeypatch, tmp_path, starts=0) == Kills(done=0, trainings=1, lost=1)


def test_a_result_that_cannot_be_compared_is_a_loss(monkeypatch, tmp_path):
    """Such as a last.ckpt that is no checkpoint: nothing of it reaches the table but the count."""
    monkeypatch.setattr(Training, "start", lambda training: None)
    monkeypatch.setattr(Training, "is_done", lambda training: training.killed)
    monkeypatch.setattr(Training, "killed", False, raising=False)
    whole = Training(tmp_path, tmp_path / "reviews.yaml", "whole")

    def interrupt(training: Training) -> bool:
        training.killed = True
        return True

    assert kill_often(whole, 1, interrupt, a_run=5) == Kills(done=1, trainings=1, lost=1)
