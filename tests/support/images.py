"""Images of lines, made without loading any network."""

from pathlib import Path

import cv2
import numpy as np


def noise_line(seed: int, width: int | None = None, height: int = 16) -> np.ndarray:
    """Grey (H, W) uint8 of dark strokes; another seed, another line and width."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width or int(rng.integers(24, 120))), 255, np.uint8)
    for column in rng.integers(0, image.shape[1], image.shape[1] // 4):
        image[rng.integers(0, height // 2) :, column] = rng.integers(0, 120)
    return image


def write_image(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path
