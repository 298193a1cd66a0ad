"""language_model: give a bundle a character n-gram model, weighted on validation lines."""

from ..fitting.language_model import fit_language_model
from ..parsing import StrictParser
from .options import add_fitting_options, run_command


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py language_model",
        usage="python run.py language_model --model M --texts F... (--data D | --config C)",
    )
    add_fitting_options(
        parser,
        data="labelled validation lines (a folder or its labels.tsv) that choose the weight of the "
        "language model; never test lines",
        config="instead of --data: the validation lines of a config's real lines; the transcripts "
        "of its training lines are added to the texts",
    )
    parser.add_argument(
        "--texts",
        nargs="+",
        default=[],
        help=".txt (a passage per line), .parquet (column text), .tsv (file TAB text per line)",
    )
    parser.add_argument("--lexicon", type=str | None, help="file of known words to prefer")
    parser.add_argument("--order", type=int, default=6, help="length of the longest n-grams")
    parser.add_argument(
        "--megabytes", type=float, default=4.0, help="size of the language model in the bundle"
    )
    parser.add_argument(
        "--prose",
        type=float,
        default=12.0,
        help="limit of the texts in million characters, sampled evenly; three times as many take "
        "three times as long, and a model of few megabytes prunes most of what they add",
    )
    parser.add_argument(
        "--repeat",
        type=int | None,
        help="count of each transcript relative to the texts; default: up to 20, as long as the "
        "texts stay four times as long",
    )
    parser.add_argument("--width", type=int, default=8, help="beam width of the search")
    return parser


def main(arguments: list[str]) -> int:
    """0, or 2 for misuse."""
    return run_command(fit_language_model, build_parser().parse_args(arguments[1:]))
