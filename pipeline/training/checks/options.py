"""Options of the trainer and its callbacks that a run could not follow."""

from jsonargparse import Namespace

from ..selection.rule import MONITORS, check_monitor

ONE_FILE = (0, 1)  # values of checkpoint.save_top_k with which best.ckpt is the only file


def check_options(options: Namespace) -> None:
    """Raise ValueError for an option that a run cannot follow, with the one to give instead."""
    for group in MONITORS:
        check_monitor(group, options[group].monitor, options[group].mode)
    trainer = options.trainer
    if trainer.enable_checkpointing is False:
        raise ValueError(
            "trainer.enable_checkpointing false: a run keeps last.ckpt, to go on from, and its "
            "best; leave the option out, or try a config with --trainer.fast_dev_run=true"
        )
    if trainer.default_root_dir is not None:
        raise ValueError(
            f"trainer.default_root_dir {trainer.default_root_dir}: all that a run writes is in "
            "runs/NAME of the working folder; give --name, or start it in another folder"
        )


def complete(options: Namespace) -> None:
    """Several best checkpoints have names of their own, with their epoch."""
    checkpoint = options.checkpoint
    if checkpoint.filename == "best" and checkpoint.save_top_k not in ONE_FILE:
        checkpoint.filename = "best-{epoch}"
