"""The callback that saves last.ckpt, from which a training goes on as if never stopped."""

import time
from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from datasets.environment import MachineError

from ..callbacks import print_once
from ..checks.finite import DivergenceError, check_weights_finite
from ..run_folder import run_folder
from ..selection.rule import MONITOR
from . import position

EVERY_S = 600.0  # seconds between two checkpoints within an epoch
LOOK = 50  # batches between two looks at the clock, on which all processes must agree
# what may be saved: "batch" and "validated" can be gone on from, "step" is the inside of a step or
# of the end of a validation, "epoch" is saved already
Stage = Literal["step", "batch", "validated", "epoch"]


class LastCheckpoint(Checkpoint):
    """Save last.ckpt after each epoch, in long ones, and when a training is interrupted.

    Going on from any checkpoint gives, on a CPU, what training on would have given, bit for bit:
    the order of the samples and all that is drawn are functions of seeds, epoch, batch and index,
    so beside the state of network, optimizer and callbacks only the position is kept. Inside a step
    that state is in between: an error there leaves the checkpoint before as it is.

    Must be the last callback, so that all others have seen the batch, validation or epoch before.
    Not Lightning's ModelCheckpoint: its `save_last` would update last.ckpt only together with the
    best checkpoint, and its `save_on_exception` would overwrite the best.
    """

    def __init__(self) -> None:
        self._stage: Stage | None = None  # before the training
        self._validated = False  # since the last batch
        self._begun, self._saved = time.monotonic(), None  # seconds, of the last checkpoint too
        self._max_steps: int | None = None  # restored after the validation that is due

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._stage = "step"

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:
        self._stage, self._validated = "step", False

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if trainer.fit_loop._should_accumulate():
            return  # gradients are not kept
        self._stage = "batch"
        late = time.monotonic() - (self._saved or self._begun) > EVERY_S
        if batch_idx % LOOK == LOOK - 1 and trainer.strategy.broadcast(late):
            self._save(trainer)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save before the first bundle: there is none without a checkpoint to go on from."""
        if self._stage == "batch" and self._saved is None:
            self._save(trainer)

    def on_validation_epoch_end(self, trainer, module) -> None:
        self._stage, self._validated = "step", True

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._stage = "validated"
        if self._max_steps is not None:
            trainer.fit_loop.epoch_loop.max_steps, self._max_steps = self._max_steps, None

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._stage = "epoch"
        self._save(trainer)

    def on_exception(self, trainer, module, exception: BaseException) -> None:
        if trainer.state.fn != "fit":
            return
        if self._stage in ("batch", "validated"):
            try:
                self._save(trainer)
            except (MachineError, DivergenceError) as error:  # the exception is of more interest
                print_once(trainer, f"not saved: {error}")
        elif self._stage == "step" and last_checkpoint(trainer).exists():
            print_once(trainer, f"stopped within a step: {last_checkpoint(trainer)} is older")

    def _save(self, trainer: pl.Trainer) -> None:
        check_weights_finite(trainer.lightning_module)
        trainer.save_checkpoint(last_checkpoint(trainer), weights_only=False)
        self._saved = time.monotonic()

    def on_save_checkpoint(self, trainer, module, checkpoint: dict) -> None:
        """Set the position; also in the best checkpoint, which is saved while a validation ends."""
        loops = checkpoint["loops"]["fit_loop"]
        if self._stage == "epoch":
            position.place_after_epoch(loops)
            return
        epoch_loop = trainer.fit_loop.epoch_loop
        due = bool(epoch_loop._should_check_val_fx(trainer.fit_loop._data_fetcher))
        position.place_after_batch(loops, due, self._validated)

    def on_load_checkpoint(self, trainer, module, checkpoint: dict) -> None:
        if trainer.state.fn != "fit":
            return
        loops = checkpoint["loops"]["fit_loop"]
        adopt_older(checkpoint["callbacks"])
        position.mend_older(loops)
        trainer.datamodule.start = position.next_batch(loops)
        if trainer.max_steps != -1 and position.is_between_epochs(loops):
            # Lightning "restarts" the epoch then, and counts a step for it
            loops[position.LOOP + "state_dict"]["_batches_that_stepped"] -= 1
        done = loops[position.OPTIMIZER]["optimizer"]["step"]["total"]["completed"]
        if position.is_validation_due(loops) and done == trainer.max_steps:
            # Lightning would not even begin
            self._max_steps = trainer.max_steps
            trainer.fit_loop.epoch_loop.max_steps = -1
        self._stop_early(trainer, checkpoint["callbacks"])

    def _stop_early(self, trainer: pl.Trainer, states: dict[str, dict]) -> None:
        """Stop a training at once that had stopped early, unless its patience is raised now."""
        for callback in trainer.early_stopping_callbacks:
            state = states.get(callback.state_key)
            if state:
                state["patience"] = callback.patience  # else Lightning takes the old one
                if state["wait_count"] >= callback.patience:
                    trainer.should_stop = True


def adopt_older(states: dict[str, dict]) -> None:
    """Give the states of callbacks of older checkpoints, which monitored the error alone, also the
    keys of today's callbacks.
    """
    for key, state in list(states.items()):
        states.setdefault(key.replace("'validation/error'", repr(MONITOR)), state)


def last_checkpoint(trainer: pl.Trainer) -> Path:
    return run_folder(trainer) / "checkpoints" / "last.ckpt"
