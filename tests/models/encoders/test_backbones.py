"""Backbones of torchvision: sizes, frozen networks, and when weights are fetched."""

import pytest
import torch
import torchvision.models
from torch import nn
from torch.testing import assert_close

import models.encoders.backbones
from datasets import ClipReader
from models import Backbone, RecurrentStack, SequenceModel, TokenClassificationHead
from models.encoders.backbones import CHUNK, FAMILIES
from pipeline.reading.bundle import Bundle, load_bundle, part_spec, save_bundle
from tests.support.networks import connect

SMALL = "mobilenet_v3_small"  # batch norm, dropout none in what is left, any size of frame
# one of each family, smallest frame, features; run with weights on the meta device
MEMBERS = {
    "alexnet": (63, 256), "convnext_tiny": (32, 768), "densenet121": (29, 1024),
    "efficientnet_b0": (1, 1280), "mobilenet_v2": (1, 1280),
    SMALL: (1, 576), "regnet_y_400mf": (1, 440), "resnet18": (1, 512),
    "resnext50_32x4d": (1, 2048), "shufflenet_v2_x0_5": (1, 1024), "squeezenet1_1": (21, 512),
    "swin_t": (4, 768), "vgg11": (32, 512),
    "vit_b_32": (224, 768), "wide_resnet50_2": (1, 2048),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_download(monkeypatch):
    """Any attempt to fetch weights fails the test."""

    def refuse(*args, **options):
        raise AssertionError("weights were fetched")

    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", refuse)


def random_frames(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, dtype=torch.uint8)


@pytest.mark.parametrize("name", MEMBERS)
def test_each_family_loses_its_classifier(name):
    smallest, size = MEMBERS[name]
    with torch.device("meta"):
        encoder = Backbone(3, name).eval()
        side = max(2, smallest)
        seen = encoder.net(torch.empty(2, 3, side, side)).flatten(1)
    assert (encoder.output_size, seen.shape) == (size, (2, size))
    assert not any(p.shape[0] == 1000 for p in encoder.parameters())
    if smallest > 1:
        wanted = "only" if name.startswith("vit") else "too small for"
        with pytest.raises(ValueError, match=rf"{wanted}.* {smallest} x|{smallest} x .* {wanted}"):
            encoder(random_frames(1, 1, 3, smallest - 1, smallest), torch.tensor([1]))


def test_every_family_has_a_member_here():
    missing = [f for f in FAMILIES if not any(name.startswith(f) for name in MEMBERS)]
    assert not missing


@pytest.mark.parametrize("name", ["googlenet", "maxvit_t", "r3d_18", "quantized_resnet18", "res"])
def test_what_is_no_such_classifier_is_refused_naming_the_families(name):
    with pytest.raises(ValueError, match=f"backbone '{name}': give a torchvision .*alexnet, .*vit"):
        Backbone(3, name)


def test_features_are_those_of_torchvision_before_its_classifier():
    encoder = Backbone(3, SMALL).eval()
    whole = torchvision.models.get_model(SMALL, weights=None).eval()
    whole.classifier = nn.Identity()
    whole.load_state_dict(encoder.net.state_dict())
    frames, lengths = random_frames(2, 3, 3, 32, 24), torch.tensor([3, 1])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = ((frames / 255).movedim(2, -1) - mean) / std
    with torch.no_grad():
        expected = whole(pixels.movedim(-1, 2).flatten(0, 1)).view(2, 3, 576)
        features, left = encoder(frames, lengths)
    expected[1, 1:] = 0
    assert_close(features, expected, rtol=1e-3, atol=1e-5)
    assert torch.equal(left, lengths)
    assert_close(encoder(frames / 255, lengths)[0], features, rtol=1e-3, atol=1e-5)


def test_grey_is_three_equal_channels():
    grey, colour = Backbone(1, SMALL).eval(), Backbone(3, SMALL).eval()
    colour.load_state_dict(grey.state_dict())
    frames, lengths = random_frames(1, 2, 1, 16, 16), torch.tensor([2])
    seen = colour(frames.expand(-1, -1, 3, -1, -1), lengths)[0]
    assert_close(grey(frames, lengths)[0], seen)
    with pytest.raises(ValueError, match="frames of 3 channels, but the backbone has input_size 1"):
        grey(random_frames(1, 2, 3, 16, 16), lengths)
    with pytest.raises(ValueError, match=r"grey .* or RGB .*, not 2 channels"):
        Backbone(2, SMALL)


def test_padded_frames_stay_out_of_the_batch_statistics():
    frames, lengths = random_frames(3, 6, 1, 16, 16), torch.tensor([2, 6, 0])
    short, whole = Backbone(1, SMALL).train(), Backbone(1, SMALL).train()
    whole.load_state_dict(short.state_dict())
    real = torch.cat([frames[0, :2], frames[1]]).unsqueeze(0)
    expected = short(real, torch.tensor([8]))[0][0]
    features = whole(frames, lengths)[0]
    assert_close(torch.cat([features[0, :2], features[1]]), expected)
    assert not features[0, 2:].any() and not features[2].any()
    assert_close(dict(whole.named_buffers()), dict(short.named_buffers()))


def frozen_model(name: str = SMALL, frozen: bool = True) -> SequenceModel:
    return connect(
        1, 2, lambda n: Backbone(n, name, frozen=frozen),
        lambda n: RecurrentStack(n, 4, direction="forward"), TokenClassificationHead,
    )  # fmt: skip


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_is_evaluation_mode_whatever_the_network_is_told(frozen):
    model = frozen_model(frozen=frozen).train()
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    inputs, lengths = random_frames(2, 3, 1, 16, 16), torch.tensor([3, 2])
    features = model.encoder(inputs, lengths)[0]
    loss = model.loss(inputs, lengths, torch.tensor([[0, 1, 1], [0, 0, -100]]), lengths)[0]
    loss.backward()
    moved = {k for k, v in model.encoder.state_dict().items() if not torch.equal(v, before[k])}
    learning = [p for p in model.encoder.parameters() if p.grad is not None]
    modes = {module.training for module in model.encoder.net.modules()}
    assert model.recurrent.training and model.encoder.training
    assert all(p.grad is not None for p in model.head.parameters())
    same = torch.equal(model.eval().encoder(inputs, lengths)[0], features)
    if frozen:
        assert (moved, learning, modes, same) == (set(), [], {False}, True)
    else:
        assert len(moved) > 50 and len(learning) > 100 and modes == {True} and not same


def test_dropout_is_in_training_only():
    for frozen in (True, False):
        encoder, lengths = Backbone(1, SMALL, frozen=frozen, dropout=1.0), torch.tensor([4])
        assert encoder.eval()(random_frames(1, 4, 1, 16, 16), lengths)[0].any()
        assert not encoder.train()(random_frames(1, 4, 1, 16, 16), lengths)[0].any()


def test_without_a_gradient_frames_are_seen_a_few_at_a_time(monkeypatch):
    encoder, sizes = Backbone(1, SMALL, frozen=True).train(), []
    encoder.net.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    frames, lengths = random_frames(1, CHUNK + 5, 1, 8, 8), torch.tensor([CHUNK + 5])
    features = encoder(frames, lengths)[0]
    assert sizes == [CHUNK, 5]
    monkeypatch.setattr(models.encoders.backbones, "CHUNK", 1000)
    assert_close(encoder(frames, lengths)[0], features, rtol=0, atol=1e-5)
    assert not encoder(frames, torch.tensor([0]))[0].any()


def test_weights_are_asked_of_torchvision_by_their_proper_name(monkeypatch):
    asked = []
    monkeypatch.setattr(
        torchvision.models, "get_model",
        lambda name, weights, **options: asked.append((name, weights, options))
        or torchvision.models.get_model_builder(name)(weights=None, **options),
    )  # fmt: skip
    encoder = Backbone(3, SMALL, "DEFAULT")
    entry = torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    assert asked == [(SMALL, entry, {})]
    assert part_spec(encoder)["options"]["weights"] == "IMAGENET1K_V1"
    with pytest.raises(ValueError, match=f"{SMALL} has no weights 'X'; give one of IMAGENET1K_V1"):
        Backbone(3, SMALL, "X")


def test_weights_are_fetched_when_a_training_builds_the_network_and_then_only():
    with pytest.raises(AssertionError, match="weights were fetched"):
        Backbone(3, SMALL, "IMAGENET1K_V1")
    with torch.device("meta"):
        assert Backbone(3, SMALL, "IMAGENET1K_V1").weights == "IMAGENET1K_V1"


def test_frames_are_normalised_as_the_weights_expect():
    with torch.device("meta"):
        seen = Backbone(3, "vgg16", "IMAGENET1K_FEATURES")  # of Caffe: 0 to 255, mean taken off
        assert seen.mean[0] == pytest.approx(0.482, abs=1e-3)
        assert seen.std == pytest.approx((1 / 255,) * 3)
        assert Backbone(3, "vit_b_16", "IMAGENET1K_SWAG_E2E_V1").net.image_size == 384
        assert Backbone(3, "vit_b_16").net.image_size == 224


@pytest.mark.parametrize("name", [SMALL, "regnet_x_400mf"])
def test_a_bundle_of_fetched_weights_needs_no_net(name, tmp_path):
    model = frozen_model(name).eval()
    model.encoder.weights = "IMAGENET1K_V1"  # as if they had been fetched
    path = tmp_path / "b.safetensors"
    save_bundle(Bundle(model, ["a", "b"], ClipReader(16, 16)), path)
    loaded = load_bundle(str(path)).model
    assert loaded.encoder.weights == "IMAGENET1K_V1" and loaded.encoder.frozen
    assert not any(p.requires_grad for p in loaded.encoder.parameters())
    inputs, lengths = random_frames(1, 3, 1, 16, 16), torch.tensor([3])
    assert_close(loaded(inputs, lengths)[0], model(inputs, lengths)[0], rtol=0, atol=0.02)
