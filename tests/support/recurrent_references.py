"""Every recurrent variant as the textbook writes it: one sequence, one step, float64.

A new cell costs one function and one row of `REFERENCES`, a new option one row of `VARIANTS`.
`tests/models/recurrent/test_cells.py` tests by these measurements,
`benchmarks/recurrent/variants.py` prints them.
"""

import warnings
from typing import get_args

import torch
from torch import Tensor, nn

from models import RecurrentStack
from models.recurrent.stack import Direction

SIZE, HIDDEN = 4, 3
LENGTHS = torch.tensor([5, 9, 0, 1, 7])
STEPS = 11  # two more than the longest sequence has


def gates(w: dict, x: Tensor, h: Tensor, count: int) -> tuple[Tensor, ...]:
    sums = w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]
    return sums.chunk(count)


def rnn(w, x, h, c):
    return torch.tanh(gates(w, x, h, 1)[0]), c


def gru(w, x, h, c):
    r, z, n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    hr, hz, hn = (w["weight_hh"] @ h + w["bias_hh"]).chunk(3)
    z = torch.sigmoid(z + hz)
    return z * h + (1 - z) * torch.tanh(n + torch.sigmoid(r + hr) * hn), c


def lstm(w, x, h, c):
    i, f, g, o = gates(w, x, h, 4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return (w["weight_hr"] @ h if "weight_hr" in w else h), c


def coupled_lstm(w, x, h, c):
    f, g, o = gates(w, x, h, 3)
    c = torch.sigmoid(f) * c + (1 - torch.sigmoid(f)) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def region_lstm(w, x, h, c):
    f, g = gates(w, x, h, 2)
    c = torch.sigmoid(f) * c + torch.tanh(g)
    return torch.tanh(c), c


def peephole_lstm(w, x, h, c):
    i, f, g, o = gates(w, x, h, 4)
    pi, pf, po = w["peephole"].chunk(3)
    c = torch.sigmoid(f + pf * c) * c + torch.sigmoid(i + pi * c) * torch.tanh(g)
    return torch.sigmoid(o + po * c) * torch.tanh(c), c


def norm(v: Tensor, gain: Tensor, bias: Tensor | float) -> Tensor:
    spread = ((v - v.mean()) ** 2).mean()
    return (v - v.mean()) / (spread + 1e-5).sqrt() * gain + bias


def layernorm_lstm(w, x, h, c):
    sums = norm(w["weight_ih"] @ x, w["gain_ih"], w["bias_ih"])
    i, f, g, o = (sums + norm(w["weight_hh"] @ h, w["gain_hh"], 0.0)).chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(norm(c, w["gain_c"], w["bias_c"])), c


def min_gru(w, x, h, c):
    z, candidate = (w["weight_ih"] @ x + w["bias_ih"]).chunk(2)
    return (1 - torch.sigmoid(z)) * h + torch.sigmoid(z) * candidate, c


def min_lstm(w, x, h, c):
    i, f, candidate = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    i, f = torch.sigmoid(i), torch.sigmoid(f)
    return f / (f + i) * h + i / (f + i) * candidate, c


REFERENCES = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "coupled_lstm": coupled_lstm,
    "peephole_lstm": peephole_lstm,
    "layernorm_lstm": layernorm_lstm,
    "region_lstm": region_lstm,
    "min_lstm": min_lstm,
    "min_gru": min_gru,
}
VARIANTS = {cell: {"cell": cell} for cell in REFERENCES} | {
    "projection": {"projection": 2},
    "merge: sum": {"merge": "sum"},
    "merge: mean": {"merge": "mean", "cell": "rnn"},
    "skip: residual": {"skip": "residual"},
    "skip: highway": {"skip": "highway"},
    "segment": {"segment": 3},
    "zoneout": {"zoneout": 0.3},
    "zoneout, coupled": {"zoneout": 0.3, "cell": "coupled_lstm"},
    "zoneout, region": {"zoneout": 0.3, "cell": "region_lstm"},
    "zoneout, projection": {"zoneout": 0.3, "projection": 2},
    "zoneout, gru": {"zoneout": 0.3, "cell": "gru"},
    "zoneout, rnn": {"zoneout": 0.3, "cell": "rnn"},
    "zoneout, min_lstm": {"zoneout": 0.3, "cell": "min_lstm"},
    "all at once": {"zoneout": 0.3, "projection": 2, "merge": "mean", "skip": "highway",
                    "segment": 4, "weight_drop": 0.5, "dropout": 0.5, "input_dropout": 0.5,
                    "locked": True},
}  # fmt: skip


def directions(variant: str) -> list[str]:
    return ["both"] if "merge" in VARIANTS[variant] else list(get_args(Direction))


def build(direction: str, layers: int = 3, **options) -> RecurrentStack:
    """In evaluation, in float64, with weights that are anything but 0 and 1."""
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of loops
        stack = RecurrentStack(SIZE, HIDDEN, layers, direction=direction, **options)
    for weight in stack.parameters():
        nn.init.uniform_(weight, -0.8, 0.8)
    return stack.double().eval()


def sequences() -> Tensor:
    """(B, T, D) whose padding is garbage."""
    return torch.randn(len(LENGTHS), STEPS, SIZE, dtype=torch.float64)


def own_weights(stack: RecurrentStack, layer: int, second: bool) -> dict[str, Tensor]:
    prefix = f"layers.{layer}." + ("mirror." if second and stack.cell == "rnn" else "core.")
    suffix = "_l0_reverse" if second and stack.cell != "rnn" else "_l0"
    state = {name.removeprefix(prefix): w for name, w in stack.state_dict().items()}
    return {name.removesuffix(suffix): w for name, w in state.items() if name.endswith(suffix)}


def read_one_way(stack, weights, steps: list[Tensor], backward: bool):
    """The reference's loop -> outputs in the order of the sequence, and the final (h, c)."""
    h = torch.zeros(stack.projection or HIDDEN, dtype=torch.float64)
    c, outputs, kept = torch.zeros(HIDDEN, dtype=torch.float64), [], stack.zoneout
    for x in reversed(steps) if backward else steps:
        new_h, new_c = REFERENCES[stack.cell](weights, x, h, c)
        h, c = kept * h + (1 - kept) * new_h, kept * c + (1 - kept) * new_c
        outputs.append(h)
    return (outputs[::-1] if backward else outputs), (h, c)


def read_piece(stack: RecurrentStack, steps: list[Tensor]):
    """All layers -> outputs, and per layer and direction the final (h, c)."""
    finals = []
    for layer in range(stack.num_layers):
        ways = {"forward": [False], "backward": [True], "both": [False, True]}[stack.direction]
        read = [
            read_one_way(stack, own_weights(stack, layer, way == 1), steps, backward)
            for way, backward in enumerate(ways)
        ]
        share = {"concat": 0, "sum": 1, "mean": 0.5}[stack.merge]
        sides = zip(*(outputs for outputs, _ in read), strict=True)
        joined = [torch.cat(s) if not share else share * sum(s) for s in sides]
        if layer and stack.skip == "residual":
            joined = [new + old for new, old in zip(joined, steps, strict=True)]
        if layer and stack.skip == "highway":
            gate = stack.gates[layer - 1]
            shares = [torch.sigmoid(gate.weight @ old + gate.bias) for old in steps]
            mixed = zip(shares, joined, steps, strict=True)
            joined = [share * new + (1 - share) * old for share, new, old in mixed]
        steps = joined
        finals.append([final for _, final in read])
    return steps, finals


@torch.no_grad()
def measure_reference_error(variant: str, direction: str) -> float:
    """Outputs, padding and final states of a batch against each sequence's own reference."""
    stack, features, error = build(direction, **VARIANTS[variant]), sequences(), 0.0
    outputs, states = stack.run(features, LENGTHS)
    assert outputs.shape == (len(LENGTHS), STEPS, stack.output_size)
    for row, length in enumerate(LENGTHS.tolist()):
        steps, piece = list(features[row, :length]), stack.segment or STEPS
        read = [read_piece(stack, steps[at : at + piece]) for at in range(0, max(length, 1), piece)]
        wanted = outputs.new_zeros(STEPS, stack.output_size)
        if length:
            wanted[:length] = torch.stack([step for part in read for step in part[0]])
        error = max(error, float((outputs[row] - wanted).abs().max()))
        for layer, finals in enumerate(read[-1][1]):
            for way, final in enumerate(finals):
                for part, right in zip(states[layer], final, strict=False):
                    error = max(error, float((part[way, row] - right).abs().max()))
    return error


@torch.no_grad()
def measure_streaming_error(variant: str) -> float:
    """A stream in uneven chunks against the whole: outputs and state."""
    stack, features = build("forward", **VARIANTS[variant]), sequences()
    whole, final = stack.run(features, torch.full((len(features),), STEPS))
    state, outputs = None, []
    for chunk in features.split([1, 4, 1, 5], 1):
        output, state = stack.step(chunk, state)
        outputs.append(output)
    pairs = [(torch.cat(outputs, 1), whole)]
    for new, old in zip(state, final, strict=True):
        pairs += zip(new, old, strict=True)
    return max(float((one - other).abs().max()) for one, other in pairs)


def check_gradients(variant: str) -> bool:
    """Inputs and weights by finite differences, in the last direction that the variant has."""
    stack = build(directions(variant)[-1], 2, **VARIANTS[variant])
    names = [name for name, _ in stack.named_parameters()]
    lengths = torch.tensor([4, 2])

    def read(features: Tensor, *weights: Tensor) -> Tensor:
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(stack, given, (features, lengths))

    features = torch.randn(2, 4, SIZE, dtype=torch.float64, requires_grad=True)
    return torch.autograd.gradcheck(read, (features, *stack.parameters()), fast_mode=True)
