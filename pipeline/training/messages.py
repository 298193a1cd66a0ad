"""Lightning's own messages, most of which are left out, and others in their place."""

import logging
import warnings
from collections.abc import Iterator

import pytorch_lightning as pl

from .selection.early_stopping import EpochEarlyStopping


def describe_missing(error: ModuleNotFoundError) -> str:
    """What to install for a class of the config, such as W&B's logger."""
    reason = " ".join(str(error).split())
    return f"a class of the config needs a package that is not installed: {reason}"


def quieten_lightning() -> None:
    """Silence Lightning's tips, its deprecation warnings and its warnings on deliberate choices."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(is_no_tip)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")
    warnings.filterwarnings("ignore", ".*is not supported by the model summary.*")
    warnings.filterwarnings("ignore", "[^a-z]*Dump of a value that does not round-trip.*")
    warnings.filterwarnings("ignore", category=FutureWarning, module="pytorch_lightning")


def is_no_tip(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()


def describe_end(trainer: pl.Trainer) -> Iterator[str]:
    """Why a training ended before its last epoch, if it did."""
    for callback in trainer.early_stopping_callbacks:
        if isinstance(callback, EpochEarlyStopping) and (reason := callback.describe()):
            yield reason
    if trainer.fast_dev_run:
        counts = f"trained on: {trainer.num_training_batches}"
        counts += f", validated on: {sum(trainer.num_val_batches)}"
        yield f"fast_dev_run: batches {counts}; nothing was written, no bundle either"
