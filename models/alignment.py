"""Where a string stands in a sequence: its best CTC path."""

import numpy as np

from .heads import Text


def align(probabilities: np.ndarray, ids: list[int]) -> Text:
    """The best path of a string through probabilities (T, L + 1), blank last (Viterbi 1967).

    Each symbol's confidence is its best probability on its steps, as of a greedy reading. Raises
    ValueError for a string that the steps cannot hold.
    """
    steps, blank = len(probabilities), probabilities.shape[1] - 1
    states = np.full(2 * len(ids) + 1, blank)  # blank, symbol, blank, symbol, ..., blank
    states[1::2] = ids
    scores = np.log(np.maximum(probabilities[:, states], 1e-30))
    skips = np.zeros(len(states), dtype=bool)  # from the symbol before, over the blank between
    skips[3::2] = states[3::2] != states[1:-2:2]
    never = -np.inf
    reached = np.full(len(states) + 2, never)  # two in front stand for "came from nowhere"
    reached[2:4] = scores[0, :2] if steps else (0.0, never)[: len(states)]
    came = np.zeros((steps, len(states)), dtype=np.int8)
    for step in range(1, steps):
        stayed, moved = reached[2:], reached[1:-1]
        skipped = np.where(skips, reached[:-2], never)
        best = np.maximum(stayed, moved)
        came[step] = np.where(skipped > best, 2, moved > stayed)
        reached[2:] = np.maximum(best, skipped) + scores[step]
    at = len(states) - 1
    if ids and reached[-2] > reached[-1]:
        at -= 1
    whole = float(reached[2 + at])
    if whole == never:
        raise ValueError(f"{len(ids)} symbols do not fit {steps} steps")
    path = np.empty(steps, dtype=np.int64)
    for step in range(steps - 1, -1, -1):
        path[step] = at
        at -= int(came[step, at])
    places = [np.flatnonzero(path == 2 * n + 1) for n in range(len(ids))]
    sure = [float(probabilities[p, i].max()) for p, i in zip(places, ids, strict=True)]
    spans = [(int(p[0]), int(p[-1])) for p in places]
    return Text(ids, sure, spans, float(np.exp(whole)))
