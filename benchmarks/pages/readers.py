"""Readers of whole pages, each warm, over pages that it has in memory before the clock."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import cv2
import numpy as np

from datasets.pages.crops import crop_line, line_gaps
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

    def cut(page: tuple[str, np.ndarray]) -> tuple[Sequence[PageLine], list[np.ndarray]]:
        path, image = page
        lines = find(image, path)
        gaps = line_gaps(lines)
        crops = [crop_line(image, *pair, path) for pair in zip(lines, gaps, strict=True)]
        return lines, crops

    def read(count: int | None = None) -> Reading:
        start = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(cut, pages[:count]))
        items = [
            Item(f"{path}#{line.id}", partial(prepare, crop, path))
            for (path, _), (lines, crops) in zip(pages, found, strict=False)
            for line, crop in zip(lines, crops, strict=True)
        ]
        records = iter(list(recognizer.predict(items)))
        texts, problems = [], []
        for lines, _ in found:
            read = [(line, next(records)) for line in lines]
            texts.append([[line.polygon.tolist(), r.get("text") or ""] for line, r in read])
            problems += [f"{r['input']}: {r['error']}" for _, r in read if r.get("error")]
        return Reading(texts, time.perf_counter() - start, problems)

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
