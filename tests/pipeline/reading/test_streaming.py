"""The same weights offline and piece by piece: any pieces give the logits of one run."""

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
from pipeline.reading import streaming
from pipeline.reading.bundle import Bundle, load_bundle, save_bundle
from pipeline.reading.streaming import Stream, read_chunks, read_whole
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
    """A frame network of random weights, loud enough to change its mind."""
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
def film() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).integers(0, 256, (STEPS, 1, 8, 8), np.uint8))


@torch.inference_mode()
def offline(model: SequenceModel, film: torch.Tensor) -> torch.Tensor:
    return model(film[None], torch.tensor([len(film)]))[0][0]


def streamed(model: SequenceModel, film: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    stream = Stream(model)
    return torch.cat([stream.feed(piece) for piece in film.split(sizes)])


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("stack", STACKS)
def test_any_pieces_are_the_run_over_the_whole(stack, difference, film):
    model = network(STACKS[stack], difference=difference)
    whole = offline(model, film)
    assert whole.std(0).min() > 0.05  # equal constants would prove nothing
    for sizes in (EVEN, SEVENS, ONES, UNEVEN):
        assert_close(streamed(model, film, sizes), whole, rtol=0, atol=1e-4)


def test_a_bundle_streams_as_it_reads(film, tmp_path):
    model = network({"cell": "gru", "num_layers": 2}, difference=True)
    path = tmp_path / "b.safetensors"
    save_bundle(Bundle(model, list("abcd"), ClipReader(8, 8)), path)
    loaded = load_bundle(str(path)).model
    assert_close(streamed(loaded, film, SEVENS), offline(loaded, film), rtol=0, atol=1e-4)


def test_a_ctc_network_streams_too(film):
    model = network(head=CTCHead)
    assert_close(streamed(model, film, UNEVEN), offline(model, film), rtol=0, atol=1e-4)


class LookingBack(TokenClassificationHead):
    """Each step's logits depend on the features of two steps before it too."""

    context = 2

    def forward(self, features, lengths):
        before = nn.functional.pad(features, (0, 0, 2, 0))[:, :-2]
        return super().forward(features + 2 * before, lengths)


def test_a_head_that_looks_back_gets_its_context(film):
    model = network(head=LookingBack)
    for sizes in (SEVENS, ONES, UNEVEN):
        assert_close(streamed(model, film, sizes), offline(model, film), rtol=0, atol=1e-4)


def test_what_is_carried_does_not_grow(film):
    stream = Stream(network({"cell": "lstm"}, head=LookingBack, difference=True))
    sizes = set()
    for _ in range(3):
        for piece in film.split(SEVENS):
            stream.feed(piece)
            carried = [stream.before, stream.stack.encoder.before, *stream.stack.state[0]]
            sizes.add(tuple(tensor.untyped_storage().nbytes() for tensor in carried[2:]))
            sizes.add((len(carried[1]), carried[0].shape[1]))
    assert len(sizes) == 2 and (1, 2) in sizes


def refined(causal: bool):
    return partial(
        RefinedTokenHead, stages=2, refinement_channels=5, refinement_layers=2, causal=causal
    )


@pytest.mark.parametrize("sizes", [SEVENS, ONES, UNEVEN])
def test_a_causal_refinement_streams(sizes, film):
    model = network(head=refined(causal=True))
    assert_close(streamed(model, film, sizes), offline(model, film), rtol=0, atol=1e-4)


REFUSED = [
    (lambda: network({"direction": "both"}), "'both' must see the end.*train one.*forward"),
    (lambda: network({"direction": "backward"}), "'backward' must see the end"),
    (
        lambda: network(head=refined(False)),
        "RefinedTokenHead looks 6 steps ahead; train one.*causal",
    ),
    (lambda: network(head=SequenceClassificationHead), "one label for the whole.*use one that"),
]


@pytest.mark.parametrize(("make", "says"), REFUSED)
def test_what_must_see_the_end_is_refused_with_a_way_out(make, says):
    with pytest.raises(ValueError, match=says):
        Stream(make())


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
def test_windows_that_see_everything_are_the_run_over_the_whole(
    window, halo, sizes, difference, film
):
    model = network({"direction": "both"}, difference=difference)
    found = torch.cat(list(read_chunks(model, film.split(sizes), window, halo)))
    assert_close(found, offline(model, film), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sizes", [SEVENS, ONES, UNEVEN])
def test_windows_come_close_with_a_wide_halo_only(sizes, film):
    model = network({"direction": "both", "cell": "gru"})
    for layer in model.recurrent.layers:  # orthogonal matrices times 3 never forget
        for name, weights in layer.named_parameters():
            weights.data.mul_(0.1 if "weight_hh" in name else 1.0)
    whole = offline(model, film)

    def deviation(halo: int) -> float:
        found = torch.cat(list(read_chunks(model, film.split(sizes), 6, halo)))
        assert found.shape == whole.shape
        return float((found - whole).abs().max())

    assert deviation(0) > 0.01  # the edges of a window are blind
    assert deviation(12) < deviation(0) / 10


@pytest.mark.parametrize("halo", [0, 3])
def test_windows_of_a_stack_with_segments_are_exact(halo, film):
    model = network({"direction": "both", "segment": 5})
    found = torch.cat(list(read_chunks(model, film.split(SEVENS), 7, halo)))
    assert_close(found, offline(model, film), rtol=0, atol=1e-4)


def test_windows_hold_no_more_than_a_window_and_two_halos(film, monkeypatch):
    model = network({"direction": "both"})
    seen = []
    label = streaming.label_steps
    monkeypatch.setattr(
        streaming, "label_steps", lambda s, h, f, *a: seen.append(f.shape[1]) or label(s, h, f, *a)
    )
    list(read_chunks(model, film.split(SEVENS), 8, 3))
    assert max(seen) == 8 + 2 * 3 and len(seen) > 3


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", [1, 9])
def test_a_forward_network_is_exact_in_windows_without_a_halo(window, causal, film):
    model = network(head=refined(causal), difference=True)
    found = torch.cat(list(read_chunks(model, film.split(SEVENS), window, 0)))
    assert_close(found, offline(model, film), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sizes", [SEVENS, ONES])
def test_a_moving_mean_is_exact_and_one_over_all_is_refused(sizes, film):
    model = network(head=refined(False))
    model.recurrent = MovingMean(model.encoder.output_size, window=5)
    model.head = refined(False)(model.encoder.output_size, 4).eval()
    found = torch.cat(list(read_chunks(model, film.split(sizes), 4, 0)))
    assert_close(found, offline(model, film), rtol=0, atol=1e-4)
    model.recurrent = MovingMean(model.encoder.output_size)
    with pytest.raises(ValueError, match="mean over all steps must see them at once"):
        next(read_chunks(model, film.split(sizes)))


@pytest.mark.parametrize("head", [TokenClassificationHead, SequenceClassificationHead])
def test_encoding_by_pieces_changes_nothing(head, film, monkeypatch):
    model = network({"direction": "both"}, head=head, difference=True)
    logits, length = read_whole(model, film.split(UNEVEN))
    assert_close(logits[0], offline(model, film), rtol=0, atol=1e-4)
    assert length.tolist() == [STEPS]
    monkeypatch.setattr(streaming, "FEATURE_BYTES", 20 * 20 * 4)  # 20 steps of 20 features
    with pytest.raises(ValueError, match=r"f.mp4: too long.* first 21 frames .*cut it"):
        read_whole(model, film.split(SEVENS), "f.mp4")
