"""Find text on a page: PP-OCRv6's small detector, the weights of the package rapidocr.

Only the file of weights is used, by ONNX Runtime. The network gives each pixel a probability that
it belongs to the core of a line or word; its cores are turned into rectangles and widened, as in
DB (Liao et al. 2020, Real-time Scene Text Detection with Differentiable Binarization).
"""

import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WEIGHTS = "models/PP-OCRv6_det_small.onnx"
STRIDE = 32  # of the network: the sides of its input are multiples of it
THRESHOLD = 0.3  # probability from which a pixel belongs to a core
MIN_SCORE = 0.5  # least mean probability of a core
MIN_SIDE = 3  # pixels of the shorter side of a core
COURSE_STEP = 4  # distance of the points of a course, by the thickness of the core
UNCLIP = 1.6  # how far a core is widened, times area / perimeter

_loading = threading.Lock()


class Piece(NamedTuple):
    """A line of text, or a word or more of it; lengths in pixels of the image.

    corners: of the rectangle around it, (4, 2), clockwise from the top left. course: (K, 2) points
    of the curve through the middle of the text, from left to right. height: of the text.
    """

    corners: np.ndarray
    course: np.ndarray
    height: float


def find_pieces(image: np.ndarray, scale: float) -> list[Piece]:
    """Find the pieces of text in a grey (H, W) or BGR (H, W, 3) uint8 image.

    scale: of the copy that the network sees.
    """
    probabilities = _probabilities(image, scale)
    cores = (probabilities > THRESHOLD).astype(np.uint8)
    cores = cv2.dilate(cores, np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(cores, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        center, sides, angle = cv2.minAreaRect(contour)
        if min(sides) < MIN_SIDE or _mean_inside(probabilities, contour) < MIN_SCORE:
            continue
        grown = UNCLIP * sides[0] * sides[1] / sum(sides)  # both sides of an offset
        rectangle = cv2.boxPoints((center, (sides[0] + grown, sides[1] + grown), angle))
        corners = _from_top_left(rectangle.astype(np.float64) / scale)
        course, thickness = _course(contour, grown / 2)
        found.append(Piece(corners, course / scale, (thickness + grown) / scale))
    return found


def _probabilities(image: np.ndarray, scale: float) -> np.ndarray:
    """Return the network's output (h, w) float32 for an image scaled by a factor."""
    high, wide = image.shape[:2]
    size = max(round(wide * scale), 1), max(round(high * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    right, below = -size[0] % STRIDE, -size[1] % STRIDE
    small = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE)
    pixels = small.astype(np.float32) / 127.5 - 1
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, 2)
    planes = pixels.transpose(2, 0, 1)
    session = _session()
    output = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(planes[None])})
    return output[0][0, 0, : size[1], : size[0]]


def _session() -> "InferenceSession":
    with _loading:  # by several threads at once
        return _load_session()


@cache
def _load_session() -> "InferenceSession":
    """Load the network. Raises ImportError if a package is missing."""
    import onnxruntime  # takes a tenth of a second, which reading one line shall not

    package = find_spec("rapidocr")  # importing it would take longer than finding the lines
    if package is None or not package.submodule_search_locations:
        raise ImportError("finding lines on a page needs rapidocr's weights; pip install rapidocr")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # pages are read by several threads, each a page
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    file = Path(package.submodule_search_locations[0], WEIGHTS)
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _mean_inside(values: np.ndarray, contour: np.ndarray) -> float:
    left, top, wide, high = cv2.boundingRect(contour)
    inside = np.zeros((high, wide), np.uint8)
    cv2.fillPoly(inside, [contour - (left, top)], 1)
    return cv2.mean(values[top : top + high, left : left + wide], inside)[0]


def _course(contour: np.ndarray, longer: float) -> tuple[np.ndarray, float]:
    """Return the middle of a core, (K, 2), from `longer` left of it to right of it, and its
    thickness.
    """
    left, top, wide, high = cv2.boundingRect(contour)
    inside = np.zeros((high, wide), np.uint8)
    cv2.fillPoly(inside, [contour - (left, top)], 1)
    counts = inside.sum(0, dtype=np.int64)
    middles = np.arange(high) @ inside / counts
    thickness = float(np.median(counts))
    bins = np.array_split(np.arange(wide), max(round(wide / (COURSE_STEP * thickness)), 1))
    x = np.array([columns.mean() for columns in bins])
    y = np.array([middles[columns].mean() for columns in bins])
    x, y = np.array([-longer, *x, wide - 1 + longer]), np.array([y[0], *y, y[-1]])
    return np.stack([left + x, top + y], 1) + 0.5, thickness


def _from_top_left(corners: np.ndarray) -> np.ndarray:
    """Rotate clockwise corners (4, 2) so that the first one is at the top left."""
    return np.roll(corners, -int(corners.sum(1).argmin()), 0)
