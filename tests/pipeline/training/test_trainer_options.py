"""Options of Lightning's trainer and callbacks do what they say, or are refused in one line."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from pipeline.training.callbacks import TrainingProgress
from pipeline.training.history import read_history
from pipeline.training.recognizer import SequenceRecognizer

pytestmark = pytest.mark.usefixtures("folder")
RUN = Path("runs/words")


@pytest.fixture
def batches(monkeypatch) -> list[list[int]]:
    """The samples of each batch that a later training takes."""
    taken = []
    step = SequenceRecognizer.training_step

    def record(self, batch, batch_idx):
        taken.append(sorted(batch.indices.tolist()))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(SequenceRecognizer, "training_step", record)
    return taken


@pytest.mark.parametrize("count", ["true", "2"])
def test_a_fast_run_takes_a_batch_of_each_and_writes_nothing(run, batches, count):
    number = 1 if count == "true" else 2
    out = run("fit", "-c", "words.yaml", f"--trainer.fast_dev_run={count}")
    says = f"batches trained on: {number}, validated on: {number}; nothing was written"
    assert f"fast_dev_run: {says}, no bundle either\n" in out and len(batches) == number
    assert "epoch 1: accuracy" in out and not Path("runs").exists()


def test_a_fast_run_without_validation(run):
    given = ("--trainer.fast_dev_run=true", "--data.source.validation=0")
    assert "trained on: 1, validated on: 0; nothing" in run("fit", "-c", "words.yaml", *given)


def test_a_fast_run_from_a_bundle_scores_nothing_before_it(run):
    run("fit", "-c", "words.yaml", "--trainer.max_epochs=1")
    given = ("--init_from=runs/words/best.safetensors", "--trainer.fast_dev_run=true")
    out = run("fit", "-c", "words.yaml", *given)
    assert "--init_from: all weights" in out and "before (" not in out
    assert [path.name for path in Path("runs").iterdir()] == ["words"]


def test_overfitting_takes_the_same_batches_in_each_epoch(run, batches):
    run("fit", "-c", "words.yaml", "--trainer.overfit_batches=1", "--trainer.max_epochs=3")
    assert len(batches) == 3 and batches[0] == batches[1] == batches[2]
    del batches[:]
    run("fit", "-c", "words.yaml", "--trainer.limit_train_batches=1", "--trainer.max_epochs=3")
    assert len({tuple(batch) for batch in batches}) > 1


def test_no_validation_batches_is_no_validation(run):
    out = run("fit", "-c", "words.yaml", "--trainer.limit_val_batches=0")
    assert "no validation: nothing is chosen on the way" in out
    assert json.loads((RUN / "result.json").read_text("utf-8"))["best_epoch"] == 2
    last = torch.load(RUN / "checkpoints/best.ckpt", weights_only=True)
    assert last["global_step"] == 6 and (RUN / "best.safetensors").exists()


def test_several_best_checkpoints_are_several_files_named_by_their_epochs(run):
    run("fit", "-c", "words.yaml", "--checkpoint.save_top_k=-1", "--trainer.max_epochs=3")
    names = sorted(p.name for p in (RUN / "checkpoints").iterdir())
    assert names == [*(f"best-epoch={epoch}.ckpt" for epoch in (1, 2, 3)), "last.ckpt"]
    steps = torch.load(RUN / "checkpoints/best-epoch=2.ckpt", weights_only=True)["global_step"]
    assert steps == 6


def test_the_epoch_in_a_files_name_counts_from_one_without_validation_too(run):
    name = "--checkpoint.filename=after-{epoch}"
    run("fit", "-c", "words.yaml", name, "--data.source.validation=0")
    assert (RUN / "checkpoints/after-epoch=2.ckpt").exists()


def test_the_progress_bar_counts_from_one():
    bar = TrainingProgress()
    bar._trainer = type("Trainer", (), {"max_epochs": 3})
    assert [bar._get_train_description(epoch).strip() for epoch in (0, 2)] == [
        "Epoch 1/3",
        "Epoch 3/3",
    ]
    bar._trainer.max_epochs = -1
    assert bar._get_train_description(0).strip() == "Epoch 1"


def test_a_place_of_the_best_checkpoint_does_not_hinder_going_on(run):
    run("fit", "-c", "words.yaml", "--checkpoint.dirpath=elsewhere")
    assert Path("elsewhere/best.ckpt").exists()
    again = ("-c", "runs/words/config.yaml", "--ckpt_path=runs/words/checkpoints/last.ckpt")
    run("fit", *again, "--trainer.max_epochs=3")
    assert len(read_history(RUN)) == 3


REFUSED = [
    ("--trainer.enable_checkpointing=false", "a run keeps last.ckpt, to go on from, and its best"),
    ("--trainer.default_root_dir=there", "all that a run writes is in runs/NAME"),
    ("--trainer.barebones=true", "`Trainer(barebones=True, logger="),
    ("--trainer.val_check_interval=50", "must be less than or equal to the number of the training"),
    ("--checkpoint.monitor=validation/accuracy", "give checkpoint.mode max too"),
    ("--early_stopping.monitor=validation/exactly", "there is no such score; take one of"),
    ("--checkpoint.monitor=validation/cer", "Head has no such score; take one of validation/sel"),
    ("--early_stopping.monitor=validation/wer", "validation/mean_class_accuracy"),
]


@pytest.mark.parametrize(("option", "says"), REFUSED)
def test_what_a_run_cannot_follow_is_refused_before_it(command, option, says):
    code, out, err = command("fit", "-c", "words.yaml", option)
    (error,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert code == 2 and says in error and "Traceback" not in err and "epoch 1" not in out
    assert not RUN.exists()


def test_device_statistics_are_logged_or_say_what_to_install(command):
    option = "--trainer.callbacks=DeviceStatsMonitor"
    more = ("--trainer.accelerator=cpu", "--trainer.log_every_n_steps=1")
    code, _, err = command("fit", "-c", "words.yaml", option, *more)
    if importlib.util.find_spec("psutil"):
        assert code == 0
        assert "DeviceStatsMonitor" in (RUN / "metrics.csv").read_text("utf-8").splitlines()[0]
    else:
        (error,) = (line for line in err.splitlines() if line.startswith("error: "))
        assert code == 2 and "pip install" in error and "psutil" in error
    without = "--trainer.callbacks.cpu_stats=false"
    assert command("fit", "-c", "words.yaml", option, *more, without).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "option",
    ["limit_val_batches=1", "val_check_interval=0.5", "accumulate_grad_batches=2",
     "gradient_clip_val=null", "gradient_clip_algorithm=value", "num_sanity_val_steps=2",
     "check_val_every_n_epoch=2", "max_steps=4", "log_every_n_steps=1", "log_every_n_steps=0",
     "profiler=simple", "detect_anomaly=true", "min_epochs=3", "inference_mode=false",
     "reload_dataloaders_every_n_epochs=1", "enable_model_summary=false"],
)  # fmt: skip
def test_other_options_of_the_trainer_work(run, option):
    run("fit", "-c", "words.yaml", f"--trainer.{option}", "--trainer.enable_progress_bar=false")
    assert (RUN / "best.safetensors").exists()
