"""What a training tells: its data, its speed, sample readings, and the best bundle so far."""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Timer

from datasets.source import Problem
from models.heads.labels import Text

from ..reading.bundle import Bundle, save_bundle
from ..scoring.metrics import describe_score
from ..scoring.readings import describe_reading, spell
from ..scoring.temperature import Calibration, fit_calibration
from .averaging import averaged_weights
from .schedule import check_end


class DataSummary(Callback):
    """Before the first step: what is read, what is left out and why, how much is padding."""

    NAMED = 20  # problems printed one by one

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            check_end(module.schedule, has_end(trainer))

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        data = trainer.datamodule
        loader = trainer.train_dataloader
        # the test split is not even opened: it is for the end, after all choices
        parts = [f"{len(data.split(name))} {name}" for name in ("train", "validation")]
        waste = 100 * loader.batch_sampler.padding_waste()
        print_once(
            trainer,
            f"samples: {', '.join(parts)}; {len(data.labels)} labels; "
            f"{len(loader)} batches an epoch, padding waste {waste:.1f} %; "
            f"{count_parameters(module.model)} parameters",
        )
        self._name_problems(trainer)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._name_problems(trainer)

    def on_test_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._name_problems(trainer)

    def _name_problems(self, trainer: pl.Trainer) -> None:
        self._name(trainer, "left out: {} samples", trainer.datamodule.problems)
        self._name(trainer, "used, but look at them: {}", trainer.datamodule.source.notes)

    def _name(self, trainer: pl.Trainer, told: str, problems: Sequence[Problem]) -> None:
        if problems:
            print_once(trainer, told.format(len(problems)))
        for problem in problems[: self.NAMED]:
            print_once(trainer, f"  {problem.reason}")
        if len(problems) > self.NAMED:
            print_once(trainer, f"  ... and {len(problems) - self.NAMED} more")


class TrainingSpeed(Callback):
    """Samples a second, and the share of the time that the training thread waited for data."""

    def __init__(self) -> None:
        self.reset()  # a run resumed within an epoch has no epoch start

    def reset(self) -> None:
        self.samples, self.waited = 0, 0.0
        self.started = self.ended = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.reset()

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:
        now = time.perf_counter()
        if (
            batch_idx
        ):  # before the first batch the workers start: that is counted as start-up, not as waiting
            self.waited += now - self.ended
        else:
            self.started = now

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        self.samples += len(batch.lengths) * trainer.world_size  # of all, as far as one knows
        self.ended = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        spent = max(self.ended - self.started, 1e-9)
        self.speed, self.share = self.samples / spent, self.waited / spent
        module.log_dict(
            {"speed/samples_per_second": self.speed, "speed/waiting_percent": 100 * self.share}
        )


class EpochReport(Callback):
    """After each validation, one line with the scores and their intervals; readings of the first
    few samples.
    """

    def __init__(self, samples: int = 4):
        self.samples = samples

    def on_validation_batch_end(
        self, trainer, module, outputs, batch, batch_idx, dataloader_idx=0
    ) -> None:
        if trainer.sanity_checking or batch_idx:
            return
        with torch.no_grad():
            logits, lengths = module.model(
                batch.inputs[: self.samples], batch.lengths[: self.samples]
            )
        readings = module.model.head.decode(logits, lengths)
        data = trainer.datamodule.split("validation")
        for place, reading in enumerate(readings):
            name = data.names[int(batch.indices[place])]
            target = batch.targets[place].reshape(-1)[: int(batch.target_lengths[place])].tolist()
            said = describe_reading(reading, module.labels)
            of_text = isinstance(reading, Text)
            true = spell(target, module.labels) if of_text else " ".join(map(str, target))
            text = f"{name}  \ntarget: {true}  \nreading: {said}"
            trainer.logger.experiment.add_text(f"samples/{place}", text, trainer.global_step)
            picture = sample_image(batch.inputs[place, : int(batch.lengths[place])])
            if picture is not None:
                trainer.logger.experiment.add_image(
                    f"samples/{place}", picture, trainer.global_step, dataformats="HW"
                )

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            told = "  ".join(describe_score(name, score) for name, score in module.scores.items())
            print_once(trainer, f"epoch {trainer.current_epoch}: {told}{describe_speed(trainer)}")

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not validates(trainer):
            loss = float(trainer.callback_metrics.get("train/loss", float("nan")))
            told = f"training loss of the last batch {loss:.3f}"
            print_once(trainer, f"epoch {trainer.current_epoch}: {told}{describe_speed(trainer)}")

    def on_test_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        told = "  ".join(describe_score(name, score) for name, score in module.scores.items())
        print_once(trainer, f"test, {len(trainer.datamodule.split('test'))} samples: {told}")


def describe_speed(trainer: pl.Trainer) -> str:
    """What the epoch so far took, in words; nothing before the first batch."""
    speed = next((c for c in trainer.callbacks if isinstance(c, TrainingSpeed)), None)
    if speed is None or not speed.samples:
        return ""
    spent = max(speed.ended - speed.started, 1e-9)
    share = 100 * speed.waited / spent
    return f"  {speed.samples / spent:.0f} samples/s, waiting {share:.1f} %"


class BestBundle(Callback):
    """Keeps the bundle of the best validation so far as best.safetensors in the run's folder.

    Without any validation it is written at the end of the training, with the last weights.
    """

    def __init__(self) -> None:
        self.best = float("inf")

    def state_dict(self) -> dict:
        return {"best": self.best}

    def load_state_dict(self, state: dict) -> None:
        self.best = state["best"]

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if stage == "fit" and not validates(trainer):
            warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")
            for callback in trainer.checkpoint_callbacks:
                callback.monitor = None  # nothing is measured: best.ckpt is the last, without alarm

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not validates(trainer):
            print_once(
                trainer,
                "no validation split: nothing is chosen on the way; best.safetensors will be the "
                "last epoch's",
            )

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking or not trainer.is_global_zero:
            return
        error = float(trainer.callback_metrics["validation/error"])
        if not error <= self.best:
            return
        self.best = error
        found = {name: score.value for name, score in module.scores.items()}
        calibration, changed = fit_calibration(module.told)
        found = {f"validation/{name}": round(s, 3) for name, s in (found | changed).items()}
        with averaged_weights(trainer, module):  # Lightning has put the others back by now
            self._save(trainer, module, found, calibration)

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Only a training that came to its end gets here."""
        if trainer.is_global_zero and not validates(trainer):
            self._save(trainer, module, {}, Calibration())

    def _save(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        found: dict[str, float],
        calibration: Calibration,
    ) -> None:
        reader = trainer.datamodule.source.reader
        bundle = Bundle(module.model, module.labels, reader, found, calibration=calibration)
        save_bundle(bundle, run_folder(trainer) / "best.safetensors")


def has_end(trainer: pl.Trainer) -> bool:
    """Whether epochs, steps or time are limited; early stopping is no end that can be foreseen."""
    timers = (c for c in trainer.callbacks if isinstance(c, Timer))
    limited = trainer.max_epochs != -1 or trainer.max_steps != -1
    return limited or any(timer._duration is not None for timer in timers)


def validates(trainer: pl.Trainer) -> bool:
    """Whether there is anything to validate on."""
    return len(trainer.datamodule.split("validation")) > 0


class LastCheckpoint(Callback):
    """last.ckpt after each epoch, and when a training breaks off by Ctrl-C or an error.

    ModelCheckpoint's `save_last` leaves it as old as the best, and `save_on_exception` would
    overwrite the best.
    """

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        trainer.save_checkpoint(last_checkpoint(trainer), weights_only=False)

    def on_exception(
        self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException
    ) -> None:
        if trainer.state.fn == "fit" and trainer.global_step:
            trainer.save_checkpoint(last_checkpoint(trainer), weights_only=False)


def last_checkpoint(trainer: pl.Trainer) -> Path:
    return run_folder(trainer) / "checkpoints" / "last.ckpt"


def run_folder(trainer: pl.Trainer) -> Path:
    """Asks the logger: `trainer.log_dir` waits for all processes, and only the first one writes."""
    return Path(trainer.logger.log_dir)


def count_parameters(model: torch.nn.Module) -> str:
    number = sum(p.numel() for p in model.parameters())
    return f"{number / 1e6:.2f} M" if number >= 1e5 else str(number)


def sample_image(inputs: torch.Tensor) -> np.ndarray | None:
    """Columns (W, 1, H) or frames (T, C, H, W) -> a grey picture (H, W); words have none."""
    if inputs.dtype != torch.uint8 or not len(inputs):
        return None
    return inputs[:, 0].T.cpu().numpy() if inputs.ndim == 3 else inputs[0, 0].cpu().numpy()


def print_once(trainer: pl.Trainer, text: str) -> None:
    """Above the progress bar, on the first process only."""
    if trainer.is_global_zero:
        bar = trainer.progress_bar_callback
        bar.print(text) if bar is not None else print(text, flush=True)
