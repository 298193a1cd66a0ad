"""The measured training speed, and what is said of the data before the first step."""

import types

import torch

from datasets import Reviews, SyntheticReviews
from datasets.data_module import SequenceDataModule
from pipeline.training.callbacks import DataSummary, TrainingSpeed, describe_label_counts


def test_the_speed_is_that_of_all_processes(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("pipeline.training.callbacks.time.perf_counter", lambda: float(next(clock)))
    logged: dict[str, float] = {}
    module = types.SimpleNamespace(log_dict=logged.update)
    trainer = types.SimpleNamespace(world_size=2, current_epoch=4)
    batch = types.SimpleNamespace(lengths=[5, 7, 9])
    speed = TrainingSpeed()
    speed.on_train_epoch_start(trainer, module)
    for index in range(3):
        speed.on_train_batch_start(trainer, module, batch, index)
        speed.on_train_batch_end(trainer, module, None, batch, index)
    speed.on_train_epoch_end(trainer, module)
    # a second each: three batches and the two waits between them
    speeds = {"speed/samples_per_second": 18 / 5, "speed/waiting_percent": 40.0}
    assert logged == speeds | {"epoch": 5.0}


def test_all_labels_are_named_with_their_counts_before_the_first_step(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rows = [f"good {i},{label},m{i}\n" for i, label in enumerate(["pos", "neg", "POS", "1", "1.0"])]
    (tmp_path / "t.csv").write_text("text,label,group\n" + "".join(rows) + "lost\n")
    data = SequenceDataModule(Reviews(str(tmp_path / "t.csv"), validation=0.2), workers=0)
    model = torch.nn.Linear(1, 1)
    trainer = types.SimpleNamespace(
        datamodule=data,
        train_dataloader=data.train_dataloader(),
        is_global_zero=True,
        progress_bar_callback=None,
    )
    DataSummary().on_train_start(trainer, types.SimpleNamespace(model=model))
    printed = capsys.readouterr().out
    (counts,) = (line for line in printed.splitlines() if line.startswith("labels (train + valid"))
    numbers = [tuple(map(int, part.split()[1::2])) for part in counts.split(": ")[1].split(", ")]
    assert [part.split()[0] for part in counts.split(": ")[1].split(", ")] == data.labels
    assert tuple(map(sum, zip(*numbers, strict=True))) == (4, 1)
    assert "labels 'POS' (1) and 'pos' (1): did you mean one?" in printed
    assert "left out: " in printed and "line 7: 1 cells under 3 columns" in printed
    assert describe_label_counts(SyntheticReviews(1, 1, 0)) == ""
