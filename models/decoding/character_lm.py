"""A character n-gram language model in plain arrays: the probability of the next symbol of a line.

Interpolated Witten-Bell smoothing (Bell, Cleary & Witten 1990, in the notation of Chen & Goodman
1998) and not Kneser-Ney: on characters they are equally good, and Witten-Bell remains a
distribution when rare n-grams are pruned.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

STEP = 1 / 16  # nats between two stored log-probabilities: 256 values reach down to -15.9
CACHE_SIZE = 200_000  # log-probabilities kept from earlier calls


class Order(NamedTuple):
    """The M n-grams of one order, each a number in base `base`, ascending.

    costs: (M,) -log p(last symbol | the ones before), in nats. backoffs: (M,) -log of the
    probability left for other symbols after this n-gram; 0 in the highest order.
    """

    keys: np.ndarray
    costs: np.ndarray
    backoffs: np.ndarray


class CharacterLM:
    """p(symbol | the `order - 1` symbols before) over `num_symbols` symbols and the line end.

    Symbols are 0 to num_symbols - 1; `end` is num_symbols; `begin`, in contexts only, is
    num_symbols + 1 and pads a context to its length. A context is one number whose digits in base
    num_symbols + 2 are its symbols, the latest last.
    """

    def __init__(self, num_symbols: int, orders: Iterable[Order]):
        self.num_symbols, self.orders = num_symbols, list(orders)
        self.order = len(self.orders)
        self.end, self.begin, self.base = num_symbols, num_symbols + 1, num_symbols + 2
        check_order(self.order, num_symbols)
        self.powers = [self.base**n for n in range(self.order + 1)]
        self.start = self.powers[self.order - 1] - 1  # a context of `begin` symbols only
        self._views = [tuple(memoryview(part) for part in order) for order in self.orders]
        self._cache: dict[int, float] = {}

    def follow(self, context: int, symbol: int) -> int:
        """The context after appending a symbol."""
        return (context * self.base + symbol) % self.powers[self.order - 1]

    def log_probability(self, context: int, symbol: int) -> float:
        """log p(symbol | context), in nats: `log_probabilities` for Python numbers, cached."""
        key = context * self.base + symbol
        cached = self._cache.get(key)
        if cached is None:
            if len(self._cache) >= CACHE_SIZE:
                self._cache.clear()
            cached = self._cache[key] = -self._cost(context, symbol)
        return cached

    def _cost(self, context: int, symbol: int) -> float:
        """-log p(symbol | context), in nats. Raises ValueError for a symbol out of range."""
        backoff = 0.0
        for order in range(self.order, 0, -1):
            keys, costs, _ = self._views[order - 1]
            history = context % self.powers[order - 1]
            key = history * self.base + symbol
            index = bisect_left(keys, key)
            if index < len(keys) and keys[index] == key:
                return backoff + costs[index]
            if order > 1:
                keys, _, backoffs = self._views[order - 2]
                index = bisect_left(keys, history)
                if index < len(keys) and keys[index] == history:
                    backoff += backoffs[index]
        raise ValueError(f"symbol {symbol} is none of 0..{self.end}; context {context}")

    def log_probabilities(self, contexts: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """log p(symbol | context) of N pairs (N,) int64 -> (N,) float64, in nats."""
        scores = np.zeros(len(contexts))
        backoff = np.zeros(len(contexts))
        pending = np.arange(len(contexts))  # pairs not found among the higher orders
        for order in range(self.order, 0, -1):
            histories = contexts[pending] % self.powers[order - 1]
            keys, costs, _ = self.orders[order - 1]
            indices, known = find_sorted(keys, histories * self.base + symbols[pending])
            scores[pending[known]] = -(backoff[pending[known]] + costs[indices[known]])
            pending, histories = pending[~known], histories[~known]
            if order > 1:
                keys, _, backoffs = self.orders[order - 2]
                indices, known = find_sorted(keys, histories)
                backoff[pending[known]] += backoffs[indices[known]]
        return scores

    def next_log_probabilities(self, contexts: np.ndarray) -> np.ndarray:
        """Contexts (N,) int64 -> log p of every symbol and the line end (N, num_symbols + 1)."""
        count = self.num_symbols + 1
        pairs = np.repeat(contexts, count), np.tile(np.arange(count), len(contexts))
        return self.log_probabilities(*pairs).reshape(len(contexts), count)

    def line_log_probabilities(self, line: np.ndarray) -> np.ndarray:
        """log p of each symbol of a line (S,) and of its end -> (S + 1,), in nats."""
        symbols = np.append(line, self.end)
        contexts = list(accumulate(symbols[:-1].tolist(), self.follow, initial=self.start))
        return self.log_probabilities(np.array(contexts), symbols)

    def tensors(self) -> dict[str, Tensor]:
        """Compact tensors by name, from which `from_tensors` restores the model.

        Only the last symbol of each n-gram is stored, since the others are an n-gram of the order
        below, which stores how many n-grams it begins (children).
        """
        dtype = torch.uint8 if self.base <= 256 else torch.int16
        tensors = {}
        for order, (keys, costs, backoffs) in enumerate(self.orders, 1):
            tensors[f"{order}.symbols"] = torch.from_numpy(keys % self.base).to(dtype)
            tensors[f"{order}.costs"] = quantize(costs)
            if order < self.order:
                tensors[f"{order}.backoffs"] = quantize(backoffs)
                parents = self.orders[order].keys // self.base
                children = np.bincount(np.searchsorted(keys, parents), minlength=len(keys))
                tensors[f"{order}.children"] = torch.from_numpy(children).to(dtype)
        return tensors

    @classmethod
    def from_tensors(cls, num_symbols: int, tensors: dict[str, Tensor]) -> "CharacterLM":
        """Restore a model. Raises ValueError for tensors that are not from `tensors`."""
        orders: list[Order] = []
        base = num_symbols + 2
        keys = np.zeros(1, dtype=np.int64)
        try:
            for order in range(1, 1 + sum(name.endswith(".costs") for name in tensors)):
                symbols = tensors[f"{order}.symbols"].numpy().astype(np.int64)
                if order > 1:
                    children = tensors[f"{order - 1}.children"].numpy().astype(np.int64)
                    if not (children >= 0).all() or children.sum() != len(symbols):
                        raise ValueError(f"{children.sum()} {order}-grams, not {len(symbols)}")
                    keys = np.repeat(keys, children)
                keys = keys * base + symbols
                costs = dequantize(tensors[f"{order}.costs"])
                backoffs = dequantize(tensors.get(f"{order}.backoffs", torch.zeros(len(keys))))
                if not len(keys) == len(costs) == len(backoffs):
                    raise ValueError(f"{len(keys)} {order}-grams have {len(costs)} costs")
                if not (np.diff(keys) > 0).all():
                    raise ValueError(f"its {order}-grams are not in order")
                orders.append(Order(keys, costs, backoffs))
            if not np.isin(np.arange(num_symbols + 1), orders[0].keys).all():
                raise ValueError(f"not all of {num_symbols} symbols are in it")
            return cls(num_symbols, orders)
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"damaged language model ({error}); learn it again") from error


def check_order(order: int, num_symbols: int) -> None:
    """Raise ValueError if n-grams of this order do not fit into 63 bits, or if order is below 1."""
    max_order = int(63 / math.log2(num_symbols + 2))
    if not 1 <= order <= max_order:
        raise ValueError(
            f"order {order}: n-grams of {num_symbols} symbols fit a number of 63 bits up to order "
            f"{max_order}; choose 1 to {max_order}"
        )


def quantize(nats: np.ndarray) -> Tensor:
    """Round to multiples of STEP, as uint8."""
    return torch.from_numpy(np.clip(np.round(nats / STEP), 0, 255)).to(torch.uint8)


def dequantize(steps: Tensor) -> np.ndarray:
    """The inverse of `quantize`, as float32."""
    return steps.numpy().astype(np.float32) * np.float32(STEP)


def find_sorted(keys: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending keys (M,), queries (N,) -> indices (N,), and which are present (N,) bool."""
    indices = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    return indices, keys[indices] == queries
