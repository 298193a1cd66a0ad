"""A character n-gram model in plain arrays: what symbol a line goes on with.

Interpolated Witten-Bell smoothing (Bell, Cleary and Witten 1990; as Chen and Goodman 1998 write it)
and not Kneser-Ney: on characters they are equally good, and Witten-Bell stays a distribution when
rare n-grams are cut.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

STEP = 1 / 16  # nats between two stored log-probabilities: 256 of them reach to -15.9
REMEMBERED = 200_000  # log-probabilities kept from earlier questions


class Order(NamedTuple):
    """The M n-grams of one order, each a number in base `base`, ascending.

    costs: (M,) -log p(last symbol | those before), nats.
    backoffs: (M,) -log of what is left for other symbols after these; 0 for the highest order.
    """

    keys: np.ndarray
    costs: np.ndarray
    backoffs: np.ndarray


class CharacterLM:
    """p(symbol | the `order - 1` symbols before it) over `num_symbols` symbols and the line's end.

    Symbols are 0 to num_symbols - 1; `end` is num_symbols; `begin`, of contexts only, is
    num_symbols + 1 and fills a context to its length. A context is kept as one number whose digits
    in base num_symbols + 2 are its symbols, the latest last.
    """

    def __init__(self, num_symbols: int, orders: Iterable[Order]):
        self.num_symbols, self.orders = num_symbols, list(orders)
        self.order = len(self.orders)
        self.end, self.begin, self.base = num_symbols, num_symbols + 1, num_symbols + 2
        check_order(self.order, num_symbols)
        self.powers = [self.base**n for n in range(self.order + 1)]
        self.start = self.powers[self.order - 1] - 1  # a context of nothing but begins
        self._views = [tuple(memoryview(part) for part in order) for order in self.orders]
        self._known: dict[int, float] = {}

    def follow(self, context: int, symbol: int) -> int:
        """The context after a symbol."""
        return (context * self.base + symbol) % self.powers[self.order - 1]

    def log_probability(self, context: int, symbol: int) -> float:
        """log p(symbol | context) of one symbol: `log_probabilities` for Python numbers, nats."""
        key = context * self.base + symbol
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[key] = -self._cost(context, symbol)
        return found

    def _cost(self, context: int, symbol: int) -> float:
        left = 0.0
        for order in range(self.order, 0, -1):
            keys, costs, _ = self._views[order - 1]
            history = context % self.powers[order - 1]
            key = history * self.base + symbol
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                return left + costs[place]
            if order > 1:
                keys, _, backoffs = self._views[order - 2]
                place = bisect_left(keys, history)
                if place < len(keys) and keys[place] == history:
                    left += backoffs[place]
        raise ValueError(f"symbol {symbol} is none of 0..{self.end}; context {context}")

    def log_probabilities(self, contexts: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """log p(symbol | context) of N pairs (N,) int64 -> (N,) float64, nats."""
        found = np.zeros(len(contexts))
        left = np.zeros(len(contexts))
        open_ = np.arange(len(contexts))  # pairs that no longer n-gram has answered
        for order in range(self.order, 0, -1):
            histories = contexts[open_] % self.powers[order - 1]
            keys, costs, _ = self.orders[order - 1]
            places, hits = find_sorted(keys, histories * self.base + symbols[open_])
            found[open_[hits]] = -(left[open_[hits]] + costs[places[hits]])
            open_, histories = open_[~hits], histories[~hits]
            if order > 1:
                keys, _, backoffs = self.orders[order - 2]
                places, hits = find_sorted(keys, histories)
                left[open_[hits]] += backoffs[places[hits]]
        return found

    def next_log_probabilities(self, contexts: np.ndarray) -> np.ndarray:
        """Contexts (N,) int64 -> log p of every symbol and the line's end (N, num_symbols + 1)."""
        count = self.num_symbols + 1
        pairs = np.repeat(contexts, count), np.tile(np.arange(count), len(contexts))
        return self.log_probabilities(*pairs).reshape(len(contexts), count)

    def line_log_probabilities(self, line: np.ndarray) -> np.ndarray:
        """log p of each symbol of a line (S,) and of its end -> (S + 1,), nats."""
        symbols = np.append(line, self.end)
        contexts = np.full(len(symbols), self.start, dtype=np.int64)
        for place, symbol in enumerate(symbols[:-1].tolist()):
            contexts[place + 1] = self.follow(int(contexts[place]), symbol)
        return self.log_probabilities(contexts, symbols)

    def tensors(self) -> dict[str, Tensor]:
        """Compact tensors, by name; `from_tensors` gives the same model back.

        Of each n-gram only its last symbol, for its first ones are an n-gram of the order below,
        which says how many it begins (children).
        """
        small = torch.uint8 if self.base <= 256 else torch.int16
        made = {}
        for place, (keys, costs, backoffs) in enumerate(self.orders):
            order = place + 1
            made[f"{order}.symbols"] = torch.from_numpy(keys % self.base).to(small)
            made[f"{order}.costs"] = quantize(costs)
            if order < self.order:
                made[f"{order}.backoffs"] = quantize(backoffs)
                parents = self.orders[order].keys // self.base
                children = np.bincount(np.searchsorted(keys, parents), minlength=len(keys))
                made[f"{order}.children"] = torch.from_numpy(children).to(small)
        return made

    @classmethod
    def from_tensors(cls, num_symbols: int, tensors: dict[str, Tensor]) -> "CharacterLM":
        """Raises ValueError for tensors that `tensors` did not make."""
        orders: list[Order] = []
        base = num_symbols + 2
        keys, children = np.zeros(1, dtype=np.int64), None
        try:
            for order in range(1, 1 + sum(name.endswith(".costs") for name in tensors)):
                symbols = tensors[f"{order}.symbols"].numpy().astype(np.int64)
                if order > 1:
                    children = tensors[f"{order - 1}.children"].numpy().astype(np.int64)
                    keys = np.repeat(keys, children)
                keys = keys * base + symbols
                costs = tensors[f"{order}.costs"].numpy().astype(np.float32) * np.float32(STEP)
                kept = tensors.get(f"{order}.backoffs", torch.zeros(len(keys), dtype=torch.uint8))
                backoffs = kept.numpy().astype(np.float32) * np.float32(STEP)
                if not len(keys) == len(costs) == len(backoffs):
                    raise ValueError(f"{len(keys)} {order}-grams have {len(costs)} costs")
                orders.append(Order(keys, costs, backoffs))
            return cls(num_symbols, orders)
        except (KeyError, ValueError) as error:
            raise ValueError(f"damaged language model ({error}); learn it again") from error


def check_order(order: int, num_symbols: int) -> None:
    """Raises ValueError where n-grams of this order do not fit 63 bits, or for no order."""
    most = int(63 / math.log2(num_symbols + 2))
    if not 1 <= order <= most:
        raise ValueError(
            f"order {order}: n-grams of {num_symbols} symbols fit a number of 63 bits up to order "
            f"{most}; choose 1 to {most}"
        )


def quantize(nats: np.ndarray) -> Tensor:
    """Rounded to whole steps, uint8."""
    return torch.from_numpy(np.clip(np.round(nats / STEP), 0, 255)).to(torch.uint8)


def find_sorted(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending keys (M,), wanted (N,) -> their places (N,) and which are there (N,) bool."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return places, keys[places] == wanted
