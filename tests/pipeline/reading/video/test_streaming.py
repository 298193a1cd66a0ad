"""Streaming inference: any division into chunks gives the logits of one pass."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from datasets import ClipReader
from models import (
    CTCHead,
    FrameCNN,
    LineCNN,
    MovingMean,
    RecurrentStack,
    RefinedTokenHead,
    SequenceClassificationHead,
    SequenceModel,
    TokenClassificationHead,
)
from pipeline.reading.bundle import Bundle, load_bundle, save_bundle
from pipeline.reading.video import streaming
from pipeline.reading.video.streaming import Stream, read_chunks, read_whole
from tests.support.networks import connect

STEPS = 40
EVEN, SEVENS, ONES = [STEPS], [7] * 5 + [5], [1] * STEPS
UNEVEN = [1, 13, 2, 20, 4]
STACKS = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "min_lstm": {"cell": "min_lstm"},
    "segment": {"cell": "lstm", "segment": 9},
    "deep": {"cell": "gru", "num_layers": 3, "skip": "residual", "hidden_size": 6},
    "none": {"num_layers": 0, "direction": "both"},
}


def network(
    stack: dict | None = None, head=TokenClassificationHead, difference: bool = False, seed: int = 0
) -> SequenceModel:
    """A frame network with random weights, scaled up so that its outputs vary."""
    torch.manual_seed(seed)
    options = {"hidden_size": 6, "num_layers": 1, "direction": "forward"} | (stack or {})
    model = connect(
        1,
        4,
        lambda size: FrameCNN(size, [4, 5], grid=2, difference=difference),
        lambda size: RecurrentStack(size, **options),
        head,
    )
    for name, values in model.named_buffers():
        if "running_var" in name:
            values.uniform_(0.5, 1.5)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.mul_(3)
    return model.eval()


@pytest.fixture
def video() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).integers(0, 256, (STEPS, 1, 8, 8), np.uint8))


@torch.inference_mode()
def offline(model: SequenceModel, video: torch.Tensor) -> torch.Tensor:
    """Logits (T, classes) of one pass."""
    return model(video[None], torch.tensor([len(video)]))[0][0]


def streamed(model: SequenceModel, video: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    stream = Stream(model)
    return torch.cat([stream.feed(chunk) for chunk in video.split(sizes)])


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("stack", STACKS)
def test_any_chunks_give_the_logits_of_one_pass(stack, difference, video):
    model = network(STACKS[stack], difference=difference)
    whole = offline(model, video)
    assert whole.std(0).min() > 0.05  # equal constants would prove nothing
    for sizes in (EVEN, SEVENS, ONES, UNEVEN):
        assert_close(streamed(model, video, sizes), whole, rtol=0, atol=1e-4)


def test_a_bundle_streams_as_it_reads(video, tmp_path):
    model = network({"cell": "gru", "num_layers": 2}, difference=True)
    path = tmp_path / "b.safetensors"
    save_bundle(Bundle(model, list("abcd"), ClipReader(8, 8)), path)
    loaded = load_bundle(str(path)).model
    assert_close(streamed(loaded, video, SEVENS), offline(loaded, video), rtol=0, atol=1e-4)


def test_a_ctc_network_streams(video):
    model = network(head=CTCHead)
    assert_close(streamed(model, video, UNEVEN), offline(model, video), rtol=0, atol=1e-4)


class LookingBack(TokenClassificationHead):
    """Each step's logits depend on the features of two steps before it too."""

    context = 2

    def forward(self, features, lengths):
        before = nn.functional.pad(features, (0, 0, 2, 0))[:, :-2]
        return super().forward(features + 2 * before, lengths)


def test_a_head_that_looks_back_gets_its_context(video):
    model = network(head=LookingBack)
    for sizes in (SEVENS, ONES, UNEVEN):
        assert_close(streamed(model, video, sizes), offline(model, video), rtol=0, atol=1e-4)


def test_the_state_does_not_grow(video):
    stream = Stream(network({"cell": "lstm"}, head=LookingBack, difference=True))
    sizes = set()
    for _ in range(3):
        for chunk in video.split(SEVENS):
            stream.feed(chunk)
            carried = [stream.before, stream.stack.encoder.before, *stream.stack.state[0]]
            sizes.add(tuple(tensor.untyped_storage().nbytes() for tensor in carried[2:]))
            sizes.add((len(carried[1]), carried[0].shape[1]))
    assert len(sizes) == 2 and (1, 2) in sizes


def refined(causal: bool):
    return partial(
        RefinedTokenHead, stages=2, refinement_channels=5, refinement_layers=2, causal=causal
    )


@pytest.mark.parametrize("sizes", [SEVENS, ONES, UNEVEN])
def test_a_causal_refinement_streams(sizes, video):
    model = network(head=refined(causal=True))
    assert_close(streamed(model, video, sizes), offline(model, video), rtol=0, atol=1e-4)


NON_CAUSAL = [
    ({"stack": {"direction": "both"}}, "'both' must see the end.*train one.*forward"),
    ({"stack": {"direction": "backward"}}, "'backward' must see the end"),
    ({"head": refined(False)}, "RefinedTokenHead looks 6 steps ahead; train one.*causal"),
    ({"head": SequenceClassificationHead}, "one label for the whole.*use one that"),
]


@pytest.mark.parametrize(("options", "message"), NON_CAUSAL)
def test_non_causal_networks_are_refused_with_a_way_out(options, message):
    with pytest.raises(ValueError, match=message):
        Stream(network(**options))


def test_an_encoder_that_looks_ahead_is_refused():
    model = connect(
        16,
        4,
        lambda size: LineCNN(size, [4, 4], 2, 4),
        lambda size: RecurrentStack(size, 4, direction="forward"),
        TokenClassificationHead,
    )
    with pytest.raises(ValueError, match="LineCNN looks at later inputs"):
        Stream(model)


WINDOWS = [(40, 3, EVEN), (11, 40, SEVENS), (1, 40, ONES), (100, 5, UNEVEN)]


@pytest.mark.parametrize(("window", "halo", "sizes"), WINDOWS)
@pytest.mark.parametrize("difference", [False, True])
def test_windows_with_full_context_are_exact(window, halo, sizes, difference, video):
    model = network({"direction": "both"}, difference=difference)
    logits = torch.cat(list(read_chunks(model, video.split(sizes), window, halo)))
    assert_close(logits, offline(model, video), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sizes", [SEVENS, ONES, UNEVEN])
def test_windows_are_close_only_with_a_wide_halo(sizes, video):
    model = network({"direction": "both", "cell": "gru"})
    for layer in model.recurrent.layers:  # orthogonal matrices times 3 would never forget
        for name, weights in layer.named_parameters():
            weights.data.mul_(0.1 if "weight_hh" in name else 1.0)
    whole = offline(model, video)

    def deviation(halo: int) -> float:
        logits = torch.cat(list(read_chunks(model, video.split(sizes), 6, halo)))
        assert logits.shape == whole.shape
        return float((logits - whole).abs().max())

    assert deviation(0) > 0.01  # steps at the edges of a window lack context
    assert deviation(12) < deviation(0) / 10


@pytest.mark.parametrize("halo", [0, 3])
def test_windows_of_a_stack_with_segments_are_exact(halo, video):
    model = network({"direction": "both", "segment": 5})
    logits = torch.cat(list(read_chunks(model, video.split(SEVENS), 7, halo)))
    assert_close(logits, offline(model, video), rtol=0, atol=1e-4)


def test_windows_hold_no_more_than_a_window_and_two_halos(video, monkeypatch):
    model = network({"direction": "both"})
    seen = []
    label = streaming.label_steps
    monkeypatch.setattr(
        streaming, "label_steps", lambda s, h, f, *a: seen.append(f.shape[1]) or label(s, h, f, *a)
    )
    list(read_chunks(model, video.split(SEVENS), 8, 3))
    assert max(seen) == 8 + 2 * 3 and len(seen) > 3


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", [1, 9])
def test_a_forward_network_is_exact_in_windows_without_a_halo(window, causal, video):
    model = network(head=refined(causal), difference=True)
    logits = torch.cat(list(read_chunks(model, video.split(SEVENS), window, 0)))
    assert_close(logits, offline(model, video), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sizes", [SEVENS, ONES])
def test_a_moving_mean_is_exact_and_one_over_all_is_refused(sizes, video):
    model = network(head=refined(False))
    model.recurrent = MovingMean(model.encoder.output_size, window=5)
    model.head = refined(False)(model.encoder.output_size, 4).eval()
    logits = torch.cat(list(read_chunks(model, video.split(sizes), 4, 0)))
    assert_close(logits, offline(model, video), rtol=0, atol=1e-4)
    model.recurrent = MovingMean(model.encoder.output_size)
    with pytest.raises(ValueError, match="mean over all steps must see them at once"):
        next(read_chunks(model, video.split(sizes)))


@pytest.mark.parametrize("head", [TokenClassificationHead, SequenceClassificationHead])
def test_encoding_in_chunks_changes_nothing(head, video, monkeypatch):
    model = network({"direction": "both"}, head=head, difference=True)
    logits, length = read_whole(model, video.split(UNEVEN))
    assert_close(logits[0], offline(model, video), rtol=0, atol=1e-4)
    assert length.tolist() == [STEPS]
    monkeypatch.setattr(streaming, "FEATURE_BYTES", 20 * 20 * 4)  # 20 steps of 20 features
    with pytest.raises(ValueError, match=r"f.mp4: too long.* first 21 frames .*cut it"):
        read_whole(model, video.split(SEVENS), "f.mp4")
