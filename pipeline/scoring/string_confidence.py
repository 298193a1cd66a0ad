"""Calibrated confidence of recognized strings (P(no error), Platt scaling) and of characters.

Two independent fits on labelled strings, both of very few parameters because validation splits are
small (some hundreds of lines of which a quarter is wrong):

- One temperature for the characters: the one at which a character's confidence best predicts
  whether it is correct in the alignment with the true string. Platt's targets, below, and bounds
  keep it from diverging where a small, clean split has hardly any error.
- A slope and an offset for the string (Platt 1999): its probability under the network's own logits,
  summed over all CTC paths, is turned into a logit, scaled and shifted. Platt's targets, smoothed
  as if one more correct and one more wrong string had been seen, keep both finite. Evaluated on the
  other half of 440 validation lines (20 random splits by page), the mean negative log-likelihood is
  0.277; the same map on the product of the characters' confidences gives 0.307, on the best path's
  probability 0.440, and isotonic regression on the string's probability 0.301: it overfits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from models.heads.labels import Text

from .risk_coverage import RiskCoverageCurve, risk_coverage_curve
from .string_evidence import MAX_CHARACTERS, StringEvidence, log_probabilities

# bounds of log p(string). About 1 % of real labels are wrong, so no confidence above the upper one
# is justified; a correct string below the lower one would weigh too much
MIN_LOG, MAX_LOG = -20.0, -1e-4
NEWTON_STEPS = 50
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.5, 3.0  # trained networks need values well inside
ROUNDS, GRID_SIZE = 5, 9  # of the temperature search, each round between the best one's neighbours


@dataclass(frozen=True)
class StringCalibration:
    """P(no error) = sigmoid(slope logit(p) + offset), p the string's probability over all paths.

    curve: risk and coverage on the strings that it was fitted on; a monotonic map of two parameters
    keeps their order, so it is as good as on held-out strings. Raises ValueError for a slope or
    offset that no fit gives.
    """

    slope: float = 1.0
    offset: float = 0.0
    curve: RiskCoverageCurve = field(default_factory=RiskCoverageCurve)

    def __post_init__(self) -> None:
        for name, value in (("slope", self.slope), ("offset", self.offset)):
            if not (isinstance(value, float | int) and np.isfinite(value)):
                raise ValueError(f"{name} {value!r} is no number")
        if self.slope < 0:
            raise ValueError(f"slope {self.slope} turns the order of all strings around")

    def confidence(self, probability: float) -> float:
        """P(no error) of one string, from its probability under the network."""
        with np.errstate(divide="ignore"):
            return float(self.confidences(np.log(np.float64(probability))))

    def confidences(self, scores: np.ndarray) -> np.ndarray:
        """P(no error) of strings with these log p (M,)."""
        return 1 / (1 + np.exp(-self.slope * log_odds(scores) - self.offset))


def with_string_probabilities(
    logits: Tensor, lengths: Tensor, readings: Sequence[Text]
) -> list[Text]:
    """The readings with the string's probability over all its paths as `confidence`."""
    p = log_probabilities(logits, lengths, readings).clamp(max=0).exp().tolist()
    return [r._replace(confidence=p) for r, p in zip(readings, p, strict=True)]


def fit_platt_scaling(scores: np.ndarray, exact: np.ndarray) -> StringCalibration:
    """Fit to the log p (M,) of M >= 1 strings, and whether each is correct (M,)."""
    fitted = StringCalibration(*fit_logistic(log_odds(scores), exact))
    return replace(fitted, curve=risk_coverage_curve(fitted.confidences(scores), exact))


def log_odds(scores: np.ndarray) -> np.ndarray:
    """log p -> log p - log(1 - p), with log p clipped to its bounds."""
    scores = np.clip(scores, MIN_LOG, MAX_LOG)
    return scores - np.log(-np.expm1(scores))


def fit_logistic(x: np.ndarray, correct: np.ndarray) -> tuple[float, float]:
    """Slope >= 0 and offset of the logistic regression of correct (N,) on x (N,), by Newton's
    method.

    The targets are `platt_targets`. A negative slope, which only chance gives, becomes 0; the
    offset is then the log odds of the mean target.
    """
    targets = platt_targets(correct)
    features = np.stack([x - x.mean(), np.ones_like(x)])  # centred: far better conditioned
    prior = float(np.log(targets.mean() / (1 - targets.mean())))
    weights = np.array([0.0, prior])
    loss = _loss(weights, features, targets)
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-weights @ features))
        gradient = features @ (p - targets)
        hessian = (features * (p * (1 - p))) @ features.T + 1e-9 * np.eye(2)
        step, scale = np.linalg.solve(hessian, gradient), 1.0
        while scale > 1e-6 and _loss(weights - scale * step, features, targets) > loss:
            scale /= 2
        weights = weights - scale * step
        before, loss = loss, _loss(weights, features, targets)
        if before - loss < 1e-10:
            break
    if weights[0] < 0:
        return 0.0, prior
    return float(weights[0]), float(weights[1] - weights[0] * x.mean())


def platt_targets(correct: np.ndarray) -> np.ndarray:
    """Smoothed targets (N,) of bool (N,): (right + 1) / (right + 2) and 1 / (wrong + 2)."""
    right, wrong = correct.sum(), (~correct).sum()
    return np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2))


def _loss(weights: np.ndarray, features: np.ndarray, targets: np.ndarray) -> float:
    """Mean binary cross-entropy of a logistic model."""
    z = weights @ features
    return float(np.mean(np.logaddexp(0, z) - targets * z))


def fit_character_temperature(
    evidence: StringEvidence, lowest: float = MIN_TEMPERATURE, highest: float = MAX_TEMPERATURE
) -> float:
    """The temperature in [lowest, highest] that minimizes the `negative_log_likelihood` of N >= 1
    characters, with Platt's targets.

    The loss need not be convex, so a grid over the whole range is refined around its best point.
    """
    count = len(evidence.ids)
    kept = np.linspace(0, count - 1, min(MAX_CHARACTERS, count)).astype(int)
    logits, ids = torch.from_numpy(evidence.logits[kept]), torch.from_numpy(evidence.ids[kept])
    targets = platt_targets(evidence.correct[kept])
    low, high = np.log(lowest), np.log(highest)
    for _ in range(ROUNDS):
        grid = np.linspace(low, high, GRID_SIZE)
        losses = [
            negative_log_likelihood(character_confidences(logits, ids, float(np.exp(t))), targets)
            for t in grid
        ]
        best = int(np.argmin(losses))
        low, high = grid[max(0, best - 1)], grid[min(GRID_SIZE - 1, best + 1)]
    return float(np.clip(np.exp(grid[best]), lowest, highest))


def character_confidences(logits: Tensor, ids: Tensor, temperature: float) -> np.ndarray:
    """Softmax probabilities (N,) float64 of ids (N,) in logits (N, L + 1) / temperature."""
    scores = (logits / temperature).log_softmax(1).gather(1, ids[:, None])[:, 0]
    return scores.double().exp().numpy()


def negative_log_likelihood(confidences: np.ndarray, correct: np.ndarray) -> float:
    """Mean binary cross-entropy, in nats, of N confidences.

    correct: bool, or the probability that each answer is correct. Confidences are clipped to what
    float32 can represent.
    """
    p, correct = np.clip(confidences, 1e-7, 1 - 1e-7), np.asarray(correct, float)
    return float(-np.mean(correct * np.log(p) + (1 - correct) * np.log1p(-p)))
