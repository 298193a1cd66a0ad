"""The callback that saves the bundle of the best epoch so far."""

import warnings
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from datasets.output.files import write_whole

from ...reading.bundle import Bundle, save_bundle
from ...reading.bundle_files import BEST
from ...scoring.seen_samples import SeenSamples
from ...scoring.temperature import Calibration, fit_calibration
from ..averaging import averaged_weights
from ..callbacks import has_validation, print_once
from ..checks.finite import check_weights_finite
from ..run_folder import run_folder, run_of
from .rule import MONITOR, is_better, monitored, worst

OLDER_MONITOR = "validation/error"  # of checkpoints that name none


class BestBundle(Callback):
    """Save the bundle of the best epoch so far as RUN_FOLDER/best.safetensors.

    The best is what `checkpoint.monitor` and `checkpoint.mode` say, as for best.ckpt. Without a
    validation split it is saved at the end of the training, with the last weights. That it can be
    saved is checked before the first step.

    start: what the bundle that the training starts from has seen, if it starts from one.
    """

    def __init__(self) -> None:
        self.monitor, self.mode = MONITOR, "min"
        self.best = worst(self.mode)
        self.start = SeenSamples()
        self._seen: SeenSamples | None = None
        self.epochs: list[int] = []  # those whose bundle was saved, from 1; the last is the best

    def state_dict(self) -> dict:
        return {"best": self.best, "epochs": self.epochs, "monitor": self.monitor}

    def load_state_dict(self, state: dict) -> None:
        if state.get("monitor", OLDER_MONITOR) in (self.monitor, OLDER_MONITOR):
            self.best, self.epochs = state["best"], state.get("epochs", [])

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        checkpoint = trainer.checkpoint_callback
        self.monitor, self.mode = checkpoint.monitor, checkpoint.mode
        self.best = worst(self.mode)
        if not has_validation(trainer):
            warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, ModelCheckpoint):
                    callback.monitor = None  # nothing to monitor: best.ckpt is the last, unwarned

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.is_global_zero and self.best != worst(self.mode):
            self._take_along(run_folder(trainer) / BEST, run_of(trainer.ckpt_path))
        if not has_validation(trainer):
            print_once(
                trainer,
                "no validation: nothing is chosen on the way; best.safetensors will be the "
                "last epoch's",
            )

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        if self.monitor is not None:
            value = monitored(trainer, "checkpoint", self.monitor)
            if not is_better(value, self.best, self.mode):
                return
            self.best = value
        self.epochs.append(trainer.current_epoch + 1)
        if not trainer.is_global_zero:
            return
        calibration, changed = fit_calibration(module.evidence)
        values = {name: score.value for name, score in module.scores.items()} | changed
        scores = {f"validation/{name}": round(value, 3) for name, value in values.items()}
        with averaged_weights(trainer, module):  # at this hook Lightning has restored the others
            self._save(trainer, module, scores, calibration)

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Lightning does not call this for an interrupted training."""
        if trainer.is_global_zero and not has_validation(trainer):
            with averaged_weights(trainer, module):  # also if there was nothing left to train
                self._save(trainer, module, {}, Calibration())

    def _take_along(self, best: Path, before: Path | None) -> None:
        """Copy the best bundle so far of the checkpoint's run into a folder of a new name; if it is
        in neither, the next one is the best.
        """
        if best.exists():
            return
        if before is not None and (before / BEST).is_file():
            write_whole(best, (before / BEST).read_bytes())
        else:
            self.best, self.epochs = worst(self.mode), []

    def _save(self, trainer, module, scores: dict[str, float], calibration: Calibration) -> None:
        check_weights_finite(module)
        reader = trainer.datamodule.source.reader
        if self._seen is None:  # now, not before the first step: it may read all the data once
            self._seen = self.start
            for role in ("train", "validation"):
                self._seen = self._seen.add(role, trainer.datamodule.split(role).digests())
        bundle = Bundle(
            module.model, module.labels, reader, scores, calibration=calibration, seen=self._seen
        )
        save_bundle(bundle, run_folder(trainer) / BEST)
