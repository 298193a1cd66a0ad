"""A larger network that starts as a smaller one: it computes the same until it is trained.

The units of the small network keep their weights and read nothing from the new ones, whose own
incoming weights are those of a new network (a variant of Net2Net, Chen et al. 2016, in which no
unit is copied). New residual blocks start as the identity.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from models import SequenceModel
from models.encoders.images import LineCNN


def grow(given: SequenceModel, model: SequenceModel) -> SequenceModel:
    """The network `given` in the sizes of `model`, and with its own labels.

    Both compute the same. Returns `given` itself unless both are of a LineCNN and equally many
    recurrent layers without projection, and no part of `model` is smaller.
    """
    if not can_grow(given, model):
        return given
    head = deepcopy(given.head)
    head.linear = nn.Linear(model.head.linear.in_features, given.head.linear.out_features)
    nn.init.zeros_(head.linear.weight)
    grown = SequenceModel(deepcopy(model.encoder), deepcopy(model.recurrent), head)
    blocks = row_and_column_blocks(grown)
    weights = given.state_dict()
    grown.load_state_dict(
        {
            key: widen(weights[key], like, *blocks.get(key, (1, 1))) if key in weights else like
            for key, like in grown.state_dict().items()
        }
    )
    return grown


def can_grow(given: SequenceModel, model: SequenceModel) -> bool:
    """Whether two networks differ in sizes only, none of them smaller in `model`."""
    return kind(given) is not None and kind(given) == kind(model) and is_larger(given, model)


def kind(model: SequenceModel) -> tuple | None:
    """What cannot grow in a network, or None if nothing of it can."""
    encoder, stack, head = model.encoder, model.recurrent, model.head
    inputs = getattr(getattr(head, "linear", None), "in_features", None)
    plain = isinstance(encoder, LineCNN) and model.wide is None and not stack.projection
    if not plain or inputs != stack.output_size:
        return None
    options = encoder.rows, encoder.norm, encoder.width_reduction, encoder.rows_left
    return (*options, stack.num_layers, stack.cell, stack.direction, stack.merge, stack.skip)


def is_larger(given: SequenceModel, model: SequenceModel) -> bool:
    """Whether encoder and stack of `model` have all weights of `given`, some in larger sizes."""
    large, small = (
        {k: w.shape for k, w in m.state_dict().items() if k.startswith(("encoder.", "recurrent."))}
        for m in (model, given)
    )
    fits = all(
        key in large and all(map(int.__le__, shape, large[key])) for key, shape in small.items()
    )
    return fits and small != large


def row_and_column_blocks(model: SequenceModel) -> dict[str, tuple[int, int]]:
    """Weights of several equal blocks of rows or columns: gates, directions, rows of an image."""
    stack, encoder = model.recurrent, model.encoder
    directions = 2 if stack.direction == "both" and stack.merge == "concat" else 1
    blocks = {"head.linear.weight": (1, directions)}
    features = encoder.rows_left if encoder.rows == "concat" else 1
    for index, layer in enumerate(stack.layers):
        for name, _ in layer.named_parameters():
            columns = 1
            if ".weight_ih" in name:
                columns = directions if index else features
            blocks[f"recurrent.layers.{index}.{name}"] = (layer.kind.gates, columns)
    return blocks


def widen(given: Tensor, like: Tensor, rows: int, columns: int) -> Tensor:
    """`like` with `given` first in each of its blocks, and 0 in the rest of these rows."""
    if not given.ndim:
        return given.clone()
    wide, places = like.clone(), places_in_blocks(len(given), len(like), rows)
    if given.ndim == 1:
        wide[places] = given
        return wide
    wide[places] = 0
    wide[places[:, None], places_in_blocks(given.shape[1], like.shape[1], columns)] = given
    return wide


def places_in_blocks(given: int, wanted: int, blocks: int) -> Tensor:
    """Where `given` units stand among `wanted` ones, both in so many equal blocks."""
    starts = torch.arange(blocks) * (wanted // blocks)
    return (starts[:, None] + torch.arange(given // blocks)).flatten()
