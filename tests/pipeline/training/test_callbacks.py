"""The measured training speed, and what is said of the data before the first step."""

import types

import torch

from datasets import Reviews, SyntheticReviews
from datasets.data_module import SequenceDataModule
from pipeline.training.callbacks import DataSummary, TrainingSpeed, describe_parts


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


def print_summary(data: SequenceDataModule, capsys) -> list[str]:
    trainer = types.SimpleNamespace(
        datamodule=data,
        train_dataloader=data.train_dataloader(),
        is_global_zero=True,
        progress_bar_callback=None,
    )
    DataSummary().on_train_start(trainer, types.SimpleNamespace(model=torch.nn.Linear(1, 1)))
    return capsys.readouterr().out.splitlines()


def test_all_parts_are_told_before_the_first_step(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    labels = ["pos", "neg", "POS", "1", "1.0"] * 2
    rows = [f"good {i},{label},m{i % 5}\n" for i, label in enumerate(labels)]
    (tmp_path / "t.csv").write_text("text,label,group\n" + "".join(rows) + "lost\n")
    reviews = Reviews(str(tmp_path / "t.csv"), validation=["m0"], test=["m3", "m4"])
    printed = print_summary(SequenceDataModule(reviews, workers=0), capsys)
    assert "train: 4 samples in 2 groups (m1, m2); POS 2, neg 2" in printed
    assert "validation: 2 samples in 1 group (m0); pos 2" in printed
    assert "test: none" in printed  # nobody teaches its label
    printed = "\n".join(printed)
    assert "left out: " in printed and "line 12: 1 cells under 3 columns" in printed
    reviews = Reviews(str(tmp_path / "t.csv"), validation=0.0, test=0.0)
    printed = print_summary(SequenceDataModule(reviews, workers=0), capsys)
    told = "train: 10 samples in 5 groups (m0, m1, m2, ...); 1 4, POS 2, neg 2, pos 2"
    assert told in printed and "test: none" in printed
    assert any("labels 'POS' (2) and 'pos' (2): did you mean one?" in line for line in printed)


def test_a_test_in_files_of_its_own_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rows = "".join(f"text {i},{label}\n" for i, label in enumerate("ab" * 20))
    (tmp_path / "train.csv").write_text(f"text,label\n{rows}")
    (tmp_path / "test.csv").write_text("damaged")
    lines = describe_parts(SequenceDataModule(Reviews(str(tmp_path))))
    assert lines == [
        "train: 36 samples, each a group; a 17, b 19",
        "validation: 4 samples, each a group; a 3, b 1",
        "test: in files of its own, read when it is scored",
    ]


def test_strings_and_made_data_have_no_labels_to_count():
    assert describe_parts(SequenceDataModule(SyntheticReviews(4, 1, 0))) == [
        "train: 4 samples in 1 group (train author 0)",
        "validation: 1 sample in 1 group (validation author 0)",
        "test: none",
    ]
