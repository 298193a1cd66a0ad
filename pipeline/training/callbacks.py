"""Callbacks that report on a training."""

import time
from collections.abc import Sequence

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, RichProgressBar, Timer

from datasets import SequenceDataModule
from datasets.output.text import clean
from datasets.source import Problem
from datasets.splits.parts import describe_part, parts_of
from models.heads.labels import Text

from ..reading.order import logical_readings, swap_order
from ..scoring.metrics import describe_score
from ..scoring.readings import describe_reading, join_labels
from .schedule import check_length_known

MAX_PROBLEMS = 20  # problems with the data printed one by one
LOGGED_SAMPLES = 4  # validation samples whose readings are logged


class DataSummary(Callback):
    """Print the sizes of the data, the fraction of padding and the samples left out with reasons,
    before the first step.
    """

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            check_length_known(module.schedule, length_known(trainer))

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        data = trainer.datamodule
        loader = trainer.train_dataloader
        sizes = [f"{len(data.split(name))} {name}" for name in ("train", "validation")]
        waste = 100 * loader.batch_sampler.padding_waste()
        print_once(
            trainer,
            f"samples: {', '.join(sizes)}; {len(data.labels)} labels; "
            f"{len(loader)} batches an epoch, padding waste {waste:.1f} %; "
            f"{count_parameters(module.model)} parameters",
        )
        for line in describe_parts(data):
            print_once(trainer, line)
        self._print_problems(trainer)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._print_problems(trainer)

    def on_test_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._print_problems(trainer)

    def _print_problems(self, trainer: pl.Trainer) -> None:
        for line in trainer.datamodule.source.passed_over:
            print_once(trainer, line)
        print_problems(trainer, "left out: {} samples", trainer.datamodule.problems)
        print_problems(trainer, "used, but look at them: {}", trainer.datamodule.source.notes)


def describe_parts(data: SequenceDataModule) -> list[str]:
    """Samples, groups and labels of each part; a test in files of its own stays unopened."""
    unread = data.source.unread
    lines = [describe_part(part) for part in parts_of(data.source, unread, data.split)]
    return lines + [f"{name}: in files of its own, read when it is scored" for name in unread]


def print_problems(trainer: pl.Trainer, heading: str, problems: Sequence[Problem]) -> None:
    """Print the heading with the number of problems, then the first MAX_PROBLEMS of them."""
    if problems:
        print_once(trainer, heading.format(len(problems)))
    for problem in problems[:MAX_PROBLEMS]:
        print_once(trainer, f"  {problem.reason}")
    if len(problems) > MAX_PROBLEMS:
        print_once(trainer, f"  ... and {len(problems) - MAX_PROBLEMS} more")


class TrainingSpeed(Callback):
    """Measure samples per second and the fraction of the time spent waiting for data.

    The time before the first batch of an epoch, when the workers start, is not counted.
    """

    def __init__(self) -> None:
        self.reset()  # a run resumed within an epoch has no on_train_epoch_start

    def reset(self) -> None:
        self.samples, self.waited = 0, 0.0
        self.started = self.ended = time.perf_counter()

    def rates(self) -> tuple[float, float]:
        """Samples per second, and the fraction of the time spent waiting, in this epoch so far."""
        seconds = max(self.ended - self.started, 1e-9)
        return self.samples / seconds, self.waited / seconds

    def describe(self) -> str:
        """The rates as text to append to a line; empty before the first batch."""
        if not self.samples:
            return ""
        samples_per_second, waiting = self.rates()
        return f"  {samples_per_second:.0f} samples/s, waiting {100 * waiting:.1f} %"

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.reset()

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:
        now = time.perf_counter()
        if batch_idx:
            self.waited += now - self.ended
        else:
            self.started = now

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        self.samples += len(batch.lengths) * trainer.world_size  # assumes as many on each process
        self.ended = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        samples_per_second, waiting = self.rates()
        module.log_dict(
            {
                "speed/samples_per_second": samples_per_second,
                "speed/waiting_percent": 100 * waiting,
                "epoch": trainer.current_epoch + 1.0,
            }
        )


class EpochReport(Callback):
    """After each validation, print the scores with their intervals on one line, and log the
    readings of the first few samples to TensorBoard.
    """

    def __init__(self, speed: TrainingSpeed):
        self.speed = speed

    def on_validation_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if trainer.sanity_checking or batch_idx:
            return
        with torch.no_grad():
            logits, lengths = module.model(
                batch.inputs[:LOGGED_SAMPLES], batch.lengths[:LOGGED_SAMPLES]
            )
        names = trainer.datamodule.split("validation").names
        log, step = trainer.logger.experiment, trainer.global_step
        reader = trainer.datamodule.source.reader
        readings = module.model.head.decode(logits, lengths)
        for i, reading in enumerate(logical_readings(readings, module.labels, reader)):
            ids = batch.targets[i].reshape(-1)[: int(batch.target_lengths[i])].tolist()
            is_text = isinstance(reading, Text)
            ids = swap_order(ids, module.labels, reader) if is_text else ids
            target = join_labels(ids, module.labels) if is_text else " ".join(map(str, ids))
            text = f"{names[int(batch.indices[i])]}  \ntarget: {target}  \n"
            text += f"reading: {describe_reading(reading, module.labels)}"
            log.add_text(f"samples/{i}", text, step)
            image = sample_image(batch.inputs[i, : int(batch.lengths[i])])
            if image is not None:
                log.add_image(f"samples/{i}", image, step, dataformats="HW")

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._print(trainer, describe_scores(module))

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not has_validation(trainer):
            loss = float(trainer.callback_metrics.get("train/loss", float("nan")))
            self._print(trainer, f"training loss of the last batch {loss:.3f}")

    def _print(self, trainer: pl.Trainer, text: str) -> None:
        print_once(trainer, f"epoch {trainer.current_epoch + 1}: {text}{self.speed.describe()}")

    def on_test_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        size = len(trainer.datamodule.split("test"))
        print_once(trainer, f"test, {size} samples: {describe_scores(module)}")


def describe_scores(module: pl.LightningModule) -> str:
    return "  ".join(describe_score(name, score) for name, score in module.scores.items())


class TrainingProgress(RichProgressBar):
    """Lightning's progress bar, with epochs counted from 1."""

    def _get_train_description(self, current_epoch: int) -> str:
        text = f"Epoch {current_epoch + 1}"
        if self.trainer.max_epochs > 0:
            text += f"/{self.trainer.max_epochs}"
        return text.ljust(len(self.validation_description))


def length_known(trainer: pl.Trainer) -> bool:
    """Whether epochs, steps or time are limited; early stopping cannot be foreseen."""
    timers = (c for c in trainer.callbacks if isinstance(c, Timer))
    limited = trainer.max_epochs != -1 or trainer.max_steps != -1
    return limited or any(timer._duration is not None for timer in timers)


def has_validation(trainer: pl.Trainer) -> bool:
    """Whether the validation split has any samples, and they are not left out."""
    return len(trainer.datamodule.split("validation")) > 0 and trainer.limit_val_batches != 0


def count_parameters(model: torch.nn.Module) -> str:
    """The number of parameters as text, such as "0.25 M"; in full below 100 000."""
    number = sum(p.numel() for p in model.parameters())
    return f"{number / 1e6:.2f} M" if number >= 1e5 else str(number)


def sample_image(inputs: torch.Tensor) -> np.ndarray | None:
    """Columns (W, 1, H) or the first frame of (T, C, H, W) as a grey image (H, W); words: None."""
    if inputs.dtype != torch.uint8 or not len(inputs):
        return None
    return inputs[:, 0].T.cpu().numpy() if inputs.ndim == 3 else inputs[0, 0].cpu().numpy()


def print_once(trainer: pl.Trainer, text: str) -> None:
    """Print above the progress bar, on the first process only."""
    if trainer.is_global_zero:
        bar, text = trainer.progress_bar_callback, clean(text)
        bar.print(text) if bar is not None else print(text, flush=True)
