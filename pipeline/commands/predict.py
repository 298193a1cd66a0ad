"""predict: read line images, videos and texts with a bundle."""

import hashlib
import os
from contextlib import ExitStack, closing
from pathlib import Path

from datasets import LineReader
from datasets.environment import raise_if_machine
from datasets.files import IMAGE_SUFFIXES
from datasets.limits.pixels import OPTION as MAX_PIXELS
from datasets.limits.pixels import max_pixels
from datasets.limits.roots import OPTION as OUTSIDE
from datasets.limits.roots import root_options
from datasets.output.files import is_replaceable, refuse_overlap
from datasets.output.text import counted, print_notes
from datasets.progress import track
from datasets.source import Reader
from models.decoding.beam import BeamSearch

from ..class_paths import OPTION as IMPORTS
from ..class_paths import allowed_imports
from ..parsing import StrictParser
from ..reading.accept import print_accept_summary, set_accept_threshold
from ..reading.bundle import load_bundle
from ..reading.bundle_files import find_bundle
from ..reading.decoding import choose_decoder
from ..reading.inputs import LABELS, expand_inputs
from ..reading.pages.inputs import page_ranges
from ..reading.pages.loading import Layout, load_pixels
from ..reading.prediction import Recognizer, answer_record
from ..reading.text_items import TextTable, each, name_of
from ..writing.journal import Journal, journal_path
from ..writing.outputs import (
    PAGE_FORMATS,
    STREAMED,
    Format,
    Report,
    file_of,
    holds_several,
    is_folder,
    output_files,
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
    text = "pages of a PDF, or frames of a TIFF, GIF or WebP of several, such as 3-7 or 1,4-"
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
        recognizer.as_pages = reads_pages(options)
    elif ranges or options.layout != "auto":
        raise ValueError(f"--layout and --pages go with images, but {options.model} reads none")
    several = holds_several(options.inputs)
    found = expand_inputs(options.inputs, reader, options.model, ranges)
    inputs = list(track(found, "finding inputs", None) if several else found)
    names, undrawn = [name_of(item) for item in inputs], 0
    check_overlap(names, reader, options)
    draw = None
    if options.overlay is not None:
        from ..writing.overlay import overlay_writer  # loads fonts: only if needed

        draw = overlay_writer(recognizer, names, options.overlay, several)
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
        answered = "; the others were answered" * (failed < count.done)
        print_notes(f"{failed} of {counted(count.done, 'input')} failed{answered}")
    return 1 if failed else 0


def new_report() -> Report:
    """An HTML page of pages with their pictures."""
    from ..reports.pages import PageReport  # imported here for start-up time

    return PageReport(lambda record: load_pixels(record.get("image", record["input"])))


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
            kind, form, names, output, stack, marked, options.raw, options.mark, several, new_report
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
    """What decides the records, and the videos of --overlay, by option: a run that goes on must
    have it alike. Files are compared by their content, --format by what its records are of.
    """
    named = ("decoder", "n_best", "accept", "crop", "layout", "pages", "overlay")
    return {
        "a bundle of SHA-256": digest_of(find_bundle(options.model)),
        "a lexicon of SHA-256": digest_of(options.lexicon) if options.lexicon else "none",
        "--format of": "pages" if reads_pages(options) else "lines",
        **{f"--{name}": str(getattr(options, name)) for name in named},
        MAX_PIXELS: str(max_pixels()),
        OUTSIDE: str(bool(root_options())),
        IMPORTS: " ".join(allowed_imports()) or "none",
    }


def digest_of(path: str | Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reads_pages(options) -> bool:
    """Whether the output is of whole pages: one record each, not one of each line."""
    by_page = options.format == "text" and is_folder(options.output or "")
    return by_page or options.format in PAGE_FORMATS


def check_overlap(names: list[str], reader: Reader, options) -> None:
    """Raise ValueError for an output that is an input, the bundle, or labels of the inputs."""
    several = holds_several(options.inputs)
    outputs = output_files(options.format, names, options.output, several)
    outputs += [] if options.output is None else [journal_path(options.output)]
    files = dict.fromkeys(part for name in names for part in (name, file_of(name)))
    read = [find_bundle(options.model), *filter(None, [options.lexicon, *files])]
    suffixes = LABELS[type(reader).__name__]
    if isinstance(reader, LineReader):
        suffixes += IMAGE_SUFFIXES  # a page file names one
    folders = dict.fromkeys(os.path.dirname(name) or "." for name in filter(None, files))
    refuse_overlap([("--output", path) for path in outputs], read, folders, suffixes)
