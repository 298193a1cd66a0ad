"""Readers of whole pages, each warm, over pages that it has in memory before the clock."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import cv2
import numpy as np

from datasets.pages.coordinates import line_gaps
from datasets.pages.crops.cutting import crop_line
from datasets.pages.finding import find_lines
from datasets.pages.layout import PageLine
from pipeline.reading.bundle_files import bundle_name
from pipeline.reading.items import Item
from pipeline.reading.prediction import load_recognizer

from ..lines.contenders import Reader, Reading, Worker, languages_here, reading_of, tessdata

WARM_UP_PAGES = 1


def strand_reader(model: str, paths: Sequence[str], threads: int) -> Reader:
    """Our way from page to text: find the lines, cut them out, read them with a bundle."""
    recognizer = load_recognizer(model)
    prepare = recognizer.bundle.reader.prepare
    pages = [(path, cv2.imread(path, cv2.IMREAD_GRAYSCALE)) for path in paths]

    def find_in(page: tuple[str, np.ndarray]) -> Sequence[PageLine]:
        return find_lines(page[1], page[0])

    def item(path: str, image: np.ndarray, line: PageLine, gap: float | None) -> Item:
        name = f"{path}#{line.id}"
        return Item(name, lambda: prepare(crop_line(image, line, gap, name), name))

    def read(count: int | None = None) -> Reading:
        start = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(find_in, pages[:count]))
        items = [
            item(*page, *pair)
            for page, lines in zip(pages, found, strict=False)
            for pair in zip(lines, line_gaps(lines), strict=True)
        ]
        records = list(recognizer.predict(items))
        seconds, answers = time.perf_counter() - start, iter(records)
        texts = [
            [(line.polygon.tolist(), next(answers).get("text") or "") for line in lines]
            for lines in found
        ]
        problems = [f"{r['input']}: {r['error']}" for r in records if r.get("error")]
        return Reading(texts, seconds, problems)

    read(WARM_UP_PAGES)
    return Reader(bundle_name(model), read)


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
