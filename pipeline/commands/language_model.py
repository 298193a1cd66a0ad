"""language_model: give a bundle a character language model, weighed on validation lines."""

from ..fitting.language_model import fit_language_model
from ..parsing import StrictParser
from .options import add_fitting_options, run


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py language_model",
        usage="python run.py language_model --model M --texts F... (--data D | --config C)",
    )
    add_fitting_options(
        parser,
        data="labelled validation lines (a folder or its labels.tsv) to weigh the model on; never "
        "those it is tested on",
        config="instead of --data: the validation lines of a config's real lines; the transcripts "
        "of its training lines join the texts",
    )
    parser.add_argument(
        "--texts",
        nargs="+",
        default=[],
        help=".txt (a passage a line), .parquet (column text), .tsv (lines: file TAB text)",
    )
    parser.add_argument("--lexicon", type=str | None, help="a file of known words to prefer")
    parser.add_argument("--order", type=int, default=6, help="symbols of the longest n-grams")
    parser.add_argument("--megabytes", type=float, default=4.0, help="of the model in the bundle")
    parser.add_argument(
        "--prose",
        type=float,
        default=12.0,
        help="million symbols of the running texts at the most, passages evenly from all: three "
        "times as many cost three times the minutes, and a model of so few megabytes cuts most of "
        "what they add",
    )
    parser.add_argument(
        "--repeat",
        type=int | None,
        help="how often each transcript counts beside the prose; by default up to 20 times, as "
        "long as the prose stays four times as much",
    )
    parser.add_argument("--width", type=int, default=8, help="strings that the search keeps")
    return parser


def main(arguments: list[str]) -> int:
    return run(language_model, build_parser().parse_args(arguments[1:]))


def language_model(options) -> int:
    fit_language_model(options)
    return 0
