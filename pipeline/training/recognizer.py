"""The one LightningModule: a SequenceModel with its loss, metrics and optimizer."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from datasets.batch import SequenceBatch, collate
from models import BagOfTokens, CTCHead, Encoder, Head, RecurrentStack, SequenceModel

from ..reading.bundle import compare_weights, describe_part, part_spec
from ..scoring.metrics import join_tallies, scores
from ..scoring.readings import error_rate, tally_readings
from ..scoring.string_evidence import EvidenceTally, StringEvidence, string_evidence
from ..scoring.temperature import LabelEvidence, label_evidence
from .averaging import MovingAverage
from .optimizer import make_optimizer
from .schedule import Schedule, learning_rate_share

Stage = Literal["train", "validation", "test"]
COUNTED, COUNTED_BYTES = 256, 64_000_000  # samples at a time, and bytes of their inputs


class SequenceRecognizer(pl.LightningModule):
    """Trains any encoder, recurrent stack and head on any batch of sequences.

    Args:
        input_size: from the data: pixels high, channels, or words in the table.
        labels: from the data: the labels in the order of their ids.
        encoder, recurrent, head: the parts; their sizes are filled in.
        shortcut: a second head on the encoder's features, in training only.
        shortcut_weight: its share in the loss.
        wide: a linear model on the inputs, counted on the training data before the first step; its
            logits are added to the head's.
        learning_rate: the peak, for AdamW.
        weight_decay: on weight matrices and kernels; biases, norms and vectors are spared.
        table_learning_rate: the peak for tables of word vectors, which then share one step size a
            table (see `TableAdamW`); null treats them like all other weights.
        schedule: `cosine` falls to zero at the end of the epochs, steps or time that the trainer is
            given, whichever comes first; `one_cycle` rises over the first 30 % of that and then
            falls; `constant` stays.
        warmup_steps: steps from zero to the peak; `one_cycle` has its own rise.
        average_decay: what is validated and kept is a moving average of the weights, which keeps
            this share of itself at each step, such as 0.999; null: the weights themselves.
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
        wide: Callable[[int, int], BagOfTokens] | None = None,
        learning_rate: float = 1.0e-3,
        weight_decay: float = 1.0e-2,
        table_learning_rate: float | None = None,
        schedule: Schedule = "cosine",
        warmup_steps: int = 100,
        average_decay: float | None = None,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.labels = list(labels)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.table_learning_rate = table_learning_rate
        self.schedule, self.warmup_steps = schedule, warmup_steps
        self.average_decay = average_decay
        # sizes flow one way: from the data into the encoder, from each part into the next
        built = encoder(input_size)
        stack = recurrent(built.output_size)
        self.model = SequenceModel(
            built,
            stack,
            head(stack.output_size, len(labels)),
            shortcut(built.output_size, len(labels)) if shortcut else None,
            shortcut_weight,
            wide(input_size, len(labels)) if wide else None,
        )
        self._tallies: list = []
        # of the last validation, to fit a calibration on
        self.told: list[LabelEvidence] | list[StringEvidence] = []
        self._strings = EvidenceTally()
        # training samples that did not fit, by name, with the reason
        self.dropped: dict[str, str] = {}
        self.scores: dict = {}  # of the last validation or test

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.model(inputs, lengths)

    def configure_callbacks(self) -> list[pl.Callback]:
        return [MovingAverage(self.average_decay)] if self.average_decay is not None else []

    def on_fit_start(self) -> None:
        data = self.trainer.datamodule.split("train")
        groups = np.unique(data.groups, return_inverse=True)[1]

        def texts():
            order = np.argsort(data.sizes, kind="stable")
            longest = data[int(order[-1])][1].inputs.nbytes
            size = max(1, min(COUNTED, COUNTED_BYTES // max(1, longest)))
            for piece in np.array_split(order, -(-len(order) // size)):
                batch = collate([data[i] for i in piece.tolist()])
                owners = torch.from_numpy(groups[piece])
                yield batch.inputs, batch.lengths, batch.targets, owners

        self.model.count(texts)

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
        if stage == "validation":
            if isinstance(self.model.head, CTCHead):
                self._strings.add(string_evidence(logits, lengths, readings, targets))
                return
            told = label_evidence(self.model.head, logits, batch.targets)
            self.told += [told] if told else []

    def on_validation_epoch_start(self) -> None:
        self._tallies.clear()
        self.told.clear()
        self._strings.clear()

    def on_validation_epoch_end(self) -> None:
        self.told = self._gather(self.told + self._strings.told())
        self._strings.clear()
        self._log_scores("validation")

    def on_test_epoch_start(self) -> None:
        self._tallies.clear()

    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    def _log_scores(self, stage: Stage) -> None:
        """Corpus scores in percent, over the samples of all processes."""
        self.scores = scores(join_tallies(self._gather(self._tallies)))
        named = {f"{stage}/{name}": score.value for name, score in self.scores.items()}
        named[f"{stage}/error"] = error_rate(self.scores)
        self.log_dict(named, sync_dist=True)  # equal everywhere: this only tells Lightning so
        self._tallies.clear()

    def _gather(self, found: list) -> list:
        """What every process found, on each of them."""
        if self.trainer.world_size == 1:
            return found
        gathered = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(gathered, found)
        return [one for part in gathered for one in part]

    def configure_optimizers(self):
        optimizer = make_optimizer(
            self.model, self.learning_rate, self.weight_decay, self.table_learning_rate
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def _rate(self, step: int) -> float:
        """Share of the peak learning rate at a step."""
        progress = self._progress(step)
        return learning_rate_share(self.schedule, step, self.warmup_steps, progress)

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
        checkpoint["reader"] = part_spec(self.trainer.datamodule.source.reader)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        if checkpoint["labels"] != self.labels:
            raise ValueError(
                f"the checkpoint's labels {shorten(checkpoint['labels'])} differ from the data's "
                f"{shorten(self.labels)}; use the data, or the alphabet, that it was trained with"
            )
        ours = part_spec(self.trainer.datamodule.source.reader)
        theirs = checkpoint.get("reader", ours)  # older checkpoints do not say
        if ours != theirs:
            raise ValueError(
                f"the checkpoint's input was prepared by {describe_part(theirs)}, the data's is by "
                f"{describe_part(ours)}; use the data, and its options, that it was trained with"
            )
        for name in ("state_dict", "current_model_state"):  # the second one where weights average
            if name in checkpoint:
                checkpoint[name] = self.model.without_copies(checkpoint[name])
        compare_weights(self.state_dict(), checkpoint["state_dict"], "the checkpoint")


def shorten(labels: list[str], most: int = 12) -> str:
    return f"{labels[:most]}{'' if len(labels) <= most else f' ... ({len(labels)} in all)'}"
