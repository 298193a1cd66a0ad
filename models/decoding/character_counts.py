"""Training of a character n-gram model: counting, pruning, smoothing; no loop over n-grams."""

import numpy as np

from .character_lm import CharacterLM, Order, check_order, find_sorted

AT_ONCE = 4_000_000  # symbols counted at a time
UNPRUNED = 3  # n-grams up to this order are all kept
LOWEST = 1e-30  # replaces probability 0 in logarithms


def fit_character_lm(
    symbols: np.ndarray, num_symbols: int, order: int = 6, most_bytes: int = 4_000_000
) -> CharacterLM:
    """Train a model of this order on lines; its size when stored is at most about `most_bytes`.

    symbols: (N,) integers: each line's symbols, then `num_symbols`, the end of the line; -1 stands
    for a symbol outside the model, which no n-gram may contain. Above order 3, n-grams that occur
    less often than a bound are pruned, with the lowest bound that fits. Raises ValueError for an
    order that is too high, or if there is no line.
    """
    check_order(order, num_symbols)
    base = num_symbols + 2
    padded = pad_lines(np.asarray(symbols), num_symbols, order)
    if not (padded < num_symbols).any() or (np.asarray(symbols)[-1] != num_symbols):
        raise ValueError(f"{len(symbols)} symbols hold no finished line; give lines with their end")
    counted = [count_ngrams(padded, n, base) for n in range(1, order + 1)]
    unigrams = np.arange(num_symbols + 1)  # also the symbols that occur in no line
    counted[0] = unigrams, np.bincount(*counted[0], num_symbols + 1)
    bound = lowest_bound([counts for _, counts in counted], most_bytes)
    probabilities = np.full(num_symbols + 1, 1 / (num_symbols + 1))  # of order 0: uniform
    lower_keys = unigrams
    orders: list[Order] = []
    for n, (keys, counts) in enumerate(counted, 1):
        kept = counts >= (bound if n > UNPRUNED else 0)
        contexts = keys // base
        firsts = np.flatnonzero(np.diff(contexts, prepend=-1))
        types = np.diff(firsts, append=len(keys))  # T: distinct symbols after each context
        total = np.add.reduceat(counts, firsts)  # C: occurrences of each context
        context_ids = np.repeat(np.arange(len(firsts)), types)
        pruned = total - np.bincount(context_ids[kept], counts[kept], len(firsts))
        backoff = (types + pruned) / (total + types)  # mass for the lower order
        if orders:
            indices, known = find_sorted(orders[-1].keys, contexts[firsts])
            orders[-1].backoffs[indices[known]] = -np.log(backoff[known])
        keys, counts, context_ids = keys[kept], counts[kept], context_ids[kept]
        lower = probabilities[find_sorted(lower_keys, keys % base ** max(n - 1, 1))[0]]
        probabilities = counts / (total + types)[context_ids] + backoff[context_ids] * lower
        if n < order:  # `begin` symbols alone never occur as an event, but as a context
            keys = np.append(keys, base**n - 1)
            probabilities = np.append(probabilities, LOWEST)
        lower_keys = keys
        costs = -np.log(np.maximum(probabilities, LOWEST))
        orders.append(Order(keys, costs.astype(np.float32), np.zeros(len(keys), np.float32)))
    tensors = CharacterLM(num_symbols, orders).tensors()
    return CharacterLM.from_tensors(num_symbols, tensors)  # rounded as it will be stored


def pad_lines(symbols: np.ndarray, num_symbols: int, order: int) -> np.ndarray:
    """Insert order - 1 `begin` symbols before each line, so that no n-gram spans two lines."""
    dtype = np.int16 if num_symbols < 2**15 - 2 else np.int32
    starts = np.append(0, np.flatnonzero(symbols == num_symbols)[:-1] + 1)
    return np.insert(symbols.astype(dtype), np.repeat(starts, order - 1), num_symbols + 1)


def count_ngrams(padded: np.ndarray, n: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct n-grams that end in a symbol or a line end: ascending keys, and their counts."""
    counted = []
    for start in range(0, len(padded) - n + 1, AT_ONCE):
        chunk = padded[start : start + AT_ONCE + n - 1].astype(np.int64)
        ends = len(chunk) - n + 1
        keys = np.zeros(ends, dtype=np.int64)
        valid = chunk[n - 1 :] != base - 1
        for offset in range(n):
            symbols = chunk[offset : offset + ends]
            keys = keys * base + symbols
            valid &= symbols >= 0
        counted.append(np.unique(keys[valid], return_counts=True))
    keys, counts = (np.concatenate(parts) for parts in zip(*counted, strict=True))
    if len(counted) > 1:
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        keys, counts = keys[firsts], np.add.reduceat(counts[order], firsts)
    return keys, counts


def lowest_bound(counts: list[np.ndarray], most_bytes: int) -> int:
    """Minimum count of n-grams above order `UNPRUNED` with which the model fits `most_bytes`.

    An n-gram takes 4 bytes, in the highest order 2.
    """
    fixed = 4 * sum(len(c) for c in counts[:UNPRUNED])
    weights = [4] * (len(counts) - UNPRUNED - 1) + [2]
    bound = 1
    while True:
        pairs = zip(counts[UNPRUNED:], weights, strict=False)
        size = fixed + sum(weight * int((c >= bound).sum()) for c, weight in pairs)
        if size <= most_bytes or bound > max(int(c.max()) for c in counts):
            return bound
        bound += max(1, bound // 10)
