"""calibrate: fit what makes a bundle's confidences hold, on labelled data."""

from typing import Literal

from ..fitting.calibration import calibrate_bundle
from ..parsing import StrictParser
from .options import (
    add_annotation_options,
    add_decoder_options,
    add_fitting_options,
    add_group_option,
    add_scored_label_options,
    run,
)


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py calibrate",
        usage="python run.py calibrate --model M (--data D | --config C) [--output F]",
    )
    add_fitting_options(
        parser,
        data="labelled data as `evaluate` takes it; neither what the bundle was trained on nor "
        "what it is tested on",
        config="instead: the validation lines of a config's real lines",
    )
    add_decoder_options(parser, lexicon=False)
    parser.add_argument(
        "--split", type=Literal["train", "test"], default="train", help="of a folder of reviews"
    )
    add_group_option(parser)
    add_annotation_options(parser)
    add_scored_label_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    return run(calibrate, build_parser().parse_args(arguments[1:]))


def calibrate(options) -> int:
    calibrate_bundle(options)
    return 0
