"""Lines of text drawn with OpenCV's strokes: small, fast, with ascenders and descenders."""

from pathlib import Path

import cv2
import numpy as np

WORDS = """
the day began with heavy rain and many people stayed at home while their horses drank from puddles
beside that old bridge until night fell upon every field behind us though little had been said
"""


def sentence(seed: int, words: int = 5) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS.split(), words))


def draw(text: str, seed: int = 0) -> np.ndarray:
    """Dark on light (H, W) uint8, with a little grain."""
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_COMPLEX, 0.8, 1)
    image = np.full((40, width + 12), 225, np.uint8)
    cv2.putText(image, text, (6, 27), cv2.FONT_HERSHEY_COMPLEX, 0.8, 30, 1, cv2.LINE_AA)
    grain = np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def slanted(image: np.ndarray, degrees: float) -> np.ndarray:
    """The line turned, in an image that holds all of it."""
    high, wide = image.shape
    rise = int(wide * np.tan(np.radians(abs(degrees)))) + 1
    larger = np.full((high + rise, wide), 225, np.uint8)
    larger[rise // 2 : rise // 2 + high] = image
    matrix = cv2.getRotationMatrix2D((wide / 2, len(larger) / 2), degrees, 1)
    return cv2.warpAffine(larger, matrix, (wide, len(larger)), borderValue=225)


def write_page(root: Path, count: int = 60, first: int = 0) -> dict[str, str]:
    """`count` lines of five words with their labels.tsv -> name: text."""
    texts = {f"p{i // 10}__{i:03d}.png": sentence(first + i) for i in range(count)}
    root.mkdir(parents=True)
    for place, (name, text) in enumerate(texts.items()):
        cv2.imwrite(str(root / name), draw(text, first + place))
    write_table(root, texts)
    return texts


def write_table(root: Path, texts: dict[str, str]) -> None:
    rows = "".join(f"{name}\t{text}\n" for name, text in texts.items())
    (root / "labels.tsv").write_text(rows, encoding="utf-8")
