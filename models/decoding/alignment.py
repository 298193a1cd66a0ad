"""Forced alignment: the best CTC path of given strings (Viterbi)."""

from collections.abc import Sequence

import numpy as np

from ..heads.labels import Text

IMPOSSIBLE = -np.inf


def align(rows: Sequence[np.ndarray], strings: Sequence[list[int]]) -> list[Text]:
    """Find the best CTC path of each of N strings through its probabilities (Viterbi 1967).

    Probabilities are (T_i, L + 1), blank last. All strings are processed at once: a step of many
    costs little more than a step of one. The confidence of a symbol is its highest probability on
    its steps, as in greedy decoding. Raises ValueError for a string that does not fit its steps.
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
    skips = np.full(states.shape, IMPOSSIBLE)  # from the previous symbol, over the blank between
    skips[:, 3::2][states[:, 3::2] != states[:, 1:-2:2]] = 0.0
    # best score of each state before the first step and after each; two impossible states in
    # front stand for the missing predecessors of the first states
    best = np.full((longest + 1, len(rows), states.shape[1] + 2), IMPOSSIBLE)
    best[0, :, 2] = 0.0
    for step in range(longest):
        previous, current = best[step], best[step + 1, :, 2:]
        np.add(previous[:, :-2], skips, current)
        np.maximum(current, previous[:, 1:-1], current)
        np.maximum(current, previous[:, 2:], current)
        np.add(current, scores[step], current)
    stayed, moved, skipped = best[:-1, :, 2:], best[:-1, :, 1:-1], best[:-1, :, :-2]
    # of equally good moves the first: stay, advance by one, skip the blank
    moves = np.where(skipped + skips > np.maximum(stayed, moved), 2, moved > stayed)
    return [
        trace_back(row, ids, best[len(row), n, 2:], moves[: len(row), n])
        for n, (row, ids) in enumerate(zip(rows, strings, strict=True))
    ]


def trace_back(row: np.ndarray, ids: list[int], ends: np.ndarray, back: np.ndarray) -> Text:
    """Reconstruct the path of one string from its end.

    ends: (S,) score of each state at the last step. back: (T, S), by how many states the path moves
    back before each step.
    """
    steps, state = len(row), 2 * len(ids)
    if ids and ends[state - 1] > ends[state]:
        state -= 1
    score = float(ends[state])
    if score == IMPOSSIBLE:
        raise ValueError(f"{len(ids)} symbols do not fit {steps} steps")
    path = np.empty(steps, dtype=np.int64)
    for step in range(steps - 1, -1, -1):
        path[step] = state
        state -= int(back[step, state])
    symbols = 2 * np.arange(len(ids)) + 1
    firsts, ends = np.searchsorted(path, symbols), np.searchsorted(path, symbols, "right")
    spans = list(zip(firsts.tolist(), ends.tolist(), strict=True))
    confidences = [float(row[a:b, i].max()) for i, (a, b) in zip(ids, spans, strict=True)]
    return Text(ids, confidences, [(a, b - 1) for a, b in spans], float(np.exp(score)))
