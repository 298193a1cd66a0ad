"""The packed network against the model under autocast, and its independence of padding."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from models import CTCHead, FrameCNN, LineCNN, RecurrentStack, SequenceModel
from models.packed import WIDTH, PackedModel, can_pack
from tests.support.networks import connect, scrambled

HEIGHT = 16


def network(rows: str = "max", encoder: dict | None = None, **stack) -> SequenceModel:
    torch.manual_seed(0)
    model = connect(
        HEIGHT,
        5,
        lambda size: LineCNN(size, (16, 24, 32), 4, 8, rows, **(encoder or {})),
        lambda size: RecurrentStack(size, **({"hidden_size": 32, "num_layers": 2} | stack)),
        CTCHead,
    )
    nn.init.normal_(model.head.linear.weight)
    return scrambled(model)


def lines(*widths: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random lines, with arbitrary values on padding too."""
    shape = (len(widths), max(widths), 1, HEIGHT)
    seeded = torch.Generator().manual_seed(1)
    return torch.randint(256, shape, dtype=torch.uint8, generator=seeded), torch.tensor(widths)


needs_packing = pytest.mark.skipif(not can_pack(network()), reason="no x86 CPU")


@pytest.fixture(params=[torch.bfloat16, torch.float32], ids=str)
def dtype(request) -> torch.dtype:
    if request.param == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this CPU does not multiply bfloat16")
    return request.param


@needs_packing
@pytest.mark.parametrize("rows", ["max", "concat"])
@pytest.mark.parametrize("folded", [False, True])
def test_packed_answers_as_the_model_does(rows, folded, dtype):
    model, (inputs, lengths) = network(rows), lines(75, 75, 41, 3, 0, 66)
    if folded:
        for block in model.encoder.blocks:
            block.fold_norm()
    assert check_equal_outputs(model, dtype, inputs, lengths).tolist() == [18, 18, 10, 0, 0, 16]


def check_equal_outputs(
    model: SequenceModel, dtype: torch.dtype, *batch: torch.Tensor
) -> torch.Tensor:
    with torch.no_grad():
        exact = model(*batch)[0]
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            expected, steps = model(*batch)
    logits, left = PackedModel(model, dtype)(*batch)
    assert left.tolist() == steps.tolist()
    assert logits.shape == expected.shape and exact.abs().max() > 1
    tolerance = 1e-4
    if dtype == torch.bfloat16:
        tolerance = 2 * (expected - exact).abs().max().item()
        assert 0 < tolerance < 0.6
    assert_close(logits.float(), expected.float(), rtol=0, atol=tolerance)
    return left


@needs_packing
@pytest.mark.parametrize("encoder", [
    {"kernel_widths": (5, 3, 9)}, {"kernel_widths": (1, 7, 1), "norm": False}, {"norm": False},
    {"dropout": 0.5, "block_dropout": 0.5}, {"residual": (0, 1, 2)},
    {"residual": (1, 0, 1), "norm": False},
])  # fmt: skip
def test_every_option_of_the_encoder_is_packed(encoder, dtype):
    model = network("max", encoder)
    assert check_equal_outputs(model, dtype, *lines(90, 41, 64)).tolist() == [22, 10, 16]


@needs_packing
def test_packed_padding_and_the_neighbours_change_no_bit(dtype):
    packed, (inputs, lengths) = PackedModel(network(), dtype), lines(90, 41, 64, 17)
    together = packed(inputs, lengths)[0]
    for line, width, row in zip(inputs, lengths, together, strict=True):
        alone = packed(line[None, :width], width[None])[0][0]
        assert torch.equal(row[: len(alone)], alone)  # a rounding by the shape changes strings


@needs_packing
def test_ink_and_light_are_one_to_the_packed_network(dtype):
    packed, (inputs, lengths) = PackedModel(network(), dtype), lines(40, 22)
    ink = (255 - inputs.float()) / 255
    assert_close(packed(ink, lengths)[0], packed(inputs, lengths)[0], rtol=0, atol=0.2)


@needs_packing
@pytest.mark.parametrize("width", [0, 3, 4, WIDTH, WIDTH + 1])
def test_widths_are_rounded_up_inside_only(width, dtype):
    logits, left = PackedModel(network(), dtype)(*lines(width))
    assert logits.shape == (1, width // 4, 6) and left.tolist() == [width // 4]


def test_what_cannot_be_packed_is_refused():
    for stack in ({"cell": "gru"}, {"direction": "forward"}, {"projection": 8}, {"segment": 4}):
        model = network(**stack)
        assert not can_pack(model)
        with pytest.raises(ValueError, match="packed weights are for a LineCNN"):
            PackedModel(model)
    frames = connect(1, 5, lambda size: FrameCNN(size, (4,), 1), RecurrentStack, CTCHead)
    assert not can_pack(frames)
