"""What time does to a page, as Albumentations transforms of real lines (H, W) uint8."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for a newer version

import albumentations
import numpy as np

from .synthetic.degradation import bleed_through, paper


class BleedThrough(albumentations.ImageOnlyTransform):
    """The back of the leaf shows: the line itself, mirrored and faint."""

    def apply(self, img: np.ndarray, **params) -> np.ndarray:
        return bleed_through(self.random_generator, img)


class UnevenPaper(albumentations.ImageOnlyTransform):
    """Grey ink on paper that is neither white nor even.

    Args:
        ink: darkest ink's grey level, drawn from this range, 0 to 255.
        ground: the paper's, likewise.
        rough: grey levels by which the paper varies, at the most.
        p: share of the lines.
    """

    def __init__(
        self,
        ink: tuple[float, float] = (0, 90),
        ground: tuple[float, float] = (180, 255),
        rough: float = 12,
        p: float = 0.5,
    ):
        super().__init__(p=p)
        self.ink, self.ground, self.rough = ink, ground, rough

    def apply(self, img: np.ndarray, **params) -> np.ndarray:
        rng = self.random_generator
        return paper(rng, img, rng.uniform(*self.ink), rng.uniform(*self.ground), self.rough)
