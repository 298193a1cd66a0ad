"""Options of the optimizer given anew when a training goes on take effect, and are told."""

from pathlib import Path

import pytest
import torch
import yaml

from pipeline.training.recognizer import SequenceRecognizer

pytestmark = pytest.mark.usefixtures("folder")
LAST = "runs/words/checkpoints/last.ckpt"
AGAIN = ("fit", "-c", "runs/words/config.yaml", f"--ckpt_path={LAST}", "--trainer.max_epochs=3")


@pytest.fixture
def groups(monkeypatch) -> list[list[tuple[float, float]]]:
    """(learning rate, weight decay) of each parameter group at each step of later trainings."""
    seen = []

    def record(self, optimizer) -> None:
        seen.append([(group["lr"], group["weight_decay"]) for group in optimizer.param_groups])

    monkeypatch.setattr(SequenceRecognizer, "on_before_optimizer_step", record)
    return seen


def test_new_rates_take_effect_from_the_first_step_on(run, groups):
    run("fit", "-c", "words.yaml", "--model.warmup_steps=4")
    assert [step[0][0] for step in groups] == pytest.approx(
        [0.00025, 0.0005, 0.00075, 0.001, 0.001, 0.001]
    )
    del groups[:]
    out = run(*AGAIN, "--model.learning_rate=0.1", "--model.weight_decay=0.5")
    assert (
        "going on with other options: model.learning_rate 0.1 instead of 0.001, "
        "model.weight_decay 0.5 instead of 0.01\n"
    ) in out
    assert len(groups) == 3
    for step in groups:
        assert step == [(pytest.approx(0.1), 0.5), (pytest.approx(0.1), 0.0)]
    config = yaml.safe_load(Path("runs/words/config.yaml").read_text("utf-8"))["model"]
    assert config["learning_rate"] == 0.1
    saved = torch.load(LAST, weights_only=True)["optimizer_states"][0]["param_groups"]
    assert [group["lr"] for group in saved] == pytest.approx([0.1, 0.1])


def test_the_rate_of_tables_alone_can_be_changed(run, groups):
    run("fit", "-c", "words.yaml", "--model.table_learning_rate=0.01", "--model.warmup_steps=0")
    del groups[:]
    out = run(*AGAIN, "--model.table_learning_rate=0.05")
    assert "model.table_learning_rate 0.05 instead of 0.01\n" in out
    assert [lr for lr, _ in groups[0]] == pytest.approx([0.001, 0.001, 0.05])


def test_the_same_options_say_nothing(run, groups):
    run("fit", "-c", "words.yaml")
    assert "going on with" not in run(*AGAIN)


def test_a_rate_of_zero_can_be_raised(run, groups):
    run("fit", "-c", "words.yaml", "--model.learning_rate=0", "--model.warmup_steps=0")
    del groups[:]
    run(*AGAIN, "--model.learning_rate=0.1")
    assert [step[0][0] for step in groups] == pytest.approx([0.1] * 3)


def test_another_seed_takes_effect(run, monkeypatch):
    run("fit", "-c", "words.yaml")
    seeds = []
    monkeypatch.setattr(
        SequenceRecognizer, "on_train_epoch_end", lambda self: seeds.append(self.seed)
    )
    assert "going on with other options: seed_everything 3 instead of 0\n" in run(
        *AGAIN, "--seed_everything=3"
    )
    assert seeds == [3] and torch.load(LAST, weights_only=True)["seed"] == 3


def test_what_cannot_change_is_refused_and_the_config_stays(command, run):
    run("fit", "-c", "words.yaml")
    before = Path("runs/words/config.yaml").read_bytes()
    code, out, err = command(*AGAIN, "--model.table_learning_rate=0.1")
    assert code == 2 and "Traceback" not in err and "older" not in out
    assert "error: model.table_learning_rate: a training that began without it" in err
    assert Path("runs/words/config.yaml").read_bytes() == before
