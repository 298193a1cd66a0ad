"""Exponential moving average (EMA) of the weights: what is validated, kept and shipped."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from .signals import uninterrupted

WARMUP = 10  # after n steps the decay is at most (1 + n) / (WARMUP + n)


class MovingAverage(WeightAveraging):
    """Lightning's weight averaging with an EMA whose decay grows to `decay` over the first steps.

    With a constant decay the initial weights would dominate the average of a short training. The
    average is swapped in for every validation, in the checkpoints' `state_dict` and after the
    training; `applied` swaps it in at other times.
    Raises ValueError for a decay that is not between 0 and 1.
    """

    def __init__(self, decay: float):
        if not 0.0 < decay < 1.0:
            raise ValueError(f"average_decay {decay}: between 0 and 1, such as 0.999, or null")
        super().__init__(avg_fn=self._average)
        self.decay = decay
        self.swapped = False  # the module holds the average, and the averaged model the weights

    def _average(self, average: Tensor, weights: Tensor, steps: Tensor) -> Tensor:
        """The new average, of the same shape; steps: how many the old one has already seen."""
        if not average.is_floating_point():
            return weights  # integer buffers, such as the number of batches seen
        decay = min(self.decay, float((1 + steps) / (WARMUP + steps)))
        return average.lerp(weights, 1 - decay)

    def _swap_models(self, pl_module: pl.LightningModule) -> None:
        with uninterrupted():
            super()._swap_models(pl_module)
            self.swapped = not self.swapped

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """As Lightning's, but also correct during validation, where Ctrl-C saves a checkpoint."""
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if self.swapped:
            weights, average = checkpoint["state_dict"], checkpoint["current_model_state"]
            checkpoint |= {"state_dict": average, "current_model_state": weights}

    @contextmanager
    def applied(self, module: pl.LightningModule) -> Iterator[None]:
        """Context in which the module has the averaged weights."""
        try:
            self._swap_models(module)
            yield
        finally:
            if self.swapped:
                self._swap_models(module)


def averaged_weights(trainer: pl.Trainer, module: pl.LightningModule):
    """Context in which the module has its averaged weights, if the trainer averages any."""
    for callback in trainer.callbacks:
        if isinstance(callback, MovingAverage):
            return callback.applied(module)
    return nullcontext()
