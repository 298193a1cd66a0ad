"""Readers of whole pages, each warm: ours opens its files, the peers have them in memory."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from pipeline.reading.bundle_files import bundle_name
from pipeline.reading.prediction import load_recognizer
from pipeline.writing.text import errors_of

from ..lines.contenders import Reader, Reading, Worker, languages_here, reading_of, tessdata

WARM_UP_PAGES = 1


def strand_reader(model: str, paths: Sequence[str], addition: str = "") -> Reader:
    """Our way from a page's file to its text, as `predict --layout page` goes it.

    addition: to the name of the bundle, which is that of the reader.
    """
    recognizer = load_recognizer(model)
    recognizer.layout = "page"

    def read(count: int | None = None) -> Reading:
        start = time.perf_counter()
        records = list(recognizer.predict(paths[:count]))
        seconds = time.perf_counter() - start
        lines = [record.get("lines", ()) for record in records]
        texts = [[(outline(line), line.get("text", "")) for line in own] for own in lines]
        return Reading(texts, seconds, [error for r in records for error in errors_of(r)])

    read(WARM_UP_PAGES)
    return Reader(bundle_name(model) + addition, read)


def outline(line: dict) -> list[list[float]]:
    """The polygon of a line's record; its box if the page file has no more."""
    if line["polygon"]:
        return line["polygon"]
    left, top, right, bottom = line["box"]
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def rapidocr_reader(
    python: str, paths: Sequence[str], threads: int, stack: ExitStack
) -> list[Reader]:
    """RapidOCR whole, its defaults."""
    return [_processes(python, ["rapidocr_pages", "1"], paths, threads, stack)]


def tesseract_reader(
    python: str, language: str, paths: Sequence[str], threads: int, stack: ExitStack
) -> list[Reader]:
    """Tesseract whole (`--psm 3`), its library; none if the language is not installed."""
    if not languages_here("pages", [f"pages={language}"]):
        return []
    arguments = ["tesseract_pages", language, tessdata()]
    return [_processes(python, arguments, paths, threads, stack)]


def _processes(
    python: str, arguments: list[str], paths: Sequence[str], count: int, stack: ExitStack
) -> Reader:
    """A `peer_worker` as `count` processes of one thread, each with its share of the pages."""
    workers = [Worker(python, arguments, 1) for _ in range(count)]
    for place, worker in enumerate(workers):
        stack.callback(worker.close)
        worker.ask(open=list(paths[place::count]))
    reading_of(workers, WARM_UP_PAGES, None)
    return Reader(workers[0].name, lambda: reading_of(workers, None, None))
