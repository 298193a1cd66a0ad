"""The LightningCLI behind `fit`, `validate` and `test`: options, trainer defaults and callbacks."""

import logging
import pickle
import sys
import warnings
from pathlib import Path
from typing import NoReturn

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from datasets import RealLines, SequenceDataModule
from datasets.environment import MachineError, note_busy, raise_if_machine
from datasets.output.files import write_whole
from datasets.output.text import print_error, print_lines

from ..evaluation.improvement import Improvement
from ..interrupts import INTERRUPTED
from ..parsing import StrictParser, common_options, misread_scalars
from ..reading.bundle import describe_part, load_bundle, part_spec
from ..reading.bundle_files import BEST, find_bundle
from ..reading.prediction import has_native_bfloat16
from .alphabets import Alphabet, choose_alphabet
from .callbacks import BestBundle, DataSummary, EpochReport, TrainingSpeed
from .checkpoints.files import AtomicCheckpoints
from .checkpoints.last import LastCheckpoint
from .checks.finite import DivergenceError
from .defaults.choice import choose_defaults, take_reader_options
from .defaults.given_options import config_texts, given_options, options_in
from .forgetting import Forgetting
from .history import TrainingHistory
from .initialization import initialize_from
from .interrupt import StopBetweenBatches
from .recognizer import SequenceRecognizer
from .run_folder import RunFolder, next_commands, run_folder

TRAINER = {
    "accelerator": "auto",
    "gradient_clip_val": 1.0,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,  # the bucket sampler shares its batches itself
    "log_every_n_steps": 10,
}


class TrainingParser(StrictParser, LightningArgumentParser):
    """Lightning's argument parser with the error messages of StrictParser."""

    def __init__(self, *args, **kwargs):
        usage = "python run.py fit|validate|test -c CONFIG [--key=value ...]"
        super().__init__(*args, **kwargs, usage=f"{usage} (--help lists the keys)")


class SaveFitConfig(SaveConfigCallback):
    """Write config.yaml when fitting only; validating or testing a run leaves the file as it is.

    Without the checkpoint and the name of this run: a new training from the file starts anew, and
    one that goes on in a copy of the folder writes into the copy.
    """

    def save_config(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            config = self.config.clone()
            config.name = config.ckpt_path = None
            folder = run_folder(trainer)
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / "config.yaml", self.parser.dump(config, skip_none=False))


class StrandCLI(LightningCLI):
    """LightningCLI for one module and one data module, which gives the network its input size and
    labels.
    """

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
                "early_stopping.check_on_train_epoch_end": False,  # not every epoch is validated
            }
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        # `run.py predict` is implemented without Lightning
        return {k: skip for k, skip in LightningCLI.subcommands().items() if k != "predict"}

    def parse_arguments(self, parser: LightningArgumentParser, args: list[str]) -> None:
        """Parse with defaults for what the configs among the arguments leave open."""
        self.given = given_options(args)
        unusable: OSError | ValueError | None = None
        try:
            self.defaults = choose_defaults(self.given)
        except (OSError, ValueError) as error:  # of the bundle; a misspelt key is named before it
            unusable, rest = error, {k: v for k, v in self.given.items() if k != "init_from"}
            self.defaults = choose_defaults(rest)
        values = [value for _, value in options_in(args)]
        parser.misread = misread_scalars([*config_texts(args), *values])
        for command in self._subcommand_parsers.values():
            command.misread = parser.misread
            command.set_defaults(self.defaults.values)
        self.config = parser.parse_args(args)
        if unusable:
            raise unusable

    def _parse_ckpt_path(self) -> None:
        """Check the checkpoint file; Lightning would also let the hyperparameters in it override
        the options given on the command line.

        Raises ValueError, before any data is read, if the file is not a checkpoint.
        """
        path = self.config[self.config.subcommand].ckpt_path
        if path and "://" in path:
            raise ValueError(f"{path}: a URL; download the checkpoint and give its path")
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
        self.forgetting: Forgetting | None = None
        self.improvement: Improvement | None = None
        self.bundle = load_bundle(options.init_from) if options.init_from else None
        if self.bundle:
            source = (self.given.get("data") or {}).get("source")
            path = str(find_bundle(options.init_from))
            take_reader_options(options.data.source, source, self.bundle, path)
            head = type(self.bundle.model.head).__name__
            if options.model.head.class_path.rpartition(".")[2] == head:
                choose_alphabet(options.data.source, self.bundle.labels, options.alphabet)
        if options.remember and not options.init_from:
            raise ValueError("--remember goes with --init_from: what is not known is not forgotten")
        on_gpu = options.trainer.accelerator != "cpu" and torch.cuda.is_available()
        native = has_native_bfloat16("cuda" if on_gpu else "cpu")
        if options.trainer.precision == "bf16-mixed" and not native:
            print("this processor has no bfloat16: training in float32, slower but as well")
            options.trainer.precision = "32-true"
        options.weights_only = True  # unpickling an untrusted checkpoint could run arbitrary code
        options.trainer.logger = False  # made in instantiate_trainer, which knows the run's name

    def instantiate_trainer(self, **kwargs) -> pl.Trainer:
        self.folder = RunFolder(self.config[self.subcommand], fit=self.subcommand == "fit")
        name = self.folder.name
        logger = TensorBoardLogger("runs", name=name, version="", default_hp_metric=False)
        try:
            trainer = super().instantiate_trainer(logger=logger, **kwargs)
        except (MisconfigurationException, ImportError, RuntimeError) as error:
            self.folder.leave()
            advice = "correct the --trainer options; --trainer.accelerator auto takes what is there"
            raise ValueError(f"trainer: {error}; {advice}") from error
        trainer.strategy.checkpoint_io = AtomicCheckpoints()
        trainer.callbacks += [LastCheckpoint(), StopBetweenBatches()]  # in this order, after all
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            super()._run_subcommand(subcommand)
        finally:
            self.folder.leave()

    def before_fit(self) -> None:
        if busy := note_busy(torch.get_num_threads()):
            print(busy)
        if self.defaults.note and self.trainer.is_global_zero:
            print(f"{self.defaults.note}; see {Path(self.trainer.log_dir)}/config.yaml")
        if self.bundle is None:
            return
        ours, theirs = part_spec(self.datamodule.source.reader), part_spec(self.bundle.reader)
        if ours != theirs:
            raise ValueError(
                f"--init_from: the bundle prepares its input with {describe_part(theirs)}, the "
                f"data with {describe_part(ours)}; give both the same options"
            )
        summary = initialize_from(self.model.model, self.model.labels, self.bundle)
        if getattr(self.datamodule.source, "vocabulary", None) and (
            self.model.labels == self.bundle.labels
        ):
            self.model.model.keep_ratios()
        if self.trainer.is_global_zero:
            print(summary)
            options = self.config[self.subcommand]
            if len(self.datamodule.split("validation")):
                head = self.model.model.head
                self.improvement = Improvement(options.init_from, self.datamodule, head)
            if options.remember:
                self.forgetting = Forgetting(options.init_from, options.remember)

    def fit(self, **options) -> None:
        """Train; after Ctrl-C print the command that resumes the training and exit with status 130.

        Raises ValueError or OSError for an error before the first step (in the config or the data),
        MachineError for one of the machine, RuntimeError for another one after it.
        """
        try:
            self.trainer.fit(**options)
        except DivergenceError as error:
            last = self.folder.path / "checkpoints" / "last.ckpt"
            kept = f"the last good checkpoint is {last}" if last.exists() else "nothing was saved"
            print_error(f"{error}; {kept}")
            sys.exit(1)
        except (ValueError, OSError) as error:
            raise_if_machine(error)  # one line, also after hours
            if self.trainer.global_step:  # now a bug: show the traceback
                raise RuntimeError("the training broke off") from error
            raise
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            if self.stopper.requested:  # the signal that asked us to stop reached it first
                self.end_interrupted()
            reason = " ".join(str(error).split())
            raise MachineError(
                f"a process that reads the data died ({reason}); it may have run out of memory: "
                f"take fewer workers, or --data.workers 0; {self.how_to_go_on()}"
            ) from error
        except SystemExit:  # raised by Lightning on KeyboardInterrupt and SIGTERM
            self.end_interrupted()

    def end_interrupted(self) -> NoReturn:
        """Print how to go on, and exit."""
        print_lines(f"interrupted; {self.how_to_go_on()}")
        sys.exit(INTERRUPTED)

    def how_to_go_on(self) -> str:
        """The command that resumes the training, if a checkpoint is there."""
        folder = Path(self.trainer.log_dir)
        last = folder / "checkpoints" / "last.ckpt"
        if not last.exists():
            return "nothing was saved before the first checkpoint"
        command = ["python run.py fit", "-c", f"{folder}/config.yaml", "--ckpt_path", str(last)]
        return f"go on with: {' '.join([*command, *common_options()])}"

    @property
    def stopper(self) -> StopBetweenBatches:
        """The callback that hears of Ctrl-C and SIGTERM."""
        return next(c for c in self.trainer.callbacks if isinstance(c, StopBetweenBatches))

    def after_fit(self) -> None:
        folder = Path(self.trainer.log_dir)
        if not self.trainer.is_global_zero:
            return
        best, last = folder / BEST, folder / "checkpoints" / "last.ckpt"
        if not best.exists():
            saved = f"{last.name} is there" if last.exists() else "nothing was saved"
            print_lines(f"run folder: {folder} (ended before the first validation; {saved})")
            return
        if self.forgetting is not None:
            print(self.forgetting.report(best))
        if self.improvement is not None:
            print(self.improvement.report(best))
        print_lines(f"run folder: {folder} (best.safetensors, checkpoints/, TensorBoard log)")
        has_lines = bool(self.real_lines() and len(self.datamodule.split("validation")))
        print(next_commands(folder, has_lines))

    def real_lines(self) -> bool:
        """Whether the validation lines are files, not made anew for each training."""
        source = self.datamodule.source
        return isinstance(getattr(source, "sources", [source])[0], RealLines)


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


def command_line(kind: type[StrandCLI], arguments: list[str]) -> StrandCLI:
    """Construct the given CLI class with the arguments, which parses and runs them.

    Raises ValueError for what Lightning calls a misconfiguration, such as a GPU that is not there.
    """
    speed = TrainingSpeed()
    callbacks = [
        DataSummary(),
        speed,
        EpochReport(speed),
        BestBundle(),
        TrainingHistory(speed),
        LearningRateMonitor("step"),
    ]
    try:
        return kind(
            SequenceRecognizer,
            SequenceDataModule,
            trainer_defaults=TRAINER | {"callbacks": callbacks},
            seed_everything_default=0,
            parser_class=TrainingParser,
            auto_configure_optimizers=False,
            save_config_callback=SaveFitConfig,
            save_config_kwargs={"save_to_log_dir": False},
            args=arguments,
        )
    except MisconfigurationException as error:
        raise ValueError(f"trainer: {error}") from error
