"""The recurrent cells: what each owns, and how it gets from one step to the next.

A cell with a `kernel` runs on torch's fused one; the others in a loop over time or as a scan.

To add one: subclass `Cell`, say its gates, and write `step`; name it in `CellName` and `CELLS`, and
give it a row in the tests' table of references. Directions, padding, streaming, export, weight
drop, zoneout and segments are the layer's work and come with it.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear, logsigmoid

from .regularization import kept_share, zone_out
from .scan import Step, scan, unroll

Weights = dict[str, Tensor]  # by torch's names, without `_l0`
GATE = 1.0e4  # sigmoid(1e4) is 1 and sigmoid(-1e4) is 0 in every precision

CellName = Literal[
    "rnn", "lstm", "gru", "coupled_lstm", "peephole_lstm", "layernorm_lstm", "region_lstm",
    "min_lstm", "min_gru",
]  # fmt: skip


class Cell:
    """Gates of hidden_size rows each, in this order in every weight; `forget` is biased to 1.

    states: parts of the state, (h,) or (h, c). kernel: torch's fused one, which takes the weights
    that `expand` makes. padding: per gate of the kernel, what a step of padding adds to its sum so
    that the state is kept; None for a kernel without gates.
    """

    gates: int
    states: int
    forget: int | None = None
    kernel: str | None = None
    padding: tuple[float, ...] | None = None
    recurrent = True

    def shapes(self, input_size: int, hidden_size: int, projection: int) -> dict[str, tuple]:
        """Names and shapes of the parameters of one direction."""
        rows = self.gates * hidden_size
        shapes = {"weight_ih": (rows, input_size)}
        if self.recurrent:
            shapes |= {"weight_hh": (rows, projection or hidden_size)}
        shapes |= {"bias_ih": (rows,)} | ({"bias_hh": (rows,)} if self.recurrent else {})
        return shapes | ({"weight_hr": (projection, hidden_size)} if projection else {})

    def expand(self, weights: Weights) -> Weights:
        """The cell's own parameters -> those that the kernel and `step` read."""
        return weights

    def inputs(self, features: Tensor, weights: Weights) -> Tensor:
        """(B, T, D) -> what the input adds to the gates, (B, T, rows): all steps in one matmul."""
        return linear(features, weights["weight_ih"], weights["bias_ih"] + weights["bias_hh"])

    def step(self, weights: Weights) -> Step:
        """-> the function (one step of `inputs` (B, rows), state) -> the new state."""
        raise NotImplementedError

    def read(
        self, features: Tensor, weights: Weights, state: tuple[Tensor, ...], zoneout: float,
        training: bool,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """(B, T, D) -> each part of the state after every step, (B, T, H)."""
        advance = self.step(weights)

        def step(x: Tensor, old: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            new = advance(x, old)
            if not zoneout:
                return new
            return tuple(zone_out(n, o, zoneout, training) for n, o in zip(new, old, strict=True))

        return unroll(step, self.inputs(features, weights), state)


class RNN(Cell):
    """h = tanh(W x + U h) (Elman 1990)."""

    gates, states, kernel = 1, 1, "rnn"

    def step(self, weights: Weights) -> Step:
        recurrent = weights["weight_hh"].t()
        return lambda x, state: (torch.addmm(x, state[0], recurrent).tanh(),)


class GRU(Cell):
    """Gates reset, update, new, as torch has them (Cho et al. 2014)."""

    gates, states, kernel, padding = 3, 1, "gru", (0.0, GATE, 0.0)

    def inputs(self, features: Tensor, weights: Weights) -> Tensor:
        return linear(features, weights["weight_ih"], weights["bias_ih"])

    def step(self, weights: Weights) -> Step:
        def step(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            (h,) = state
            sums = linear(h, weights["weight_hh"], weights["bias_hh"]).chunk(3, 1)
            reset, update, new = x.chunk(3, 1)
            update = (update + sums[1]).sigmoid()
            candidate = (new + (reset + sums[0]).sigmoid() * sums[2]).tanh()
            return (update * h + (1 - update) * candidate,)

        return step


class LSTM(Cell):
    """Gates input, forget, cell, output, as torch has them (Hochreiter & Schmidhuber 1997; Gers et
    al. 2000); `weight_hr` projects the output (Sak et al. 2014).
    """

    gates, states, forget, kernel = 4, 2, 1, "lstm"
    padding = (-GATE, GATE, 0.0, 0.0)

    def step(self, weights: Weights) -> Step:
        recurrent, projection = weights["weight_hh"].t(), weights.get("weight_hr")

        def step(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            h, c = state
            i, f, g, o = torch.addmm(x, h, recurrent).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            return (h if projection is None else linear(h, projection)), c

        return step


class CoupledLSTM(LSTM):
    """Input gate = 1 - forget gate (Greff et al. 2017, CIFG). Gates forget, cell, output.

    sigmoid(-a) = 1 - sigmoid(a): the fused LSTM with minus the forget gate's weights.
    """

    gates, forget = 3, 0

    def expand(self, weights: Weights) -> Weights:
        def four(weight: Tensor) -> Tensor:
            return torch.cat([-weight[: weight.shape[0] // 3], weight])

        return {name: four(weight) for name, weight in weights.items()}


class RegionLSTM(LSTM):
    """c = f c + tanh(..), h = tanh(c): no input and no output gate (Johnson & Zhang 2016).

    Gates forget, cell. In the fused LSTM a constant bias holds the two others open; padding
    outweighs it to shut the input gate.
    """

    gates, forget = 2, 0
    padding = (-2 * GATE, GATE, 0.0, 0.0)

    def expand(self, weights: Weights) -> Weights:
        def four(name: str, weight: Tensor) -> Tensor:
            shape = (weight.shape[0] // 2, *weight.shape[1:])
            held = weight.new_full(shape, GATE if name == "bias_ih" else 0.0)
            return torch.cat([held, weight, held])

        return {name: four(name, weight) for name, weight in weights.items()}


class PeepholeLSTM(LSTM):
    """Input and forget gate also see the old cell, the output gate the new (Gers et al. 2002)."""

    kernel = padding = None

    def shapes(self, input_size: int, hidden_size: int, projection: int) -> dict[str, tuple]:
        own = {"peephole": (3 * hidden_size,)}  # diagonal: input, forget, output
        return super().shapes(input_size, hidden_size, projection) | own

    def step(self, weights: Weights) -> Step:
        recurrent, peephole = weights["weight_hh"].t(), weights["peephole"]

        def step(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            h, c = state
            to_input, to_forget, to_output = peephole.chunk(3)
            i, f, g, o = torch.addmm(x, h, recurrent).chunk(4, 1)
            c = (f + to_forget * c).sigmoid() * c + (i + to_input * c).sigmoid() * g.tanh()
            return (o + to_output * c).sigmoid() * c.tanh(), c

        return step


class LayerNormLSTM(LSTM):
    """Layer norm of the input's and the state's gate sums, and of the cell before its tanh (Ba et
    al. 2016). The sums share one bias, `bias_ih`: a second would be the same parameter again.
    """

    kernel = padding = None

    def shapes(self, input_size: int, hidden_size: int, projection: int) -> dict[str, tuple]:
        shapes = super().shapes(input_size, hidden_size, projection)
        del shapes["bias_hh"]
        rows, cell = (4 * hidden_size,), (hidden_size,)
        return shapes | {"gain_ih": rows, "gain_hh": rows, "gain_c": cell, "bias_c": cell}

    def inputs(self, features: Tensor, weights: Weights) -> Tensor:
        sums, gain = linear(features, weights["weight_ih"]), weights["gain_ih"]
        return layer_norm(sums.to(gain.dtype), gain.shape, gain, weights["bias_ih"])

    def step(self, weights: Weights) -> Step:
        gain, cell = weights["gain_hh"], weights["gain_c"]

        def step(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            h, c = state
            sums = linear(h, weights["weight_hh"]).to(gain.dtype)
            i, f, g, o = (x + layer_norm(sums, gain.shape, gain)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            return o.sigmoid() * layer_norm(c, cell.shape, cell, weights["bias_c"]).tanh(), c

        return step


class MinGRU(Cell):
    """h = (1 - z) h + z (V x), z = sigmoid(W x) (Feng et al. 2024): linear in h, so a scan.

    Gates update, candidate.
    """

    gates, states, recurrent = 2, 1, False

    def terms(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Gate sums (B, T, rows) -> a and b of h_t = a_t h_{t-1} + b_t."""
        update, candidate = sums.chunk(2, 2)
        return (-update).sigmoid(), update.sigmoid() * candidate

    def read(
        self, features: Tensor, weights: Weights, state: tuple[Tensor, ...], zoneout: float,
        training: bool,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        sums = linear(features, weights["weight_ih"], weights["bias_ih"])
        a, b = self.terms(sums.to(state[0].dtype))
        if zoneout:  # z h + (1 - z) (a h + b) is linear in h too
            share = kept_share(a, zoneout, training)
            a, b = share + (1 - share) * a, (1 - share) * b
        return (scan(a, b, state[0]),)


class MinLSTM(MinGRU):
    """h = f/(f+i) h + i/(f+i) (V x), gates of the input only (Feng et al. 2024, the form whose
    scale does not depend on time). Gates input, forget, candidate.
    """

    gates, forget = 3, 1

    def terms(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        i, f, candidate = sums.chunk(3, 2)
        odds = logsigmoid(f) - logsigmoid(i)  # f / (f + i) = sigmoid(log f - log i), never 0 / 0
        return odds.sigmoid(), (-odds).sigmoid() * candidate


CELLS: dict[str, Cell] = {
    "rnn": RNN(), "lstm": LSTM(), "gru": GRU(), "coupled_lstm": CoupledLSTM(),
    "peephole_lstm": PeepholeLSTM(), "layernorm_lstm": LayerNormLSTM(),
    "region_lstm": RegionLSTM(), "min_lstm": MinLSTM(), "min_gru": MinGRU(),
}  # fmt: skip
KERNELS: dict[str, Callable] = {"rnn": torch.rnn_tanh, "lstm": torch.lstm, "gru": torch.gru}
