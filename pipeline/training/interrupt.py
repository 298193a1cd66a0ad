"""Ctrl-C ends a training between two batches, where everything can be saved."""

import signal
import threading

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from .callbacks import print_once


class StopBetweenBatches(Callback):
    """The first Ctrl-C waits for the batch at hand, a second one does not.

    An interrupt in the middle of a step can hit a lock of the logger or the progress bar.
    """

    def __init__(self) -> None:
        self.asked, self._before = False, None

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.asked, self._trainer = False, trainer
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_train_batch_end(self, trainer, module, *_) -> None:
        self._stop()

    def on_validation_batch_end(self, trainer, module, *_) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.asked:
            print_once(self._trainer, "interrupted: saving what is learned")
            raise KeyboardInterrupt

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
