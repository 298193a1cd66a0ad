"""Where strings stand in sequences: their best CTC paths."""

from collections.abc import Sequence

import numpy as np

from ..heads.labels import Text

NEVER = -np.inf


def align(rows: Sequence[np.ndarray], strings: Sequence[list[int]]) -> list[Text]:
    """The best path of each of N strings through its probabilities (T_i, L + 1), blank last
    (Viterbi 1967). All are walked at once: a step of many costs little more than a step of one.

    Each symbol's confidence is its best probability on its steps, as of a greedy reading. Raises
    ValueError for a string that its steps cannot hold.
    """
    if not rows:
        return []
    blank, longest = rows[0].shape[1] - 1, max(map(len, rows))
    # blank, symbol, blank, symbol, ..., blank
    states = np.full((len(rows), 2 * max(map(len, strings)) + 1), blank)
    scores = np.zeros((longest, *states.shape))  # (T, N, S)
    for n, (row, ids) in enumerate(zip(rows, strings, strict=True)):
        states[n, 1 : 2 * len(ids) : 2] = ids
        scores[: len(row), n] = np.log(np.maximum(row[:, states[n]], 1e-30))
    skips = np.full(states.shape, NEVER)  # from the symbol before, over the blank between
    skips[:, 3::2][states[:, 3::2] != states[:, 1:-2:2]] = 0.0
    # the best score of each state, from before the first step on; two more states in front stand
    # for "came from nowhere"
    reached = np.full((longest + 1, len(rows), states.shape[1] + 2), NEVER)
    reached[0, :, 2] = 0.0
    for step in range(longest):
        before, now = reached[step], reached[step + 1, :, 2:]
        np.add(before[:, :-2], skips, now)
        np.maximum(now, before[:, 1:-1], now)
        np.maximum(now, before[:, 2:], now)
        np.add(now, scores[step], now)
    stayed, moved, skipped = reached[:-1, :, 2:], reached[:-1, :, 1:-1], reached[:-1, :, :-2]
    # of ways as good the first: to stay, to move, to skip
    back = np.where(skipped + skips > np.maximum(stayed, moved), 2, moved > stayed)
    return [
        trace_back(row, ids, reached[len(row), n, 2:], back[: len(row), n])
        for n, (row, ids) in enumerate(zip(rows, strings, strict=True))
    ]


def trace_back(row: np.ndarray, ids: list[int], ends: np.ndarray, back: np.ndarray) -> Text:
    """One string from its end. ends: (S,) score of each state at the last step. back: (T, S), by
    how many states a path goes back before each step.
    """
    steps, at = len(row), 2 * len(ids)
    if ids and ends[at - 1] > ends[at]:
        at -= 1
    whole = float(ends[at])
    if whole == NEVER:
        raise ValueError(f"{len(ids)} symbols do not fit {steps} steps")
    path = np.empty(steps, dtype=np.int64)
    for step in range(steps - 1, -1, -1):
        path[step] = at
        at -= int(back[step, at])
    symbols = 2 * np.arange(len(ids)) + 1
    firsts, ends = np.searchsorted(path, symbols), np.searchsorted(path, symbols, "right")
    spans = list(zip(firsts.tolist(), ends.tolist(), strict=True))
    sure = [float(row[a:b, i].max()) for i, (a, b) in zip(ids, spans, strict=True)]
    return Text(ids, sure, [(a, b - 1) for a, b in spans], float(np.exp(whole)))
