"""predict: read line images, videos and texts with a bundle."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from datasets import ClipReader
from datasets.environment import raise_if_machine
from datasets.progress import track
from models.decoding.beam import BeamSearch
from models.heads.labels import Text

from ..parsing import StrictParser
from ..reading.accept import print_accept_summary, set_accept_threshold
from ..reading.bundle import load_bundle
from ..reading.decoding import choose_decoder
from ..reading.inputs import TextTable, expand_inputs
from ..reading.prediction import Answer, Item, Recognizer, answer_record
from ..writing.writers import MARKING, Format, open_writer, output_paths, record_form
from .live import add_live_options, check_live, run_live
from .options import DEFAULT_MODEL, add_decoder_options, add_model_option, run_command


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py predict", usage="python run.py predict ... (--help lists the options)"
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        help="files, folders, globs; for a bundle that reads lines also PAGE and ALTO files "
        "(every line of the page) and records of an LMDB (FOLDER#image-000000001); for one "
        "that reads texts a text, or a CSV, TSV or Parquet file with a column text; -: one input "
        "per line of standard input",
    )
    parser.add_argument(
        "--format",
        type=Format,
        default="text",
        help="srt, boris, eaf (ELAN), via: segments of videos; page, alto: the page files given as "
        "input, with the texts in their lines",
    )
    text = "output file; folder for several pages, or for srt, eaf or via files of several videos"
    parser.add_argument("--output", type=str | None, help=text)
    text = "mark lines that need no review, so that this share of them, such as 0.99, is right"
    parser.add_argument("--accept", type=float | None, help=text)
    text = "draw the reading into a copy of the video: a file such as out.mp4, or a folder"
    parser.add_argument("--overlay", type=str | None, help=text)
    add_model_option(parser, default=DEFAULT_MODEL)
    add_decoder_options(parser, n_best=True)
    add_live_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if an input could not be read, 2 for misuse."""
    parser = build_parser()
    options = parser.parse_args(arguments[1:])
    if not options.inputs and options.live is None:
        parser.error("the following arguments are required: inputs")
    return run_command(predict, options)


def predict(options) -> int:
    """Read the inputs, or the video of --live, with the decoder that the options choose."""
    check_options(options)
    bundle = load_bundle(options.model)
    stored = bundle.decoder
    bundle.decoder = choose_decoder(
        stored, bundle.model.head, bundle.labels, options, bundle.reader
    )
    recognizer = Recognizer(bundle)
    if options.live is not None:
        return run_live(recognizer, options)
    try:
        return read_inputs(recognizer, options, stored)
    except OSError as error:  # a full disk may show when the output is closed, without its name
        raise_if_machine(error, options.output or "standard output")
        raise


def check_options(options) -> None:
    """Raises ValueError for options that do not go together, whatever the bundle."""
    if options.live is not None:
        if options.inputs or options.overlay or options.accept is not None:
            raise ValueError(
                f"--live {options.live}: takes neither inputs nor --overlay nor --accept"
            )
        check_live(options)
    elif options.every is not None:
        raise ValueError(f"--every {options.every} goes with --live")
    if options.n_best != 1 and options.format != "jsonl":
        raise ValueError(
            f"--n_best {options.n_best}: --format {options.format} has no place for several "
            "readings; take --format jsonl"
        )
    if options.accept is not None and options.format not in MARKING:
        raise ValueError(
            f"--accept {options.accept:g}: --format {options.format} has no place for marks; take "
            f"--format {', '.join(MARKING[:-1])} or {MARKING[-1]}"
        )


def read_inputs(recognizer: Recognizer, options, stored: BeamSearch | None) -> int:
    """Write a record for each input, in order, and return 1 if one failed, else 0.

    stored: the bundle's own search, for which --accept was calibrated.
    """
    inputs = list(expand_inputs(options.inputs, recognizer.bundle.reader, options.model))
    total = None if any(isinstance(item, TextTable) for item in inputs) else len(inputs)
    names = [name_of(item) for item in inputs]
    failed = done = read = accepted = 0
    draw = overlay_of(recognizer, names, options.overlay)
    promise = (
        None if options.accept is None else set_accept_threshold(recognizer, options.accept, stored)
    )
    with ExitStack() as stack:
        form = record_form(recognizer.bundle)
        marked = promise is not None
        write = open_writer(options.format, form, names, options.output, stack, marked)
        answers = recognizer.answers(each(inputs))
        for answer in answers if total == 1 else track(answers, "reading", total):
            record = answer_record(recognizer, answer)
            done += 1
            failed += "error" in record
            read += "error" not in record
            accepted += record.get("accepted", False)
            failed += not written(write, record, options.output)
            if draw and "error" not in record:
                failed += not draw(answer, record)
    if promise:
        print_accept_summary(accepted, read, options.accept, promise)
    if failed:
        print(f"{failed} of {done} inputs failed; the others were answered", file=sys.stderr)
    return 1 if failed else 0


def written(write: Callable[[dict], None], record: dict, output: str | None = None) -> bool:
    """Whether the record could be written; an error is printed, so that the others follow.

    Raises MachineError if nothing can be written there, such as on a full disk.
    """
    try:
        write(record)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise_if_machine(error, output or "standard output")
        print(f"error: {error}", file=sys.stderr)
        return False
    return True


def each(inputs: Iterable[str | Item | TextTable]) -> Iterator[str | Item]:
    """The inputs, with the rows of a table in its place, read as they are needed."""
    for item in inputs:
        if isinstance(item, TextTable):
            yield from item.items()
        else:
            yield item


def name_of(item: str | Item | TextTable) -> str:
    """The path or name of an input."""
    if isinstance(item, TextTable):
        return item.path
    return item if isinstance(item, str) else item.name


def overlay_of(
    recognizer: Recognizer, names: list[str], output: str | None
) -> Callable[[Answer, dict], bool] | None:
    """A function that draws a record into a copy of its video and returns whether it could.

    None without --overlay. Raises ValueError for an output that cannot be written.
    """
    if output is None:
        return None
    if not isinstance(recognizer.bundle.reader, ClipReader):
        raise ValueError(f"--overlay {output}: this bundle reads no videos")
    from ..writing.overlay import (  # loads fonts: only if needed
        check_suffix,
        timed_words,
        write_overlay,
    )

    targets = output_paths(names, output, ".mp4")
    for target in targets.values():
        check_suffix(target)
    labels = recognizer.bundle.labels

    def draw(answer: Answer, record: dict) -> bool:
        timed = isinstance(answer.reading, Text) and answer.times is not None
        words = timed_words(answer.reading, answer.times, labels) if timed else None
        try:
            write_overlay(answer.name, targets[answer.name], record, labels, words)
        except (OSError, ValueError) as error:  # never stops the others
            raise_if_machine(error, targets[answer.name])
            print(f"error: --overlay: {error}", file=sys.stderr)
            return False
        return True

    return draw
