"""One recurrent layer, unidirectional or bidirectional, that is exact for padded batches.

PackedSequence is not used. A kernel with gates gets one additional input feature, 1 on padding and
0 elsewhere, whose fixed weights close the input gate and open the forget gate (GRU: hold the update
gate at "keep"). On padding the cell state is thus frozen exactly; in the backward direction it
stays zero until the last real step. So a dense run over right-padded sequences equals the run over
each sequence alone, at the speed of the dense kernel. Every other cell reads each sequence reversed
within its own length instead.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from .cells import CELLS, KERNELS, CellName, Weights
from .regularization import dropout

Direction = Literal["forward", "backward", "both"]
Merge = Literal["concat", "sum", "mean"]


def padding_mask(lengths: Tensor, steps: int) -> Tensor:
    """Lengths (B,) -> (B, T) bool, True on padding."""
    return torch.arange(steps, device=lengths.device) >= lengths.unsqueeze(1)


def reverse_within(features: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the first `lengths` steps of each sequence of (B, T, D); padding stays in place."""
    steps = torch.arange(features.shape[1], device=features.device).unsqueeze(0)
    mirrored = lengths.unsqueeze(1) - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    return features.gather(1, index.unsqueeze(2).expand_as(features))


def last_step(outputs: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, D) -> the step at `lengths - 1` (B, D); zero for a sequence of no steps."""
    index = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
    return outputs.gather(1, index).squeeze(1).masked_fill((lengths == 0).unsqueeze(1), 0.0)


def cast_once(tensor: Tensor) -> Tensor:
    """Cast a tensor to the autocast type if autocast is on: once here instead of at every use."""
    device = tensor.device.type
    if not torch.is_autocast_enabled(device):
        return tensor
    return tensor.to(torch.get_autocast_dtype(device))


class Parameters(nn.Module):
    """The parameters of a cell for one or two directions, named as in PyTorch's own modules."""

    def __init__(self, shapes: dict[str, tuple], directions: int):
        super().__init__()
        self.names, self.directions = list(shapes), directions
        for suffix in ("_l0", "_l0_reverse")[:directions]:
            for name, shape in shapes.items():
                self.register_parameter(name + suffix, nn.Parameter(torch.empty(shape)))

    def of(self, direction: int) -> Weights:
        """Return the weights of a direction (0 or 1) by name."""
        suffix = ("_l0", "_l0_reverse")[direction]
        return {name: getattr(self, name + suffix) for name in self.names}


class RecurrentLayer(nn.Module):
    """Features (B, T, D) -> (B, T, H), or (B, T, 2 H) for two concatenated directions, zero on
    padding.

    H is the size of the projection if there is one. The options are those of `RecurrentStack`.
    """

    def __init__(
        self, input_size: int, hidden_size: int, cell: CellName, direction: Direction,
        projection: int = 0, merge: Merge = "concat", weight_drop: float = 0.0,
        zoneout: float = 0.0,
    ):  # fmt: skip
        super().__init__()
        self.kind, self.direction, self.merge = CELLS[cell], direction, merge
        self.hidden_size, self.output_size = hidden_size, projection or hidden_size
        self.projection, self.weight_drop, self.zoneout = projection, weight_drop, zoneout
        self.directions = 2 if direction == "both" else 1
        shapes = self.kind.shapes(input_size, hidden_size, projection)
        # the second direction of the plain RNN is a module of its own: bundles name its weights so
        separate = direction == "both" and cell == "rnn"
        self.core = Parameters(shapes, 1 if separate else self.directions)
        self.mirror = Parameters(shapes, 1) if separate else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise: recurrent weights orthogonal and input weights Xavier per gate, projection
        Xavier, gains 1, the rest 0.

        The forget gate's bias is 1; where there are two biases, in the first.
        """
        for name, weight in self.named_parameters():
            kind = name.split(".")[1].split("_l0")[0]
            if kind.startswith("gain"):
                nn.init.ones_(weight)
            elif weight.ndim == 1:
                nn.init.zeros_(weight)
                if kind == "bias_ih" and self.kind.forget is not None:
                    nn.init.ones_(weight.chunk(self.kind.gates)[self.kind.forget])
            else:
                initialize = nn.init.orthogonal_ if kind == "weight_hh" else nn.init.xavier_uniform_
                for gate in weight.chunk(1 if kind == "weight_hr" else self.kind.gates):
                    initialize(gate)

    def weights(self, direction: int) -> Weights:
        """The weights that the kernel and `step` take; weight drop (Merity et al. 2017) on a
        copy.
        """
        mirrored = self.mirror is not None and direction == 1
        weights = self.mirror.of(0) if mirrored else self.core.of(direction)
        if self.weight_drop:
            weights["weight_hh"] = dropout(weights["weight_hh"], self.weight_drop, self.training)
        return self.kind.expand(weights)

    @property
    def kernel(self) -> str | None:
        """PyTorch's fused kernel, or None if it lacks an option; ONNX's LSTM has no projection."""
        unsupported = self.zoneout or (self.projection and torch.compiler.is_exporting())
        return None if unsupported else self.kind.kernel

    def padding_column(self, like: Tensor) -> Tensor:
        """Fixed weights of the padding input, (gates H, 1): no parameter, so no optimizer sees
        them.
        """
        return torch.cat([like.new_full((self.hidden_size, 1), g) for g in self.kind.padding])

    def forward(
        self, features: Tensor, lengths: Tensor, state: tuple[Tensor, ...] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(B, T, D), (B,) -> the outputs (B, T, ...) and the final state, each part (directions, B,
        H).

        `state` continues a forward layer from the end of the previous chunk.
        """
        if not features.shape[1]:  # kernels need a step: pad by one and drop it
            outputs, final = self(nn.functional.pad(features, (0, 0, 0, 1)), lengths, state)
            return outputs[:, :0], final
        padding = padding_mask(lengths, features.shape[1]).unsqueeze(2)
        features = cast_once(features)
        read = self._gated if self.kernel and self.kind.padding else self._mirrored
        outputs, final = read(features, lengths, padding, state or self._zeros(features))
        if self.directions == 2 and self.merge != "concat":
            forward, backward = outputs.chunk(2, 2)
            outputs = forward + backward if self.merge == "sum" else (forward + backward) / 2
        # kernels return time-first memory: the next layer's rounding would depend on the batch size
        return (outputs * ~padding).contiguous(), final

    def _zeros(self, features: Tensor) -> tuple[Tensor, ...]:
        """Zero initial state: h of the output size, c of the hidden size."""
        like = features if self.kernel else next(self.parameters())  # loops run in full precision
        sizes = (self.output_size, self.hidden_size)[: self.kind.states]
        return tuple(like.new_zeros(self.directions, features.shape[0], size) for size in sizes)

    def _gated(
        self, features: Tensor, lengths: Tensor, padding: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run the kernel with the padding input (see the module's docstring)."""
        if self.direction == "backward":
            features = reverse_within(features, lengths)
        weights = [self.weights(direction) for direction in range(self.directions)]
        for own in weights:
            column = self.padding_column(own["weight_ih"])
            own["weight_ih"] = torch.cat([own["weight_ih"], column], 1)
        inputs = torch.cat([features, padding.to(features.dtype)], 2)
        outputs, *final = run_kernel(self.kernel, inputs, state, weights)
        if len(final) == 2:  # c is frozen on padding, but h still changes with the output gate
            final[0] = self._last_hidden(outputs, lengths, state)
        if self.direction == "backward":
            outputs = reverse_within(outputs, lengths)
        return outputs, tuple(final)

    def _last_hidden(self, outputs: Tensor, lengths: Tensor, state: tuple[Tensor, ...]) -> Tensor:
        """h at the last real step in reading order (directions, B, H); the initial h if there is
        none.
        """
        empty = (lengths == 0).unsqueeze(1)
        forward, *backwards = outputs.split(self.output_size, 2)
        ends = [last_step(forward, lengths), *(backward[:, 0] for backward in backwards)]
        return torch.stack(
            [torch.where(empty, old, end) for old, end in zip(state[0], ends, strict=True)]
        )

    def _mirrored(
        self, features: Tensor, lengths: Tensor, padding: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run every direction forward; a backward one gets the reversed sequence."""
        outputs, finals, empty = [], [], (lengths == 0).unsqueeze(1)
        for index in range(self.directions):
            backward = self.direction == "backward" or index == 1
            sequence = reverse_within(features, lengths) if backward else features
            initial = tuple(part[index] for part in state)
            parts = self._read(sequence, self.weights(index), initial)
            ends = (last_step(part, lengths) for part in parts)
            finals.append(
                [torch.where(empty, old, end) for old, end in zip(initial, ends, strict=True)]
            )
            read = parts[0].to(features.dtype)
            outputs.append(reverse_within(read, lengths) if backward else read)
        return torch.cat(outputs, 2), tuple(torch.stack(p) for p in zip(*finals, strict=True))

    def _read(
        self, features: Tensor, weights: Weights, initial: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """(B, T, D) -> the state after every step, each part (B, T, H)."""
        if self.kernel:
            state = tuple(part.unsqueeze(0) for part in initial)
            return run_kernel(self.kernel, features, state, [weights])[:1]
        if "weight_hh" in weights:
            weights = weights | {"weight_hh": cast_once(weights["weight_hh"])}
        return self.kind.read(features, weights, initial, self.zoneout, self.training)


def run_kernel(
    kernel: str, features: Tensor, state: tuple[Tensor, ...], weights: list[Weights]
) -> tuple[Tensor, ...]:
    """Run PyTorch's fused kernel on one layer with the weights of one direction or two.

    (B, T, D) -> outputs (B, T, directions H), then the final state.
    """
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    flat = [own[name] for own in weights for name in names if name in own]
    initial = tuple(part.to(features.dtype) for part in state)
    # arguments: biases, layers, dropout, training (the flag that keeps cuDNN differentiable),
    # bidirectional, batch_first
    return KERNELS[kernel](
        features, initial if len(initial) == 2 else initial[0], flat, True, 1, 0.0,
        torch.is_grad_enabled(), len(weights) == 2, True,
    )  # fmt: skip
