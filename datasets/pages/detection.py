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
MAX_SIDE = 960  # pixels of the longer side that the network sees
MIN_TEXT = 10.0  # height of text there; a page of smaller print is seen twice as large
THRESHOLD = 0.3  # probability from which a pixel belongs to a core
MIN_SCORE = 0.5  # least mean probability of a core
MIN_SIDE = 3  # pixels of the shorter side of a core
COURSE_STEP = 4  # distance of the points of a course, by the thickness of the core
UNCLIP = 1.6  # how far a core is widened, times area / perimeter

_loading = threading.Lock()


# of marks that belong to the text beside them, relative to its height
SMALL, NARROW = 0.6, 1.5  # their height and width, at most
NEAR, WITHIN = 0.5, 0.6  # the white between, and the distance from the middle of the text


class Piece(NamedTuple):
    """A line of text, or a word or more of it; lengths in pixels of the image.

    corners: of the rectangle around it, (4, 2), clockwise from the top left. course: (K, 2) points
    of the curve through the middle of the text, from left to right. height: of the text.
    """

    corners: np.ndarray
    course: np.ndarray
    height: float


def detect(image: np.ndarray) -> list[Piece]:
    """Find the pieces of text in a grey (H, W) or BGR (H, W, 3) uint8 image."""
    scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
    found = _detect_at(image, scale)
    if scale < 1 and found and np.median([piece.height for piece in found]) * scale < MIN_TEXT:
        found = _detect_at(image, min(1.0, 2 * scale))
    return absorb_marks(found)


def absorb_marks(pieces: list[Piece]) -> list[Piece]:
    """Join small marks, such as a quotation mark at a line's end, with the text beside them."""
    texts, marks = list(pieces), []
    for mark in pieces:
        high, (left, middle, right) = mark.height, _extent(mark)
        for place, text in enumerate(texts):
            start, _, end = _extent(text)
            near = max(left - end, start - right) <= NEAR * text.height
            small = max(high / SMALL, (right - left) / NARROW) <= text.height
            if text is not mark and small and near:
                y = np.interp((left + right) / 2, *text.course.T)
                if abs(y - middle) <= WITHIN * text.height:
                    texts[place] = _reach(text, left, right)
                    marks.append(mark)
                    break
    return [text for text in texts if not any(text is mark for mark in marks)]


def _extent(piece: Piece) -> tuple[float, float, float]:
    """The left end, the height of the middle, and the right end of a piece."""
    left, right = piece.corners[:, 0].min(), piece.corners[:, 0].max()
    return left, piece.corners[:, 1].mean(), right


def _reach(piece: Piece, left: float, right: float) -> Piece:
    """The piece, so long that it reaches from `left` to `right` at least."""
    corners, course = piece.corners.copy(), piece.course
    start, _, end = _extent(piece)
    along = (corners[1] - corners[0]) / max(float(np.hypot(*(corners[1] - corners[0]))), 1e-6)
    if left < start:
        corners[[0, 3]] -= (start - left) * along
        course = np.vstack([course[:1] - [[start - left, 0]], course])
    if right > end:
        corners[[1, 2]] += (right - end) * along
        course = np.vstack([course, course[-1] + [right - end, 0]])
    return Piece(corners, course, piece.height)


def _detect_at(image: np.ndarray, scale: float) -> list[Piece]:
    """Find the pieces of text in an image that the network sees scaled by a factor."""
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
