"""The measured training speed."""

import types

from pipeline.training.callbacks import TrainingSpeed


def test_the_speed_is_that_of_all_processes(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("pipeline.training.callbacks.time.perf_counter", lambda: float(next(clock)))
    logged: dict[str, float] = {}
    module = types.SimpleNamespace(log_dict=logged.update)
    trainer = types.SimpleNamespace(world_size=2)
    batch = types.SimpleNamespace(lengths=[5, 7, 9])
    speed = TrainingSpeed()
    speed.on_train_epoch_start(trainer, module)
    for index in range(3):
        speed.on_train_batch_start(trainer, module, batch, index)
        speed.on_train_batch_end(trainer, module, None, batch, index)
    speed.on_train_epoch_end(trainer, module)
    # a second each: three batches and the two waits between them
    assert logged == {"speed/samples_per_second": 18 / 5, "speed/waiting_percent": 40.0}
