"""Functions (rng, grey image) -> image that degrade a clean line as printing and scanning do."""

from typing import Literal

import cv2
import numpy as np

from .typesetting import ink_box

Look = Literal["book", "receipt", "letter", "clean"]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> np.ndarray:
    """Return noise (H, W) float32 of standard deviation near 1, correlated over `cell` pixels."""
    small = (max(round(shape[0] / cell), 2), max(round(shape[1] / cell), 2))
    noise = rng.standard_normal(small, dtype=np.float32)
    return cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)


def fine_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return noise (H, W) float32, uniform in -1..1, at a third of the cost of normal noise."""
    return rng.random(shape, dtype=np.float32) * 2 - 1


def to_uint8(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 255).astype(np.uint8)


def distort(rng: np.random.Generator, image: np.ndarray, slant: float = 0.08) -> np.ndarray:
    """Rotate by up to a degree, shear by about `slant` and bend the baseline, on white ground."""
    height, width = image.shape
    tilt = np.clip(rng.normal(0, 0.005), -0.017, 0.017) * min(1.0, 14 * height / width)
    shear = rng.normal(0, slant)
    if rng.random() < 0.6:
        matrix = np.float32([[1, shear, -shear * height / 2], [tilt, 1, -tilt * width / 2]])
        return cv2.warpAffine(image, matrix, (width, height), borderValue=255)
    x = np.arange(width, dtype=np.float32)[None]
    y = np.arange(height, dtype=np.float32)[:, None]
    phase = x / height * rng.uniform(0.2, 1.2) + rng.uniform(0, 6.28)
    map_x = (x + shear * (y - height / 2)).astype(np.float32)
    wave = tilt * (x - width / 2) + rng.uniform(0, 0.025) * height * np.sin(phase)
    map_y = (y + wave).astype(np.float32)
    return cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderValue=255)


def vary_letters(rng: np.random.Generator, image: np.ndarray, size: int) -> np.ndarray:
    """Warp a line as if written by hand: sheared, with letters of varying shape and size.

    size: pixels per em; the baseline stays near three fifths of the height.
    """
    height, width = image.shape
    x = np.arange(width, dtype=np.float32)[None]
    y = np.arange(height, dtype=np.float32)[:, None]
    shear = np.clip(rng.normal(0.15, 0.25), -0.4, 0.7)
    baseline = np.float32(0.62 * height)
    # size and vertical offset of the letters, varying along the line
    scale = 1 + smooth_noise(rng, (4, width), rng.uniform(0.6, 3) * size)[1] * rng.uniform(0, 0.1)
    drift = smooth_noise(rng, (4, width), rng.uniform(1, 4) * size)[1] * rng.uniform(0, 0.05) * size
    strength, cell = rng.uniform(0, 0.045) * size, rng.uniform(0.3, 0.8) * size
    across, down = (smooth_noise(rng, image.shape, cell) * strength for _ in range(2))
    map_x = (x + shear * (y - baseline) + across).astype(np.float32)
    map_y = (baseline + (y - baseline) * scale + drift + down).astype(np.float32)
    return cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderValue=255)


def thin_strokes(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Thin the strokes, unless less than half of the ink would remain."""
    thinned = cv2.dilate(image, np.ones((2, 2) if rng.random() < 0.6 else (3, 3), np.uint8))
    return thinned if (thinned < 128).sum() > 0.5 * (image < 128).sum() else image


def crop_line(rng: np.random.Generator, image: np.ndarray, size: int) -> np.ndarray:
    """Crop a rendered line (`size` pixels per em) as layout analysis does.

    The crop is close around the ink or the body of the type, sometimes a pixel too tight. Parts of
    the lines above and below may be visible: copies of this line, shifted along and by the leading.
    """
    height, width = image.shape
    top, bottom, left, right = ink_box(image)
    if rng.random() < 0.4:  # the body of the type, even if no letter reaches its edges
        top, bottom = min(top, round(0.72 * size)), max(bottom, round(1.76 * size))
    pad = rng.uniform(-0.03, 0.16 if rng.random() < 0.8 else 0.45, 2) * size
    side = np.abs(rng.normal(0, 0.15, 2)) * size
    top, bottom = max(int(top - pad[0]), 0), min(int(bottom + pad[1]) + 1, height)
    if rng.random() < 0.35:
        leading = round(rng.uniform(1.0, 1.3) * size)
        neighbour = np.roll(image, int(rng.integers(width)), axis=1)
        image = image.copy()
        if rng.random() < 0.6:
            image[:-leading] = np.minimum(image[:-leading], neighbour[leading:])
        if rng.random() < 0.6:
            image[leading:] = np.minimum(image[leading:], neighbour[:-leading])
    left, right = max(int(left - side[0]), 0), min(int(right + side[1]) + 1, width)
    return np.ascontiguousarray(image[top:bottom, left:right])


def change_weight(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Thicken or thin the strokes by up to one pixel."""
    kernel = np.ones((2, 2), np.uint8) if rng.random() < 0.7 else np.ones((1, 2), np.uint8)
    changed = (cv2.erode if rng.random() < 0.55 else cv2.dilate)(image, kernel)
    return cv2.addWeighted(changed, share := rng.uniform(0.3, 1), image, 1 - share, 0)


def blur(rng: np.random.Generator, image: np.ndarray, max_sigma: float) -> np.ndarray:
    """Apply a Gaussian blur whose sigmas are drawn from 0.3 to `max_sigma`."""
    sigma_x, sigma_y = rng.uniform(0.3, max_sigma), rng.uniform(0.3, max_sigma)
    return cv2.GaussianBlur(image, (0, 0), sigma_x, sigmaY=sigma_y)


def restore_contrast(image: np.ndarray) -> np.ndarray:
    """Scale the grey levels so that the darkest 2.5 % are black, also in hair-thin strokes."""
    sample = image[::2, ::3].ravel()
    darkest = int(np.partition(sample, sample.size // 40)[sample.size // 40])
    return cv2.convertScaleAbs(255 - image, alpha=255 / max(255 - darkest, 60)) ^ 0xFF


def reduce_resolution(rng: np.random.Generator, image: np.ndarray, min_rows: int) -> np.ndarray:
    """Scale down to `min_rows`..25 rows and up again, by one of three interpolations."""
    height, width = image.shape
    rows = int(rng.integers(min_rows, 26))
    if rows >= height:
        return image
    small = cv2.resize(image, (max(width * rows // height, 1), rows), interpolation=cv2.INTER_AREA)
    methods = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)
    method = methods[int(rng.choice(3, p=(0.5, 0.4, 0.1)))]
    return cv2.resize(small, (width, height), interpolation=method)


def wear(rng: np.random.Generator, image: np.ndarray, max_loss: float) -> np.ndarray:
    """Lighten the image in patches, as from worn type, a dry ribbon or a cold print head.

    max_loss: upper bound of the scale of the patches, in grey levels.
    """
    patches = smooth_noise(rng, image.shape, rng.uniform(4, 14)) - 0.2
    return to_uint8(image + np.maximum(patches, 0) * rng.uniform(20, max_loss))


def binarise(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Apply an uneven threshold: strokes break where it is low, counters fill where it is high."""
    threshold = smooth_noise(rng, image.shape, 9) * rng.uniform(0, 20)
    threshold += fine_noise(rng, image.shape) * rng.uniform(2, 45) + min(rng.normal(146, 22), 190)
    return np.where(image > np.clip(threshold, 60, 235), 255, 0).astype(np.uint8)


def speckle(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add a few specks, mostly dark, one to three pixels wide."""
    image = image.copy()
    height, width = image.shape
    for _ in range(rng.poisson(height * width * 1.2e-4)):
        y, x, size = rng.integers(height), rng.integers(width), rng.integers(1, 4)
        image[y : y + rng.integers(1, 4), x : x + size] = 0 if rng.random() < 0.65 else 255
    return image


def draw_rule(rng: np.random.Generator, image: np.ndarray, y: int | None = None) -> np.ndarray:
    """Draw a horizontal rule in row y, or near the top or bottom, of full or partial width."""
    image = image.copy()
    height, width = image.shape
    if y is None:
        y = int(height * (rng.uniform(0.86, 0.99) if rng.random() < 0.8 else rng.uniform(0, 0.08)))
    x0, x1 = (0, width) if rng.random() < 0.6 else sorted(int(v) for v in rng.integers(0, width, 2))
    tilt, thick = int(rng.integers(-1, 2)), 1 + int(rng.random() < 0.35)
    cv2.line(image, (x0, y), (x1, y + tilt), int(rng.integers(0, 110)), thick, cv2.LINE_AA)
    return image


def bleed_through(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add faint print from the back of the page: this line, mirrored."""
    back = cv2.blur(np.roll(image[:, ::-1], int(rng.integers(-9, 10)), axis=0), (5, 5))
    faint = 255 - cv2.convertScaleAbs(255 - back, alpha=rng.uniform(0.05, 0.22))
    return np.minimum(image, faint)


def dot_matrix(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Print the line as a dot-matrix printer does, with 11 to 16 rows of round dots."""
    height, width = image.shape
    rows, pitch = int(rng.integers(11, 17)), 5
    pins = cv2.resize(image, (max(width * rows // height, 1), rows), interpolation=cv2.INTER_AREA)
    dots = np.where(pins < rng.uniform(130, 185), 255.0, 0.0).astype(np.float32)
    dots *= 1 - rng.random(dots.shape, dtype=np.float32) * rng.uniform(0, 0.6)
    y, x = np.mgrid[:pitch, :pitch] - (pitch - 1) / 2
    dot = np.clip(rng.uniform(2.2, 3.4) - np.hypot(x, y), 0, 1).astype(np.float32)
    large = np.kron(dots, dot)
    return to_uint8(255 - cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA))


def halftone(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Dither a grey ground over a part of the line, as in bilevel scans of stamps."""
    left, right = sorted(int(v) for v in rng.integers(0, image.shape[1] + 1, 2))
    dots = rng.random((image.shape[0], right - left), dtype=np.float32) < rng.uniform(0.05, 0.25)
    image = image.copy()
    image[:, left:right][dots] = 0
    return image


def add_paper(
    rng: np.random.Generator, image: np.ndarray, ink: float, ground: float, rough: float
) -> np.ndarray:
    """Map black to grey level `ink` and white to uneven paper of level `ground` (0..255).

    rough: maximum variation of the paper, in grey levels.
    """
    noise = smooth_noise(rng, image.shape, rng.uniform(3, 40)) * rng.uniform(0, rough)
    noise += fine_noise(rng, image.shape) * rng.uniform(0, rough)
    if rng.random() < 0.3:  # uneven illumination along the line
        noise += np.linspace(-1, 1, image.shape[1], dtype=np.float32) * rng.uniform(-2, 2) * rough
    return to_uint8(image * np.float32((ground - ink) / 255) + (noise + np.float32(ink)))


def add_fibres(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add the faint vertical streaks of laid paper, and sometimes the two edges of a crease."""
    streaks = smooth_noise(rng, (4, image.shape[1]), rng.uniform(3, 20))[1] * rng.uniform(0, 6)
    for _ in range(rng.poisson(0.4)):
        x, width = int(rng.integers(image.shape[1])), int(rng.integers(2, 9))
        streaks[x : x + width] += rng.uniform(10, 35)
        streaks[x + width : x + width + 3] -= rng.uniform(5, 40)
    return to_uint8(image + streaks[None])


def sharpen(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Apply unsharp masking, as many scanners do."""
    share = rng.uniform(0.5, 2)
    return cv2.addWeighted(image, 1 + share, cv2.GaussianBlur(image, (0, 0), 1.5), -share, 0)


def compress_jpeg(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Compress as JPEG of quality 12 to 74."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 75))])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def book(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Degrade as old print: worn type, spread ink and specks, mostly binarised."""
    image = wear(rng, image, 110) if rng.random() < 0.4 else image
    image = restore_contrast(blur(rng, image, 1.2))
    if rng.random() < 0.2:
        image = bleed_through(rng, image)
    if rng.random() < 0.82:
        image = speckle(rng, binarise(rng, image))
        return blur(rng, image, 0.9) if rng.random() < 0.3 else image
    return add_paper(rng, image, rng.uniform(0, 90), rng.uniform(180, 255), 12)


def receipt(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Degrade as a receipt: thermal or dot-matrix print, small, faded, compressed or binarised."""
    if rng.random() < 0.22:
        image = dot_matrix(rng, image)
    image = wear(rng, image, 110) if rng.random() < 0.3 else image
    image = reduce_resolution(rng, image, 13) if rng.random() < 0.5 else blur(rng, image, 1.1)
    image = restore_contrast(image)
    if rng.random() < 0.15:
        image = binarise(rng, image)
        return halftone(rng, image) if rng.random() < 0.25 else image
    faded = rng.random() < 0.4
    ground = rng.uniform(222, 262)
    image = add_paper(rng, image, rng.uniform(80, 165) if faded else rng.uniform(0, 90), ground, 9)
    image = sharpen(rng, image) if rng.random() < 0.25 else image
    return compress_jpeg(rng, image) if rng.random() < 0.5 else image


def letter(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Degrade as a typed letter on grey paper: uneven ribbon, soft edges, streaks and creases."""
    image = wear(rng, image, 110) if rng.random() < 0.5 else image
    image = restore_contrast(blur(rng, image, 1.5))
    image = bleed_through(rng, image) if rng.random() < 0.12 else image
    image = add_paper(rng, image, rng.uniform(0, 80), rng.uniform(185, 248), 7)
    image = add_fibres(rng, image)
    return compress_jpeg(rng, image) if rng.random() < 0.25 else image


def clean(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Degrade as little as a good scan or a screen does."""
    image = restore_contrast(blur(rng, image, 0.9) if rng.random() < 0.6 else image)
    return add_paper(rng, image, rng.uniform(0, 60), rng.uniform(225, 258), 4)


LOOKS = {"book": book, "receipt": receipt, "letter": letter, "clean": clean}


def degrade(rng: np.random.Generator, image: np.ndarray, look: Look) -> np.ndarray:
    """Degrade a clean line (H, W) uint8, given at the resolution of its scan (16 to 64 rows)."""
    image = change_weight(rng, image) if rng.random() < 0.4 else image
    image = draw_rule(rng, image) if rng.random() < 0.05 else image
    return LOOKS[look](rng, image)
