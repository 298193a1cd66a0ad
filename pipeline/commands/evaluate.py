"""evaluate: score a bundle on labelled data."""

from ..evaluation import evaluate as scoring
from ..evaluation.outputs import check_outputs
from ..parsing import StrictParser
from ..reading.bundle import load_bundle
from ..reading.decoding import choose_decoder
from ..reading.prediction import Recognizer
from .options import (
    DEFAULT_MODEL,
    add_annotation_options,
    add_case_option,
    add_crop_option,
    add_decoder_options,
    add_group_option,
    add_labelled_data_options,
    add_model_option,
    add_scored_label_options,
    check_labelled_data,
    run_command,
)


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py evaluate", usage="python run.py evaluate ... (--help lists the options)"
    )
    add_model_option(parser, default=DEFAULT_MODEL)
    add_labelled_data_options(
        parser,
        "labelled lines: a folder, its labels.tsv, a folder of PAGE or ALTO files or one "
        "of them, an LMDB; reviews: a folder or a table; videos: a folder for each class, or "
        "an annotation file",
    )
    add_group_option(parser)
    add_case_option(parser)
    text = "count all quotes, all dashes, and runs of spaces as equal"
    parser.add_argument("--fold_punctuation", action="store_true", help=text)
    parser.add_argument("--json", type=str | None, help="write the scores to this file")
    add_decoder_options(parser)
    add_crop_option(parser)
    add_annotation_options(parser)
    add_scored_label_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if an item could not be read (it counts as wrong), 2 for misuse."""
    return run_command(evaluate, build_parser().parse_args(arguments[1:]))


def evaluate(options) -> int:
    """Score the bundle with the decoder that the options choose."""
    check_labelled_data(options)
    given = {"--json": options.json}
    check_outputs(given, [options.data], options.config, [options.model], [options.lexicon])
    bundle = load_bundle(options.model, options.crop)
    bundle.decoder = choose_decoder(
        bundle.decoder, bundle.model.head, bundle.labels, options, bundle.reader
    )
    return scoring.evaluate(Recognizer(bundle), options)
