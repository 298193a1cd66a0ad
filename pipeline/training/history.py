"""What a training was like, epoch by epoch: history.jsonl, and result.json when it is finished."""

import json
import math
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from .callbacks import TrainingSpeed, run_folder
from .memory import peak_memory_mib
from .run_folder import write_whole

HISTORY, RESULT = "history.jsonl", "result.json"


class TrainingHistory(Callback):
    """One JSON line an epoch into the run's folder; it goes on where a checkpoint was written.

    Must stand before LastCheckpoint: a line is on the disk before the checkpoint that counts it.
    The training loss of an epoch that was interrupted is the mean of its batches since then.
    """

    def __init__(self) -> None:
        self.epochs, self.seconds = 0, 0.0  # finished, over all sittings
        self._started: float | None = None
        self._loss: list[torch.Tensor] = []
        self._validation: dict[str, float] = {}

    def state_dict(self) -> dict:
        return {"epochs": self.epochs, "seconds": self._elapsed()}

    def load_state_dict(self, state: dict) -> None:
        self.epochs, self.seconds = state["epochs"], state["seconds"]

    def _elapsed(self) -> float:
        """Seconds of training and validation, all sittings together."""
        now = time.perf_counter()
        return self.seconds + (now - self._started if self._started is not None else 0.0)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._started = time.perf_counter()
        self._loss, self._validation = [], {}
        if trainer.is_global_zero:
            folder = run_folder(trainer)
            (folder / RESULT).unlink(missing_ok=True)
            kept = read_history(folder)[: self.epochs] if self.epochs else []
            write_whole(folder / HISTORY, "".join(json.dumps(row) + "\n" for row in kept))

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if outputs:  # empty for a batch that had nothing to learn from
            share = torch.tensor([float(len(batch.lengths))])
            loss = outputs["loss"].detach().reshape(1) * trainer.accumulate_grad_batches
            self._loss.append(torch.cat([loss, share.to(loss)]))  # no wait for the GPU here

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._validation = {name: score.value for name, score in module.scores.items()}
            self._validation["error"] = float(trainer.callback_metrics["validation/error"])

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.epochs += 1
        speed = next((c for c in trainer.callbacks if isinstance(c, TrainingSpeed)), None)
        row = {
            "epoch": self.epochs,
            "seconds": round(self._elapsed(), 3),
            "train_loss": self._mean_loss(),
            "validation": self._validation,
            "samples_per_second": speed.speed if speed and speed.samples else math.nan,
            "peak_memory_mib": peak_memory_mib(),
            "parameters": sum(p.numel() for p in module.model.parameters()),
        }
        if torch.cuda.is_available():
            row["gpu_memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
        self._loss, self._validation = [], {}
        if trainer.is_global_zero:
            with open(run_folder(trainer) / HISTORY, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def _mean_loss(self) -> float:
        if not self._loss:
            return math.nan
        losses, shares = torch.stack(self._loss).double().unbind(1)
        return float((losses * shares).sum() / shares.sum())

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Only a training that came to its end gets here."""
        history = read_history(run_folder(trainer))
        if trainer.is_global_zero and history:
            found = json.dumps(summarize(history), indent=1) + "\n"
            write_whole(run_folder(trainer) / RESULT, found)


def read_history(folder: Path) -> list[dict]:
    """The lines of history.jsonl; a last line that a power cut left half written is no line."""
    path = folder / HISTORY
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"{path}: line {number} is no JSON; the history ends before it")
            break
    return rows


def summarize(history: list[dict]) -> dict[str, float]:
    """A whole history -> its figures.

    best_epoch: the last one of the lowest validation error, as best.safetensors has it; without
    any validation the last epoch.
    seconds_per_epoch: median of the time from one epoch's end to the next, validation included.
    """
    rated = [row for row in history if row["validation"]]
    lowest = min((row["validation"]["error"] for row in rated), default=math.nan)
    best = [row["epoch"] for row in rated if row["validation"]["error"] == lowest]
    ends = [0.0, *(row["seconds"] for row in history)]
    found = {
        "parameters": history[-1]["parameters"],
        "epochs": len(history),
        "best_epoch": best[-1] if best else history[-1]["epoch"],
        "seconds": history[-1]["seconds"],
        "seconds_per_epoch": median(b - a for a, b in pairwise(ends)),
        "samples_per_second": median(row["samples_per_second"] for row in history),
        "peak_memory_mib": max(row["peak_memory_mib"] for row in history),
    }
    if "gpu_memory_mib" in history[-1]:
        found["gpu_memory_mib"] = max(row.get("gpu_memory_mib", 0.0) for row in history)
    return found
