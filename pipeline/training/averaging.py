"""A moving average of the weights over the steps: what is validated, kept and shipped."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from .signals import uninterrupted

EARLY = 10  # with n steps behind it the average keeps at most (1 + n) / (EARLY + n) of itself


class MovingAverage(WeightAveraging):
    """Lightning's averaging, exponential, with a decay that grows to `decay` over the first steps.

    Without that, a short training would end on an average of its beginnings. The average stands in
    for the weights in every validation, in checkpoints' `state_dict` and after the training;
    `applied` puts it there in between.
    """

    def __init__(self, decay: float):
        if not 0.0 < decay < 1.0:
            raise ValueError(f"average_decay {decay}: between 0 and 1, such as 0.999, or null")
        super().__init__(avg_fn=self._average)
        self.decay = decay
        self.stands_in = False  # the average is in the module, and the weights in the average

    def _average(self, average: Tensor, weights: Tensor, steps: Tensor) -> Tensor:
        """Both of one shape; steps: how many are in the average already."""
        if not average.is_floating_point():
            return weights  # counts of batches
        decay = min(self.decay, float((1 + steps) / (EARLY + steps)))
        return average.lerp(weights, 1 - decay)

    def _swap_models(self, pl_module: pl.LightningModule) -> None:
        with uninterrupted():
            super()._swap_models(pl_module)
            self.stands_in = not self.stands_in

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """As Lightning's, also within a validation: there Ctrl-C ends a training as well."""
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if self.stands_in:
            weights, average = checkpoint["state_dict"], checkpoint["current_model_state"]
            checkpoint |= {"state_dict": average, "current_model_state": weights}

    @contextmanager
    def applied(self, module: pl.LightningModule) -> Iterator[None]:
        """The average in the place of the weights."""
        try:
            self._swap_models(module)
            yield
        finally:
            if self.stands_in:
                self._swap_models(module)


def averaged_weights(trainer: pl.Trainer, module: pl.LightningModule):
    """A context in which the module has its averaged weights, if this training averages any."""
    for callback in trainer.callbacks:
        if isinstance(callback, MovingAverage):
            return callback.applied(module)
    return nullcontext()
