"""The LightningModule: a SequenceModel with its loss, metrics and optimizer."""

import math
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from datasets.batch import SequenceBatch, collate
from datasets.output.text import clean
from datasets.vocabulary import case_pairs
from models import BagOfTokens, CTCHead, Encoder, Head, RecurrentStack, SequenceModel

from ..reading.bundle import check_weights, part_spec
from ..reading.order import is_visual, logical_readings, swap_order
from ..scoring.metrics import compute_scores, join_tallies
from ..scoring.readings import error_rate, recase, tally_readings
from ..scoring.string_evidence import EvidenceBuffer, StringEvidence, string_evidence
from ..scoring.temperature import LabelEvidence, label_evidence
from .averaging import MovingAverage
from .checkpoints.options import take_options
from .checks.checkpoint import check_checkpoint
from .checks.finite import check_step, clip_gradients
from .checks.targets import check_some_target_fits, describe_shortage
from .optimizer import make_optimizer
from .schedule import Schedule, learning_rate_factor
from .selection.rule import MONITOR, selection_value

Stage = Literal["train", "validation", "test"]
# limits of a batch for SequenceModel.count: samples, and bytes of their inputs
COUNT_SAMPLES, COUNT_BYTES = 256, 64_000_000


class SequenceRecognizer(pl.LightningModule):
    """Train an encoder, recurrent stack and head on batches of sequences.

    Args:
        input_size: image height in pixels, number of channels, or size of the vocabulary; set from
            the data.
        labels: the labels in the order of their ids; set from the data.
        encoder, recurrent, head: the parts of the network; their sizes are set automatically.
        shortcut: a second head on the encoder's features, used in training only.
        shortcut_weight: weight of its loss.
        wide: a linear model on the inputs, with counts taken on the training data before the first
            step; its logits are added to the head's.
        learning_rate: peak learning rate of AdamW.
        weight_decay: applies to weight matrices and kernels, not to biases, norms and vectors.
        table_learning_rate: peak learning rate of embedding tables, each of which then shares one
            second moment (see `TableAdamW`); null treats them like all other weights.
        schedule: `cosine` falls to zero at the end of the trainer's epochs, steps or time,
            whichever comes first; `one_cycle` rises over the first 30 % of that and then falls;
            `constant` stays at the peak.
        warmup_steps: steps from zero to the peak; `one_cycle` has its own rise.
        average_decay: decay of a moving average of the weights, such as 0.999, which is validated
            and kept in their place; null: no averaging.
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
        self.rates = learning_rate, weight_decay, table_learning_rate
        self.schedule, self.warmup_steps = schedule, warmup_steps
        self.average_decay = average_decay
        # sizes flow one way: from the data into the encoder, from each part into the next
        first = encoder(input_size)
        stack = recurrent(first.output_size)
        self.model = SequenceModel(
            first,
            stack,
            head(stack.output_size, len(labels)),
            shortcut(first.output_size, len(labels)) if shortcut else None,
            shortcut_weight,
            wide(input_size, len(labels)) if wide else None,
        )
        pairs = torch.tensor(case_pairs(labels), dtype=torch.int64).reshape(-1, 2)
        for part in (self.model.head, self.model.shortcut):
            if isinstance(part, CTCHead):
                part.pairs = pairs
        self._tallies: list = []
        # of the last validation, to fit a calibration on
        self.evidence: list[LabelEvidence] | list[StringEvidence] = []
        self._strings = EvidenceBuffer()
        self._too_long: set[str] = set()  # names of the samples already reported
        self.seed: int | None = None  # of all that training steps draw
        self._pending: list[tuple[Tensor, Tensor]] = []  # loss and indices since the last update
        self._losses: list[tuple[Tensor, int]] = []  # outside training: loss and samples of batches
        self.scores: dict = {}  # of the last validation or test

    def configure_callbacks(self) -> list[pl.Callback]:
        return [MovingAverage(self.average_decay)] if self.average_decay is not None else []

    def on_fit_start(self) -> None:
        """Let the parts of the network that use statistics of the training data collect them."""
        self.seed = torch.initial_seed() if self.seed is None else self.seed
        data = self.trainer.datamodule.split("train")
        check_some_target_fits(self.model, data)
        groups = np.unique(data.groups, return_inverse=True)[1]

        def batches() -> Iterator[tuple[Tensor, ...]]:
            order = np.argsort(data.sizes, kind="stable")
            longest = data[int(order[-1])][1].inputs.nbytes
            size = max(1, min(COUNT_SAMPLES, COUNT_BYTES // max(1, longest)))
            for indices in np.array_split(order, -(-len(order) // size)):
                batch = collate([data[i] for i in indices.tolist()])
                owners = torch.from_numpy(groups[indices])
                yield batch.inputs, batch.lengths, batch.targets, owners

        self.model.count(batches)

    def on_train_batch_start(self, batch: SequenceBatch, batch_idx: int) -> None:
        """Seed the step: what dropout draws depends on the seed, epoch and batch alone, so that a
        training that goes on from a checkpoint draws the same.
        """
        key = (self.seed, self.current_epoch, batch_idx, self.global_rank)
        seed = int(np.random.SeedSequence(key).generate_state(1)[0])
        torch.default_generator.manual_seed(seed)  # torch.manual_seed takes 10 times as long
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(seed)

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> Tensor | None:
        loss = self._step(batch, "train")
        self.log("epoch", self.current_epoch + 1.0)  # Lightning's own counts from 0
        self._pending.append((loss.detach(), batch.indices))
        return loss

    def configure_gradient_clipping(
        self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None
    ) -> None:
        """Clip as Lightning does, before which the loss and the gradients must be finite.

        Raises DivergenceError, with the samples, before the weights take the step.
        """
        norm = clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        losses, indices = zip(*self._pending, strict=True)
        self._pending.clear()
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            norm = torch.zeros_like(norm)  # the scaler of float16 skips a step that overflows
        all_names = self.trainer.datamodule.split("train").names
        names = [all_names[i] for i in torch.cat(indices).tolist()]
        where = f"epoch {self.current_epoch + 1}, step {self.global_step + 1}"
        check_step(where, losses, norm, names, optimizer.param_groups[0]["lr"])

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        self._step(batch, "validation")

    def test_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        self._step(batch, "test")

    def _step(self, batch: SequenceBatch, stage: Stage) -> Tensor | None:
        """Compute the loss over the samples that can have one; outside training, score them all."""
        training = stage == "train"
        fits = self._check_steps(batch, stage)
        kept = batch if fits.all() else SequenceBatch(*(part[fits] for part in batch))
        loss, size = None, len(kept.indices)
        if size:
            loss, logits, lengths = self.model.loss(*kept[:4])
            if training:
                self.log("train/loss", loss, batch_size=size, prog_bar=True)
            else:
                self._losses.append((loss, size))
        elif training:  # no loss, but other processes wait for this one's gradients
            loss = 0.0 * sum(p.sum() for p in self.parameters())
        if not training:  # every sample is scored, also those without a loss
            if kept is not batch or loss is None:
                logits, lengths = self.model(batch.inputs, batch.lengths)
            self._score(batch, logits, lengths, stage)
        return loss

    def _check_steps(self, batch: SequenceBatch, stage: Stage) -> Tensor:
        """(B,) bool: whether the encoder leaves as many steps as the target needs. Reports each
        sample that has too few once.
        """
        steps = self.model.encoder.output_lengths(batch.lengths)
        required = self.model.head.required_steps(batch.targets, batch.target_lengths)
        fits = required <= steps
        names = self.trainer.datamodule.split(stage).names
        for i in (~fits).nonzero().flatten().tolist():
            name = names[int(batch.indices[i])]
            if name not in self._too_long:
                self._too_long.add(name)
                shortage = describe_shortage(name, int(required[i]), int(steps[i]))
                self.print(clean(f"not in the loss: {shortage}"))
        return fits

    def _score(self, batch: SequenceBatch, logits: Tensor, lengths: Tensor, stage: Stage) -> None:
        """Add the batch to the tallies, and on the validation split to the evidence."""
        readings = self.model.head.decode(logits, lengths)
        rows = zip(batch.targets.cpu().numpy(), batch.target_lengths.tolist(), strict=True)
        targets = [row[:n] if row.ndim else row for row, n in rows]
        data, indices = self.trainer.datamodule.split(stage), batch.indices.tolist()
        groups = [data.groups[i] for i in indices]
        if data.any_case is not None:
            unknown = [data.any_case[i] for i in indices]
            targets = recase(readings, targets, unknown, self.labels)
        reader = self.trainer.datamodule.source.reader
        scored, true = readings, targets
        if is_visual(reader):  # texts are scored as they are read, like those of bundles
            scored = logical_readings(readings, self.labels, reader)
            true = [np.array(swap_order(t, self.labels, reader), np.int64) for t in targets]
        self._tallies.append(tally_readings(scored, true, groups, self.labels))
        if stage == "validation":
            if isinstance(self.model.head, CTCHead):
                self._strings.add(string_evidence(logits, lengths, readings, targets))
                return
            evidence = label_evidence(self.model.head, logits, batch.targets)
            self.evidence += [evidence] if evidence else []

    def on_validation_epoch_start(self) -> None:
        self.evidence.clear()

    def on_validation_epoch_end(self) -> None:
        self.evidence = self._gather(self.evidence + self._strings.evidence())
        self._strings.clear()
        self._log_scores("validation")

    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    def _log_scores(self, stage: Stage) -> None:
        """Compute and log the corpus scores in percent, over the samples of all processes."""
        self.scores = compute_scores(join_tallies(self._gather(self._tallies)))
        error, loss = error_rate(self.scores), self._mean_loss()
        named = {name: score.value for name, score in self.scores.items()}
        named = {f"{stage}/{k}": v for k, v in (named | {"error": error, "loss": loss}).items()}
        if self.trainer.state.fn == "fit":
            named["epoch"] = self.current_epoch + 1.0
        self.log_dict(named, sync_dist=True)  # equal on all processes; avoids a warning
        if stage == "validation":  # not logged: it looks as the error does
            self.trainer.callback_metrics[MONITOR] = selection_value(error, loss)
        self._tallies.clear()

    def _mean_loss(self) -> float:
        """Mean over the samples that have a loss, of all processes; nan without any."""
        losses = self._gather([(float(loss), size) for loss, size in self._losses])
        self._losses.clear()
        samples = sum(size for _, size in losses)
        return sum(loss * size for loss, size in losses) / samples if samples else math.nan

    def _gather(self, items: list) -> list:
        """The concatenated lists of all processes, on each of them."""
        if self.trainer.world_size == 1:
            return items
        gathered = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(gathered, items)
        return list(chain.from_iterable(gathered))

    def configure_optimizers(self):
        optimizer = make_optimizer(self.model, *self.rates)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def _rate(self, step: int) -> float:
        """Factor on the peak learning rate at a step.

        The progress is the fraction of the training done by steps or by time, whichever is larger.
        """
        progress = 0.0
        total = self.trainer.estimated_stepping_batches
        if 0 < total < math.inf:
            progress = step / total
        for callback in self.trainer.callbacks:
            if isinstance(callback, pl.callbacks.Timer) and callback._duration is not None:
                progress = max(progress, callback.time_elapsed("train") / callback._duration)
        return learning_rate_factor(self.schedule, step, self.warmup_steps, progress)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["seed"] = self.seed
        checkpoint["labels"] = self.labels
        checkpoint["reader"] = part_spec(self.trainer.datamodule.source.reader)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        self.seed = checkpoint.get("seed")  # absent from older checkpoints
        if self.trainer.state.fn == "fit":
            take_options(checkpoint, self)
        check_checkpoint(checkpoint, self.labels, self.trainer.datamodule.source.reader)
        for name in ("state_dict", "current_model_state"):  # the second with averaging only
            if name in checkpoint:
                checkpoint[name] = self.model.without_copies(checkpoint[name])
        check_weights(self.state_dict(), checkpoint["state_dict"], "the checkpoint")
