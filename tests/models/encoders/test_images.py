"""Image encoders: lengths, sizes, and independence of padding."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from models import FrameCNN, LineCNN
from models.encoders.images import ConvBlock, max_pool
from tests.support.networks import scrambled


def lines(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, dtype=torch.uint8)


@pytest.mark.parametrize("width_reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("gradients", [False, True])
def test_line_steps_are_width_by_reduction(width_reduction, gradients):
    encoder = LineCNN(16, (3, 4, 5), width_reduction, 4).eval()
    for width in range(18):
        expected = width // width_reduction
        with torch.set_grad_enabled(gradients):
            features, lengths = encoder(lines(2, width, 1, 16), torch.tensor([width, width // 2]))
        assert features.shape == (2, expected, 5)
        assert lengths.tolist() == [expected, width // 2 // width_reduction]
        assert encoder.output_lengths(torch.tensor([width])).tolist() == [expected]


@pytest.mark.parametrize("gradients", [False, True])
def test_every_block_of_a_line_reads_zeros_behind_the_end(gradients):
    encoder = scrambled(LineCNN(16, (3, 4, 5, 6), 4, 8))
    widths = torch.tensor([21, 30, 0, 7])
    seen = []
    for block, stride in zip(encoder.blocks, (1, 2, 4, 4), strict=True):
        block.register_forward_pre_hook(
            lambda _, inputs, stride=stride: seen.append((inputs[0], widths // stride))
        )
    with torch.set_grad_enabled(gradients):
        seen.append((encoder(lines(4, 33, 1, 16), widths)[0].transpose(1, 2), widths // 4))
    assert len(seen) == 5
    for images, lengths in seen:
        for image, length in zip(images, lengths, strict=True):
            assert not image[:, length:].any()
            assert image[:, :length].any() == bool(length)


@pytest.mark.parametrize(
    ("rows", "height", "size"), [("max", 40, 6), ("concat", 40, 6 * 5), ("concat", 23, 6 * 2)]
)
def test_rows_are_joined_by_their_maximum_or_kept(rows, height, size):
    encoder = scrambled(LineCNN(height, (3, 4, 6), 4, 8, rows))
    kept = scrambled(LineCNN(height, (3, 4, 6), 4, 8, "concat"))
    kept.load_state_dict(encoder.state_dict())
    inputs, widths = lines(2, 20, 1, height), torch.tensor([20, 9])
    features, apart = encoder(inputs, widths)[0], kept(inputs, widths)[0]
    assert encoder.output_size == size
    assert features.shape == (2, 5, size)
    if rows == "max":
        assert torch.equal(features, apart.unflatten(2, (height // 8, 6)).amax(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width_reduction": 3}, r"width_reduction 3: give a power of two up to 2\*\*5"),
        ({"width_reduction": 0}, "width_reduction 0: give a power of two"),
        ({"height_reduction": 64}, r"height_reduction 64: give a power of two up to 2\*\*5"),
        ({"kernel_widths": (3, 5)}, r"kernel_widths \[3, 5\]: give 5 odd numbers, one per block"),
        ({"kernel_widths": (3, 3, 4, 3, 3)}, r"kernel_widths \[3, 3, 4, 3, 3\]: give 5 odd"),
        ({"input_size": 7}, "height 7 is gone after pooling by 8; pool less"),
    ],
)
def test_impossible_reductions_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LineCNN(**options)


def test_blocks_without_norm_are_convolution_relu_and_pooling():
    """kraken's blocks: wide kernels with a bias, in its own order of axes (height, width)."""
    encoder = LineCNN(8, (3, 4), 2, 2, "concat", kernel_widths=(5, 9), norm=False).eval()
    inputs, widths = lines(1, 20, 1, 8), torch.tensor([20])
    images = (1 - inputs.float() / 255).permute(0, 2, 3, 1)  # (B, 1, H, W)
    for block, pad, pool in zip(encoder.blocks, (2, 4), (2, 1), strict=True):
        assert block.conv.kernel_size == (2 * pad + 1, 3) and block.conv.bias is not None
        turned = block.conv.weight.transpose(2, 3)
        images = nn.functional.conv2d(images, turned, block.conv.bias, padding=(1, pad))
        images = nn.functional.max_pool2d(torch.relu(images), pool)
    expected = images.permute(0, 3, 2, 1).flatten(2)  # (B, T, H D)
    assert_close(encoder(inputs, widths)[0], expected, rtol=1e-4, atol=1e-5)


def test_dropout_between_blocks_is_of_whole_channels_and_not_behind_the_last():
    encoder = LineCNN(8, (64, 64), 2, 2, block_dropout=0.5).train()
    seen = []
    encoder.blocks[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = encoder(lines(1, 20, 1, 8), torch.tensor([20]))[0]
    gone = ~seen[0].flatten(2).any(2)  # (1, 64)
    assert 12 < int(gone.sum()) < 52
    assert features.flatten(0, 1).any(0).sum() > 52
    encoder.eval()(lines(1, 20, 1, 8), torch.tensor([20]))
    assert int((~seen[1].flatten(2).any(2)).sum()) < 12


def test_floats_of_ink_equal_bytes_of_light():
    encoder = scrambled(LineCNN(16, (3, 4, 5), 4, 4))
    inputs, widths = lines(2, 20, 1, 16), torch.tensor([20, 9])
    ink = (255 - inputs.float()) / 255
    assert_close(encoder(ink, widths)[0], encoder(inputs, widths)[0], rtol=0, atol=1e-5)


def test_floats_of_light_equal_bytes_of_frames():
    encoder, lengths = scrambled(FrameCNN(1, (3, 4), 2)), torch.tensor([3, 1])
    inputs = lines(2, 3, 1, 8, 8)
    assert_close(encoder(inputs / 255, lengths)[0], encoder(inputs, lengths)[0])


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: LineCNN(16, (3, 4, 5), 4, 4), (2, 20, 1, 16)),
        (lambda: FrameCNN(2, (3, 4), 2), (2, 20, 2, 9, 8)),
    ],
)
def test_folding_the_norm_keeps_the_function(build, shape):
    encoder, inputs, lengths = scrambled(build()), lines(*shape), torch.tensor([20, 5])
    expected = encoder(inputs, lengths)[0].detach()
    for _ in range(2):  # a second time changes nothing
        for module in encoder.modules():
            if isinstance(module, ConvBlock):
                module.fold_norm()
        assert_close(encoder(inputs, lengths)[0], expected, rtol=0, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())


@pytest.mark.parametrize("stride", list(product((1, 2), repeat=2)))
@pytest.mark.parametrize("size", [(6, 8), (7, 8), (6, 9), (3, 5), (2, 2)])
def test_max_pool_is_one_function_with_gradients_and_without(stride, size):
    images = torch.randn(2, 3, *size)
    for memory in (torch.contiguous_format, torch.channels_last):
        laid_out = images.contiguous(memory_format=memory)
        with torch.no_grad():
            fast = max_pool(laid_out, stride)
        assert torch.equal(fast, max_pool(laid_out, stride))
        assert torch.equal(fast, nn.functional.max_pool2d(images, stride))


@pytest.mark.parametrize("grid", [1, 2, 4])
def test_frames_are_averaged_in_the_fields_of_a_grid(grid):
    encoder = FrameCNN(1, (1,), grid).eval()
    nn.init.dirac_(encoder.blocks[0].conv.weight)  # the block now only takes maxima of 2 x 2 pixels
    frames = torch.rand(1, 3, 1, 16, 16)
    features, lengths = encoder(frames, torch.tensor([3]))
    assert encoder.output_size == grid * grid
    assert lengths.tolist() == [3]
    side = 8 // grid
    maxima = frames.unflatten(3, (8, 2)).unflatten(5, (8, 2)).amax((4, 6))
    fields = maxima.unflatten(3, (grid, side)).unflatten(5, (grid, side)).mean((4, 6))
    assert_close(features, fields.flatten(2), rtol=1e-4, atol=1e-5)


def test_frames_that_are_too_small_are_refused():
    encoder = FrameCNN(1, (3, 4, 5), 2).eval()
    assert encoder(lines(1, 1, 1, 8, 8), torch.tensor([1]))[0].any()
    with pytest.raises(ValueError, match="frames of 20 x 7 pixels are gone after 3 halvings; use"):
        encoder(lines(1, 1, 1, 7, 20), torch.tensor([1]))


def test_padded_frames_stay_out_of_the_batch_statistics():
    frames, lengths = lines(3, 6, 1, 8, 8), torch.tensor([2, 6, 0])
    short, whole = FrameCNN(1, (3, 4), 2), FrameCNN(1, (3, 4), 2)
    whole.load_state_dict(short.state_dict())
    real = torch.cat([frames[0, :2], frames[1]]).unsqueeze(0)
    expected = short.train()(real, torch.tensor([8]))[0][0]
    features = whole.train()(frames, lengths)[0]
    assert_close(torch.cat([features[0, :2], features[1]]), expected)
    assert not features[0, 2:].any()
    assert not features[2].any()
    assert_close(dict(whole.named_buffers()), dict(short.named_buffers()))
    assert short.blocks[0].norm.running_mean.any()


def test_frames_are_read_one_by_one():
    encoder, order = scrambled(FrameCNN(2, (3, 4), 2)), torch.tensor([3, 1, 0, 2])
    frames, lengths = lines(1, 4, 2, 9, 8), torch.tensor([4])
    features = encoder(frames, lengths)[0]
    assert_close(encoder(frames[:, order], lengths)[0], features[:, order])


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        (lambda: LineCNN(16, (3, 4), 2, 4, dropout=1.0), lines(1, 8, 1, 16)),
        (lambda: FrameCNN(1, (3, 4), 2, dropout=1.0), lines(1, 4, 1, 8, 8)),
    ],
)
def test_dropout_is_in_training_only(build, inputs):
    encoder, lengths = build(), torch.tensor([inputs.shape[1]])
    assert encoder.eval()(inputs, lengths)[0].any()
    assert not encoder.train()(inputs, lengths)[0].any()


def test_the_difference_is_the_change_since_the_frame_before():
    encoder = FrameCNN(1, (2,), 2, difference=True).eval()
    assert encoder.context == 1 and FrameCNN(1, (2,), 2).context == 0
    frames, lengths = lines(2, 5, 1, 8, 8), torch.tensor([5, 3])
    scaled = frames / 255
    change = torch.zeros_like(scaled)
    change[:, 1:] = scaled[:, 1:] - scaled[:, :-1]
    plain = FrameCNN(2, (2,), 2).eval()  # given both as channels
    plain.load_state_dict(encoder.state_dict())
    expected = plain(torch.cat([scaled, change], 2), lengths)[0]
    assert_close(encoder(frames, lengths)[0], expected)
    still = frames[:, :1].expand(-1, 5, -1, -1, -1)
    features = encoder(still, lengths)[0]
    assert_close(features[0, 1:], features[0, :1].expand(4, -1))


def test_strides_halve_as_pooling_does():
    pooled, strided = FrameCNN(1, (3, 4), 2).eval(), FrameCNN(1, (3, 4), 2, strided=True).eval()
    strided.load_state_dict(pooled.state_dict())
    frames = torch.rand(1, 2, 1, 16, 16)
    assert strided.blocks(frames[0]).shape == pooled.blocks(frames[0]).shape == (2, 4, 4, 4)
    # at every other place, what the convolution without stride gives there
    block = strided.blocks[0]
    dense = nn.functional.conv2d(frames[0], block.conv.weight, padding=1)
    assert_close(block(frames[0]), torch.relu(block.norm(dense))[..., ::2, ::2])
