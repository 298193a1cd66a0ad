"""Torchvision's image classifiers as encoders of video frames."""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..recurrent.layer import padding_mask
from .images import Encoder

CHUNK = 32  # frames at a time where no gradient is needed: bounds the memory
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and standard deviation of R, G, B


class Family(NamedTuple):
    """How the classifier of a family of networks is removed.

    classifier: the module to remove. smallest: minimal height and width of a frame in pixels.
    averaged: a module to replace by the mean over the image, for a classifier that needs a grid of
    fixed size, or averages by itself.
    """

    classifier: str
    smallest: int = 1
    averaged: str | None = None


FAMILIES = {
    "alexnet": Family("classifier", 63, "avgpool"),
    "convnext": Family("classifier.2", 32),  # its normalisation layer stays
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
    """Return the family of a network. Raises ValueError for an unsupported name."""
    import torchvision.models  # slow to import, and rarely needed

    available = torchvision.models.list_models(module=torchvision.models)
    families = [family for family in FAMILIES if name.startswith(family)]
    if name not in available or not families:
        raise ValueError(
            f"backbone '{name}': give a torchvision classifier of one of these families: "
            f"{', '.join(FAMILIES)} (such as resnet18, mobilenet_v3_small, convnext_tiny)"
        )
    return FAMILIES[families[0]]


def find_weights(name: str, weights: str):
    """Return torchvision's entry for these weights (location, preprocessing); nothing is fetched.

    Raises ValueError listing those available.
    """
    import torchvision.models

    available = torchvision.models.get_model_weights(name)
    entry = available.__members__.get(weights.removeprefix(f"{available.__name__}."))
    if entry is None:
        raise ValueError(
            f"backbone {name} has no weights '{weights}'; give one of "
            f"{', '.join(available.__members__)}, or null for random ones"
        )
    return entry


def build_classifier(name: str, entry) -> nn.Module:
    """Build a classifier with the weights of this entry, or random ones.

    On the meta device, on which a bundle builds a network before filling it, nothing is fetched.
    """
    import torchvision.models

    options = {}
    if entry is not None and name.startswith("vit"):  # its image size depends on the weights
        options["image_size"] = entry.meta["min_size"][0]
    meta = torch.empty(0).is_meta
    if meta and name.startswith("regnet"):  # computes its widths with tensors, which need values
        with torch.device("cpu"):
            return torchvision.models.get_model(name, weights=None).to("meta")
    return torchvision.models.get_model(name, weights=None if meta else entry, **options)


def remove_classifier(net: nn.Module, family: Family) -> int:
    """Remove the classifier in place and return the number of features left per image."""
    first = next(p for p in net.get_submodule(family.classifier).parameters() if p.ndim > 1)
    size = first.shape[1]
    if family.averaged == "avgpool":
        size //= prod(net.avgpool.output_size)
    net.set_submodule(family.classifier, nn.Identity())
    if family.averaged:
        net.set_submodule(family.averaged, nn.AdaptiveAvgPool2d(1))
    return size


class Backbone(Encoder):
    """Encode each frame by a torchvision classifier without its last layers.

    Frames keep the size that the reader gives them, and are normalised as the weights expect; vit
    accepts one size only (224 x 224, or that of its weights).

    Args:
        input_size: channels of a frame: 1 grey (repeated to three channels), 3 RGB.
        name: torchvision's name, such as resnet18; `FAMILIES` lists the supported families.
        weights: torchvision's name for them, such as IMAGENET1K_V1 or DEFAULT: fetched once, when a
            training builds the network, and part of its bundle. null: random.
        frozen: never trained: no gradients, and always in evaluation mode, so that batch-norm
            statistics stay fixed and dropout is off.
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
        # the resolved name is kept, since DEFAULT may change with torchvision
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
        """Frames (B, T, C, H, W), uint8 or 0 to 1 -> features (B, T, D)."""
        self._check(inputs)
        real = ~padding_mask(lengths, inputs.shape[1])
        # (N, C, H, W): padded frames are neither computed nor in the batch statistics
        encoded = nn.functional.dropout(self._encode(inputs[real]), self.dropout, self.training)
        features = encoded.new_zeros(*inputs.shape[:2], self.output_size)
        features[real] = encoded
        return features, lengths

    def _encode(self, frames: Tensor) -> Tensor:
        """Frames (N, C, H, W) -> features (N, D)."""
        if not len(frames):  # not every network accepts an empty batch
            return torch.zeros(0, self.output_size, device=frames.device)
        if not self.frozen and (self.training or torch.is_grad_enabled()):
            return self.net(self._normalise(frames)).flatten(1)
        with torch.no_grad():
            features = [self.net(self._normalise(chunk)) for chunk in frames.split(CHUNK)]
        return torch.cat(features).flatten(1)

    def _normalise(self, frames: Tensor) -> Tensor:
        """(N, C, H, W) -> normalised (N, 3, H, W), with grey repeated."""
        white = 1.0 if frames.is_floating_point() else 255.0
        mean = white * torch.tensor(self.mean, device=frames.device).view(1, 3, 1, 1)
        std = white * torch.tensor(self.std, device=frames.device).view(1, 3, 1, 1)
        return ((frames - mean) / std).contiguous(memory_format=torch.channels_last)

    def _check(self, inputs: Tensor) -> None:
        """Raise ValueError for frames that this network cannot process."""
        channels, height, width = inputs.shape[2:]
        if channels != self.input_size:
            raise ValueError(
                f"frames of {channels} channels, but the backbone has input_size "
                f"{self.input_size}; give both the same number (the reader's channels)"
            )
        size = getattr(self.net, "image_size", None)
        if size and (height, width) != (size, size):
            raise ValueError(
                f"{self.name} takes frames of {size} x {size} pixels only, not {width} x {height}; "
                "set the reader's width and height, or use a backbone that is no vit"
            )
        if min(height, width) < self.smallest:
            raise ValueError(
                f"frames of {width} x {height} pixels are too small for {self.name}: at least "
                f"{self.smallest} x {self.smallest}; use larger frames or another backbone"
            )
