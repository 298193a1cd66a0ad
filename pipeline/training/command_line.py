"""The command line of a training: LightningCLI, a strict parser, the callbacks of every run."""

import logging
import pickle
import sys
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from pytorch_lightning.loggers import TensorBoardLogger

from datasets import SequenceDataModule

from ..parsing import StrictParser
from ..reading.bundle import Bundle, describe_part, load_bundle, part_spec
from ..reading.prediction import multiplies_bfloat16
from .alphabets import Alphabet, choose_alphabet
from .callbacks import BestBundle, DataSummary, EpochReport, LastCheckpoint, TrainingSpeed
from .forgetting import Forgetting
from .history import TrainingHistory
from .initialization import initialize_from
from .interrupt import StopBetweenBatches
from .recognizer import SequenceRecognizer
from .run_folder import run_name

TRAINER = {
    "accelerator": "auto",
    "gradient_clip_val": 1.0,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,  # the bucket sampler shares its batches itself
    "log_every_n_steps": 10,
}

INTERRUPTED = 130  # the exit status that shells give to a program ended by Ctrl-C


class TrainingParser(StrictParser, LightningArgumentParser):
    """Lightning's options, strictly."""

    def __init__(self, *args, **kwargs):
        usage = "python run.py fit|validate|test -c CONFIG [--key=value ...]"
        super().__init__(*args, **kwargs, usage=f"{usage} (--help lists the keys)")


class SaveFitConfig(SaveConfigCallback):
    """Validating or testing a run leaves its config.yaml as it was trained."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            super().setup(trainer, pl_module, stage)


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
        parser.add_argument(
            "--alphabet",
            type=Alphabet,
            default="union",
            help="with --init_from: read the bundle's characters and the data's (union), the "
            "data's alone (replace) or the bundle's alone (keep)",
        )
        parser.add_argument(
            "--remember",
            type=str | None,
            help="with --init_from: lines that the bundle can read (a folder, a labels.tsv, or a "
            "config, whose validation lines they are), scored before and after",
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.set_defaults(
            {
                "checkpoint.monitor": "validation/error",
                "checkpoint.filename": "best",
                "checkpoint.enable_version_counter": False,
                "early_stopping.monitor": "validation/error",
                "early_stopping.patience": 20,
                "early_stopping.check_on_train_epoch_end": False,  # some epochs end unvalidated
            }
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        commands = LightningCLI.subcommands()
        commands.pop("predict")  # ours reads files, without Lightning
        return commands

    def parse_arguments(self, parser: LightningArgumentParser, args: list[str]) -> None:
        self.config = parser.parse_args(args)

    def _parse_ckpt_path(self) -> None:
        """Lightning would let the checkpoint's options override those given on the command line.

        Raises ValueError, before data is read, for a file that is no checkpoint.
        """
        path = self.config[self.config.subcommand].ckpt_path
        if path and Path(path).is_file():
            try:
                torch.load(path, map_location="meta", weights_only=True)["state_dict"]
            except (pickle.UnpicklingError, RuntimeError, KeyError, EOFError) as error:
                raise ValueError(
                    f"{path}: not a checkpoint, or a damaged one ({Path(path).stat().st_size} "
                    "bytes); give a .ckpt file from runs/NAME/checkpoints"
                ) from error

    def before_instantiate_classes(self) -> None:
        options = self.config[self.subcommand]
        self.bundle = load_bundle(options.init_from) if options.init_from else None
        if self.bundle and same_head(self.bundle, options.model.head):
            choose_alphabet(options.data.source, self.bundle.labels, options.alphabet)
        if options.remember and not options.init_from:
            raise ValueError("--remember goes with --init_from: what is not known is not forgotten")
        on_gpu = options.trainer.accelerator != "cpu" and torch.cuda.is_available()
        native = multiplies_bfloat16("cuda" if on_gpu else "cpu")
        if options.trainer.precision == "bf16-mixed" and not native:
            print("this processor has no bfloat16: training in float32, slower but as well")
            options.trainer.precision = "32-true"
        options.weights_only = True  # a checkpoint may come from anywhere: it must run no code
        options.trainer.logger = False  # replaced below: the folder's name depends on other options

    def instantiate_trainer(self, **kwargs) -> pl.Trainer:
        folder = run_name(self.config[self.subcommand], self.subcommand)
        logger = TensorBoardLogger("runs", name=folder, version="", default_hp_metric=False)
        return super().instantiate_trainer(logger=logger, **kwargs)

    def before_fit(self) -> None:
        if self.bundle is None:
            return
        ours, theirs = part_spec(self.datamodule.source.reader), part_spec(self.bundle.reader)
        if ours != theirs:
            raise ValueError(
                f"--init_from: the bundle prepares its input with {describe_part(theirs)}, the "
                f"data with {describe_part(ours)}; give both the same options"
            )
        told = initialize_from(self.model.model, self.model.labels, self.bundle)
        if self.trainer.is_global_zero:
            print(told)
            options = self.config[self.subcommand]
            self.forgetting = (
                Forgetting(options.init_from, options.remember) if options.remember else None
            )

    def fit(self, **options) -> None:
        """Lightning ends the process on Ctrl-C; before that, say how to go on.

        Raises ValueError or OSError for what is wrong before the first step, RuntimeError later.
        """
        try:
            self.trainer.fit(**options)
        except (ValueError, OSError) as error:
            if self.trainer.global_step:  # no longer a matter of config or data: show where
                raise RuntimeError("the training broke off") from error
            raise
        except SystemExit:
            folder = Path(self.trainer.log_dir)
            last = folder / "checkpoints" / "last.ckpt"
            if last.exists():
                told = f"python run.py fit -c {folder}/config.yaml --ckpt_path {last}"
                print(f"interrupted; go on with: {told}")
            else:
                print("interrupted before the first step: nothing to save")
            sys.exit(INTERRUPTED)

    def after_fit(self) -> None:
        folder = Path(self.trainer.log_dir)
        if not self.trainer.is_global_zero:
            return
        best, last = folder / "best.safetensors", folder / "checkpoints" / "last.ckpt"
        if not best.exists():
            there = f"{last.name} is there" if last.exists() else "nothing was saved"
            print(f"run folder: {folder} (ended before the first validation; {there})")
            return
        if self.bundle is not None and self.forgetting is not None:
            print(self.forgetting.note(best))
        print(f"run folder: {folder} (best.safetensors, checkpoints/, TensorBoard log)")


def same_head(bundle: Bundle, head) -> bool:
    """Whether a config's head is of the bundle's kind."""
    return head.class_path.rpartition(".")[2] == type(bundle.model.head).__name__


def quieten_lightning() -> None:
    """Its advertisements, and what it says of its own code or of choices made here on purpose."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(is_no_tip)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")
    warnings.filterwarnings("ignore", "[^a-z]*Dump of a value that does not round-trip.*")
    warnings.filterwarnings("ignore", category=FutureWarning, module="pytorch_lightning")


def is_no_tip(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()


def command_line(kind: type[StrandCLI], arguments: list[str]) -> StrandCLI:
    """Parse and do what the arguments ask for, as this kind of command line does it."""
    callbacks = [
        DataSummary(),
        TrainingSpeed(),
        EpochReport(),
        BestBundle(),
        TrainingHistory(),  # before the checkpoint that counts its lines
        LastCheckpoint(),
        StopBetweenBatches(),
        LearningRateMonitor("step"),
    ]
    return kind(
        SequenceRecognizer,
        SequenceDataModule,
        trainer_defaults=TRAINER | {"callbacks": callbacks},
        seed_everything_default=0,
        parser_class=TrainingParser,
        auto_configure_optimizers=False,
        save_config_callback=SaveFitConfig,
        save_config_kwargs={"overwrite": True},
        args=arguments,
    )
