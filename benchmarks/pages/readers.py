"""Readers of whole pages, each warm, over pages that it has in memory before the clock."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import cv2
import numpy as np

from datasets.pages.coordinates import line_gaps
from datasets.pages.crops.cutting import crop_line
from datasets.pages.finding import find_lines
from datasets.pages.layout import PageLine
from pipeline.reading.bundle_files import bundle_name
from pipeline.reading.prediction import Item, load_recognizer

from ..lines.contenders import Reader, Reading, languages_here, tessdata, workers_reader

WARM_UP_PAGES = 1
Find = Callable[[np.ndarray, str], Sequence[PageLine]]


def strand_reader(
    model: str, paths: Sequence[str], threads: int, find: Find = find_lines, name: str = ""
) -> Reader:
    """Our way from page to text: find the lines, cut them out, read them with a bundle."""
    recognizer = load_recognizer(model)
    prepare = recognizer.bundle.reader.prepare
    pages = [(path, cv2.imread(path, cv2.IMREAD_GRAYSCALE)) for path in paths]

    def find_in(page: tuple[str, np.ndarray]) -> Sequence[PageLine]:
        return find(page[1], page[0])

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
    return Reader(name or bundle_name(model), read)


def rapidocr_reader(
    python: str, paths: Sequence[str], threads: int, stack: ExitStack
) -> list[Reader]:
    """RapidOCR whole, its defaults, in the faster of two ways to use the threads."""

    def arguments(each: int) -> list[str]:
        return ["rapidocr_pages", str(each)]

    return workers_reader(python, arguments, threads, paths, stack, few=WARM_UP_PAGES)


def tesseract_reader(
    python: str, language: str, paths: Sequence[str], threads: int, stack: ExitStack
) -> list[Reader]:
    """Tesseract whole (`--psm 3`), its library, in the faster of two ways to use the threads."""
    if not languages_here("pages", [f"pages={language}"]):
        return []

    def arguments(each: int) -> list[str]:
        return ["tesseract_pages", language, tessdata()]

    return workers_reader(python, arguments, threads, paths, stack, few=WARM_UP_PAGES)
