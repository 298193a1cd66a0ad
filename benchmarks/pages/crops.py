"""What cutting lines out of pages by one shape or another costs, also by polygons that cut letters.

    python -m benchmarks.pages.crops FOLDER [--kinds enbook frhand ...] [--every 2] [--markdown]

The lines of the pages of FOLDER (see `truth.py`) are read by each shape of `--crop`: by the
polygons as they are given, then squeezed to SQUEEZED of their height around their middle, then cut
down to the small letters without ascenders and descenders. CER in percent, read without a language
model, case and the forms of quotes and dashes folded; in the last column the lines that `auto` does
not cut out by the polygon.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import cv2
import numpy as np

from datasets.images import load_grey
from datasets.output.text import print_notes
from datasets.pages.coordinates import line_gaps
from datasets.pages.crops.cutting import crop_line
from datasets.pages.crops.modes import Crop
from datasets.pages.files import check_image
from datasets.pages.layout import PageLine
from pipeline.reading.bundle import load_bundle
from pipeline.reading.items import Item
from pipeline.reading.prediction import Recognizer
from pipeline.scoring.metrics import Normalization, compute_scores, tally_texts

from ..table import aligned
from .truth import find_truths, page_kind, read_truth

MODELS = {
    "enbook": "lines-en",
    "frbook": "lines-fr",
    "debook": "lines-fraktur-de",
    "entyped": "lines-en",
    "enhand": "lines-hand",
    "frhand": "lines-hand",
    "receipt": "lines-en",
    "artcat": "lines-fr",
}
MODES: tuple[Crop, ...] = get_args(Crop)
POLYGONS = ("given", "squeezed", "x-height")
SQUEEZED = 0.6  # of the height
ASCENT = 0.4  # share of the height above the baseline that only capitals and ascenders reach
UPPER, LOWER = 0.3, 0.75  # rows of the small letters in a polygon without baseline, of its height
STEP = 8  # pixels between the points of a changed polygon
FOLDED = Normalization(ignore_case=True, fold_punctuation=True)


class Cut(NamedTuple):
    """A line's text and work, and its image by each shape of MODES."""

    text: str
    work: str
    images: tuple[np.ndarray, ...]


def spoiled(line: PageLine, polygons: str) -> PageLine:
    """Return a line with a polygon that cuts through its letters, as one of POLYGONS says."""
    if line.polygon is None or polygons == "given":
        return line
    left, top = np.floor(line.polygon.min(0)).astype(int)
    inside = np.zeros(np.ceil(np.ptp(line.polygon, 0)).astype(int)[::-1] + 2, np.uint8)
    cv2.fillPoly(inside, [np.round(line.polygon - (left, top)).astype(np.int32)], 1)
    columns = np.flatnonzero(inside.any(0))[::STEP]
    upper = top + inside[:, columns].argmax(0)
    lower = top + len(inside) - inside[::-1, columns].argmax(0)
    height, x = lower - upper, left + columns
    if polygons == "squeezed":
        edges = upper + (1 - SQUEEZED) / 2 * height, lower - (1 - SQUEEZED) / 2 * height
    elif line.baseline is None:
        edges = upper + UPPER * height, upper + LOWER * height
    else:
        order = np.argsort(line.baseline[:, 0])
        base = np.interp(x, *line.baseline[order].T).clip(upper + 1, lower)
        edges = upper + ASCENT * (base - upper), base
    points = [np.stack([x, edges[0]], 1), np.stack([x, edges[1]], 1)[::-1]]
    return line._replace(polygon=np.concatenate(points))


def cut_lines(path: Path, polygons: str, every: int) -> Iterator[Cut]:
    """Cut lines of a page out by each shape: the first, and every so many after it; one that cannot
    be cut out by all is named and left out.
    """
    page = read_truth(path)
    image = load_grey(str(check_image(page)))
    lines = [spoiled(line, polygons) for line in page.lines]
    for line, gap in list(zip(lines, line_gaps(lines), strict=True))[::every]:
        name = f"{path}#{line.id}"
        try:
            images = tuple(crop_line(image, line, gap, name, mode) for mode in MODES)
        except ValueError as error:  # a changed polygon may leave nothing to cut
            print_notes(f"{error}; left out")
            continue
        yield Cut(line.text, path.name.split("__")[1], images)


def read_images(recognizer: Recognizer, images: Sequence[np.ndarray]) -> list[str]:
    """Read the images of lines, equal ones once."""
    known = {(image.shape, image.tobytes()): image for image in images}
    prepare = recognizer.bundle.reader.prepare
    items = [Item("line", lambda image=image: prepare(image)) for image in known.values()]
    texts = [record.get("text", "") for record in recognizer.predict(items)]
    by_image = dict(zip(known, texts, strict=True))
    return [by_image[image.shape, image.tobytes()] for image in images]


def row(kind: str, polygons: str, cuts: Sequence[Cut], recognizer: Recognizer) -> list[str]:
    """Read the lines of one kind by all shapes: a row of the table."""
    texts = read_images(recognizer, [image for cut in cuts for image in cut.images])
    cells = []
    for place, _ in enumerate(MODES):
        read = texts[place :: len(MODES)]
        tally = tally_texts(read, [c.text for c in cuts], [c.work for c in cuts], FOLDED)
        cells.append(f"{compute_scores(tally)['cer'].value:.2f}")
    auto, polygon = MODES.index("auto"), MODES.index("polygon")
    others = sum(not np.array_equal(c.images[auto], c.images[polygon]) for c in cuts)
    return [polygons, kind, str(len(cuts)), *cells, f"{100 * others / len(cuts):.1f}"]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kinds", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--every", type=int, default=1, help="read one line of so many")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(arguments)
    pages = find_truths(options.folder)
    by_kind = {kind: [p for p in pages if page_kind(p) == kind] for kind in options.kinds}
    cells = [["polygons", "kind", "lines", *MODES, "% by others"]]
    for polygons in POLYGONS:
        for kind, own in by_kind.items():
            cuts = [cut for path in own for cut in cut_lines(path, polygons, options.every)]
            if cuts:
                bundle = load_bundle(MODELS[kind])
                bundle.decoder = None
                cells.append(row(kind, polygons, cuts, Recognizer(bundle)))
    print(aligned(cells, options.markdown))


if __name__ == "__main__":
    main()
