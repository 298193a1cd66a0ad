"""Paper of all kinds has no ink; points, dashes, digits and faint lines have."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from datasets.lines.normalization.blank import has_ink
from datasets.lines.normalization.line import normalize_line
from tests.support.drawn_lines import draw, sentence

PAPER = 215.0


class Sheet:
    """A strip of paper (H, W) with a little grain, to be spoilt."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.high = int(self.rng.choice([30, 40, 64, 100]))
        self.wide = int(self.high * self.rng.uniform(4, 20))
        self.y, self.x = np.mgrid[: self.high, : self.wide].astype(float)
        self.pixels = PAPER + self.noise(2.5)

    def noise(self, spread: float) -> np.ndarray:
        return self.rng.normal(0, spread, (self.high, self.wide))

    def clouds(self, cell: int, spread: float) -> np.ndarray:
        size = self.high // cell + 2, self.wide // cell + 2
        coarse = self.rng.normal(0, spread, size).astype(np.float32)
        return cv2.resize(coarse, (self.wide, self.high), interpolation=cv2.INTER_CUBIC)

    def image(self, pixels: np.ndarray) -> np.ndarray:
        return np.clip(pixels, 0, 255).round().astype(np.uint8)

    def drawn(self, draw_on: Callable[[np.ndarray], object]) -> np.ndarray:
        image = self.image(self.pixels)
        draw_on(image)
        return image


def line_at(s: Sheet, share: float, depth: int, width: int = 1) -> np.ndarray:
    y = int(s.high * share)
    return s.drawn(lambda image: cv2.line(image, (0, y), (s.wide, y), int(PAPER) - depth, width))


def upright(s: Sheet, depth: int) -> np.ndarray:
    x = s.wide // 3
    return s.drawn(lambda image: cv2.line(image, (x, 0), (x, s.high), int(PAPER) - depth, 1))


def shadow(s: Sheet, distance: np.ndarray, depth: float = 150) -> np.ndarray:
    return s.image(s.pixels - depth * np.exp(-distance / (0.3 * s.high)))


def stain(s: Sheet, radius: float, depth: float) -> np.ndarray:
    away = np.hypot(s.x - s.wide / 3, s.y - s.high / 2) - radius * s.high
    return s.image(s.pixels - depth / (1 + np.exp(away / (0.18 * s.high))))


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def dust(s: Sheet) -> np.ndarray:
    image = s.image(s.pixels)
    for _ in range(6):
        x, y = int(s.rng.uniform(0, s.wide)), int(s.rng.uniform(0, s.high))
        cv2.circle(image, (x, y), max(0, s.high // 60), 120, -1)
    return image


def from_the_back(s: Sheet) -> np.ndarray:
    text = cv2.resize(draw(sentence(1))[:, ::-1], (s.wide, s.high))
    soft = cv2.GaussianBlur(text, (0, 0), 0.07 * s.high).astype(float)
    return s.image(s.pixels - (225 - soft) * 0.15)


def salt(s: Sheet) -> np.ndarray:
    pixels = s.pixels.copy()
    pixels[s.rng.random(pixels.shape) < 0.003] = 0
    return s.image(pixels)


BLANKS: dict[str, Callable[[Sheet], np.ndarray]] = {
    "white": lambda s: s.image(0 * s.pixels + 255),
    "grey": lambda s: s.image(0 * s.pixels + 128),
    "black": lambda s: s.image(0 * s.pixels),
    "dim": lambda s: s.image(0.2 * s.pixels),
    "grain": lambda s: s.image(s.pixels + s.noise(5)),
    "noise": lambda s: s.image(s.pixels + s.noise(15)),
    "much noise": lambda s: s.image(s.pixels - 40 + s.noise(28)),
    "salt": salt,
    "dust": dust,
    "rule in the middle": lambda s: line_at(s, 0.5, 120),
    "rule at the foot": lambda s: line_at(s, 0.9, 60),
    "thick rule": lambda s: line_at(s, 0.8, 190, 2),
    "margin line": lambda s: upright(s, 140),
    "faint margin line": lambda s: upright(s, 40),
    "frame": lambda s: s.drawn(
        lambda image: cv2.rectangle(image, (2, 2), (s.wide - 3, s.high - 3), 60, 1)
    ),
    "shadow at the left": lambda s: shadow(s, s.x),
    "shadow at the right": lambda s: shadow(s, s.wide - s.x),
    "shadow above": lambda s: shadow(s, s.y, 100),
    "shadow below": lambda s: shadow(s, s.high - s.y, 180),
    "dark edge": lambda s: s.image(np.where(s.x < 0.2 * s.high, 20, s.pixels)),
    "small stain": lambda s: stain(s, 0.25, 50),
    "large stain": lambda s: stain(s, 1.2, 70),
    "texture": lambda s: s.image(s.pixels + s.clouds(12, 9)),
    "clouds": lambda s: s.image(s.pixels + s.clouds(20, 14)),
    "streaks": lambda s: s.image(s.pixels + s.noise(6)[:1]),
    "jpeg": lambda s: jpeg(s.image(s.pixels + s.noise(6)), 20),
    "coarse jpeg": lambda s: jpeg(s.image(s.pixels + s.noise(10)), 6),
    "gradient": lambda s: s.image(s.pixels - 130 * s.x / s.wide),
    "gradient down": lambda s: s.image(s.pixels - 90 * s.y / s.high),
    "two sheets": lambda s: s.image(np.where(s.x < s.wide / 2, s.pixels, s.pixels - 45)),
    "from the back": from_the_back,
    "fold": lambda s: s.image(
        s.pixels - 22 * np.exp(-(((s.x - s.wide / 3 - 0.2 * s.y) / (0.08 * s.high)) ** 2))
    ),
}


@pytest.mark.parametrize("name", BLANKS)
def test_paper_has_no_ink(name):
    for seed in range(4):
        image = BLANKS[name](Sheet(seed))
        assert normalize_line(image).blank, seed
        assert normalize_line(255 - image).blank, ("inverted", seed)


def test_text_on_each_of_them_is_ink():
    for name, make in BLANKS.items():
        if name in ("black", "dim", "much noise"):
            continue
        sheet = Sheet(1)
        image = make(sheet)
        text = cv2.resize(draw("the horse"), (4 * sheet.high, sheet.high)).astype(float) / 225
        left = sheet.wide // 2 - 2 * sheet.high
        part = image[:, max(0, left) : max(0, left) + 4 * sheet.high]
        part[:] = (part * text[:, : part.shape[1]].clip(0, 1)).astype(np.uint8)
        assert not normalize_line(image).blank, name


@pytest.mark.parametrize("text", [".", "-", "1", "l", ":", ",", "i", "...", "I", "7"])
def test_short_texts_are_ink(text):
    image = draw(text)
    assert has_ink(image)
    if text not in (".", ":", ",", "..."):  # on a strip as small as dust
        assert has_ink(np.pad(image, ((0, 0), (40, 40)), constant_values=225))


def test_a_tight_mark_is_ink():
    dash, bars = np.full((12, 26), 220, np.uint8), np.full((30, 60), 220, np.uint8)
    dash[4:8, 2:24] = 30
    bars[:, 5:57:10] = bars[:, 6:58:10] = bars[:, 7:59:10] = 30
    assert has_ink(dash) and has_ink(bars)


@pytest.mark.parametrize("share", [0.5, 0.25, 0.16])
def test_a_faint_line_is_ink(share):
    image = draw(sentence(2)).astype(float)
    assert has_ink((225 - (225 - image) * share).clip(0, 255).astype(np.uint8))


def test_a_small_line_on_a_high_image_is_ink():
    image = np.full((900, 700), 230, np.uint8)
    line = draw("a small line")[5:35]
    image[600 : 600 + len(line), 50 : 50 + line.shape[1]] = line
    assert has_ink(image) and not has_ink(image[:500])
