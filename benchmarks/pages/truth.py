"""Pages with ground truth, KIND__WORK__NN.json beside the image KIND__WORK__NN.jpg.

A file is an object with `width` and `height`, `lines` (each with `polygon` and `baseline`, a list
of points in pixels or null, `text`, `order`, and `region`, a name or null), and `ignore`: polygons
around writing without truth, in which nothing that a reader finds is right or wrong.
"""

import json
from pathlib import Path

import numpy as np

from datasets.limits.opening import MAX_XML, named_errors, read_bytes
from datasets.pages.layout import Page, PageLine, check_polygon


def find_truths(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted. Raises ValueError if there is none."""
    found = sorted(folder.glob("*__*__*.json"))
    if not found:
        raise ValueError(f"{folder}: no KIND__WORK__NN.json in it; give the folder of such pages")
    return found


def page_kind(path: Path) -> str:
    """Return the kind of a page, such as enbook, by its name."""
    return path.name.partition("__")[0]


def read_truth(path: Path) -> Page:
    """Read a page; `datasets.pages.files.find_image` finds its image.

    Its lines are in reading order and called l0, l1, ...; they have no box. Raises ValueError for
    a file of another form, OSError.
    """
    with named_errors(path):
        content = json.loads(read_bytes(path, MAX_XML))
        lines = sorted(content["lines"], key=lambda line: line["order"])
        size = float(content["width"]), float(content["height"])
        image = path.with_suffix(".jpg").name
        return Page(str(path), "page", image, size, "pixel", tuple(map(_line, lines)))


def read_ignored(path: Path) -> tuple[np.ndarray, ...]:
    """Read the areas of a page to ignore, (N, 2) x, y each. Raises as `read_truth` does."""
    with named_errors(path):
        return tuple(map(_points, json.loads(read_bytes(path, MAX_XML))["ignore"]))


def _line(line: dict) -> PageLine:
    polygon = None if line["polygon"] is None else check_polygon(_points(line["polygon"]))
    baseline = None if line["baseline"] is None else _points(line["baseline"])
    name, region = f"l{line['order']}", line["region"] or ""
    return PageLine(name, region, line["text"], polygon, baseline, None)


def _points(points: list) -> np.ndarray:
    return np.array(points, np.float64).reshape(-1, 2)
