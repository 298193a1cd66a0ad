"""Ctrl-C and SIGTERM while training: stop between two batches, where a checkpoint can be saved."""

import signal
import threading

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from ..interrupts import SIGNALS
from .callbacks import print_once


class StopBetweenBatches(Checkpoint):
    """Let the first Ctrl-C or SIGTERM take effect after the current batch, a second immediately.

    An interrupt in the middle of a step could find a lock of the logger or progress bar held, and
    would leave no state that can be saved. For the same reason it waits until accumulated gradients
    are applied, and must come after all other callbacks, so that they have seen the batch.
    """

    def __init__(self) -> None:
        self.requested, self._previous_handlers = False, {}

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            self._previous_handlers = {n: signal.signal(n, self._request) for n in SIGNALS}

    def _request(self, number, frame) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def on_train_batch_end(self, trainer, module, *_) -> None:
        if self.requested and not trainer.fit_loop._should_accumulate():
            print_once(trainer, "interrupted: saving what is learned")
            raise KeyboardInterrupt

    on_validation_batch_end = on_train_batch_end

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._previous_handlers = {}
