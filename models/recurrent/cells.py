"""The recurrent cells: the parameters of each and its transition from one step to the next.

A cell with a `kernel` runs on PyTorch's fused kernel; the others run in a loop over time or as a
scan.

To add one: subclass `Cell`, declare its gates, and implement `step`; name it in `CellName` and
`CELLS`, and give it a row in the table of references in the tests. Directions, padding, streaming,
export, weight drop, zoneout and segments are implemented by the layer and need no code here.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear, logsigmoid

from .regularization import kept_share, zone_out
from .scan import Step, scan, unroll

Weights = dict[str, Tensor]  # named as in PyTorch, without `_l0`
GATE = 1.0e4  # sigmoid(1e4) is 1 and sigmoid(-1e4) is 0 in every precision

CellName = Literal[
    "rnn", "lstm", "gru", "coupled_lstm", "peephole_lstm", "layernorm_lstm", "region_lstm",
    "min_lstm", "min_gru",
]  # fmt: skip


class Cell:
    """Base class of the cells. Weights hold `gates` blocks of hidden_size rows, in the same order
    everywhere.

    forget: index of the gate whose bias starts at 1. states: tensors in the state, (h,) or (h, c).
    kernel: PyTorch's fused kernel, which takes the weights that `expand` returns. padding: for each
    gate of the kernel, the value that a padding step adds to its pre-activation so that the state
    is kept; None for a kernel without gates.
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
        if not self.recurrent:
            return {"weight_ih": (rows, input_size), "bias_ih": (rows,)}
        shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, projection or hidden_size)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return shapes | ({"weight_hr": (projection, hidden_size)} if projection else {})

    def expand(self, weights: Weights) -> Weights:
        """Convert the cell's own parameters to those that the kernel and `step` take."""
        return weights

    def inputs(self, features: Tensor, weights: Weights) -> Tensor:
        """(B, T, D) -> the input's part of all gates (B, T, rows), in one matrix product."""
        return linear(features, weights["weight_ih"], weights["bias_ih"] + weights["bias_hh"])

    def step(self, weights: Weights) -> Step:
        """Return the function (one step of `inputs` (B, rows), state) -> the new state."""
        raise NotImplementedError

    def read(
        self, features: Tensor, weights: Weights, state: tuple[Tensor, ...], zoneout: float,
        training: bool,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """(B, T, D) -> each part of the state after every step, (B, T, H)."""
        transition = self.step(weights)

        def step(x: Tensor, old: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            new = transition(x, old)
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
    """Gates reset, update, new, in PyTorch's order (Cho et al. 2014)."""

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
    """Gates input, forget, cell, output, in PyTorch's order (Hochreiter & Schmidhuber 1997; Gers et
    al. 2000).

    `weight_hr` projects the output (Sak et al. 2014).
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
    """LSTM whose input gate is 1 - forget gate (Greff et al. 2017, CIFG). Gates forget, cell,
    output.

    Since sigmoid(-a) = 1 - sigmoid(a), it is the fused LSTM with the negated weights of the forget
    gate as input gate.
    """

    gates, forget = 3, 0

    def expand(self, weights: Weights) -> Weights:
        return {name: torch.cat([-w[: len(w) // 3], w]) for name, w in weights.items()}


class RegionLSTM(LSTM):
    """c = f c + tanh(..), h = tanh(c): no input and no output gate (Johnson & Zhang 2016). Gates
    forget, cell.

    In the fused LSTM a constant bias keeps the two other gates open; on padding a larger negative
    value closes the input gate.
    """

    gates, forget = 2, 0
    padding = (-2 * GATE, GATE, 0.0, 0.0)

    def expand(self, weights: Weights) -> Weights:
        expanded = {}
        for name, weight in weights.items():
            open_gate = torch.full_like(
                weight[: len(weight) // 2], GATE if name == "bias_ih" else 0.0
            )
            expanded[name] = torch.cat([open_gate, weight, open_gate])
        return expanded


class PeepholeLSTM(LSTM):
    """Input and forget gate also see the old cell, the output gate the new one (Gers et al.
    2002).
    """

    kernel = padding = None

    def shapes(self, input_size: int, hidden_size: int, projection: int) -> dict[str, tuple]:
        extra = {"peephole": (3 * hidden_size,)}  # diagonals of the input, forget and output gate
        return super().shapes(input_size, hidden_size, projection) | extra

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
    """LSTM with layer normalisation of the gate pre-activations and of the cell before its tanh (Ba
    et al. 2016).

    Input and state contributions are normalised separately and share one bias, `bias_ih`: a second
    one would be redundant.
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
    """h = (1 - z) h + z (V x), z = sigmoid(W x) (Feng et al. 2024): linear in h, hence computed by
    a scan.

    Gates update, candidate.
    """

    gates, states, recurrent = 2, 1, False

    def terms(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Gate pre-activations (B, T, rows) -> a and b of h_t = a_t h_{t-1} + b_t."""
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
    """h = f/(f+i) h + i/(f+i) (V x), gates of the input only (Feng et al. 2024, the
    length-independent form).

    Gates input, forget, candidate.
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
