"""Our line reader beside Tesseract and RapidOCR: the same held-out lines, one machine, one run.

    python -m benchmarks.lines.peers --data FOLDER

Every reader has a set's lines decoded in memory and has read a few before the clock; scaling a line
to a reader's height is its own work. They take turns, as often as --repeat says, and the median
time counts. RapidOCR (recognition only) and Tesseract's library (PyPI tesserocr) run in a Python of
their own, which --rapidocr and --tesserocr name; Tesseract's command line, in a row of its own,
reads files in memory, its start-up included. Each peer runs in the faster of two ways, found on a
few lines of each set; with --every_way Tesseract's library in both.
"""

import argparse
import os
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from datasets.output.text import print_notes
from pipeline.scoring.metrics import Normalization, Score, Tally, compute_scores, tally_texts
from pipeline.scoring.paired_bootstrap import FEW, paired_bootstrap

from ..table import aligned, print_report, score_cell
from .contenders import WARM_UP_LINES, Reader, Reading, add_options, peers_of, take_turns
from .images import encoded_image, in_memory

COLUMNS = ["set", "lines", "groups", "reader", "CER % (95 %)", "WER %", "exact %", "numbers %"]
COLUMNS += ["lines/s", "ours is faster", "p"]
NUMBER = re.compile(r"\d(?:[\d.,:/-]*\d)?")  # an amount, a date, a time


class LineSet(NamedTuple):
    """The held-out lines of one folder: N names, transcripts, groups and encoded images."""

    name: str
    paths: list[str]
    texts: list[str]
    groups: list[str]
    ignore_case: bool
    files: list[bytes]


class Row(NamedTuple):
    """One line of the table, of our first reader's figures and this one's on this set.

    ratio: lines per second, ours by this one's. p: that the CER differs by chance; None for ours.
    """

    lines: LineSet
    reader: str
    reading: Reading
    scores: dict[str, Score]
    ratio: float
    p: float | None


def held_out_sets(config: Path, split: str, limit: int | None) -> list[LineSet]:
    """Each folder of a config's `data.source`, as a set of the first `limit` lines of `split`."""
    from datasets.lines.listing import transcripts
    from datasets.lines.source import RealLines
    from pipeline.evaluation.config_folders import folders_of_config

    folders = folders_of_config(config)
    # Every character of the labels: else lines with one that we cannot read would be left out.
    letters = {
        letter for folder in folders for _, text, _ in transcripts(folder) for letter in text
    }
    real = RealLines(folders, alphabet="".join(sorted(letters)))
    if real.problems:
        first = real.problems[0].reason
        print_notes(f"{config}: {len(real.problems)} lines cannot be used; the first: {first}")
    sets = []
    for place, folder in enumerate(folders):
        name = Path(folder.root).name
        lines = [line for line in real.lines[split] if line.folder == place]
        if not lines:
            print_notes(f"{name}: no {split} lines, left out")
            continue
        names, texts, groups = (
            [getattr(line, key) for line in lines] for key in ("path", "text", "group")
        )
        if len(set(groups)) == 1:  # one book is no sample of books, but its pages are one of pages
            groups = [Path(path).stem.partition("__")[0] for path in names]
        files = [encoded_image(name) for name in names[:limit]]
        columns = (column[:limit] for column in (names, texts, groups))
        sets.append(LineSet(name, *columns, is_without_lower_case(texts), files))
    return sets


def without_seen(lines: LineSet, models: Sequence[str]) -> LineSet:
    """The set without the groups of which one of our bundles, or its start, has seen a line."""
    from datasets.lines.cache import line_digests
    from pipeline.reading.bundle import load_bundle

    seen = set()
    for bundle in map(load_bundle, models):
        if bundle.seen is not None:
            roles = bundle.seen.roles_of(line_digests(lines.paths, bundle.reader))
            seen |= {group for group, role in zip(lines.groups, roles, strict=True) if role}
    rows = zip(lines.paths, lines.texts, lines.groups, lines.files, strict=True)
    kept = [row for row in rows if row[2] not in seen]
    if len(kept) < len(lines.paths):
        left_out = f"{len(lines.paths) - len(kept)} lines of {len(seen)} groups"
        print_notes(f"{lines.name}: {left_out} are left out, a bundle was trained on some of them")
    paths, texts, groups, files = map(list, zip(*kept, strict=True)) if kept else ([],) * 4
    return LineSet(lines.name, paths, texts, groups, lines.ignore_case, files)


def is_without_lower_case(texts: Sequence[str]) -> bool:
    """Labels in capitals only do not tell the case of the print: compare without case."""
    return not any(letter.islower() for text in texts for letter in text)


def strand_reader(model: str, lines: LineSet) -> Reader:
    """Our bundle, loaded once and warm, over images decoded here."""
    from datasets.images import decode_grey
    from pipeline.reading.bundle_files import bundle_name
    from pipeline.reading.items import Item
    from pipeline.reading.prediction import load_recognizer

    recognizer = load_recognizer(model)
    reader = recognizer.bundle.reader
    items = [
        Item(path, partial(reader.read_image, decode_grey(data, path), path))
        for path, data in zip(lines.paths, lines.files, strict=True)
    ]
    list(recognizer.predict(items[:WARM_UP_LINES]))

    def read() -> Reading:
        start = time.perf_counter()
        records = list(recognizer.predict(items))
        seconds = time.perf_counter() - start
        problems = [f"{r['input']}: {r['error']}" for r in records if r.get("error")]
        return Reading([r.get("text") or "" for r in records], seconds, problems)

    return Reader(bundle_name(model), read)


def measure(lines: LineSet, readers: Sequence[Reader], repeat: int) -> list[Row]:
    """One set by every reader in turn, `repeat` times; the first reader is ours."""
    readings = take_turns(readers, repeat, lines.name, len(lines.texts))
    normalization = Normalization(ignore_case=lines.ignore_case, fold_punctuation=True)
    rows, ours = [], None
    for reader, reading in zip(readers, readings, strict=True):
        tally = tally_texts(reading.texts, lines.texts, lines.groups, normalization)
        ours = ours or (tally, reading.seconds)
        p = chance(ours[0], tally) if rows else None
        ratio = reading.seconds / ours[1]
        rows.append(Row(lines, reader.name, reading, compute_scores(tally), ratio, p))
    return rows


def chance(ours: Tally, theirs: Tally) -> float:
    """p of a paired bootstrap over groups: that neither CER is lower."""
    (first, lengths), (second, _) = ours.counts["cer"], theirs.counts["cer"]
    return paired_bootstrap(first[:, 0], second[:, 0], lengths[:, 0], ours.groups).p


def format_table(rows: Sequence[Row], markdown: bool) -> str:
    """Aligned columns, or a Markdown table."""
    return aligned([COLUMNS, *map(row_cells, rows)], markdown)


def row_cells(row: Row) -> list[str]:
    cer = row.scores["cer"]
    return [
        row.lines.name + " (no case)" * row.lines.ignore_case,
        str(cer.n),
        str(cer.groups),
        row.reader,
        score_cell(cer),
        f"{row.scores['wer'].value:.2f}",
        f"{row.scores['exact'].value:.1f}",
        share_of_numbers(row.reading.texts, row.lines.texts),
        f"{cer.n / row.reading.seconds:.1f}",
        f"x {row.ratio:.1f}",
        "" if row.p is None else f"{row.p:.2g}" if cer.groups >= FEW else "few groups",
    ]


def share_of_numbers(read: Sequence[str], true: Sequence[str]) -> str:
    """The share of the numbers in N true texts that were read, each mark of them, in percent."""
    fold = Normalization(fold_punctuation=True)
    counts = [numbers_right(fold(a), fold(b)) for a, b in zip(read, true, strict=True)]
    right, total = map(sum, zip(*counts, strict=True))
    return f"{100 * right / total:.1f}" if total else ""


def numbers_right(read: str, true: str) -> tuple[int, int]:
    """How many numbers of a true text stand as such, and no longer, at their place in the text that
    was read; and how many there are.
    """
    places = {}
    for block in Levenshtein.opcodes(read, true):
        if block.tag == "equal":
            length = block.dest_end - block.dest_start
            places |= {block.dest_start + k: block.src_start + k for k in range(length)}
    numbers = list(NUMBER.finditer(true))
    spans = {match.span() for match in NUMBER.finditer(read)}
    right = 0
    for match in numbers:
        start = places.get(match.start(), -1)
        span = start, start + len(match[0])
        right += span in spans and read[slice(*span)] == match[0]
    return right, len(numbers)


def conditions(threads: int, repeat: int) -> str:
    """What the figures were measured under."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"Compared: {Normalization(fold_punctuation=True).describe()}; without case (no case) "
        "where the labels hold no lower-case letter. CER, WER: sum of edits / sum of lengths; "
        "exact: lines right, spaces too; numbers: those right, decimal points too; interval: "
        "bootstrap over groups (over the pages where a set has one group only); p: "
        f"paired bootstrap of CER against our first, of {FEW} groups or more.\n"
        f"Time: {cores} cores, {threads} threads each, lines in memory, warm; median of {repeat}, "
        "taking turns. RapidOCR's batch and Tesseract's processes x threads are the faster of two; "
        "its command line reads files in memory, start-up and decoding included."
    )


def parser_of() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--config", type=Path, nargs="+", default=[Path("configs/lines_printed.yaml")]
    )
    parser.add_argument(
        "--model", nargs="+", default=["lines-en"],
        help="bundles: paths or names in the zoo; the first is what the others are compared with",
    )  # fmt: skip
    parser.add_argument("--data", help="what the config's folders are relative to (STRAND_DATA)")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--sets", nargs="+", help="only these folders of the configs")
    parser.add_argument("--limit", type=int, help="only the first LIMIT lines of each set")
    add_options(parser)
    parser.add_argument(
        "--tesseract_language", nargs="+", default=[], metavar="FOLDER=LANGUAGE[,LANGUAGE]"
    )
    parser.add_argument(
        "--every_way", action="store_true", help="Tesseract's library also in its slower way"
    )
    return parser


def check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    for name in ("limit", "repeat", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name} {value}: must be at least 1")
    for option in options.tesseract_language:
        if "=" not in option:
            parser.error(f"--tesseract_language {option}: give it as FOLDER=LANGUAGE")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of()
    options = parser.parse_args(arguments)
    check(options, parser)
    if options.data:
        os.environ["STRAND_DATA"] = options.data
    import torch

    torch.set_num_threads(options.threads)
    found = [s for c in options.config for s in held_out_sets(c, options.split, options.limit)]
    sets = {lines.name: lines for lines in found}  # a folder of two configs once
    unknown = set(options.sets or ()).difference(sets)
    if unknown:
        parser.error(f"--sets {' '.join(sorted(unknown))}: there are {' '.join(sets)}")
    chosen = [lines for name, lines in sets.items() if name in (options.sets or sets)]
    if options.split == "test":  # validation lines have chosen the bundles' epochs
        chosen = [without_seen(lines, options.model) for lines in chosen]
    rows = []
    for lines in chosen:
        if not lines.paths:
            continue
        with in_memory(lines.paths, lines.files) as paths, ExitStack() as stack:
            readers = [strand_reader(model, lines) for model in options.model]
            rows += measure(
                lines, readers + peers_of(lines.name, paths, options, stack), options.repeat
            )
    table = format_table(rows, options.format == "markdown")
    failed = [problem for row in rows for problem in row.reading.problems]
    print_report(table, conditions(options.threads, options.repeat), failed)


if __name__ == "__main__":
    main()
