"""Options that several commands share, and the exit status of a command."""

from collections.abc import Callable
from typing import Literal

from datasets.output.text import print_error
from datasets.pages.crops.modes import Crop
from datasets.source import Split

from ..interrupts import is_unread
from ..parsing import StrictParser

DEFAULT_MODEL = "lines-en"
FILE_NAME_GROUP = "(.+?)__"  # what stands before two underscores in a file's name


def run_command(command: Callable[[object], int | None], options) -> int:
    """The exit status of a command (None: 0); 2 and one line on standard error for misuse.

    Raises BrokenPipeError if what reads the output has closed it.
    """
    try:
        return command(options) or 0
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError) and is_unread():
            raise
        print_error(error)
        return 2


def add_labelled_data_options(parser: StrictParser, data: str) -> None:
    """What to score on: --data, or --config and --split; see `check_labelled_data`.

    data: help text of --data.
    """
    parser.add_argument("--data", type=str | None, help=data)
    text = "instead of --data: a config, or the config.yaml of a run, whose split is scored"
    parser.add_argument("--config", type=str | None, help=text)
    text = (
        "with --config: validation (default) or test; with --data: of data in train/, validation/ "
        "and test/, or train.csv and so on; default: test"
    )
    parser.add_argument("--split", type=Split | None, help=text)
    text = "also score what the bundle was trained, chosen or calibrated on; default: leave it out"
    parser.add_argument("--include_seen", action="store_true", help=text)


def check_labelled_data(options) -> None:
    """Set the default split of a config.

    Raises ValueError unless exactly one of --data and --config is given, with a split of its own.
    """
    if (options.data is None) == (options.config is None):
        raise ValueError(
            "give the labelled data: either --data, or --config (with --split validation or test)"
        )
    if options.config is not None:
        options.split = options.split or "validation"
        if options.split == "train":
            raise ValueError(
                "--split train: a model is not scored on what it learned from; give validation or "
                "test"
            )


def add_model_option(parser: StrictParser, default: str | None = None) -> None:
    """The bundle; required without a default."""
    text = "path of a bundle, or its name in models/zoo"
    parser.add_argument("--model", type=str, default=default, required=default is None, help=text)


def add_crop_option(parser: StrictParser) -> None:
    """How lines are cut out of pages, see `datasets.pages.crops.modes`."""
    text = "lines of PAGE and ALTO files: the shape by which they are cut out of the page; auto: "
    text += "the polygon, or the baseline if the polygon cuts through letters; default: as trained"
    parser.add_argument("--crop", type=Crop | None, help=text)


def add_decoder_options(parser: StrictParser, lexicon: bool = True, n_best: bool = False) -> None:
    """How strings are decoded; see `reading.decoding.choose_decoder`."""
    parser.add_argument(
        "--decoder",
        type=Literal["greedy", "beam"] | None,
        help="decoding of strings; default: beam if the bundle has a language model",
    )
    if lexicon:
        text = "file of known words that the beam search prefers"
        parser.add_argument("--lexicon", type=str | None, help=text)
    if n_best:
        text = "number of alternative readings, with --format jsonl"
        parser.add_argument("--n_best", type=int, default=1, help=text)


def add_group_option(parser: StrictParser) -> None:
    """The groups over which intervals are drawn."""
    text = "pattern whose first bracket in a line's name or clip's path is the group for intervals"
    parser.add_argument("--group_pattern", default=FILE_NAME_GROUP, help=text)


def add_case_option(parser: StrictParser) -> None:
    """Whether texts are compared without case."""
    text = "count upper and lower case as equal"
    parser.add_argument("--ignore_case", action="store_true", help=text)


def add_annotation_options(parser: StrictParser) -> None:
    """How annotation files of videos are read; see `datasets.video.annotations`."""
    for name, text in {
        "--column": "column or VIA attribute that holds the labels; default: label",
        "--where": "use only table rows such as \"label=digit and set='a b'\"",
        "--group": "table column that holds the groups, default: group; or folder: the folder that "
        "a line, a clip or a text lies in is its group",
        "--tier": "tier of an ELAN file",
        "--subject": "subject of a BORIS file whose events are used",
    }.items():
        parser.add_argument(name, type=str | None, help=text)


def add_scored_label_options(parser: StrictParser) -> None:
    """Which labels of videos count in a score, and how."""
    for name, text in {
        "--ignore": "labels that mean unlabelled: their clips and frames are not scored",
        "--background": "labels without segments in edit and f1; their frames are scored",
    }.items():
        parser.add_argument(name, nargs="+", type=str, default=[], help=text)


def add_fitting_options(parser: StrictParser, data: str, config: str) -> None:
    """For commands that fit part of a bundle on labelled data and write it again.

    data, config: help texts of these two options.
    """
    add_model_option(parser)
    parser.add_argument("--data", type=str | None, help=data)
    parser.add_argument("--config", type=str | None, help=config)
    parser.add_argument("--output", type=str | None, help="file of the new bundle; default: M")
    add_crop_option(parser)
