"""The options that several commands share, and how each command ends."""

import sys
from collections.abc import Callable
from typing import Literal

from ..parsing import StrictParser

DEFAULT_MODEL = "lines-en"
FILE_NAME_GROUP = "(.+?)__"  # what stands before two underscores in a file's name


def run(command: Callable[[object], int], options) -> int:
    """The command's exit status; 2, with one line on standard error, for what cannot be used."""
    try:
        return command(options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def add_model_option(parser: StrictParser, default: str | None = None) -> None:
    """A bundle; required without a default."""
    told = "a bundle's path or its name in models/zoo"
    parser.add_argument("--model", type=str, default=default, required=default is None, help=told)


def add_decoder_options(parser: StrictParser, lexicon: bool = True, n_best: bool = False) -> None:
    """How strings are read: `reading.decoding.choose_decoder` takes these options."""
    parser.add_argument(
        "--decoder",
        type=Literal["greedy", "beam"] | None,
        help="how strings are read; by default beam if the bundle has a language model",
    )
    if lexicon:
        told = "a file of known words that the beam search prefers"
        parser.add_argument("--lexicon", type=str | None, help=told)
    if n_best:
        told = "jsonl: the best so many readings as alternatives"
        parser.add_argument("--n_best", type=int, default=1, help=told)


def add_group_option(parser: StrictParser) -> None:
    """Intervals are drawn over groups."""
    parser.add_argument(
        "--group_pattern",
        default=FILE_NAME_GROUP,
        help="its first bracket in a line's name, or in a clip's path, is the group",
    )


def add_case_option(parser: StrictParser) -> None:
    """How texts are made comparable."""
    told = "small and capital letters count as equal"
    parser.add_argument("--ignore_case", action="store_true", help=told)


def add_annotation_options(parser: StrictParser) -> None:
    """How an annotation file of videos is read: `datasets.video.annotations` takes these."""
    parser.add_argument(
        "--column",
        type=str | None,
        help="a table's column of labels, or the VIA attribute; else label",
    )
    parser.add_argument(
        "--where",
        type=str | None,
        help="use only rows of a table such as \"label=digit and set='a b'\"",
    )
    parser.add_argument("--group", type=str | None, help="a table's column of groups; else group")
    parser.add_argument("--tier", type=str | None, help="of an ELAN file")
    parser.add_argument("--subject", type=str | None, help="whose events of a BORIS file")


def add_scored_label_options(parser: StrictParser) -> None:
    """Which labels of videos count in a score, and how."""
    parser.add_argument(
        "--ignore",
        nargs="+",
        type=str,
        default=[],
        help="labels that mean unlabelled: their clips and frames are not scored",
    )
    parser.add_argument(
        "--background",
        nargs="+",
        type=str,
        default=[],
        help="labels that make no segments in edit and f1; their frames count all the same",
    )


def add_fitting_options(parser: StrictParser, data: str, config: str) -> None:
    """For commands that fit something of a bundle on labelled data and write it anew.

    data, config: what these two mean to the command, for its help.
    """
    add_model_option(parser)
    parser.add_argument("--data", type=str | None, help=data)
    parser.add_argument("--config", type=str | None, help=config)
    parser.add_argument("--output", type=str | None, help="a new bundle; by default M itself")
