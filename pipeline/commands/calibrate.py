"""calibrate: fit temperature and string confidence of a bundle on labelled data."""

from datasets.source import Split

from ..fitting.calibration import calibrate_bundle
from ..parsing import StrictParser
from .options import (
    add_annotation_options,
    add_decoder_options,
    add_fitting_options,
    add_group_option,
    add_scored_label_options,
    run_command,
)


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py calibrate",
        usage="python run.py calibrate --model M (--data D | --config C) [--output F]",
    )
    add_fitting_options(
        parser,
        data="labelled data as `evaluate` takes it; neither training nor test data of the bundle",
        config="instead of --data: the validation split of a config (of its real lines)",
    )
    add_decoder_options(parser, lexicon=False)
    text = "of --data that come in splits; default: validation, or train if there is none"
    parser.add_argument("--split", type=Split | None, help=text)
    add_group_option(parser)
    add_annotation_options(parser)
    add_scored_label_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if an item could not be read, 2 for misuse."""
    return run_command(calibrate_bundle, build_parser().parse_args(arguments[1:]))
