"""The LightningCLI behind `fit`, `validate` and `test`: options, trainer defaults and callbacks."""

import sys
from typing import NoReturn

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint, ProgressBar
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from datasets import SequenceDataModule
from datasets.environment import MachineError, note_busy, raise_if_machine
from datasets.output.text import print_error, print_lines

from ..interrupts import INTERRUPTED
from ..parsing import StrictParser, misread_scalars
from ..reading.bundle_files import BEST
from ..reading.prediction import has_native_bfloat16
from .callbacks import DataSummary, EpochReport, TrainingProgress, TrainingSpeed
from .checkpoints.files import AtomicCheckpoints
from .checkpoints.last import LastCheckpoint
from .checkpoints.resuming import SaveFitConfig, check_checkpoint, how_to_go_on
from .checks.bundle import check_savable
from .checks.finite import DivergenceError
from .checks.options import check_options, complete
from .defaults.choice import choose_defaults
from .defaults.given_options import config_texts, given_options, options_in
from .fine_tuning.alphabets import Alphabet
from .fine_tuning.start import StartBundle
from .history import TrainingHistory
from .interrupt import StopBetweenBatches
from .loggers import logger_options, make_loggers, place_loggers
from .messages import describe_end, describe_missing
from .recognizer import SequenceRecognizer
from .run_folder import RunFolder, next_commands, run_of
from .selection.best_bundle import BestBundle
from .selection.early_stopping import EpochEarlyStopping
from .selection.rule import MONITOR, check_scored

TRAINER = {
    "accelerator": "auto",
    "gradient_clip_val": 1.0,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,  # the bucket sampler shares its batches itself
    "log_every_n_steps": 10,
}


class TrainingParser(StrictParser, LightningArgumentParser):
    """Lightning's argument parser with the error messages of StrictParser."""

    USAGE = "python run.py fit|validate|test -c CONFIG [--key=value ...] (--help lists the keys)"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs, usage=self.USAGE)


class StrandCLI(LightningCLI):
    """LightningCLI for one module and one data module, which gives it input size and labels."""

    PARSER = TrainingParser

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
        parser.add_lightning_class_args(EpochEarlyStopping, "early_stopping")
        parser.set_defaults(
            {
                "checkpoint.monitor": MONITOR,
                "checkpoint.filename": "best",
                "checkpoint.enable_version_counter": False,
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
        own = logger_options((self.given.get("trainer") or {}).get("logger"))
        self.config = parser.parse_args([*args, *own])
        if unusable:
            raise unusable

    def _parse_ckpt_path(self) -> None:
        """Check the checkpoint file; Lightning would also let the hyperparameters in it override
        the options given on the command line.

        Raises ValueError, before any data is read, if the file is not a checkpoint.
        """
        path = self.config[self.config.subcommand].ckpt_path
        if path:
            check_checkpoint(path)

    def before_instantiate_classes(self) -> None:
        options = self.config[self.subcommand]
        check_options(options)
        complete(options)
        self.start = StartBundle(options, self.given) if options.init_from else None
        if options.remember and not options.init_from:
            raise ValueError("--remember goes with --init_from: what is not known is not forgotten")
        on_gpu = options.trainer.accelerator != "cpu" and torch.cuda.is_available()
        native = has_native_bfloat16("cuda" if on_gpu else "cpu")
        if options.trainer.precision == "bf16-mixed" and not native:
            print("this processor has no bfloat16: training in float32, slower but as well")
            options.trainer.precision = "32-true"
        options.weights_only = True  # unpickling an untrusted checkpoint could run arbitrary code

    @property
    def writes(self) -> bool:
        """Whether this is a training that leaves a run folder behind."""
        return self.subcommand == "fit" and not self.config.fit.trainer.fast_dev_run

    def instantiate_classes(self) -> None:
        options = self.config[self.subcommand]
        self.folder = RunFolder(options, fit=self.writes)
        try:
            place_loggers(options.trainer.logger, self.folder.path)
            super().instantiate_classes()
        except ModuleNotFoundError as error:
            self.folder.leave()
            raise ValueError(describe_missing(error)) from error
        except BaseException:
            self.folder.leave()
            raise

    def instantiate_trainer(self, **kwargs) -> pl.Trainer:
        given = self.config_init[self.subcommand].trainer
        before = run_of(self.config[self.subcommand].ckpt_path)
        loggers = make_loggers(self.folder.path, before, self.writes, given.logger)
        callbacks = given.callbacks or []
        callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
        if given.enable_progress_bar is not False:
            bars = [c for c in callbacks if isinstance(c, ProgressBar)]
            callbacks = callbacks + ([] if bars else [TrainingProgress()])
        try:
            trainer = super().instantiate_trainer(logger=loggers, callbacks=callbacks, **kwargs)
        except (MisconfigurationException, ImportError, RuntimeError) as error:
            advice = "correct the --trainer options; --trainer.accelerator auto takes what is there"
            raise ValueError(f"trainer: {error}; {advice}") from error
        trainer.strategy.checkpoint_io = AtomicCheckpoints()
        last = [LastCheckpoint()]
        if trainer.fast_dev_run:
            writing, last = (BestBundle, TrainingHistory), []
            trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, writing)]
        trainer.callbacks += [*last, StopBetweenBatches()]  # in this order, after all
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            super()._run_subcommand(subcommand)
        finally:
            self.folder.leave()

    def before_fit(self) -> None:
        if busy := note_busy(torch.get_num_threads()):
            print_lines(busy)
        if self.defaults.note and self.trainer.is_global_zero:
            print_lines(
                self.defaults.note + (f"; see {self.folder.path}/config.yaml" * self.writes)
            )
        check_scored(self.config.fit, self.model.model.head)
        check_savable(self.model.model, self.model.labels, self.datamodule.source.reader)
        if self.start is None:
            return
        summary = self.start.initialize(self.model, self.datamodule)
        for callback in self.trainer.callbacks:
            if isinstance(callback, BestBundle):
                callback.start = self.start.seen
        if self.trainer.is_global_zero:
            print_lines(*summary)
            if self.writes:
                self.start.score(self.model, self.datamodule)

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
        except ModuleNotFoundError as error:
            raise ValueError(describe_missing(error)) from error
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
                f"take fewer workers, or --data.workers 0; {how_to_go_on(self.folder.path)}"
            ) from error
        except SystemExit:  # raised by Lightning on KeyboardInterrupt and SIGTERM
            self.end_interrupted()

    def end_interrupted(self) -> NoReturn:
        """Print how to go on, and exit."""
        print_lines(f"interrupted; {how_to_go_on(self.folder.path)}")
        sys.exit(INTERRUPTED)

    @property
    def stopper(self) -> StopBetweenBatches:
        """The callback that hears of Ctrl-C and SIGTERM."""
        return next(c for c in self.trainer.callbacks if isinstance(c, StopBetweenBatches))

    def after_fit(self) -> None:
        folder = self.folder.path
        if not self.trainer.is_global_zero:
            return
        print_lines(*describe_end(self.trainer))
        if not self.writes:
            return
        best, last = folder / BEST, folder / "checkpoints" / "last.ckpt"
        if not best.exists():
            saved = f"{last.name} is there" if last.exists() else "nothing was saved"
            print_lines(f"run folder: {folder} (ended before the first validation; {saved})")
            return
        for line in self.start.reports(best) if self.start else ():
            print_lines(line)
        print_lines(
            f"run folder: {folder} (best.safetensors, checkpoints/, metrics.csv, TensorBoard log)"
        )
        print_lines(*next_commands(folder, self.datamodule))


def command_line(kind: type[StrandCLI], arguments: list[str]) -> StrandCLI:
    """Construct the given CLI class with the arguments, which parses and runs them.

    Raises ValueError for what Lightning calls a misconfiguration, such as a GPU that is not there.
    """
    speed, best = TrainingSpeed(), BestBundle()
    callbacks = [
        DataSummary(),
        speed,
        EpochReport(speed),
        best,
        TrainingHistory(speed, best),
        LearningRateMonitor("step"),
    ]
    try:
        return kind(
            SequenceRecognizer,
            SequenceDataModule,
            trainer_defaults=TRAINER | {"callbacks": callbacks},
            seed_everything_default=0,
            parser_class=kind.PARSER,
            auto_configure_optimizers=False,
            save_config_callback=SaveFitConfig,
            save_config_kwargs={"save_to_log_dir": False},
            args=arguments,
        )
    except MisconfigurationException as error:
        raise ValueError(f"trainer: {error}") from error
