"""The confidence of a read string: the probability that it has no error, and its characters'.

Two fits on labelled strings, beside each other, both of very few numbers because validation splits
are small (some hundreds of lines of which a quarter is wrong):

- One temperature for the characters: it is the one at which a character's confidence tells best
  whether the alignment with the true string finds it right. Platt's targets, below, and bounds
  keep it from running away where a small, clean split has hardly an error.
- Two numbers for the string (Platt 1999): its probability under the network's own logits, over all
  paths (CTC), is turned into a logit, scaled and shifted. Platt's targets, half a hit and half a
  miss more than were seen, keep them finite. On halves of 440 validation lines, the other half told
  (20 random divisions by page), the mean negative log-likelihood is 0.277; the same map on the
  product of the characters' confidences gives 0.307, on the best path's probability 0.440, and
  isotonic regression on the string's own 0.301: with so few lines it follows chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from models.heads.labels import Text

from .risk_coverage import RiskCoverageCurve, risk_coverage_curve
from .string_evidence import MOST, StringEvidence, log_probabilities

# of log p(string): where the logit of p ends. Wrong labels make up a per cent of real data, so
# nothing is surer than the upper one; a right string below the lower one would weigh too much
LOWEST_LOG, HIGHEST_LOG = -20.0, -1e-4
NEWTON_STEPS = 50
LOWEST, HIGHEST = 0.5, 3.0  # temperatures: what trained networks need lies far inside
ROUNDS, TRIED = 5, 9  # of the search for a temperature: each time between the best one's neighbours


@dataclass(frozen=True)
class StringCalibration:
    """P(no error) = sigmoid(slope logit(p) + offset), p the string's probability (`of_string`).

    curve: the share that was right above each confidence, on what it was fitted on; a map of two
    numbers orders no string anew, so it is as good as on strings that were kept out.
    Raises ValueError for numbers that no fit gives.
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
        """Of one string, from its probability under the network."""
        with np.errstate(divide="ignore"):
            logit = log_odds(np.log(np.float64(probability)))
        return float(1 / (1 + np.exp(-self.slope * logit - self.offset)))


def with_string_probabilities(
    logits: Tensor, lengths: Tensor, readings: Sequence[Text]
) -> list[Text]:
    """The readings, their `confidence` now the string's probability over all its paths."""
    found = log_probabilities(logits, lengths, readings).clamp(max=0).exp().tolist()
    return [r._replace(confidence=p) for r, p in zip(readings, found, strict=True)]


def fit_platt_scaling(told: StringEvidence) -> StringCalibration:
    """Of M >= 1 strings."""
    x = log_odds(told.scores)
    slope, offset = fit_logistic(x, told.exact)
    sure = 1 / (1 + np.exp(-slope * x - offset))
    return StringCalibration(slope, offset, risk_coverage_curve(sure, told.exact))


def log_odds(scores: np.ndarray) -> np.ndarray:
    """log p -> log p - log(1 - p), within bounds."""
    scores = np.clip(scores, LOWEST_LOG, HIGHEST_LOG)
    return scores - np.log(-np.expm1(scores))


def fit_logistic(x: np.ndarray, hits: np.ndarray) -> tuple[float, float]:
    """Slope >= 0 and offset of the logistic regression of hits (N,) on x (N,), by Newton's method.

    The targets are Platt's: (hits + 1) / (hits + 2) and 1 / (misses + 2). A slope below zero, which
    only chance gives, becomes 0; the offset then says how often anything is right.
    """
    targets = platt_targets(hits)
    features = np.stack([x - x.mean(), np.ones_like(x)])  # centred: far better conditioned
    share = targets.mean()
    weights = np.array([0.0, np.log(share / (1 - share))])
    loss = _loss(weights, features, targets)
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-weights @ features))
        slope = features @ (p - targets)
        curvature = (features * (p * (1 - p))) @ features.T + 1e-9 * np.eye(2)
        step, scale = np.linalg.solve(curvature, slope), 1.0
        while scale > 1e-6 and _loss(weights - scale * step, features, targets) > loss:
            scale /= 2
        weights = weights - scale * step
        before, loss = loss, _loss(weights, features, targets)
        if before - loss < 1e-10:
            break
    if weights[0] < 0:
        return 0.0, float(np.log(share / (1 - share)))
    return float(weights[0]), float(weights[1] - weights[0] * x.mean())


def platt_targets(hits: np.ndarray) -> np.ndarray:
    """(N,) bool -> what to aim at: as if one hit and one miss more had been seen of each kind."""
    right, wrong = hits.sum(), (~hits).sum()
    return np.where(hits, (right + 1) / (right + 2), 1 / (wrong + 2))


def _loss(weights: np.ndarray, features: np.ndarray, targets: np.ndarray) -> float:
    z = weights @ features
    return float(np.mean(np.logaddexp(0, z) - targets * z))


def fit_character_temperature(
    told: StringEvidence, lowest: float = LOWEST, highest: float = HIGHEST
) -> float:
    """The temperature of the lowest mean -log p(right or wrong) of the characters, N >= 1, for
    Platt's targets.

    The mean need not be convex, so all the range is searched, then again around the best place.
    """
    places = np.linspace(0, len(told.ids) - 1, min(MOST, len(told.ids))).astype(int)
    told = told._replace(logits=told.logits[places], ids=told.ids[places], hits=told.hits[places])
    logits, ids = torch.from_numpy(told.logits), torch.from_numpy(told.ids)
    targets = platt_targets(told.hits)
    low, high, best = np.log(lowest), np.log(highest), 0.0
    for _ in range(ROUNDS):
        places = np.linspace(low, high, TRIED)
        losses = [
            negative_log_likelihood(character_confidences(logits, ids, float(np.exp(t))), targets)
            for t in places
        ]
        at = int(np.argmin(losses))
        best, low, high = places[at], places[max(0, at - 1)], places[min(TRIED - 1, at + 1)]
    return float(np.clip(np.exp(best), lowest, highest))


def character_confidences(logits: Tensor, ids: Tensor, temperature: float) -> np.ndarray:
    """(N,) float64 of logits (N, L + 1) and the ids that were read in them."""
    sure = (logits / temperature).log_softmax(1).gather(1, ids[:, None])[:, 0]
    return sure.double().exp().numpy()


def negative_log_likelihood(confidences: np.ndarray, hits: np.ndarray) -> float:
    """Mean -log p, in nats, of N answers' being right or wrong as they are.

    hits: bool, or the probability that each is right. No answer counts for surer than float32 can
    tell.
    """
    sure, right = np.clip(confidences, 1e-7, 1 - 1e-7), np.asarray(hits, float)
    return float(-np.mean(right * np.log(sure) + (1 - right) * np.log1p(-sure)))
