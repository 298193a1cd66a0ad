"""The one LightningModule: a SequenceModel with its loss, metrics and optimizer."""

import math
from collections.abc import Callable
from typing import Literal

import pytorch_lightning as pl
import torch
from torch import Tensor

from datasets.batch import SequenceBatch
from models import Encoder, Head, RecurrentStack, SequenceModel

from .bundle import compare_weights
from .metrics import join, scores
from .scoring import error_rate, tally_readings

Stage = Literal["train", "validation", "test"]


class SequenceRecognizer(pl.LightningModule):
    """Trains any encoder, recurrent stack and head on any batch of sequences.

    Args:
        input_size: from the data: pixels high, channels, or words in the table.
        labels: from the data: the labels in the order of their ids.
        encoder, recurrent, head: the parts; their sizes are filled in.
        shortcut: a second head on the encoder's features, in training only.
        shortcut_weight: its share in the loss.
        learning_rate: the peak, for AdamW.
        weight_decay: on weight matrices and kernels; biases, norms and vectors are spared.
        schedule: `cosine` falls to zero at the end of the epochs, steps or time that the trainer is
            given, whichever comes first; `constant` stays.
        warmup_steps: steps from zero to the peak.
    """

    def __init__(
        self,
        input_size: int,
        labels: list[str],
        encoder: Callable[[int], Encoder],
        recurrent: Callable[[int], RecurrentStack],
        head: Callable[[int, int], Head],
        shortcut: Callable[[int, int], Head] | None = None,
        shortcut_weight: float = 0.1,
        learning_rate: float = 1.0e-3,
        weight_decay: float = 1.0e-2,
        schedule: Literal["cosine", "constant"] = "cosine",
        warmup_steps: int = 100,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.labels = list(labels)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.schedule, self.warmup_steps = schedule, warmup_steps
        self.model = SequenceModel(
            input_size, len(labels), encoder, recurrent, head, shortcut, shortcut_weight
        )
        self._tallies: list = []
        self.dropped: dict[
            str, str
        ] = {}  # training samples that did not fit, by name, with the reason
        self.scores: dict = {}  # of the last validation or test

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.model(inputs, lengths)

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> Tensor | None:
        return self._step(batch, "train")

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        self._step(batch, "validation")

    def test_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        self._step(batch, "test")

    def _step(self, batch: SequenceBatch, stage: Stage) -> Tensor | None:
        fits = self._name_misfits(batch, stage)
        kept = batch if fits.all() else SequenceBatch(*(part[fits] for part in batch))
        loss = None
        if len(kept.indices):
            loss, logits, lengths = self.model.loss(*kept[:4])
            self.log(
                f"{stage}/loss",
                loss,
                prog_bar=stage == "train",
                batch_size=len(kept.indices),
                sync_dist=stage != "train",
            )
        elif (
            stage == "train"
        ):  # nothing to learn, but other processes wait for this one's gradients
            loss = 0.0 * sum(p.sum() for p in self.parameters())
        if stage != "train":  # every sample is scored, also those that no loss can be computed for
            if kept is not batch or loss is None:
                logits, lengths = self.model(batch.inputs, batch.lengths)
            self._score(batch, logits, lengths, stage)
        return loss

    def _name_misfits(self, batch: SequenceBatch, stage: Stage) -> Tensor:
        """(B,) bool:

        which samples have the steps that their targets need; the others are named once.
        """
        steps = self.model.encoder.output_lengths(batch.lengths)
        required = self.model.head.required_steps(batch.targets, batch.target_lengths)
        fits = required <= steps
        names = self.trainer.datamodule.split(stage).names
        for place in (~fits).nonzero().flatten().tolist():
            name = names[int(batch.indices[place])]
            if name not in self.dropped:
                self.dropped[name] = (
                    f"{name}: the target needs {int(required[place])} steps but the encoder leaves "
                    f"{int(steps[place])}; widen the image, shorten the transcript or pool less"
                )
                self.print(f"not in the loss: {self.dropped[name]}")
        return fits

    def _score(self, batch: SequenceBatch, logits: Tensor, lengths: Tensor, stage: Stage) -> None:
        readings = self.model.head.decode(logits, lengths)
        rows = zip(batch.targets.cpu().numpy(), batch.target_lengths.tolist(), strict=True)
        targets = [row[:n] if row.ndim else row for row, n in rows]
        groups = self.trainer.datamodule.split(stage).groups
        groups = [groups[i] for i in batch.indices.tolist()]
        self._tallies.append(tally_readings(readings, targets, groups, self.labels))

    def on_validation_epoch_start(self) -> None:
        self._tallies.clear()

    def on_validation_epoch_end(self) -> None:
        self._log_scores("validation")

    def on_test_epoch_start(self) -> None:
        self._tallies.clear()

    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    def _log_scores(self, stage: Stage) -> None:
        """Corpus scores in percent, over the samples of all processes."""
        tallies = self._tallies
        if self.trainer.world_size > 1:
            gathered = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(gathered, tallies)
            tallies = [tally for part in gathered for tally in part]
        self.scores = scores(join(tallies))
        named = {f"{stage}/{name}": score.value for name, score in self.scores.items()}
        named[f"{stage}/error"] = error_rate(self.scores)
        self.log_dict(named, sync_dist=True)  # equal everywhere: this only tells Lightning so
        self._tallies.clear()

    def configure_optimizers(self):
        decayed = [p for p in self.parameters() if p.ndim > 1]
        spared = [p for p in self.parameters() if p.ndim <= 1]
        groups = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def _rate(self, step: int) -> float:
        """Share of the peak learning rate at a step."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.schedule == "constant":
            return warm
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, self._progress(step))))

    def _progress(self, step: int) -> float:
        """Share of the training that is done, 0 to 1, by steps or by the clock, whichever is
        further.
        """
        shares = [0.0]
        total = self.trainer.estimated_stepping_batches
        if 0 < total < math.inf:
            shares.append(step / total)
        for callback in self.trainer.callbacks:
            if isinstance(callback, pl.callbacks.Timer) and callback._duration is not None:
                shares.append(callback.time_elapsed("train") / callback._duration)
        return max(shares)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["labels"] = self.labels

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        if checkpoint["labels"] != self.labels:
            raise ValueError(
                f"the checkpoint's labels {shorten(checkpoint['labels'])} differ from the data's "
                f"{shorten(self.labels)}; use the data, or the alphabet, that it was trained with"
            )
        compare_weights(self.state_dict(), checkpoint["state_dict"], "the checkpoint")


def shorten(labels: list[str], most: int = 12) -> str:
    return f"{labels[:most]}{'' if len(labels) <= most else f' ... ({len(labels)} in all)'}"
