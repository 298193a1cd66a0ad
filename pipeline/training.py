"""fit, validate and test:

LightningCLI with a strict parser and the callbacks that every run has.
"""

import os
import sys
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import TensorBoardLogger

from datasets import SequenceDataModule

from .bundle import load_bundle
from .callbacks import BestBundle, DataSummary, EpochReport, TrainingSpeed
from .recognizer import SequenceRecognizer

TRAINER = {
    "accelerator": "auto",
    "gradient_clip_val": 1.0,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,  # the bucket sampler shares its batches itself
    "log_every_n_steps": 10,
}


class StrictParser(LightningArgumentParser):
    """No abbreviations; an error is one short usage line and the reason, not a wall of options."""

    def __init__(self, *args, **kwargs):
        kwargs.update(allow_abbrev=False, usage="python run.py COMMAND -c CONFIG [--key=value ...]")
        super().__init__(*args, **kwargs)


class StrandCLI(LightningCLI):
    """One module, one data module; the data tells the network its sizes and labels."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.link_arguments("data.input_size", "model.input_size", apply_on="instantiate")
        parser.link_arguments("data.labels", "model.labels", apply_on="instantiate")
        parser.add_argument(
            "--name", type=str | None, help="folder under runs/ (default: the config's name)"
        )
        parser.add_argument(
            "--init_from", type=str | None, help="a bundle whose weights to start from"
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.set_defaults(
            {
                "checkpoint.monitor": "validation/error",
                "checkpoint.filename": "best",
                "checkpoint.save_last": True,
                "checkpoint.save_on_exception": True,
                "checkpoint.enable_version_counter": False,
                "early_stopping.monitor": "validation/error",
                "early_stopping.patience": 20,
            }
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        commands = LightningCLI.subcommands()
        commands.pop("predict")  # ours reads files, without Lightning
        return commands

    def _parse_ckpt_path(self) -> None:
        """Lightning would let the checkpoint's options override those given on the command line."""

    def before_instantiate_classes(self) -> None:
        options = self.config[self.subcommand]
        self.bundle = load_bundle(options.init_from) if options.init_from else None
        source = options.data.source.get("init_args", {})
        if (
            self.bundle and "alphabet" in source
        ):  # the bundle's labels, in its order, decide what can be read
            source["alphabet"] = "".join(self.bundle.labels)
        options.trainer.logger = False  # replaced below: the folder's name depends on other options

    def instantiate_trainer(self, **kwargs) -> pl.Trainer:
        folder = run_name(self.config[self.subcommand], self.subcommand)
        logger = TensorBoardLogger("runs", name=folder, version="", default_hp_metric=False)
        return super().instantiate_trainer(logger=logger, **kwargs)

    def before_fit(self) -> None:
        if self.bundle is None:
            return
        if self.bundle.labels != self.model.labels:
            raise ValueError(
                f"--init_from: the bundle has {len(self.bundle.labels)} labels, "
                f"the data {len(self.model.labels)}; start from a bundle with the same labels"
            )
        missing, unexpected = self.model.model.load_state_dict(
            self.bundle.model.state_dict(), strict=False
        )
        lacking = [key for key in missing if not key.startswith("shortcut.")]
        if lacking or unexpected:
            raise ValueError(
                f"--init_from: the parts differ: {lacking[:3]} missing, {unexpected[:3]} left over"
            )

    def after_fit(self) -> None:
        folder = Path(self.trainer.log_dir)
        last = folder / "checkpoints" / "last.ckpt"
        if self.trainer.interrupted:
            print(f"interrupted; go on with: --ckpt_path {last}")
        print(f"run folder: {folder} (best.safetensors, checkpoints/, TensorBoard log)")


def run_name(options, command: str) -> str:
    """The name given, or of the checkpoint's run, or of the config with the next free number."""
    if options.name or "STRAND_RUN" in os.environ:  # set for the other processes of a training
        return options.name or os.environ["STRAND_RUN"]
    checkpoint = Path(options.ckpt_path) if options.ckpt_path else None
    if checkpoint and checkpoint.parent.name == "checkpoints":
        return str(checkpoint.parent.parent.relative_to("runs"))
    stem = Path(str(options.config[-1])).stem if options.config else "run"
    name, number = stem, 1
    while (Path("runs") / name).exists():
        number += 1
        name = f"{stem}-{number}"
    os.environ["STRAND_RUN"] = name
    return name


def main(arguments: list[str]) -> int:
    torch.set_float32_matmul_precision("high")
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    try:
        StrandCLI(
            SequenceRecognizer,
            SequenceDataModule,
            trainer_defaults=TRAINER
            | {
                "callbacks": [
                    DataSummary(),
                    TrainingSpeed(),
                    EpochReport(),
                    BestBundle(),
                    LearningRateMonitor("step"),
                ]
            },
            seed_everything_default=0,
            parser_class=StrictParser,
            parser_kwargs={"error_handler": None} if False else {},
            auto_configure_optimizers=False,
            save_config_kwargs={"overwrite": True},
            args=arguments,
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
