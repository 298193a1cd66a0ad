"""The shared recurrent core: a stack of layers of one cell, in one direction or both."""

import functools
import warnings
from typing import Literal

import torch
from torch import Tensor, nn

from .cells import CELLS
from .cells import CellName as Cell
from .layer import Direction, Merge, RecurrentLayer, cast_once, last_step
from .regularization import drop

__all__ = ["MIXED", "Cell", "Direction", "RecurrentStack", "State", "last_step"]

State = list[tuple[Tensor, ...]]  # per layer (h,) or (h, c), each (directions, B, H)
Skip = Literal["none", "residual", "highway"]
# training time relative to the fused lstm, in float32 and bfloat16, as measured by
# `python -m benchmarks.recurrent.variants`
LOOP_COST = {
    "cell peephole_lstm": (1.4, 1.9),
    "cell layernorm_lstm": (1.6, 2.2),
    "zoneout": (1.7, 2.4),
}
MIXED = -1  # `backward_size` of summed directions: no single step has seen the whole sequence


class RecurrentStack(nn.Module):
    """Layers of one cell over features (B, T, D) -> (B, T, output_size), zero on padding.

    Args:
        input_size: D, set by the encoder.
        hidden_size: H of each layer and direction.
        num_layers: number of layers; each reads all directions of the one below. 0 returns the
            features unchanged.
        cell: `rnn` is the plain tanh RNN; `docs/variants.md` describes the others.
        direction: `both` concatenates forward and backward features, in this order.
        dropout: on the input of each layer but the first, in training.
        projection: size to which the LSTM's output is projected (Sak et al. 2014); 0: no
            projection.
        merge: how two directions are combined: `concat`, `sum` or `mean`.
        skip: connection around each layer but the first, whose input has another size: `residual`
            adds the layer's input, `highway` mixes it in by a learned gate (Srivastava et al. 2015;
            Zilly et al. 2017), which initially favours the layer's input.
        segment: above 0, sequences are cut into segments of so many steps, which are read
            independently and in parallel (Johnson & Zhang 2016).
        input_dropout: on the first layer's input, in training.
        locked: both dropouts use one mask for all steps of a sequence (of a segment, with
            `segment`).
        weight_drop: fraction of the recurrent matrices' entries dropped in training, redrawn each
            time.
        zoneout: fraction of the units of h and c that keep their old value: at random in training,
            in expectation otherwise (Krueger et al. 2017). Slower: needs a loop over time.
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
        concatenated = direction == "both" and merge == "concat"
        width = (projection or hidden_size) * (2 if concatenated else 1)
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
        # number of trailing features read from right to left: they have seen the whole sequence
        # at the first step
        self.backward_size = 0
        if num_layers and direction != "forward":
            summed = direction == "both" and not concatenated
            self.backward_size = MIXED if summed else projection or hidden_size

    def _check(self) -> None:
        """Raise ValueError for incompatible options; warn about a slow loop once per process."""
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
        """(B, T, D), (B,) -> features (B, T, output_size) and the final state of each layer.

        With `segment` the state is that of the last segment, and an additional last entry holds the
        number of steps each sequence has read of it; such a run starts from zero, and `step`
        continues it. Raises ValueError for a `state` in this case.
        """
        if not self.segment or not self.num_layers:
            return self._read(features, lengths, state)
        if state is not None:
            raise ValueError("run reads whole sequences with segment > 0; use step for the rest")
        return self._read_segments(features, lengths)

    def _read(
        self, features: Tensor, lengths: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Run all layers one after the other over whole sequences."""
        finals = []
        for index, layer in enumerate(self.layers):
            features = cast_once(features)
            rate = self.dropout if index else self.input_dropout
            inputs = drop(features, rate, self.locked, self.training) if rate else features
            outputs, final = layer(inputs, lengths, state[index] if state else None)
            if index and self.skip == "residual":
                outputs = outputs + features
            elif index and self.skip == "highway":
                share = self.gates[index - 1](features).sigmoid()
                outputs = share * outputs + (1 - share) * features
            features = outputs
            finals.append(final)
        return features, finals

    def _read_segments(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """(B, T, D) -> (N, segment, D) without segments of padding only, through all layers, and
        back.
        """
        batch, steps, size = features.shape
        # not -(-steps // segment): ONNX rounds a negative quotient towards 0
        count = max(1, (steps + self.segment - 1) // self.segment)
        padded = nn.functional.pad(features, (0, 0, 0, count * self.segment - steps))
        segments = padded.reshape(batch * count, self.segment, size)
        starts = self.segment * torch.arange(count, device=lengths.device)
        segment_lengths = (lengths.unsqueeze(1) - starts).clamp(0, self.segment).flatten()
        last = ((lengths - 1).clamp(min=0) // self.segment) + count * torch.arange(
            batch, device=lengths.device
        )
        if torch.compiler.is_exporting():  # a graph cannot select segments by their content
            outputs, finals = self._read(segments, segment_lengths)
        else:
            nonempty = segment_lengths > 0
            nonempty[last] = True  # an empty sequence also has a final state: zero
            index = nonempty.nonzero().flatten()
            segment_outputs, finals = self._read(segments[index], segment_lengths[index])
            outputs = segment_outputs.new_zeros(
                len(segments), self.segment, segment_outputs.shape[2]
            )
            outputs = outputs.index_copy(0, index, segment_outputs)
            last = (nonempty.cumsum(0) - 1)[last]
        finals = [tuple(part[:, last] for part in final) for final in finals]
        outputs = outputs.reshape(batch, count * self.segment, -1)[:, :steps]
        return outputs, [*finals, (lengths % self.segment,)]

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, D), (B,) -> features (B, T, output_size)."""
        return self.run(features, lengths)[0]

    def step(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Process the next chunk (B, T, D) of a stream, T >= 1; return its features and the new
        state.

        Raises ValueError unless the direction is `forward` and all sequences are at the same
        position of a segment.
        """
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
        positions = torch.full((len(features),), position, device=features.device)
        return torch.cat(outputs, 1), [*layers, (positions,)]


def full_lengths(features: Tensor) -> Tensor:
    """Lengths (B,) of features (B, T, D) without padding."""
    return torch.full((features.shape[0],), features.shape[1], device=features.device)


@functools.cache
def warn_slow_loop(option: str) -> None:
    """Warn that an option needs a loop over time, once per process for each option."""
    cost = "a training step takes longer than the fused lstm's"
    if option in LOOP_COST:
        single, half = LOOP_COST[option]
        cost = (
            f"a training step takes {single} times as long as the fused lstm's in float32 and "
            f"{half} times in bfloat16 (batch 64, 200 steps, 128 units, one core of an AMD EPYC "
            "(Zen 4))"
        )
    warnings.warn(
        f"{option} runs in a loop over time: {cost}; on a GPU expect far more", stacklevel=4
    )
