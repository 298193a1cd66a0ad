"""Detection of upside-down lines without a model, from where their ink lies.

For each folder, linear regression predicts the vertical profile of the ink from the shares of
ascenders, descenders, capitals and digits in the text. A line whose flipped profile fits that
prediction much better than its own is upside down; a few such lines hardly change the regression.
"""

from collections.abc import Sequence

import numpy as np

from .line_ink import LineInk

# characters with ink in the same rows
CLASSES = ("bdhklßþ", "fſt", "i", "jgqy", "p", "0123456789", ".,;_…", "'\"‘’“”*^°", "-–—=")
FEWEST = 40  # lines needed for the regression: with fewer nothing is reported
RIDGE = 0.02  # regularization, relative to the number of lines
MARGIN = 0.5  # gain of turning from which a line is reported, in nats per row of the profile
DECIDED = 0.8  # share of lines that must fit upright by MARGIN, or nothing is reported
SHRINK = 0.1  # shrinkage of the covariance towards its diagonal


def turning_gains(inks: Sequence[LineInk], texts: Sequence[str]) -> np.ndarray:
    """Return (N,) how much better each line fits turned by 180 degrees, in nats per profile row.

    Above MARGIN a line is upside down. Zeros for lines without ink, and for all lines if fewer than
    FEWEST are usable or the writing is not informative enough (handwriting, capitals).
    """
    gains = np.zeros(len(inks))
    usable = [i for i, ink in enumerate(inks) if ink.zones.any() and texts[i].strip()]
    if len(usable) < FEWEST:
        return gains
    zones = np.stack([inks[i].zones for i in usable])
    features = np.stack([class_shares(texts[i]) for i in usable])
    counts = np.array([len(texts[i]) for i in usable])
    upright = np.ones(len(zones), bool)
    for _ in range(3):  # each time without the lines that the last fit found upside down
        fitted = fit_gains(zones, features, counts, upright)
        upright = fitted < 0
        if upright.sum() < FEWEST:
            return gains
    if (fitted < -MARGIN).mean() >= DECIDED:
        gains[usable] = fitted
    return gains


def fit_gains(
    zones: np.ndarray, features: np.ndarray, counts: np.ndarray, upright: np.ndarray
) -> np.ndarray:
    """Fit the regression to the upright lines; return the (N,) gains of turning all lines.

    zones: (N, ZONES) profiles. features: (N, K) class shares. counts: (N,) characters.
    """
    known, count = features[upright], upright.sum()
    gram = known.T @ known + RIDGE * count * np.eye(known.shape[1]) / 10
    expected = features @ np.linalg.solve(gram, known.T @ zones[upright])
    # residuals of short lines vary more: the scale makes their variance equal
    scale = np.sqrt(np.minimum(counts, 40))[:, None]
    errors, turned = (zones - expected) * scale, (zones[:, ::-1] - expected) * scale
    covariance = np.cov(errors[upright].T)
    covariance = (1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance))
    inverse = np.linalg.inv(covariance + 1e-6 * np.eye(len(covariance)))
    gains = squared_mahalanobis(errors, inverse) - squared_mahalanobis(turned, inverse)
    return gains / (2 * zones.shape[1])


def squared_mahalanobis(errors: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return the (N,) squared Mahalanobis lengths of errors (N, Z)."""
    return np.einsum("nz,zy,ny->n", errors, inverse, errors)


def class_shares(text: str) -> np.ndarray:
    """Return (K,) the shares of the classes and of capitals among inked characters, then a 1."""
    inked = [character for character in text if not character.isspace()]
    counts = [sum(character in members for character in inked) for members in CLASSES]
    counts.append(sum(character.isupper() for character in inked))
    total = max(len(inked), 1)
    return np.array([*counts, total], dtype=np.float64) / total
