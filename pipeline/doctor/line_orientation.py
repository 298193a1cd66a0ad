"""Lines on their heads, found without a model: where ink lies, against where the text puts it.

A folder teaches its own type: the ink's profile over the height is predicted by linear regression
from the shares of ascenders, descenders, capitals, figures. A line whose profile, turned over,
fits much better than as it is stands on its head; a few such lines hardly change the regression.
"""

from collections.abc import Sequence

import numpy as np

from .line_ink import LineInk

CLASSES = (
    "bdhklßþ",
    "fſt",
    "i",
    "jgqy",
    "p",
    "0123456789",
    ".,;_…",
    "'\"‘’“”*^°",
    "-–—=",
)
FEWEST = 40  # lines to learn from: with fewer nothing is said
RIDGE = 0.02  # of each line's weight
MARGIN = 0.5  # how much better the turned line must fit, in nats for each of the profile's rows
DECIDED = 0.8  # share of the lines that must fit as they are by MARGIN, or nothing is said
SHRINK = 0.1  # of the covariance towards its diagonal


def upside_down(pictures: Sequence[LineInk], texts: Sequence[str]) -> np.ndarray:
    """(N,) how much better each line fits turned by 180 degrees; above MARGIN it is on its head.

    Zeros where there are fewer than FEWEST lines to learn from or their writing tells too little
    (handwriting, capitals), and for lines without ink.
    """
    zones = np.stack([picture.zones for picture in pictures]) if pictures else np.zeros((0, 1))
    judged = (zones.sum(1) > 0) & np.array([bool(text.strip()) for text in texts], dtype=bool)
    score = np.zeros(len(pictures))
    if judged.sum() < FEWEST:
        return score
    upright, known = zones[judged], np.stack([shares(text) for text in texts])[judged]
    counts = np.array([len(text) for text in texts])[judged]
    kept = np.ones(len(upright), bool)
    for _ in range(3):  # each time without the lines that the last one found
        found = fit(upright, known, counts, kept)
        kept = found < 0
        if kept.sum() < FEWEST:
            return score
    if (found < -MARGIN).mean() >= DECIDED:
        score[judged] = found
    return score


def fit(zones: np.ndarray, known: np.ndarray, counts: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(N, ZONES) profiles and (N, K) shares -> (N,) gain of turning, learned from the kept."""
    gram = known[kept].T @ known[kept] + RIDGE * kept.sum() * np.eye(known.shape[1]) / 10
    weights = np.linalg.solve(gram, known[kept].T @ zones[kept])
    expected = known @ weights
    # what is left varies more in short lines: in equal measure for all once it is scaled
    scale = np.sqrt(np.minimum(counts, 40))[:, None]
    errors, turned = (zones - expected) * scale, (zones[:, ::-1] - expected) * scale
    covariance = np.cov(errors[kept].T)
    covariance = (1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance))
    inverse = np.linalg.inv(covariance + 1e-6 * np.eye(len(covariance)))
    return (distance(errors, inverse) - distance(turned, inverse)) / (2 * zones.shape[1])


def distance(errors: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """(N, Z) -> (N,) squared Mahalanobis lengths."""
    return np.einsum("nz,zy,ny->n", errors, inverse, errors)


def shares(text: str) -> np.ndarray:
    """(K,) share of each class among the characters that leave ink, and a constant."""
    inked = [character for character in text if not character.isspace()]
    counts = [sum(character in members for character in inked) for members in CLASSES]
    counts.append(sum(character.isupper() for character in inked))
    return np.array([*counts, max(len(inked), 1)], dtype=np.float64) / max(len(inked), 1)
