"""Torchvision's picture classifiers as encoders of frames."""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..recurrent.stack import padding_mask
from .images import Encoder

CHUNK = 32  # frames at a time where nothing is kept for a gradient: bounds the memory
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and deviation of R, G, B


class Family(NamedTuple):
    """How the classifier is taken off.

    classifier: the module that goes. smallest: height and width in pixels that leave something.
    averaged: a module that gives way to the mean over the picture, for a classifier that wants a
        grid of fixed size, or averages by itself.
    """

    classifier: str
    smallest: int = 1
    averaged: str | None = None


FAMILIES = {
    "alexnet": Family("classifier", 63, "avgpool"),
    "convnext": Family("classifier.2", 32),  # the norm before it stays
    "densenet": Family("classifier", 29),
    "efficientnet": Family("classifier"),
    "mobilenet": Family("classifier"),
    "regnet": Family("fc"),
    "resnet": Family("fc"),
    "resnext": Family("fc"),
    "shufflenet": Family("fc"),
    "squeezenet": Family("classifier", 21, "classifier"),
    "swin": Family("head", 4),
    "vgg": Family("classifier", 32, "avgpool"),
    "vit": Family("heads"),
    "wide_resnet": Family("fc"),
}


def family_of(name: str) -> Family:
    """Raises ValueError for what is no picture classifier of torchvision, or none of these."""
    import torchvision.models  # takes as long as torch itself: only those who need it wait for it

    known = torchvision.models.list_models(module=torchvision.models)
    fitting = [family for family in FAMILIES if name.startswith(family)]
    if name not in known or not fitting:
        raise ValueError(
            f"backbone '{name}': give a torchvision classifier of one of these families: "
            f"{', '.join(FAMILIES)} (such as resnet18, mobilenet_v3_small, convnext_tiny)"
        )
    return FAMILIES[fitting[0]]


def find_weights(name: str, weights: str):
    """torchvision's entry for these weights: where they are and what they expect, not yet fetched.

    Raises ValueError listing those there are.
    """
    import torchvision.models

    kinds = torchvision.models.get_model_weights(name)
    found = kinds.__members__.get(weights.removeprefix(f"{kinds.__name__}."))
    if found is None:
        raise ValueError(
            f"backbone {name} has no weights '{weights}'; give one of "
            f"{', '.join(kinds.__members__)}, or null for random ones"
        )
    return found


def build_classifier(name: str, entry) -> nn.Module:
    """With the weights of this entry, or random ones. On the meta device, where a bundle builds
    what it then fills, nothing is fetched.
    """
    import torchvision.models

    options = {}
    if entry is not None and name.startswith("vit"):  # they decide the size of the picture
        options["image_size"] = entry.meta["min_size"][0]
    if not torch.empty(0).is_meta:
        return torchvision.models.get_model(name, weights=entry, **options)
    if name.startswith("regnet"):  # reckons its widths with tensors, which must have values
        with torch.device("cpu"):
            return torchvision.models.get_model(name, weights=None).to("meta")
    return torchvision.models.get_model(name, weights=None, **options)


def remove_classifier(net: nn.Module, family: Family) -> int:
    """-> how many features each picture is left with."""
    first = next(p for p in net.get_submodule(family.classifier).parameters() if p.ndim > 1)
    size = first.shape[1]
    if family.averaged == "avgpool":
        size //= prod(net.avgpool.output_size)
    net.set_submodule(family.classifier, nn.Identity())
    if family.averaged:
        net.set_submodule(family.averaged, nn.AdaptiveAvgPool2d(1))
    return size


class Backbone(Encoder):
    """Each frame by itself -> what a classifier of torchvision sees in it before it decides.

    Frames keep the size that the reader gives them, and are normalised as the weights expect; vit
    takes one size only (224 x 224, or what its weights say).

    Args:
        input_size: channels of a frame: 1 grey (shown as three equal ones), 3 RGB.
        name: torchvision's, such as resnet18; `FAMILIES` lists which.
        weights: torchvision's name for them, such as IMAGENET1K_V1 or DEFAULT: fetched once, when
            a training builds the network, and part of its bundle. null: random.
        frozen: never trained: no gradients, and always in evaluation mode, so that batch-norm
            statistics stay and no dropout acts.
        dropout: on the features, in training.
    """

    def __init__(
        self,
        input_size: int = 3,
        name: str = "resnet18",
        weights: str | None = None,
        frozen: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        if input_size not in (1, 3):
            raise ValueError(
                f"a backbone sees grey (1 channel) or RGB (3 channels), not {input_size} channels; "
                "change the reader's channels"
            )
        self.input_size, self.name, self.frozen, self.dropout = input_size, name, frozen, dropout
        family = family_of(name)
        entry = None if weights is None else find_weights(name, weights)
        # DEFAULT means others in a later torchvision: what is kept is the proper name
        self.weights = None if entry is None else entry.name
        expected = None if entry is None else entry.transforms()
        self.mean, self.std = (expected.mean, expected.std) if expected else IMAGENET
        self.net = build_classifier(name, entry).to(memory_format=torch.channels_last)
        self.output_size = remove_classifier(self.net, family)
        self.smallest = family.smallest
        if frozen:
            self.net.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Backbone":
        super().train(mode)
        if self.frozen:
            self.net.eval()
        return self

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, T, C, H, W), uint8 or 0 to 1, -> features (B, T, D)."""
        self._check(inputs)
        real = ~padding_mask(lengths, inputs.shape[1])
        # (N, C, H, W): padded frames are neither computed nor in the batch statistics
        seen = nn.functional.dropout(self._see(inputs[real]), self.dropout, self.training)
        features = seen.new_zeros(*inputs.shape[:2], self.output_size)
        features[real] = seen
        return features, lengths

    def _see(self, frames: Tensor) -> Tensor:
        """Frames (N, C, H, W) -> (N, D)."""
        if not len(frames):  # not every network takes a batch of nothing
            return torch.zeros(0, self.output_size, device=frames.device)
        if not self.frozen and (self.training or torch.is_grad_enabled()):
            return self.net(self._normalise(frames)).flatten(1)
        with torch.no_grad():
            pieces = [self.net(self._normalise(piece)) for piece in frames.split(CHUNK)]
        return torch.cat(pieces).flatten(1)

    def _normalise(self, frames: Tensor) -> Tensor:
        """-> (N, 3, H, W), also of grey."""
        white = 1.0 if frames.is_floating_point() else 255.0
        mean = white * torch.tensor(self.mean, device=frames.device).view(1, 3, 1, 1)
        std = white * torch.tensor(self.std, device=frames.device).view(1, 3, 1, 1)
        return ((frames - mean) / std).contiguous(memory_format=torch.channels_last)

    def _check(self, inputs: Tensor) -> None:
        """Raises ValueError for frames that this network cannot see."""
        channels, height, width = inputs.shape[2:]
        if channels != self.input_size:
            raise ValueError(
                f"frames of {channels} channels, but the backbone has input_size "
                f"{self.input_size}; give both the same number (the reader's channels)"
            )
        only = getattr(self.net, "image_size", None)
        if only and (height, width) != (only, only):
            raise ValueError(
                f"{self.name} takes frames of {only} x {only} pixels only, not {width} x {height}; "
                "set the reader's width and height, or use a backbone that is no vit"
            )
        if min(height, width) < self.smallest:
            raise ValueError(
                f"frames of {width} x {height} pixels are too small for {self.name}: at least "
                f"{self.smallest} x {self.smallest}; use larger frames or another backbone"
            )
