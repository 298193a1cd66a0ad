"""The shared recurrent core: stacked RNN, LSTM or GRU in one direction or both, exact for padded
batches.

No PackedSequence. Each gated layer sees one more input column, 1 on padding and 0 elsewhere, whose
fixed weights
close the input gate and open the forget gate (GRU: hold the update gate at "keep"). On padding the
cell is
frozen exactly; read backwards, it stays zero until the last real step. A dense, right-padded run so
equals the
per-sequence run, at the speed of the dense kernel. The tanh RNN has no gates: it reads each
sequence reversed
within its own length instead.
"""

from typing import Literal

import torch
from torch import Tensor, nn

State = list[tuple[Tensor, ...]]  # per layer (h,) or (h, c), each (directions, B, H)

GATE = 1.0e4
# Rows of weight_ih in torch's gate order: LSTM input, forget, cell, output; GRU reset, update, new.
PADDING_GATES = {"lstm": (-GATE, GATE, 0.0, 0.0), "gru": (0.0, GATE, 0.0), "rnn": None}
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
KERNELS = {"rnn": torch.rnn_tanh, "lstm": torch.lstm, "gru": torch.gru}

Cell = Literal["rnn", "lstm", "gru"]
Direction = Literal["forward", "backward", "both"]


def padding_mask(lengths: Tensor, steps: int) -> Tensor:
    """lengths (B,) -> (B, T) bool, true on padding."""
    return torch.arange(steps, device=lengths.device) >= lengths.unsqueeze(1)


def reverse_within(features: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, D) with each sequence's first `lengths` steps in reverse order; padding stays where it
    is.
    """
    steps = torch.arange(features.shape[1], device=features.device).unsqueeze(0)
    mirrored = lengths.unsqueeze(1) - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    return features.gather(1, index.unsqueeze(2).expand_as(features))


class RecurrentLayer(nn.Module):
    """One layer, one direction or both: features (B, T, D) -> (B, T, H) or (B, T, 2 H), zero on
    padding.

    Its parameters are those of torch's own module (and its weights can be loaded from one).
    """

    def __init__(self, input_size: int, hidden_size: int, cell: Cell, direction: Direction):
        super().__init__()
        self.cell, self.direction, self.hidden_size = cell, direction, hidden_size
        both = direction == "both" and cell != "rnn"
        self.directions = 2 if both else 1
        self.core = CELLS[cell](input_size, hidden_size, batch_first=True, bidirectional=both)
        self.mirror = (
            CELLS[cell](input_size, hidden_size, batch_first=True)
            if direction == "both" and cell == "rnn"
            else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Orthogonal per recurrent gate, Xavier per input gate, forget bias 1 in one of torch's two
        biases.
        """
        for name, weight in self.named_parameters():
            for index, gate in enumerate(weight.chunk(weight.shape[0] // self.hidden_size)):
                if "weight_hh" in name:
                    nn.init.orthogonal_(gate)
                elif "weight_ih" in name:
                    nn.init.xavier_uniform_(gate)
                else:
                    forget = self.cell == "lstm" and index == 1 and "bias_ih" in name
                    nn.init.constant_(gate, 1.0 if forget else 0.0)

    def padding_column(self, like: Tensor) -> Tensor:
        """(gates H, 1), made anew each time: no gradient, no decay, no clipping, no drift."""
        gates = PADDING_GATES[self.cell]
        return torch.cat([like.new_full((self.hidden_size, 1), gate) for gate in gates])

    def forward(
        self, features: Tensor, lengths: Tensor, state: tuple[Tensor, ...] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(B, T, D), (B,) -> outputs and the final state, each (directions, B, H).

        `state` continues a forward layer where the last chunk ended.
        """
        if not features.shape[1]:  # torch refuses it: read a step of padding, and drop it
            outputs, final = self(nn.functional.pad(features, (0, 0, 0, 1)), lengths, state)
            return outputs[:, :0], final
        padding = padding_mask(lengths, features.shape[1])
        if self.cell == "rnn":
            outputs, final = self._mirrored(features, lengths, state)
        else:
            outputs, final = self._gated(features, lengths, padding, state)
        return outputs.masked_fill(padding.unsqueeze(2), 0.0), final

    def _gated(
        self, features: Tensor, lengths: Tensor, padding: Tensor, state: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        if self.direction == "backward":
            features = reverse_within(features, lengths)
        weights = self.core._flat_weights
        gated = [
            torch.cat([w, self.padding_column(w)], 1) if i % 4 == 0 else w
            for i, w in enumerate(weights)
        ]
        column = padding.unsqueeze(2).to(features.dtype)
        outputs, *final = run_kernel(
            self.cell, torch.cat([features, column], 2), state, gated, self.directions
        )
        if self.cell == "lstm":  # c is frozen on padding, h is not: its output gate still breathes
            final[0] = self._last_hidden(outputs, lengths, state)
        if self.direction == "backward":
            outputs = reverse_within(outputs, lengths)
        return outputs, tuple(final)

    def _last_hidden(
        self, outputs: Tensor, lengths: Tensor, state: tuple[Tensor, ...] | None
    ) -> Tensor:
        """h at the last real step in reading order, (directions, B, H); of no step at all, the
        initial one.
        """
        size = self.hidden_size
        forward = last_step(outputs[..., :size], lengths)
        if state is not None:
            forward = torch.where((lengths > 0).unsqueeze(1), forward, state[0][0])
        if self.directions == 1:
            return forward.unsqueeze(0)
        backward = outputs[:, 0, size:].masked_fill((lengths == 0).unsqueeze(1), 0.0)
        return torch.stack([forward, backward])

    def _mirrored(
        self, features: Tensor, lengths: Tensor, state: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """A cell without gates reads forward; for backward it gets the reversed sequence."""
        results = []
        cores = [self.core] if self.mirror is None else [self.core, self.mirror]
        for index, core in enumerate(cores):
            backward = self.direction == "backward" or index == 1
            turned = reverse_within(features, lengths) if backward else features
            outputs, _ = run_kernel("rnn", turned, state, core._flat_weights, 1)
            final = last_step(outputs, lengths)
            if state is not None:
                final = torch.where((lengths > 0).unsqueeze(1), final, state[0][0])
            results.append((reverse_within(outputs, lengths) if backward else outputs, final))
        return torch.cat([r[0] for r in results], 2), (torch.stack([r[1] for r in results]),)


def run_kernel(
    cell: Cell,
    features: Tensor,
    state: tuple[Tensor, ...] | None,
    weights: list[Tensor],
    directions: int,
) -> tuple[Tensor, ...]:
    """torch's fused kernel on one layer:

    (B, T, D) -> outputs (B, T, directions H), then the final state.
    """
    if state is None:
        zeros = features.new_zeros(directions, features.shape[0], weights[1].shape[1])
        state = (zeros, zeros) if cell == "lstm" else (zeros,)
    initial = tuple(s.to(features.dtype) for s in state) if cell == "lstm" else state[0]
    # arguments: biases, layers, dropout, training (the flag that keeps cuDNN differentiable),
    # bidirectional, batch_first
    return KERNELS[cell](
        features, initial, weights, True, 1, 0.0, torch.is_grad_enabled(), directions == 2, True
    )


def last_step(outputs: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, D) -> (B, D) at `lengths - 1`; zero for a sequence of no steps."""
    index = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
    return outputs.gather(1, index).squeeze(1).masked_fill((lengths == 0).unsqueeze(1), 0.0)


class RecurrentStack(nn.Module):
    """Layers of one cell over features (B, T, D) -> (B, T, output_size), zero on padding.

    Args:
        input_size: D, handed over by the encoder.
        hidden_size: H of each layer and direction.
        num_layers: layers, each reading all directions of the one below. 0 leaves the features as
            they are.
        cell: `rnn` is the plain tanh RNN.
        direction: `both` concatenates forward and backward features in this order.
        dropout: on the input of each layer but the first, in training.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 256,
        num_layers: int = 1,
        cell: Cell = "lstm",
        direction: Direction = "both",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.cell, self.direction, self.dropout = cell, direction, dropout
        width = hidden_size * (2 if direction == "both" else 1)
        sizes = [input_size] + [width] * num_layers
        self.layers = nn.ModuleList(
            RecurrentLayer(size, hidden_size, cell, direction) for size in sizes[:-1]
        )
        self.output_size = sizes[-1]
        # how many of the last features were read from right to left: their summary is at the
        # first step
        self.backward_size = 0 if direction == "forward" or not num_layers else hidden_size

    def run(
        self, features: Tensor, lengths: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(B, T, D), (B,) -> features (B, T, output_size) and each layer's final state."""
        finals = []
        for index, layer in enumerate(self.layers):
            if index and self.dropout:
                features = nn.functional.dropout(features, self.dropout, self.training)
            features, final = layer(features, lengths, state[index] if state else None)
            finals.append(final)
        return features, finals

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.run(features, lengths)[0]

    def step(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The next chunk (B, T, D) of a stream, T >= 1 -> its features and the new state."""
        if self.direction != "forward":
            raise ValueError(
                f"a stack with direction '{self.direction}' must see the end before the start; "
                "train one with direction: forward to stream"
            )
        lengths = torch.full((features.shape[0],), features.shape[1], device=features.device)
        return self.run(features, lengths, state)
