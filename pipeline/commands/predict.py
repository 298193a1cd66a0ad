"""predict: read line images, videos and texts with a bundle."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from datasets import ClipReader, LineReader
from datasets.environment import raise_if_machine
from datasets.files import IMAGE_SUFFIXES
from datasets.output.files import is_replaceable, refuse_overlap
from datasets.output.text import print_error, print_notes
from datasets.progress import track
from datasets.source import Reader
from models.decoding.beam import BeamSearch
from models.heads.labels import Text

from ..parsing import StrictParser
from ..reading.accept import print_accept_summary, set_accept_threshold
from ..reading.bundle import load_bundle
from ..reading.bundle_files import find_bundle
from ..reading.decoding import choose_decoder
from ..reading.inputs import LABELS, TextTable, expand_inputs, page_ranges
from ..reading.pages.loading import Layout, load_pixels
from ..reading.prediction import Answer, Item, Recognizer, answer_record
from ..writing.journal import Journal, journal_path
from ..writing.outputs import (
    PAGE_FORMATS,
    STREAMED,
    Format,
    is_folder,
    output_files,
    output_paths,
)
from ..writing.sink import RecordSink
from ..writing.text import print_problems
from ..writing.writers import Writer, open_writer, record_form
from .live import add_live_options, check_live, run_live
from .options import (
    DEFAULT_MODEL,
    add_crop_option,
    add_decoder_options,
    add_model_option,
    run_command,
)


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py predict", usage="python run.py predict ... (--help lists the options)"
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        help="files, folders, globs; for a bundle that reads lines images of lines or pages, PDF, "
        "TIFF of several pages, PAGE and ALTO files, and records of an LMDB "
        "(FOLDER#image-000000001); for one that reads texts a text, or a CSV, TSV or Parquet file "
        "with a column text; -: one input per line of standard input",
    )
    parser.add_argument(
        "--format",
        type=Format,
        default="text",
        help="page, alto, hocr, pdf (searchable), html: of lines and pages; srt, boris, eaf "
        "(ELAN), via: segments of videos",
    )
    text = "output file, or a folder: DIR/ for text by page, and for formats of one file an input"
    parser.add_argument("--output", type=str | None, help=text)
    parser.add_argument(
        "--layout",
        type=Layout,
        default="auto",
        help="what an image shows: one line, or a page whose lines are found; auto: decide by its "
        "pixels",
    )
    text = "pages of a PDF, or frames of a TIFF, GIF or WebP, such as 3-7 or 1,4-; default: all"
    parser.add_argument("--pages", type=str | None, help=text)
    text = "mark lines that need no review, so that this share of them, such as 0.99, is right"
    parser.add_argument("--accept", type=float | None, help=text)
    text = "with --format text: a last column says what makes a reading of a line doubtful"
    parser.add_argument("--mark", action="store_true", help=text)
    text = "go on after the records in OUTPUT.partial, which an interrupted run has left"
    parser.add_argument("--resume", action="store_true", help=text)
    text = "with --format csv: neither clean cells nor put a quote before those beginning with =+-@"
    parser.add_argument("--raw", action="store_true", help=text)
    text = "draw the reading into a copy of the video: a file such as out.mp4, or a folder"
    parser.add_argument("--overlay", type=str | None, help=text)
    add_model_option(parser, default=DEFAULT_MODEL)
    add_decoder_options(parser, n_best=True)
    add_crop_option(parser)
    add_live_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if an input could not be read, 2 for misuse. Raises KeyboardInterrupt after Ctrl-C."""
    parser = build_parser()
    options = parser.parse_args(arguments[1:])
    if not options.inputs and options.live is None:
        parser.error("the following arguments are required: inputs")
    return run_command(predict, options)


def predict(options) -> int:
    """Read the inputs, or the video of --live, with the decoder that the options choose."""
    check_options(options)
    bundle = load_bundle(options.model, options.crop)
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
    if options.raw and options.format != "csv":
        raise ValueError(f"--raw goes with --format csv, not {options.format}")
    if options.mark and (options.format != "text" or options.live is not None):
        raise ValueError("--mark goes with --format text; jsonl and csv hold notes anyway")
    if options.resume and (options.output is None or options.live is not None):
        raise ValueError("--resume goes with --output: the records so far are in OUTPUT.partial")
    if options.n_best != 1 and options.format != "jsonl":
        raise ValueError(
            f"--n_best {options.n_best}: --format {options.format} has no place for several "
            "readings; take --format jsonl"
        )


def read_inputs(recognizer: Recognizer, options, stored: BeamSearch | None) -> int:
    """Write a record for each input, in order, and return 1 if one failed, else 0.

    stored: the bundle's own search, for which --accept was calibrated.
    """
    ranges = page_ranges(options.pages)
    reader = recognizer.bundle.reader
    if isinstance(reader, LineReader):
        recognizer.layout = options.layout
        by_page = options.format == "text" and is_folder(options.output or "")
        recognizer.as_pages = by_page or options.format in PAGE_FORMATS
    elif ranges or options.layout != "auto":
        raise ValueError(f"--layout and --pages go with images, but {options.model} reads none")
    inputs = list(expand_inputs(options.inputs, reader, options.model, ranges))
    names, undrawn = [name_of(item) for item in inputs], 0
    check_overlap(names, reader, options)
    draw = overlay_of(recognizer, names, options.overlay, holds_several(options.inputs))
    promise = (
        None if options.accept is None else set_accept_threshold(recognizer, options.accept, stored)
    )
    total = None if any(isinstance(item, TextTable) for item in inputs) else len(inputs)
    with ExitStack() as stack:
        sink = stack.enter_context(open_sink(recognizer, names, options, stack))
        items = sink.remaining(each(inputs), name_of)
        answers = stack.enter_context(closing(recognizer.answers(items, sink.flush, noted=True)))
        try:
            for answer in answers if total == 1 else track(answers, "reading", total, sink.records):
                record = answer_record(recognizer, answer)
                if options.format not in ("jsonl", "csv"):
                    print_problems(record)
                sink.add(record)
                if draw and "error" not in record:
                    undrawn += not draw(answer, record)
            count = sink.finish()
        except KeyboardInterrupt:
            sink.flush()
            raise KeyboardInterrupt(describe_progress(sink, total)) from None
    if promise:
        print_accept_summary(count.accepted, count.read, options.accept, promise)
    failed = count.failed + undrawn
    if failed:
        print_notes(f"{failed} of {count.done} inputs failed; the others were answered")
    return 1 if failed else 0


def to_html(records: Sequence[dict]) -> str:
    """The HTML page of these pages, with their pictures."""
    from ..reports.pages import page_report  # imported here for start-up time

    return page_report(records, lambda record: load_pixels(record.get("image", record["input"])))


def describe_progress(sink: RecordSink, total: int | None) -> str:
    """How many inputs are read, and how to go on."""
    of = "" if total is None else f" of {total:,}"
    go_on = "" if sink.journal is None else "; go on with --resume"
    return f"{sink.records:,}{of} read{go_on}"


def open_sink(recognizer: Recognizer, names: list[str], options, stack: ExitStack) -> RecordSink:
    """Where records go. Raises ValueError or OSError for an output that cannot be written."""
    output, kind, journal = options.output, options.format, None
    form, marked = record_form(recognizer.bundle), options.accept is not None

    def open_format(stack: ExitStack) -> Writer:
        several = holds_several(options.inputs)
        return open_writer(
            kind, form, names, output, stack, marked, options.raw, options.mark, several, to_html
        )

    if output and (is_replaceable(output) or os.path.isdir(output)):
        by_page = kind == "text" and isinstance(recognizer.bundle.reader, LineReader)
        if kind not in STREAMED or (by_page and is_folder(output)):
            open_format(ExitStack())  # raises before the reading for what does not fit
            Path(output).absolute().parent.mkdir(parents=True, exist_ok=True)
        elif is_folder(output):
            raise ValueError(f"--output {output}: a folder; --format {kind} writes one file")
        journal = Journal(output, how_it_reads(options), options.resume)
        stack.enter_context(journal)
    return RecordSink(open_format, journal, output)


def how_it_reads(options) -> dict[str, str]:
    """What decides the records, by option: another bundle must not go on for this one."""
    with open(find_bundle(options.model), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    named = ("decoder", "lexicon", "n_best", "accept", "crop", "layout", "pages")
    return {"a bundle of SHA-256": digest} | {f"--{n}": str(getattr(options, n)) for n in named}


def holds_several(inputs: Sequence[str]) -> bool:
    """Whether the inputs may be several, however many there are now: a folder, a pattern, `-`."""
    return len(inputs) > 1 or not os.path.isfile(inputs[0])


def check_overlap(names: list[str], reader: Reader, options) -> None:
    """Raise ValueError for an output that is an input, the bundle, or labels of the inputs."""
    several = holds_several(options.inputs)
    outputs = output_files(options.format, names, options.output, several)
    outputs += [] if options.output is None else [journal_path(options.output)]
    files = dict.fromkeys(part for name in names for part in (name, name.rpartition("#")[0]))
    read = [find_bundle(options.model), *filter(None, [options.lexicon, *files])]
    suffixes = LABELS[type(reader).__name__]
    if isinstance(reader, LineReader):
        suffixes += IMAGE_SUFFIXES  # a page file names one
    folders = dict.fromkeys(os.path.dirname(name) or "." for name in filter(None, files))
    refuse_overlap([("--output", path) for path in outputs], read, folders, suffixes)


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
    recognizer: Recognizer, names: list[str], output: str | None, several: bool
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

    targets = output_paths(names, output, ".mp4", several)
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
            print_error(f"--overlay: {error}")
            return False
        return True

    return draw
