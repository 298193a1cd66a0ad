"""Whole pages read by us, RapidOCR and Tesseract: the same pages, one machine, one run.

    python -m benchmarks.pages.peers --data FOLDER

Ours is what `predict --layout page` runs, with a shipped bundle and from the file on; RapidOCR (its
defaults) and Tesseract's library (`--psm 3`) have the pages decoded in memory and run in a Python
of their own, which --rapidocr and --tesserocr name. Each has read one page before the clock. They
take turns, as often as --repeat says, and the median time counts. `--lines NAME=FOLDER` adds ours
with the lines that NAME found: of each page a PAGE or ALTO file in FOLDER, beside its image.
"""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.scoring.metrics import Normalization, compute_scores, tally_texts

from ..lines.contenders import Reader, Reading, add_options, take_turns
from ..table import aligned, print_report, score_cell
from .readers import rapidocr_reader, strand_reader, tesseract_reader
from .scores import FoundLine, PageTally, tally_page
from .truth import find_truths, page_kind, read_ignored, read_truth

COLUMNS = ["pages", "reader", "n", "found % (IoU)", "found % (area)", "in order %"]
COLUMNS += ["page CER % (95 %)", "line CER %", "pages/min", "ours is faster"]
# by the beginning of a page's name: its row in the table, our bundle, Tesseract's language
SETS = {
    "artcat": ("catalogues, German", "lines-en", "deu"),
    "artcat__turnus-1884": ("catalogues, French", "lines-fr", "fra"),
    "artcat__turnus-1886": ("catalogues, French", "lines-fr", "fra"),
    "debook": ("German books", "lines-fraktur-de", "frk"),
    "debook__bebel": ("German book, Antiqua", "lines-en", "deu"),
    "enbook": ("English books", "lines-en", "eng"),
    "enhand": ("English letters, hand", "lines-hand", "eng"),
    "entyped": ("English typescripts", "lines-en", "eng"),
    "frbook": ("French books", "lines-fr", "fra"),
    "frhand": ("French letters, hand", "lines-hand", "fra"),
    "newscol": ("newspaper blocks, German", "lines-fraktur-de", "frk"),
    "newscol__luxembourg-1": ("newspaper block, French", "lines-fr", "fra"),
    "receipt": ("receipts (no case)", "lines-en", "eng"),
    "table": ("tables, hand", "lines-hand", "fra"),
}
# works whose lines, or other receipts of the same company, trained a bundle: no fair test of it
SEEN = {
    "lines-en": (
        *(f"enbook__oldbook-{letter}" for letter in "abcdf"),
        *(
            f"receipt__{company}"
            for company in (
                "99-speed-mart-s-b",
                "aik-huat-hardware-ente",
                "b-best-restaurant",
                "bemed-sp-sdn-bhd",
                "lightroom-gallery-sdn",
                "sanyu-stationery-shop",
                "unihakka-international",
            )
        ),
    )
}
WITHOUT_ORDER = ("table",)  # kinds whose true order is none


class PageSet(NamedTuple):
    """Pages of one row of the table: N paths of truth, images and works; bundle and language."""

    name: str
    model: str
    language: str
    truths: list[Path]
    images: list[str]
    works: list[str]


class Row(NamedTuple):
    """One line of the table. ratio: pages per minute, ours by this reader's."""

    pages: PageSet
    reader: str
    reading: Reading
    tallies: list[PageTally]
    ratio: float


def page_sets(folder: Path, kinds: Sequence[str] | None, half: str) -> list[PageSet]:
    """The pages of a folder, by the rows of the table. half: of each kind's works, every other one
    in alphabetical order is `tuned` (used to choose settings), the others are `kept`.
    """
    found: dict[str, PageSet] = {}
    truths = find_truths(folder)
    works = {path: path.name.rpartition("__")[0] for path in truths}
    for path in truths:
        kind = page_kind(path)
        of_kind = sorted({work for work in works.values() if work.partition("__")[0] == kind})
        is_tuned = of_kind.index(works[path]) % 2 == 0
        if (kinds and kind not in kinds) or half not in ("all", "tuned" if is_tuned else "kept"):
            continue
        longest = max((start for start in SETS if path.name.startswith(start)), key=len, default="")
        name, model, language = SETS.get(longest, (kind, "lines-en", "eng"))
        pages = found.setdefault(name, PageSet(name, model, language, [], [], []))
        pages.truths.append(path)
        pages.images.append(str(path.with_suffix(".jpg")))
        pages.works.append(works[path])
    return list(found.values())


def measure(pages: PageSet, readers: Sequence[Reader], repeat: int) -> list[Row]:
    """One set by every reader in turn, `repeat` times; the first reader is ours."""
    readings = take_turns(readers, repeat, pages.name, len(pages.truths))
    rows: list[Row] = []
    for reader, reading in zip(readers, readings, strict=True):
        tallies = [tally(*pair) for pair in zip(pages.truths, reading.texts, strict=True)]
        ours = rows[0].reading.seconds if rows else reading.seconds
        rows.append(Row(pages, reader.name, reading, tallies, reading.seconds / ours))
    return rows


def tally(path: Path, lines: Sequence[tuple[list, str]]) -> PageTally:
    """Score what a reader found on a page: pairs of polygon and text."""
    found = [FoundLine(np.array(polygon, np.float64), text) for polygon, text in lines]
    truth = [FoundLine(line.polygon, line.text or "") for line in read_truth(path).lines]
    return tally_page(found, truth, read_ignored(path))


def row_cells(row: Row) -> list[str]:
    kind = page_kind(row.pages.truths[0])
    normalization = Normalization(ignore_case=kind == "receipt", fold_punctuation=True)
    sums = {
        name: np.sum([tally.counts[name] for tally in row.tallies], 0)
        for name in row.tallies[0].counts
    }
    share = {name: f"{100 * part / max(whole, 1):.1f}" for name, (part, whole) in sums.items()}
    page = cer([tally.text for tally in row.tallies], row.pages.works, normalization)
    works = [work for t, work in zip(row.tallies, row.pages.works, strict=True) for _ in t.lines]
    line = cer([pair for tally in row.tallies for pair in tally.lines], works, normalization)
    ordered = kind not in WITHOUT_ORDER
    ours = row.reader.partition(",")[0]
    seen = sum(work in SEEN.get(ours, ()) for work in row.pages.works)
    return [
        row.pages.name,
        row.reader,
        f"{len(row.tallies)}" + f" ({seen} seen)" * bool(seen),
        f"{share['recall']} / {share['precision']}",
        f"{share['covered']} / {share['covering']}",
        share["order"] if ordered else "",
        score_cell(page) if ordered else "",
        f"{line.value:.2f}",
        f"{60 * len(row.tallies) / row.reading.seconds:.1f}",
        f"x {row.ratio:.1f}",
    ]


def cer(pairs: Sequence[tuple[str, str]], works: Sequence[str], normalization: Normalization):
    """CER of pairs of read and true text, with an interval over works."""
    read, true = zip(*pairs, strict=True)
    return compute_scores(tally_texts(read, true, works, normalization))["cer"]


def parser_of() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of pages with their truth")
    parser.add_argument("--kinds", nargs="+", help="only these, such as enbook receipt")
    parser.add_argument("--half", choices=("all", "tuned", "kept"), default="all")
    parser.add_argument(
        "--lines", nargs="+", default=(), metavar="NAME=FOLDER", help="lines that others found"
    )
    add_options(parser)
    return parser


def conditions(threads: int, repeat: int) -> str:
    """What the figures mean, and what they were measured under."""
    return (
        "seen: pages of works that the bundle was trained on. "
        "found: recall / precision of lines, by pairs of IoU 0.5 or more, and by lines of which "
        "the other side covers half; in order: pairs of lines next to each other in the truth that "
        "were found in that order. page CER: text in the order found against the truth; line CER: "
        "lines compared with those at their place, whatever the order. "
        f"{Normalization(fold_punctuation=True).describe()}; interval: bootstrap over works.\n"
        f"Time: {threads} threads each, warm; median of {repeat}, taking turns. Ours opens the "
        "files, its time is without that of others that found lines; peers have pages in memory, "
        "one process of one thread a core."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of()
    options = parser.parse_args(arguments)
    import torch  # takes seconds, which --help shall not

    torch.set_num_threads(options.threads)
    rows = []
    for pages in page_sets(options.data, options.kinds, options.half):
        with ExitStack() as stack:
            readers = [strand_reader(pages.model, pages.images)]
            common = pages.images, options.threads, stack
            for name, _, folder in (given.partition("=") for given in options.lines):
                files = [str(Path(folder, path.with_suffix(".xml").name)) for path in pages.truths]
                readers.append(strand_reader(pages.model, files, f", lines by {name}"))
            if options.rapidocr:
                readers += rapidocr_reader(options.rapidocr, *common)
            if options.tesserocr:
                readers += tesseract_reader(options.tesserocr, pages.language, *common)
            rows += measure(pages, readers, options.repeat)
    table = aligned([COLUMNS, *map(row_cells, rows)], options.format == "markdown")
    failed = [problem for row in rows for problem in row.reading.problems]
    print_report(table, conditions(options.threads, options.repeat), failed)


if __name__ == "__main__":
    main()
