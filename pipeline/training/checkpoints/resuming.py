"""Going on with a training: its config.yaml, a checkpoint that is sound, and the command."""

import pickle
from pathlib import Path

import pytorch_lightning as pl
import torch
from jsonargparse import Namespace
from pytorch_lightning.cli import SaveConfigCallback

from datasets.output.files import write_whole

from ...config_files import WRITTEN
from ...parsing import common_options
from ..run_folder import run_folder


class SaveFitConfig(SaveConfigCallback):
    """Write config.yaml when a training begins: validating or testing a run leaves the file as it
    is, as does a training that is refused.

    Without the checkpoint and the name of this run: a new training from the file starts anew, and
    one that goes on in a copy of the folder writes into the copy. Also without other places to
    write to, which no config may name.
    """

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Lightning writes here, before a checkpoint is looked at."""

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self.save_config(trainer, module, "fit")

    def save_config(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        config = self.config.clone()
        config.name = config.ckpt_path = None
        leave_out_places(config)
        folder = run_folder(trainer)
        folder.mkdir(parents=True, exist_ok=True)
        text = self.parser.dump(config, skip_none=False, skip_validation=True)
        write_whole(folder / "config.yaml", text)


def leave_out_places(options: object) -> None:
    """Remove from parsed options, in place, where to write."""
    if isinstance(options, list):
        for item in options:
            leave_out_places(item)
    elif isinstance(options, Namespace):
        for name, value in list(vars(options).items()):
            if name in WRITTEN and value is not None:
                del options[name]
            leave_out_places(value)


def check_checkpoint(path: str) -> None:
    """Raise ValueError if a path is a URL, or a file that is no checkpoint or a damaged one.

    Lightning's names for a checkpoint, such as "best", and files that do not exist are left to it.
    """
    if "://" in path:
        raise ValueError(f"{path}: a URL; download the checkpoint and give its path")
    if not Path(path).is_file():
        return
    try:
        torch.load(path, map_location="meta", weights_only=True)["state_dict"]
    except (pickle.UnpicklingError, RuntimeError, KeyError, EOFError) as error:
        raise ValueError(
            f"{path}: not a checkpoint, or a damaged one ({Path(path).stat().st_size} "
            "bytes); give a .ckpt file from runs/NAME/checkpoints"
        ) from error


def how_to_go_on(folder: Path) -> str:
    """The command that resumes the training of a run folder, if a checkpoint is in it."""
    last = folder / "checkpoints" / "last.ckpt"
    if not last.exists():
        return "nothing was saved before the first checkpoint"
    command = ["python run.py fit", "-c", f"{folder}/config.yaml", "--ckpt_path", str(last)]
    return f"go on with: {' '.join([*command, *common_options()])}"
