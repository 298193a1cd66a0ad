"""Albumentations transforms of line images (H, W) uint8 that imitate the ageing of paper."""

import os

# Albumentations looks for a newer version on the network when it is imported
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import numpy as np

from .synthetic.degradation import add_paper, bleed_through


class BleedThrough(albumentations.ImageOnlyTransform):
    """Show faint print from the back of the page: the line itself, mirrored."""

    def apply(self, img: np.ndarray, **params) -> np.ndarray:
        return bleed_through(self.random_generator, img)


class UnevenPaper(albumentations.ImageOnlyTransform):
    """Map the line to grey ink on uneven, grey paper.

    Args:
        ink: range of the grey level of the darkest ink, 0 to 255.
        ground: range of the grey level of the paper.
        rough: maximum variation of the paper, in grey levels.
        p: probability of the transform.
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
        return add_paper(rng, img, rng.uniform(*self.ink), rng.uniform(*self.ground), self.rough)
