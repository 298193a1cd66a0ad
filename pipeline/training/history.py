"""The training history: history.jsonl with a line per epoch, result.json when training is done."""

import json
import math
import os
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from datasets.output.files import write_whole
from datasets.output.text import print_lines

from .callbacks import TrainingSpeed, print_once
from .memory import peak_memory_mib
from .run_folder import run_folder, run_of
from .selection.best_bundle import BestBundle

HISTORY, RESULT = "history.jsonl", "result.json"


class TrainingHistory(Callback):
    """Append one JSON line per epoch to history.jsonl; resume from a checkpoint's epoch.

    The lines of the epochs before are those of the checkpoint's run, also in a new run's folder.
    Must precede LastCheckpoint in the list of callbacks: a line is on the disk before the
    checkpoint that counts it.
    """

    def __init__(self, speed: TrainingSpeed, best: BestBundle) -> None:
        self.speed, self.best = speed, best
        self.epochs, self.seconds = 0, 0.0  # finished epochs, seconds before the last resumption
        self._started: float | None = None
        self._losses: list[torch.Tensor] = []  # (loss, samples) of each batch
        self._earlier = torch.zeros(0, 2)  # those before the last resumption, in the same epoch
        self._validation: dict[str, float] = {}

    def state_dict(self) -> dict:
        return {
            "epochs": self.epochs,
            "seconds": self._elapsed(),
            "losses": self._all_losses(),
            "validation": self._validation,
        }

    def load_state_dict(self, state: dict) -> None:
        self.epochs, self.seconds = state["epochs"], state["seconds"]
        self._earlier = state.get("losses", self._earlier)  # absent from older checkpoints
        self._validation = state.get("validation", {})

    def _elapsed(self) -> float:
        """Seconds of training and validation, summed over all resumptions."""
        now = time.perf_counter()
        return self.seconds + (now - self._started if self._started is not None else 0.0)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._started = time.perf_counter()
        if trainer.is_global_zero:
            folder = run_folder(trainer)
            (folder / RESULT).unlink(missing_ok=True)
            before = run_of(trainer.ckpt_path) or folder
            kept = read_history(before)[: self.epochs] if self.epochs else []
            if len(kept) < self.epochs:
                had = f"{len(kept)} of the {self.epochs} epochs before the checkpoint"
                print_once(trainer, f"{folder / HISTORY}: has {had}; {before} has no others")
            write_whole(folder / HISTORY, "".join(json.dumps(row) + "\n" for row in kept))

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if outputs:  # empty if no sample of the batch has a loss
            samples = torch.tensor([float(len(batch.lengths))])
            loss = outputs["loss"].detach().reshape(1) * trainer.accumulate_grad_batches
            self._losses.append(torch.cat([loss, samples.to(loss)]))  # does not wait for the GPU

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._validation = {name: score.value for name, score in module.scores.items()}
            for name in ("error", "loss"):
                self._validation[name] = float(trainer.callback_metrics[f"validation/{name}"])

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.epochs += 1
        row = {
            "epoch": self.epochs,
            "seconds": round(self._elapsed(), 3),
            "train_loss": self._mean_loss(),
            "validation": self._validation,
            "best": self.best.epochs[-1:] == [self.epochs],
            "samples_per_second": self.speed.rates()[0] if self.speed.samples else math.nan,
            "peak_memory_mib": peak_memory_mib(),
            "parameters": sum(p.numel() for p in module.model.parameters()),
        }
        if torch.cuda.is_available():
            row["gpu_memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
        self._losses, self._validation = [], {}
        self._earlier = torch.zeros(0, 2)
        if trainer.is_global_zero:
            with open(run_folder(trainer) / HISTORY, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def _all_losses(self) -> torch.Tensor:
        """(N, 2): loss and samples of each batch of this epoch so far."""
        new = torch.stack(self._losses).cpu() if self._losses else torch.zeros(0, 2)
        return torch.cat([self._earlier, new])

    def _mean_loss(self) -> float:
        """Mean of the batch losses, weighted by samples; nan if there are none."""
        losses, samples = self._all_losses().double().unbind(1)
        return float((losses * samples).sum() / samples.sum()) if len(losses) else math.nan

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write result.json; Lightning does not call this for an interrupted training."""
        folder = run_folder(trainer)
        history = read_history(folder)
        if trainer.is_global_zero and history:
            write_whole(folder / RESULT, json.dumps(summarize(history), indent=1) + "\n")


def read_history(folder: Path) -> list[dict]:
    """Rows of a run's history.jsonl, up to the first invalid line, such as one cut by a crash."""
    path = folder / HISTORY
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            print_lines(f"{path}: line {number} is no JSON; the history ends before it")
            break
    return rows


def summarize(history: list[dict]) -> dict[str, float]:
    """Summary of a training from the rows of its history, as stored in result.json.

    best_epoch: the one kept in best.safetensors: the last that was the best so far, or the last
    epoch if none was validated. Older histories do not mark it: the lowest validation error.
    seconds_per_epoch: median time from the end of an epoch to the end of the next, validation
    included.
    """
    validated = [row for row in history if row["validation"]]
    marked = [row for row in history if row.get("best")]
    best = min(validated, key=lambda row: row["validation"]["error"], default=history[-1])
    best = marked[-1] if marked else best
    ends = [0.0, *(row["seconds"] for row in history)]
    summary = {
        "parameters": history[-1]["parameters"],
        "epochs": len(history),
        "best_epoch": best["epoch"],
        "seconds": history[-1]["seconds"],
        "seconds_per_epoch": median(b - a for a, b in pairwise(ends)),
        "samples_per_second": median(row["samples_per_second"] for row in history),
        "peak_memory_mib": max(row["peak_memory_mib"] for row in history),
    }
    if "gpu_memory_mib" in history[-1]:
        summary["gpu_memory_mib"] = max(row.get("gpu_memory_mib", 0.0) for row in history)
    return summary
