"""Early stopping whose patience is in epochs since the best, and which says why it stopped."""

import math

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from .rule import MONITOR, monitored

LEAST_PATIENCE = 20  # epochs
PATIENCE = 1 / 3  # of the planned epochs


class EpochEarlyStopping(EarlyStopping):
    """Lightning's early stopping, with another patience.

    Args:
        patience: epochs since the best one after which the training stops, however often one is
            validated; null: a third of the planned epochs, and 20 at least.
        check_on_train_epoch_end: false: after each validation; not every epoch has one.
    """

    def __init__(
        self,
        monitor: str = MONITOR,
        patience: int | None = None,
        check_on_train_epoch_end: bool | None = False,
        **kwargs,
    ) -> None:
        super().__init__(
            monitor=monitor,
            patience=patience,
            check_on_train_epoch_end=check_on_train_epoch_end,
            **kwargs,
        )
        self.best_epoch: int | None = None  # counted from 1

    @property
    def state_key(self) -> str:
        """Lightning's own, under which older checkpoints have the state."""
        return super().state_key.replace(type(self).__qualname__, EarlyStopping.__qualname__, 1)

    def state_dict(self) -> dict:
        return super().state_dict() | {"best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state | {"patience": self.patience})  # the one given now
        self.best_epoch = state.get("best_epoch")
        if self.patience is None or self.wait_count < self.patience:
            self._forget_reason()

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        super().setup(trainer, module, stage)
        if stage == "fit" and self.patience is None:
            self.patience = max(LEAST_PATIENCE, math.ceil(PATIENCE * planned_epochs(trainer)))

    def _run_early_stopping_check(self, trainer: pl.Trainer) -> None:
        if self.strict:
            monitored(trainer, "early_stopping", self.monitor)
        self._forget_reason()
        best, epoch = self.best_score, trainer.current_epoch + 1
        if self.best_epoch is not None:
            self.wait_count = epoch - self.best_epoch - 1  # Lightning adds one
        super()._run_early_stopping_check(trainer)
        if self.best_score is not best:
            self.best_epoch = epoch

    def _forget_reason(self) -> None:
        self.stopping_reason = EarlyStoppingReason.NOT_STOPPED
        self.stopping_reason_message = None

    def describe(self) -> str:
        """One line: after which epoch the training stopped early, and why; "" if it did not."""
        epoch = f"stopped early after epoch {self.stopped_epoch + 1}: {self.monitor}"
        match self.stopping_reason:
            case EarlyStoppingReason.NOT_STOPPED:
                return ""
            case EarlyStoppingReason.PATIENCE_EXHAUSTED:
                since = f", since epoch {self.best_epoch}" if self.best_epoch else ""
                return (
                    f"{epoch} has not improved in {self.wait_count} epochs{since}; for more, give "
                    f"--early_stopping.patience (here {self.patience})"
                )
            case EarlyStoppingReason.STOPPING_THRESHOLD:
                return f"{epoch} has reached stopping_threshold {self.stopping_threshold:g}"
            case EarlyStoppingReason.DIVERGENCE_THRESHOLD:
                return f"{epoch} has reached divergence_threshold {self.divergence_threshold:g}"
            case _:
                return f"{epoch} is not finite"


def planned_epochs(trainer: pl.Trainer) -> float:
    """Epochs that a trainer is limited to by number or by steps; 0 if it is by neither."""
    if trainer.max_epochs > 0:
        return trainer.max_epochs
    if trainer.max_steps <= 0:
        return 0
    data = trainer.datamodule
    batches = math.ceil(len(data.split("train")) / data.batch_size)
    return trainer.max_steps * trainer.accumulate_grad_batches / max(1, batches)
