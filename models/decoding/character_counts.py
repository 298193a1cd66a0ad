"""Learning a character n-gram model: count, cut what is rare, smooth. No loop over n-grams."""

import numpy as np

from .character_lm import CharacterLM, Order, check_order, find_sorted

AT_ONCE = 4_000_000  # symbols counted at a time
WHOLE = 3  # n-grams up to this order are all kept
LOWEST = 1e-30  # instead of a logarithm of 0


def fit_character_lm(
    symbols: np.ndarray, num_symbols: int, order: int = 6, most_bytes: int = 4_000_000
) -> CharacterLM:
    """Lines one after the other -> the model of this order, at most about `most_bytes` when stored.

    symbols: (N,) integers: each line's symbols, then `num_symbols`, its end; -1 stands for what the
    model cannot say: no n-gram goes over it. Above order 3 those seen less often than a bound are
    cut, the lowest bound that fits. Raises ValueError for an order that is too high, or no line.
    """
    check_order(order, num_symbols)
    base = num_symbols + 2
    padded = pad_lines(np.asarray(symbols), num_symbols, order)
    if not (padded < num_symbols).any() or (np.asarray(symbols)[-1] != num_symbols):
        raise ValueError(f"{len(symbols)} symbols hold no finished line; give lines with their end")
    counted = [count_ngrams(padded, n, base) for n in range(1, order + 1)]
    every = np.arange(num_symbols + 1)  # also the symbols that no line has
    keys, counts = counted[0]
    counted[0] = every, np.bincount(keys, counts, num_symbols + 1)
    bound = lowest_bound([counts for _, counts in counted], most_bytes)
    lower = np.full(num_symbols + 1, 1 / (num_symbols + 1))  # of order 0: each alike
    keys_below = every
    orders: list[Order] = []
    for n, (keys, counts) in enumerate(counted, 1):
        kept = counts >= (bound if n > WHOLE else 0)
        contexts = keys // base
        firsts = np.flatnonzero(np.diff(contexts, prepend=-1))
        owner = np.repeat(np.arange(len(firsts)), np.diff(np.append(firsts, len(keys))))
        total = np.add.reduceat(counts, firsts)  # C: how often the context was seen
        kinds = np.diff(np.append(firsts, len(keys)))  # T: different symbols seen after it
        cut = total - np.bincount(owner[kept], counts[kept], len(firsts))
        left = (kinds + cut) / (total + kinds)  # for the order below, with what was cut
        if orders:
            places, hits = find_sorted(orders[-1].keys, contexts[firsts])
            orders[-1].backoffs[places[hits]] = -np.log(left[hits])
        keys, counts, owner = keys[kept], counts[kept], owner[kept]
        below = lower[find_sorted(keys_below, keys % base ** max(n - 1, 1))[0]]
        lower = counts / (total + kinds)[owner] + left[owner] * below
        keys_below = keys
        if n < order:  # begins alone are no event, but a context
            keys = np.append(keys, base**n - 1)
            lower = np.append(lower, LOWEST)
            keys_below = keys
        costs = -np.log(np.maximum(lower, LOWEST))
        orders.append(Order(keys, costs.astype(np.float32), np.zeros(len(keys), np.float32)))
    whole = CharacterLM(num_symbols, orders)
    return CharacterLM.from_tensors(num_symbols, whole.tensors())  # as it will be stored


def pad_lines(symbols: np.ndarray, num_symbols: int, order: int) -> np.ndarray:
    """order - 1 begins before each line, so that no n-gram reaches into the line before."""
    dtype = np.int16 if num_symbols < 2**15 - 2 else np.int32
    starts = np.append(0, np.flatnonzero(symbols == num_symbols)[:-1] + 1)
    places = np.repeat(starts, order - 1)
    return np.insert(symbols.astype(dtype), places, num_symbols + 1)


def count_ngrams(padded: np.ndarray, n: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Different n-grams that end in a symbol or a line's end: ascending keys, and their counts."""
    found = []
    for start in range(0, len(padded) - n + 1, AT_ONCE):
        piece = padded[start : start + AT_ONCE + n - 1].astype(np.int64)
        ends = len(piece) - n + 1
        keys = np.zeros(ends, dtype=np.int64)
        counts = piece[n - 1 :] != base - 1
        for place in range(n):
            part = piece[place : place + ends]
            keys = keys * base + part
            counts = counts & (part >= 0)
        found.append(np.unique(keys[counts], return_counts=True))
    keys, counts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if len(found) > 1:
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        keys, counts = keys[firsts], np.add.reduceat(counts[order], firsts)
    return keys, counts


def lowest_bound(counts: list[np.ndarray], most_bytes: int) -> int:
    """How often an n-gram above `WHOLE` must be seen so that the model fits; 4 bytes each, 2 in the
    highest order.
    """
    fixed = 4 * sum(len(c) for c in counts[:WHOLE])
    weights = [4] * (len(counts) - WHOLE - 1) + [2]
    bound = 1
    while True:
        pairs = zip(counts[WHOLE:], weights, strict=False)
        size = fixed + sum(weight * int((c >= bound).sum()) for c, weight in pairs)
        if size <= most_bytes or bound > max(int(c.max()) for c in counts):
            return bound
        bound += max(1, bound // 10)
