"""Find text on a page: PP-OCRv6's small detector, the weights of the package rapidocr.

Only the file of weights is used, by ONNX Runtime. The network gives each pixel a probability that
it belongs to the core of a line or word; its cores are turned into rectangles and widened, as in
DB (Liao et al. 2020, Real-time Scene Text Detection with Differentiable Binarization).
"""

import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WEIGHTS = "models/PP-OCRv6_det_small.onnx"
STRIDE = 32  # of the network: the sides of its input are multiples of it
MAX_SIDE = 1280  # pixels of the longer side that the network sees
MAX_RATIO = 16  # of the sides of an image; a longer one is no page
THRESHOLD = 0.3  # probability from which a pixel belongs to a core
MIN_SCORE = 0.5  # least mean probability of a core
MIN_SIDE = 3  # pixels of the shorter side of a core
UNCLIP = 1.6  # how far a core is widened, times area / perimeter

_loading = threading.Lock()


def detect(image: np.ndarray) -> np.ndarray:
    """Return the rectangles around words and lines, (N, 4, 2) float64 in pixels of the image.

    Corners: top left, top right, bottom right, bottom left as the text runs, which is taken to run
    to the right; or, in a rectangle taller than wide, down. image: grey (H, W) or BGR (H, W, 3)
    uint8.
    """
    probabilities, scale = _probabilities(image)
    cores = (probabilities > THRESHOLD).astype(np.uint8)
    cores = cv2.dilate(cores, np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(cores, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        center, sides, angle = cv2.minAreaRect(contour)
        if min(sides) < MIN_SIDE or _mean_inside(probabilities, contour) < MIN_SCORE:
            continue
        grown = UNCLIP * sides[0] * sides[1] / sum(sides)  # both sides of an offset
        found.append(cv2.boxPoints((center, (sides[0] + grown, sides[1] + grown), angle)))
    corners = np.array(found, np.float64).reshape(-1, 4, 2) / scale
    return _ordered(corners).clip(0, image.shape[1::-1])


def _probabilities(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the network's output (h, w) float32, and the size of its pixels by the image's."""
    high, wide = image.shape[:2]
    scale = min(1.0, MAX_SIDE / max(high, wide))
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
    return output[0][0, 0, : size[1], : size[0]], scale


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


def _ordered(corners: np.ndarray) -> np.ndarray:
    """Rotate the clockwise corners (N, 4, 2) so that the first one is at the top left."""
    first = corners.sum(2).argmin(1)
    return np.take_along_axis(corners, ((first[:, None] + np.arange(4)) % 4)[:, :, None], 1)
