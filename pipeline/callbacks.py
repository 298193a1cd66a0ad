"""What a training tells: its data, its speed, sample readings, and the best bundle so far."""

import time
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from .bundle import Bundle, save_bundle
from .calibration import calibrate
from .metrics import line
from .scoring import describe


class DataSummary(Callback):
    """Before the first step: what is read, what is left out and why, how much is padding."""

    NAMED = 20  # problems printed one by one

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
            f"{count(module.model)} parameters",
        )
        self._name_problems(trainer)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._name_problems(trainer)

    def on_test_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._name_problems(trainer)

    def _name_problems(self, trainer: pl.Trainer) -> None:
        problems = trainer.datamodule.problems
        if problems:
            print_once(trainer, f"left out: {len(problems)} samples")
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
        self.samples += len(batch.lengths)
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
            said, true = describe(reading, module.labels), spell(target, module.labels, reading)
            text = f"{name}  \ntarget: {true}  \nreading: {said}"
            trainer.logger.experiment.add_text(f"samples/{place}", text, trainer.global_step)
            picture = first_picture(batch.inputs[place, : int(batch.lengths[place])])
            if picture is not None:
                trainer.logger.experiment.add_image(
                    f"samples/{place}", picture, trainer.global_step, dataformats="HW"
                )

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        told = "  ".join(line(name, score) for name, score in module.scores.items())
        speed = next((c for c in trainer.callbacks if isinstance(c, TrainingSpeed)), None)
        if speed is not None and speed.samples:
            spent = max(speed.ended - speed.started, 1e-9)
            told += f"  {speed.samples / spent:.0f} samples/s"
            told += f", waiting {100 * speed.waited / spent:.1f} %"
        print_once(trainer, f"epoch {trainer.current_epoch}: {told}")

    def on_test_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        told = "  ".join(line(name, score) for name, score in module.scores.items())
        print_once(trainer, f"test, {len(trainer.datamodule.split('test'))} samples: {told}")


class BestBundle(Callback):
    """Keeps the bundle of the best validation so far as best.safetensors in the run's folder."""

    def __init__(self) -> None:
        self.best = float("inf")

    def state_dict(self) -> dict:
        return {"best": self.best}

    def load_state_dict(self, state: dict) -> None:
        self.best = state["best"]

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking or not trainer.is_global_zero:
            return
        error = float(trainer.callback_metrics["validation/error"])
        if not error <= self.best:
            return
        self.best = error
        found = {name: score.value for name, score in module.scores.items()}
        calibration, changed = calibrate(module.told)
        found = {f"validation/{name}": round(s, 3) for name, s in (found | changed).items()}
        reader = trainer.datamodule.source.reader
        bundle = Bundle(module.model, module.labels, reader, found, calibration=calibration)
        save_bundle(bundle, run_folder(trainer) / "best.safetensors")


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


def count(model: torch.nn.Module) -> str:
    number = sum(p.numel() for p in model.parameters())
    return f"{number / 1e6:.2f} M" if number >= 1e5 else str(number)


def spell(target: list[int], labels: list[str], reading) -> str:
    return (
        "".join(labels[i] for i in target)
        if hasattr(reading, "steps")
        else " ".join(map(str, target))
    )


def first_picture(inputs: torch.Tensor) -> np.ndarray | None:
    """Columns (W, 1, H) or frames (T, C, H, W) -> a grey picture (H, W); words have none."""
    if inputs.dtype != torch.uint8 or not len(inputs):
        return None
    return inputs[:, 0].T.cpu().numpy() if inputs.ndim == 3 else inputs[0, 0].cpu().numpy()


def print_once(trainer: pl.Trainer, text: str) -> None:
    """Above the progress bar, on the first process only."""
    if trainer.is_global_zero:
        bar = trainer.progress_bar_callback
        bar.print(text) if bar is not None else print(text, flush=True)
