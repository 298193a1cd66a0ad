"""predict: read images, clips and texts."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from datasets import ClipReader
from datasets.progress import track
from models.decoding.beam import BeamSearch
from models.heads.labels import Text

from ..parsing import StrictParser
from ..reading.accept import mark_accepted, report_accepted
from ..reading.bundle import load_bundle
from ..reading.decoding import alternatives_of, choose_decoder
from ..reading.inputs import TextTable, expand
from ..reading.prediction import Answer, Item, Recognizer
from ..reading.records import record_of
from ..writing.writers import MARKING, Format, open_writer, record_form, targets_of
from .live import add_live_options, check_live, run_live
from .options import DEFAULT_MODEL, add_decoder_options, add_model_option, run


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py predict", usage="python run.py predict ... (--help lists the options)"
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        help="files, folders, globs; for a bundle that reads lines also PAGE and ALTO files "
        "(every line of the page) and records of an LMDB (FOLDER#image-000000001); for one "
        "that reads texts a text, or a CSV, TSV or Parquet file with a column text; - takes "
        "one a line from standard input",
    )
    parser.add_argument(
        "--format",
        type=Format,
        default="text",
        help="srt, boris, eaf (ELAN) and via are files of a video's segments; page and alto "
        "are the page files that were read, with the texts in their lines",
    )
    parser.add_argument(
        "--output",
        type=str | None,
        help="a file instead of standard output; a folder for srt, eaf, via of several videos "
        "and for several pages",
    )
    parser.add_argument(
        "--accept",
        type=float | None,
        help="mark the lines that can go unread so that this share of them, such as 0.99, is right",
    )
    parser.add_argument(
        "--overlay",
        type=str | None,
        help="burn the reading into a copy of the video: a file such as out.mp4, or a folder",
    )
    add_model_option(parser, default=DEFAULT_MODEL)
    add_decoder_options(parser, n_best=True)
    add_live_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    parser = build_parser()
    options = parser.parse_args(arguments[1:])
    if not options.inputs and options.live is None:
        parser.error("the following arguments are required: inputs")
    return run(predict, options)


def predict(options) -> int:
    """0, 1 if an input could not be read, 2 for misuse."""
    check_predict(options)
    bundle = load_bundle(options.model)
    own = bundle.decoder
    bundle.decoder = choose_decoder(own, bundle.model.head, bundle.labels, options)
    recognizer = Recognizer(bundle)
    if options.live is not None:
        return run_live(recognizer, options)
    return read_inputs(recognizer, options, own)


def check_predict(options) -> None:
    """Raises ValueError for options that do not go together, whatever the bundle."""
    if options.live is not None and (
        options.inputs or options.overlay or options.accept is not None
    ):
        raise ValueError(f"--live {options.live}: takes neither inputs nor --overlay nor --accept")
    if options.live is not None:
        check_live(options)
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


def read_inputs(recognizer: Recognizer, options, own: BeamSearch | None) -> int:
    """One record per input, in order. 0, or 1 if an input failed. own: the bundle's search."""
    if options.every is not None:
        raise ValueError(f"--every {options.every} goes with --live")
    given = list(expand(options.inputs, recognizer.bundle.reader, options.model))
    total = None if any(isinstance(one, TextTable) for one in given) else len(given)
    failed = done = read = accepted = 0
    names = [one.path if isinstance(one, TextTable) else name_of(one) for one in given]
    burn = overlay_of(recognizer, names, options.overlay)
    promise = None if options.accept is None else mark_accepted(recognizer, options.accept, own)
    with ExitStack() as stack:
        form = record_form(recognizer.bundle)
        marked = promise is not None
        write = open_writer(options.format, form, names, options.output, stack, marked)
        answers = recognizer.answers(each(given))
        for answer in answers if total == 1 else track(answers, "reading", total):
            record = answer_record(recognizer, answer)
            done += 1
            failed += "error" in record
            read += "error" not in record
            accepted += record.get("accepted", False)
            failed += not written(write, record)
            if burn and "error" not in record:
                failed += not burn(answer, record)
    if promise:
        report_accepted(accepted, read, options.accept, promise)
    if failed:
        print(f"{failed} of {done} inputs failed; the others were answered", file=sys.stderr)
    return 1 if failed else 0


def written(write: Callable[[dict], None], record: dict) -> bool:
    """Whether this record could be written; the others are in any case."""
    try:
        write(record)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    return True


def each(given: Iterable[str | Item | TextTable]) -> Iterator[str | Item]:
    """The rows of a table in its place; they are read when they are needed."""
    for one in given:
        if isinstance(one, TextTable):
            yield from one.items()
        else:
            yield one


def answer_record(recognizer: Recognizer, answer: Answer) -> dict:
    if isinstance(answer.reading, str):
        return {"input": answer.name, "error": answer.reading}
    bundle = recognizer.bundle
    record = record_of(bundle, *answer[1:], accepted_from=recognizer.accepted_from)
    return {"input": answer.name} | record | alternatives_of(answer.reading, bundle.labels)


def name_of(item: str | Item) -> str:
    return item if isinstance(item, str) else item.name


def overlay_of(
    recognizer: Recognizer, names: list[str], output: str | None
) -> Callable[[Answer, dict], bool] | None:
    """What burns a record into a copy of its video, or says why not; None if nobody asked.

    Raises ValueError for a place where nothing can be burnt.
    """
    if output is None:
        return None
    if not isinstance(recognizer.bundle.reader, ClipReader):
        raise ValueError(f"--overlay {output}: this bundle reads no videos")
    from ..writing.overlay import (  # and its fonts: reading starts without them
        burn,
        check_ending,
        words_of,
    )

    targets = targets_of(names, output, ".mp4")
    for target in targets.values():
        check_ending(target)
    labels = recognizer.bundle.labels

    def write(answer: Answer, record: dict) -> bool:
        timed = isinstance(answer.reading, Text) and answer.times is not None
        words = words_of(answer.reading, answer.times, labels) if timed else None
        try:
            burn(answer.name, targets[answer.name], record, labels, words)
        except (OSError, ValueError) as error:  # never stops the others
            print(f"error: --overlay: {error}", file=sys.stderr)
            return False
        return True

    return write
