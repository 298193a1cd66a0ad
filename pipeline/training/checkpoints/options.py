"""Options of a training that have changed since the checkpoint was saved: the new ones hold.

A checkpoint keeps learning rates and weight decay with the optimizer's state, and the seed, and
restoring it would bring the old ones back.
"""

import os

import pytorch_lightning as pl

from datasets.output.text import print_lines

from ..optimizer import make_optimizer

OPTIONS = (
    "learning_rate", "weight_decay", "table_learning_rate", "schedule", "warmup_steps",
    "average_decay", "shortcut_weight",
)  # fmt: skip


def take_options(checkpoint: dict, module: pl.LightningModule) -> None:
    """Put the options of a module's optimizer into a loaded checkpoint, in place, and give the
    module the seed of this start; print each that has changed.

    Raises ValueError if the optimizer has other groups of weights than the checkpoint's.
    """
    before, now = checkpoint.get("hyper_parameters", {}), module.hparams
    changed = [name for name in OPTIONS if name in before and before[name] != now[name]]
    changes = [f"model.{name} {now[name]} instead of {before[name]}" for name in changed]
    seed = int(os.environ.get("PL_GLOBAL_SEED", module.seed or 0))  # absent without seed_everything
    if module.seed not in (None, seed):
        changes.append(f"seed_everything {seed} instead of {module.seed}")
        module.seed = seed
    if changed:  # else bit for bit as without an interruption
        take_rates(checkpoint, module)
    if changes and module.trainer.is_global_zero:
        print_lines(f"going on with other options: {', '.join(changes)}")


def take_rates(checkpoint: dict, module: pl.LightningModule) -> None:
    """Put learning rates and weight decay of a module into a loaded checkpoint, in place."""
    groups = checkpoint["optimizer_states"][0]["param_groups"]
    new_groups = make_optimizer(module.model, *module.rates).param_groups
    if len(groups) != len(new_groups):
        raise ValueError(
            "model.table_learning_rate: a training that began without it goes on without it, and "
            "with it with it"
        )
    for group, new in zip(groups, new_groups, strict=True):
        old, base = group["initial_lr"], new["lr"]
        # of the first step: after each the schedule sets it anew
        rate = group["lr"] * base / old if old else base
        group |= {"lr": rate, "initial_lr": base, "weight_decay": new["weight_decay"]}
    checkpoint["lr_schedulers"][0]["base_lrs"] = [group["initial_lr"] for group in groups]
