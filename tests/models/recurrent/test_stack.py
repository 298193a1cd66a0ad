"""RecurrentStack against PyTorch's own modules on packed sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

from models import RecurrentStack

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

LENGTHS = torch.tensor([5, 9, 0, 1, 7])
STEPS = 11  # two more than the longest sequence has
SIZE, HIDDEN = 4, 3
every_cell = pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
every_direction = pytest.mark.parametrize("direction", ["forward", "backward", "both"])


def random_stack(cell, direction, num_layers=2, dtype=torch.float32, **options) -> RecurrentStack:
    torch.manual_seed(3)
    stack = RecurrentStack(SIZE, HIDDEN, num_layers, cell, direction, **options)
    for weight in stack.parameters():
        nn.init.uniform_(weight, -0.8, 0.8)
    return stack.to(dtype)


def random_features(dtype=torch.float32) -> torch.Tensor:
    """(B, T, D) with arbitrary values on padding."""
    return torch.randn(len(LENGTHS), STEPS, SIZE, dtype=dtype)


def flip(features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Each sequence in reverse order, one at a time."""
    return torch.stack(
        [torch.cat([row[:n].flip(0), row[n:]]) for row, n in zip(features, lengths, strict=True)]
    )


def torch_name(name: str) -> str:
    """layers.1.core.weight_ih_l0 -> weight_ih_l1"""
    _, layer, part, weight = name.split(".")
    return weight.replace("l0", f"l{layer}") + ("_reverse" if part == "mirror" else "")


def torch_reference(stack: RecurrentStack) -> nn.Module:
    options = {"batch_first": True, "bidirectional": stack.direction == "both"}
    reference = CELLS[stack.cell](SIZE, HIDDEN, stack.num_layers, **options)
    reference.load_state_dict({torch_name(n): w for n, w in stack.state_dict().items()})
    return reference.to(next(stack.parameters()).dtype)


def packed(reference: nn.Module, features: torch.Tensor, lengths: torch.Tensor, backward: bool):
    """Run packed sequences, which cannot be empty -> outputs and states, zero for empty ones."""

    def spread(part: torch.Tensor, axis: int) -> torch.Tensor:
        whole = part.new_zeros(*part.shape[:axis], len(lengths), *part.shape[axis + 1 :])
        return whole.index_copy(axis, filled.nonzero().flatten(), part)

    filled = lengths > 0
    rows = flip(features, lengths) if backward else features
    run, state = reference(pack_padded_sequence(rows[filled], lengths[filled], True, False))
    outputs = pad_packed_sequence(run, True, total_length=features.shape[1])[0]
    outputs = flip(outputs, lengths[filled]) if backward else outputs
    parts = state if isinstance(state, tuple) else (state,)
    return spread(outputs, 0), [spread(part, 1) for part in parts]


@every_cell
@every_direction
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-6), (torch.float64, 1e-10)])
def test_equals_torch_with_packed_sequences(cell, direction, num_layers, dtype, atol):
    """Outputs, final states, and the gradients of inputs and weights."""
    stack = random_stack(cell, direction, num_layers, dtype)
    reference = torch_reference(stack)
    features = random_features(dtype).requires_grad_()
    outputs, states = stack.run(features, LENGTHS)
    expected, expected_states = packed(reference, features, LENGTHS, direction == "backward")
    assert_close(outputs, expected, rtol=0, atol=atol)
    assert not outputs[torch.arange(STEPS) >= LENGTHS.unsqueeze(1)].any()
    states = [torch.cat(part) for part in zip(*states, strict=True)]
    assert_close(states, expected_states, rtol=0, atol=atol)

    weights = torch.randn_like(outputs)
    loss = (outputs * weights).sum() + sum(part.square().sum() for part in states)
    expected_loss = (expected * weights).sum() + sum(
        part.square().sum() for part in expected_states
    )
    parameters = [reference.get_parameter(torch_name(name)) for name, _ in stack.named_parameters()]
    gradients = torch.autograd.grad(loss, [features, *stack.parameters()])
    wanted_gradients = torch.autograd.grad(expected_loss, [features, *parameters])
    for gradient, wanted in zip(gradients, wanted_gradients, strict=True):
        assert_close(
            gradient,
            wanted,
            rtol=0,
            atol=atol * max(1.0, float(wanted.abs().max())),
        )


@every_cell
@every_direction
def test_torchs_kernel_without_gradients_is_the_same_function(cell, direction):
    stack, features = random_stack(cell, direction).eval(), random_features()
    expected = stack(features, LENGTHS)
    with torch.no_grad():
        assert_close(stack(features, LENGTHS), expected.detach(), rtol=0, atol=1e-6)


@every_cell
@every_direction
@pytest.mark.parametrize("steps", [0, 4])
def test_a_batch_of_empty_sequences(cell, direction, steps):
    stack = random_stack(cell, direction)
    outputs, states = stack.run(torch.randn(2, steps, SIZE), torch.zeros(2, dtype=torch.int64))
    assert outputs.shape == (2, steps, stack.output_size)
    assert not outputs.any()
    for part in (part for state in states for part in state):
        assert part.shape == (2 if direction == "both" else 1, 2, HIDDEN)
        assert not part.any()


def test_no_layers_leave_the_features_as_they_are():
    stack, features = RecurrentStack(SIZE, HIDDEN, 0), random_features()
    assert stack(features, LENGTHS) is features
    assert (stack.output_size, stack.backward_size) == (SIZE, 0)


@pytest.mark.parametrize(
    ("direction", "output_size", "backward_size"),
    [("forward", HIDDEN, 0), ("backward", HIDDEN, HIDDEN), ("both", 2 * HIDDEN, HIDDEN)],
)
def test_sizes(direction, output_size, backward_size):
    stack = random_stack("gru", direction)
    assert (stack.output_size, stack.backward_size) == (output_size, backward_size)


@every_cell
def test_chunks_equal_the_whole(cell):
    stack, features = random_stack(cell, "forward", 3), random_features()
    whole, final = stack.run(features, torch.full((len(features),), STEPS))
    state, outputs = None, []
    for chunk in features.split([1, 4, 1, 5], 1):
        output, state = stack.step(chunk, state)
        outputs.append(output)
    assert_close((torch.cat(outputs, 1), state), (whole, final), rtol=0, atol=1e-5)


@every_cell
def test_a_sequence_without_further_steps_keeps_its_state(cell):
    stack, features = random_stack(cell, "forward"), random_features()
    _, state = stack.step(features)
    _, later = stack.run(features, torch.tensor([2, 0, 0, 3, 0]), state)
    for old, new in zip(state, later, strict=True):
        for before, after in zip(old, new, strict=True):
            assert_close(after[:, [1, 2, 4]], before[:, [1, 2, 4]], rtol=0, atol=1e-6)
            assert not torch.equal(after[:, 0], before[:, 0])


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_only_a_forward_stack_can_stream(direction):
    with pytest.raises(ValueError, match=f"direction '{direction}'.*direction: forward to stream"):
        random_stack("lstm", direction).step(random_features())


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_padding_column_is_out_of_the_optimizers_reach(cell):
    stack, features = random_stack(cell, "both"), random_features()
    columns = [layer.padding_column(layer.core.weight_ih_l0) for layer in stack.layers]
    assert all(column.abs().max() == 1e4 for column in columns)
    shapes = {n: tuple(w.shape) for n, w in torch_reference(stack).named_parameters()}
    assert {torch_name(n): tuple(p.shape) for n, p in stack.named_parameters()} == shapes
    before = [p.detach().clone() for p in stack.parameters()]
    optimizer = torch.optim.AdamW(stack.parameters(), lr=0.1, weight_decay=0.5)
    stack(features, LENGTHS).sum().backward()
    nn.utils.clip_grad_norm_(stack.parameters(), 0.1)
    optimizer.step()
    assert not any(torch.equal(p, q) for p, q in zip(stack.parameters(), before, strict=True))
    for layer, column in zip(stack.layers, columns, strict=True):
        assert torch.equal(layer.padding_column(layer.core.weight_ih_l0), column)
    expected, _ = packed(torch_reference(stack), features, LENGTHS, False)
    assert_close(stack(features, LENGTHS), expected, rtol=0, atol=1e-6)


@every_cell
@every_direction
def test_initial_weights(cell, direction):
    """Orthogonal recurrent gates; biases 0, but the LSTM's forget gate 1 in one of the two."""
    for name, weight in RecurrentStack(SIZE, HIDDEN, 2, cell, direction).named_parameters():
        for index, gate in enumerate(weight.detach().split(HIDDEN)):
            if "weight_hh" in name:
                assert_close(gate @ gate.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
            elif "bias" in name:
                forget = cell == "lstm" and index == 1 and "bias_ih" in name
                assert gate.tolist() == [float(forget)] * HIDDEN, name


def test_dropout_is_between_layers_only_and_in_training_only():
    features = random_features()
    one, two = (random_stack("lstm", "both", n, dropout=1.0) for n in (1, 2))
    assert torch.equal(one.train()(features, LENGTHS), one.eval()(features, LENGTHS))
    below = two.layers[0](features, LENGTHS)[0]
    for training, read in ((True, torch.zeros_like(below)), (False, below)):
        expected = two.layers[1](read, LENGTHS)[0]
        assert expected.any()
        assert torch.equal(two.train(training)(features, LENGTHS), expected)


def test_weights_keep_their_names():
    """Bundles and checkpoints refer to them."""
    kinds = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    both = [kind + reverse for reverse in ("", "_reverse") for kind in kinds]
    for cell, direction, parts in (
        ("lstm", "forward", ["core." + kind for kind in kinds]),
        ("gru", "both", ["core." + kind for kind in both]),
        ("rnn", "both", [part + kind for part in ("core.", "mirror.") for kind in kinds]),
    ):
        names = [layer + part for layer in ("layers.0.", "layers.1.") for part in parts]
        assert list(RecurrentStack(SIZE, HIDDEN, 2, cell, direction).state_dict()) == names


@every_cell
@every_direction
def test_padding_changes_nothing_in_bfloat16(cell, direction):
    stack, features = random_stack(cell, direction).eval(), random_features()
    for context in (torch.no_grad(), torch.enable_grad()):
        with context, torch.autocast("cpu", torch.bfloat16):
            together = stack(features.bfloat16(), LENGTHS)
            for row, sample, length in zip(together, features.bfloat16(), LENGTHS, strict=True):
                alone = stack(sample[None, :length], length[None])
                assert alone.dtype == torch.bfloat16
                assert_close(row[None, :length], alone, rtol=0, atol=0.02)
                assert not row[length:].any()
        assert_close(together.float(), stack(features, LENGTHS), rtol=0, atol=0.05)


@pytest.mark.skipif(
    torch.__version__ < "2.15",
    reason="2.11's exporter fixes the length of an LSTM; 2.15's does not",
)
@pytest.mark.parametrize(
    ("cell", "direction", "options"),
    [
        ("lstm", "forward", {}),
        ("gru", "backward", {}),
        ("lstm", "both", {"segment": 4}),
        ("region_lstm", "both", {}),
        ("peephole_lstm", "both", {}),
        ("min_lstm", "both", {}),
        ("lstm", "both", {"projection": 2, "skip": "highway", "merge": "sum"}),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's exporter warns of itself
def test_onnx_equals_torch_at_any_batch_and_length(cell, direction, options):
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    stack = random_stack(cell, direction, **options).eval()
    any_size = torch.export.Dim.DYNAMIC
    shapes = {"features": {0: any_size, 1: any_size}, "lengths": {0: any_size}}
    example = (random_features(), LENGTHS)
    program = torch.onnx.export(stack, example, dynamo=True, dynamic_shapes=shapes, verbose=False)
    file = program.model_proto.SerializeToString()
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for lengths in ([5, 0, 9], [1], [30, 2, 17, 4, 4, 1, 29]):
        features = torch.randn(len(lengths), max(lengths) + 1, SIZE)
        feeds = {"features": features.numpy(), "lengths": torch.tensor(lengths).numpy()}
        (outputs,) = session.run(None, feeds)
        expected = stack(features, torch.tensor(lengths)).detach()
        assert_close(torch.from_numpy(outputs), expected, rtol=0, atol=1e-5)
