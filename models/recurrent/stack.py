"""The shared recurrent core: a stack of layers of one cell, in one direction or both."""

import functools
import warnings
from typing import Literal

import torch
from torch import Tensor, nn

from .cells import CELLS
from .cells import CellName as Cell
from .layer import (
    Direction,
    Merge,
    RecurrentLayer,
    cast_once,
    last_step,
    padding_mask,
    reverse_within,
)
from .regularization import drop

__all__ = [
    "MIXED",
    "Cell",
    "Direction",
    "Merge",
    "RecurrentStack",
    "Skip",
    "State",
    "last_step",
    "padding_mask",
    "reverse_within",
]

State = list[tuple[Tensor, ...]]  # per layer (h,) or (h, c), each (directions, B, H)
Skip = Literal["none", "residual", "highway"]
# training time by that of the fused lstm, in float32 and bfloat16:
# `python -m benchmarks.recurrent.variants`
LOOP_COST = {
    "cell peephole_lstm": (1.4, 1.9),
    "cell layernorm_lstm": (1.6, 2.2),
    "zoneout": (1.7, 2.4),
}
MIXED = -1  # `backward_size` of two directions added up: no one step sums up the sequence


class RecurrentStack(nn.Module):
    """Layers of one cell over features (B, T, D) -> (B, T, output_size), zero on padding.

    Args:
        input_size: D, handed over by the encoder.
        hidden_size: H of each layer and direction.
        num_layers: layers, each reading all directions of the one below. 0 leaves the features as
            they are.
        cell: `rnn` is the plain tanh RNN; `docs/variants.md` tells the others.
        direction: `both` concatenates forward and backward features in this order.
        dropout: on the input of each layer but the first, in training.
        projection: the LSTM's output is projected to this many features (Sak et al. 2014); 0: not.
        merge: of two directions: `concat` keeps both apart, `sum` and `mean` add them up.
        skip: around each layer but the first, whose input has another size: `residual` adds its
            input, `highway` mixes it in by a learned gate (Srivastava et al. 2015; Zilly et al.
            2017), which starts near the layer's input.
        segment: above 0, sequences are cut into pieces of so many steps, each read on its own, all
            at once (Johnson & Zhang 2016).
        input_dropout: on the first layer's input, in training.
        locked: both dropouts draw one mask for all steps of a sequence (with `segment` of a piece).
        weight_drop: share of the recurrent matrices' entries dropped in training, anew each time.
        zoneout: share of the units of h and c that keep their old value: by chance in training, in
            expectation otherwise (Krueger et al. 2017). Slower: needs a loop over time.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 256,
        num_layers: int = 1,
        cell: Cell = "lstm",
        direction: Direction = "both",
        dropout: float = 0.0,
        projection: int = 0,
        merge: Merge = "concat",
        skip: Skip = "none",
        segment: int = 0,
        input_dropout: float = 0.0,
        locked: bool = False,
        weight_drop: float = 0.0,
        zoneout: float = 0.0,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.cell, self.direction, self.dropout = cell, direction, dropout
        self.projection, self.merge, self.skip, self.segment = projection, merge, skip, segment
        self.input_dropout, self.locked = input_dropout, locked
        self.weight_drop, self.zoneout = weight_drop, zoneout
        self._check()
        apart = direction == "both" and merge == "concat"
        width = (projection or hidden_size) * (2 if apart else 1)
        sizes = [input_size] + [width] * num_layers
        self.layers = nn.ModuleList(
            RecurrentLayer(
                size, hidden_size, cell, direction, projection, merge, weight_drop, zoneout
            )
            for size in sizes[:-1]
        )
        self.gates = nn.ModuleList()
        for _ in range(num_layers - 1 if skip == "highway" else 0):
            gate = nn.Linear(width, width)
            nn.init.constant_(gate.bias, -1.0)
            self.gates.append(gate)
        self.output_size = sizes[-1]
        # how many of the last features were read from right to left: their summary is at the
        # first step
        self.backward_size = 0
        if num_layers and direction != "forward":
            added = direction == "both" and not apart
            self.backward_size = MIXED if added else projection or hidden_size

    def _check(self) -> None:
        """Raises ValueError for options that do not go together; tells once of a slow loop."""
        if self.projection and self.cell != "lstm":
            raise ValueError(f"projection works with cell lstm only, not {self.cell}; set it to 0")
        if not 0 <= self.projection < self.hidden_size:
            raise ValueError(
                f"projection {self.projection} must be smaller than hidden_size {self.hidden_size}"
            )
        if self.merge != "concat" and self.direction != "both":
            raise ValueError(
                f"merge: {self.merge} needs two directions, not direction '{self.direction}'; "
                "leave merge: concat"
            )
        if self.skip != "none" and self.num_layers < 2:
            raise ValueError(
                f"skip: {self.skip} goes around each layer but the first, and num_layers is "
                f"{self.num_layers}; take 2 or more, or skip: none"
            )
        if self.weight_drop and not CELLS[self.cell].recurrent:
            raise ValueError(
                f"cell {self.cell} has no recurrent matrix to drop from; set weight_drop to 0"
            )
        for name in ("dropout", "input_dropout", "weight_drop", "zoneout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} must be a share between 0 and 1")
        if self.segment < 0:
            raise ValueError(f"segment {self.segment} must be 0 (none) or a number of steps")
        if CELLS[self.cell].recurrent and self.num_layers:
            if CELLS[self.cell].kernel is None:
                warn_slow_loop(f"cell {self.cell}")
            elif self.zoneout:
                warn_slow_loop("zoneout")

    def run(
        self, features: Tensor, lengths: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(B, T, D), (B,) -> features (B, T, output_size) and each layer's final state.

        With segments the state is that of the last piece, and a last entry says how many steps of
        it each sequence has read; such a run starts anew, and `step` continues it.
        """
        if not self.segment or not self.num_layers:
            return self._read(features, lengths, state)
        if state is not None:
            raise ValueError("run reads whole sequences with segment > 0; use step for the rest")
        return self._read_segments(features, lengths)

    def _read(
        self, features: Tensor, lengths: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        finals = []
        for index, layer in enumerate(self.layers):
            features = cast_once(features)
            rate = self.dropout if index else self.input_dropout
            read = drop(features, rate, self.locked, self.training) if rate else features
            outputs, final = layer(read, lengths, state[index] if state else None)
            if index and self.skip == "residual":
                outputs = outputs + features
            elif index and self.skip == "highway":
                share = self.gates[index - 1](features).sigmoid()
                outputs = share * outputs + (1 - share) * features
            features = outputs
            finals.append(final)
        return features, finals

    def _read_segments(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """(B, T, D) -> pieces (N, segment, D) of which each has a real step, and back."""
        batch, steps, size = features.shape
        # not -(-steps // segment): exported to ONNX, a negative quotient is rounded towards 0
        count = max(1, (steps + self.segment - 1) // self.segment)
        whole = nn.functional.pad(features, (0, 0, 0, count * self.segment - steps))
        pieces = whole.reshape(batch * count, self.segment, size)
        starts = self.segment * torch.arange(count, device=lengths.device)
        filled = (lengths.unsqueeze(1) - starts).clamp(0, self.segment).flatten()
        last = ((lengths - 1).clamp(min=0) // self.segment) + count * torch.arange(
            batch, device=lengths.device
        )
        if torch.compiler.is_exporting():  # a graph cannot leave out pieces by what they hold
            outputs, finals = self._read(pieces, filled)
        else:
            kept = filled > 0
            kept[last] = True  # an empty sequence has a final state too: zero
            index = kept.nonzero().flatten()
            read, finals = self._read(pieces[index], filled[index])
            outputs = read.new_zeros(len(pieces), self.segment, read.shape[2])
            outputs = outputs.index_copy(0, index, read)
            last = (kept.cumsum(0) - 1)[last]
        finals = [tuple(part[:, last] for part in final) for final in finals]
        outputs = outputs.reshape(batch, count * self.segment, -1)[:, :steps]
        return outputs, [*finals, (lengths % self.segment,)]

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.run(features, lengths)[0]

    def step(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The next chunk (B, T, D) of a stream, T >= 1 -> its features and the new state."""
        if self.direction != "forward":
            raise ValueError(
                f"a stack with direction '{self.direction}' must see the end before the start; "
                "train one with direction: forward to stream"
            )
        if not self.segment or not self.num_layers:
            return self._read(features, full_lengths(features), state)
        layers, position = (state[:-1], int(state[-1][0][0])) if state else (None, 0)
        if state and (state[-1][0] != position).any():
            raise ValueError("the sequences of a stream must have read equally far into a segment")
        outputs = []
        while features.shape[1]:
            chunk = features[:, : self.segment - position]
            features = features[:, self.segment - position :]
            output, layers = self._read(chunk, full_lengths(chunk), layers if position else None)
            outputs.append(output)
            position = (position + chunk.shape[1]) % self.segment
        read = torch.full((len(features),), position, device=features.device)
        return torch.cat(outputs, 1), [*layers, (read,)]


def full_lengths(features: Tensor) -> Tensor:
    """(B, T, D) without padding -> (B,)."""
    return torch.full((features.shape[0],), features.shape[1], device=features.device)


@functools.cache
def warn_slow_loop(what: str) -> None:
    """Once a process for each reason."""
    single, half = LOOP_COST[what]
    warnings.warn(
        f"{what} runs in a loop over time: a training step takes {single} times as long as the "
        f"fused lstm's in float32 and {half} times in bfloat16 (batch 64, 200 steps, 128 units, "
        "one core of an AMD EPYC (Zen 4)); on a GPU expect far more",
        stacklevel=4,
    )
