"""The laws that hold for every part: padding changes nothing, options are kept.

A new part costs one row in `OPTIONS`; an encoder also one in `INPUTS`, a head one in `TARGETS`.
Cells and directions are read from their types.
"""

import inspect
import itertools
import json
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import datasets
import models
from datasets.source import Reader
from models import Encoder, Head, RecurrentStack, SequenceModel, TokenClassificationHead
from models.recurrent.stack import Cell, Direction
from pipeline.reading.bundle import build_part, part_spec
from tests.support.networks import connect

ROOT = Path(__file__).parent.parent
LABELS = 5
LENGTHS = [11, 26, 0, 3]  # of 3 columns a line encoder leaves one step or none

# an encoder -> one sample of T steps
INPUTS = {
    "Backbone": lambda steps: torch.randint(256, (steps, 1, 21, 22), dtype=torch.uint8),
    "LineCNN": lambda steps: torch.randint(256, (steps, 1, 16), dtype=torch.uint8),
    "FrameCNN": lambda steps: torch.randint(256, (steps, 2, 6, 5), dtype=torch.uint8),
    "TokenCNN": lambda steps: torch.randint(7, (steps,)),
    "TokenEvidence": lambda steps: torch.randint(7, (steps, 2)),
    "TokenEmbedding": lambda steps: torch.randint(1, 7, (steps,)),
}
# a head -> the target of a sample that has T steps left
TARGETS = {
    "CTCHead": lambda steps, head: torch.randint(LABELS, (steps // 3,)),
    "SequenceClassificationHead": lambda steps, head: torch.tensor(steps % LABELS),
    "TokenClassificationHead": lambda steps, head: (
        torch.randint(2, (steps, LABELS)) if head.multi_label else torch.randint(LABELS, (steps,))
    ),
}
TARGETS["RefinedTokenHead"] = TARGETS["TokenClassificationHead"]
DEEP = {"Backbone"}  # takes long, so in the product of all parts it meets one direction only
HEAD = {"input_size": 6, "num_labels": LABELS, "dropout": 0.25}
RECURRENT = {"input_size": 6, "hidden_size": 4, "num_layers": 3, "dropout": 0.25}
RECURRENT |= {"cell": "gru", "direction": "backward", "projection": 0, "merge": "concat"}
RECURRENT |= {"skip": "residual", "segment": 7, "input_dropout": 0.1, "locked": True}
RECURRENT |= {"weight_drop": 0.2, "zoneout": 0.1}
ADDED = {"cell": "lstm", "direction": "both", "projection": 3, "merge": "sum", "skip": "highway"}
LINES = {"input_size": 16, "channels": [4, 6, 5], "width_reduction": 4, "height_reduction": 4}
LINES |= {"rows": "max", "dropout": 0.25}
LINES |= {"kernel_widths": None, "block_dropout": 0.0, "norm": True, "residual": None}
WIDE = {"kernel_widths": [5, 3, 9], "block_dropout": 0.2, "norm": False, "residual": [0, 1, 2]}
TOKENS = {"input_size": 7, "embedding_size": 6, "dropout": 0.25, "word_dropout": 0.1}
TOKENS |= {"initial_scale": 0.5}
BACKBONE = {"input_size": 1, "name": "squeezenet1_1", "weights": None, "frozen": False}
STEPS = HEAD | {"multi_label": True, "label_smoothing": 0, "class_weight_power": 0, "smoothing": 0}
SMOOTH = STEPS | {"multi_label": False, "label_smoothing": 0.1, "class_weight_power": 0.5}
SMOOTH |= {"smoothing": 0.2}
REFINED = {"stages": 2, "refinement_channels": 3, "refinement_layers": 3, "causal": False}
FRAMES = {"input_size": 2, "channels": [4, 6], "grid": 3, "dropout": 0.25}
FRAMES |= {"difference": False, "strided": False}
VIDEO = {"height": 24, "width": 32, "channels": 3}
# all options of small parts, none at its default in every row; the padding law runs each row
OPTIONS = {
    "LineCNN": [LINES, LINES | WIDE | {"rows": "concat", "width_reduction": 2}],
    "FrameCNN": [FRAMES, FRAMES | {"difference": True, "strided": True}],
    "TokenCNN": [TOKENS | {"channels": 4, "kernel_sizes": [2, 5], "pool": 3}],
    # no row is zero: layer norm of a zero vector multiplies float32's rounding by 300
    "TokenEmbedding": [TOKENS | {"locked": True, "zero_from": 7, "rows": 7}],
    "TokenEvidence": [
        TOKENS | {"rows": 6, "runs": 2, "num_labels": 3, "folds": 3, "evidence_dropout": 0.3}
    ],
    "Backbone": [
        BACKBONE | {"dropout": 0.25},
        BACKBONE | {"weights": "IMAGENET1K_V1", "frozen": True, "dropout": 0.25},
    ],
    "BagOfTokens": [{"input_size": 7, "num_labels": LABELS, "initial_weight": 0.5, "scale": 2.0}],
    "MovingMean": [{"input_size": 6, "window": n} for n in (None, 1, 5)],
    "RecurrentStack": [RECURRENT, RECURRENT | ADDED],
    "CTCHead": [HEAD],
    "SequenceClassificationHead": [
        HEAD | {"pooling": pooling, "label_smoothing": 0.1}
        for pooling in ("last", "max", "attention", "last_max_mean")
    ],
    "TokenClassificationHead": [STEPS, SMOOTH],
    "RefinedTokenHead": [STEPS | REFINED, SMOOTH | REFINED | {"causal": True}],
    "LineReader": [
        {"height": 24, "max_width": 99, "stretch": False, "order": "visual", "crop": "box"}
    ],
    "ClipReader": [
        VIDEO | {"rate_hz": 7.5, "frames": None, "crop": None},
        VIDEO | {"rate_hz": None, "frames": 16, "crop": [0, 0, 0.5, 1]},
    ],
    "TextReader": [
        {
            "symbols": ["a", "ab"],
            "max_length": 9,
            "tokenizer": "characters",
            "ngrams": 2,
            "keep": "start",
        },
    ],
}


def exported(room, base: type) -> list[str]:
    """Names of the parts of this kind that a room exports."""
    outside = ("Encoder", "Head", "SequenceModel")
    kinds = {name: getattr(room, name) for name in room.__all__ if name not in outside}
    return [n for n, kind in kinds.items() if inspect.isclass(kind) and issubclass(kind, base)]


def rows_of(room, base: type) -> list:
    """(name, options) of all parts of this kind."""
    return [
        pytest.param(name, options, id=f"{name}{row or ''}")
        for name in exported(room, base)
        for row, options in enumerate(OPTIONS.get(name, []))
        if not options.get("weights")  # would be fetched: such a row only shows that it is kept
    ]


every_encoder = pytest.mark.parametrize(("encoder", "encoder_options"), rows_of(models, Encoder))
every_head = pytest.mark.parametrize(("head", "head_options"), rows_of(models, Head))


def networks() -> list:
    """Every encoder, direction and head, the cells taking turns; and every cell and direction with
    the last two heads behind the last encoder: a cell sees of an encoder only what it reads.
    """
    encoders, heads = rows_of(models, Encoder), rows_of(models, Head)
    cells, ways = get_args(Cell), get_args(Direction)
    found = {}
    for turn, (encoder, way, head) in enumerate(itertools.product(encoders, ways, heads)):
        if encoder.values[0] in DEEP and way != ways[-1]:
            continue
        cell = cells[turn % len(cells)]
        found[f"{encoder.id}-{cell}-{way}-{head.id}"] = (encoder, cell, way, head)
    for encoder, cell, way, head in itertools.product(encoders[-1:], cells, ways, heads[-2:]):
        found[f"{encoder.id}-{cell}-{way}-{head.id}"] = (encoder, cell, way, head)
    return [
        pytest.param(*encoder.values, cell, way, *head.values, id=name)
        for name, (encoder, cell, way, head) in found.items()
    ]


every_network = pytest.mark.parametrize(
    ("encoder", "encoder_options", "cell", "direction", "head", "head_options"), networks()
)


def build_network(encoder, encoder_options, cell, direction, head, head_options) -> SequenceModel:
    """A small network in eval mode whose biases and running statistics are anything but 0 and 1."""
    torch.manual_seed(0)
    model = connect(
        encoder_options["input_size"],
        LABELS,
        lambda _: getattr(models, encoder)(**encoder_options),
        lambda size: RecurrentStack(size, 5, 2, cell, direction),
        lambda size, _: getattr(models, head)(**head_options | {"input_size": size}),
    )
    for name, values in [*model.named_parameters(), *model.named_buffers()]:
        if "running_var" in name:
            nn.init.uniform_(values, 0.5, 1.5)
        elif "running_mean" in name or "bias" in name or "ratios" in name:
            nn.init.normal_(values, 0, 0.5)
    nn.init.normal_(model.head.linear.weight)
    return model.eval()


def fill(samples: list, filling: list) -> torch.Tensor:
    """Samples (T_i, ...) -> a batch as long as the filling, which shows behind the end of each."""
    return torch.stack([torch.cat([s, f[len(s) :]]) for s, f in zip(samples, filling, strict=True)])


def batches_of(sample, samples: list) -> dict[str, torch.Tensor]:
    """The same samples in batches that differ only behind each sample's end."""
    garbage = [sample(max(LENGTHS) + 9) for _ in samples]
    as_long = [g[: max(LENGTHS)] for g in garbage]
    return {
        "padded with zeros": fill(samples, [torch.zeros_like(g) for g in as_long]),
        "padded with garbage": fill(samples, as_long),
        "padded further": fill(samples, garbage),
    }


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    found = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
    return dict(zip(dict(model.named_parameters()), found, strict=True))


def assert_same_reading(one, other) -> None:
    for name, value in one._asdict().items():
        expected = pytest.approx(value, abs=1e-4) if "confidence" in name else value
        assert getattr(other, name) == expected, name


def test_every_part_has_its_rows():
    assert sorted(OPTIONS) == sorted(exported(models, nn.Module) + exported(datasets, Reader))
    assert sorted(INPUTS) == sorted(exported(models, Encoder))
    assert sorted(TARGETS) == sorted(exported(models, Head))


@every_network
def test_padding_changes_nothing(encoder, encoder_options, cell, direction, head, head_options):
    """A sample alone or among others, with anything behind its end: one answer, one gradient."""
    model = build_network(encoder, encoder_options, cell, direction, head, head_options)
    assert model.head.backward_size == model.recurrent.backward_size
    samples = [INPUTS[encoder](n) for n in LENGTHS]
    alone = [model(s[None], torch.tensor([len(s)])) for s in samples]
    weights = [torch.randn_like(logits[0]) for logits, _ in alone]
    loss = sum((logits[0] * w).sum() for (logits, _), w in zip(alone, weights, strict=True))
    expected = gradients(model, loss)
    for note, batch in batches_of(INPUTS[encoder], samples).items():
        logits, lengths = model(batch, torch.tensor(LENGTHS))
        readings = model.head.decode(logits, lengths)
        valid = [row[: len(w)] for row, w in zip(logits, weights, strict=True)]
        assert lengths.tolist() == [int(n) for _, n in alone]
        for (single, n), row, reading in zip(alone, valid, readings, strict=True):
            assert_close(row, single[0], rtol=0, atol=1e-4, msg=(note + ": {}").format)
            assert_same_reading(model.head.decode(single, n)[0], reading)
        loss = sum((v * w).sum() for v, w in zip(valid, weights, strict=True))
        assert_close(
            gradients(model, loss), expected, rtol=1e-3, atol=1e-4, msg=(note + ": {}").format
        )


@every_head
@every_encoder
def test_padding_changes_no_loss(encoder, encoder_options, head, head_options):
    """The loss of a batch, and its gradient, is the mean over samples or labelled steps."""
    model = build_network(encoder, encoder_options, "lstm", "both", head, head_options)
    samples = [INPUTS[encoder](n) for n in LENGTHS]
    steps = model.encoder.output_lengths(torch.tensor(LENGTHS))
    targets = [TARGETS[head](int(n), model.head) for n in steps]
    counts = torch.tensor([len(t) if t.ndim else 1 for t in targets])
    by_step = isinstance(model.head, TokenClassificationHead)
    shares = counts / counts.sum() if by_step else torch.full((4,), 0.25)
    loss = 0
    for sample, target, count, share in zip(samples, targets, counts, shares, strict=True):
        length = torch.tensor([len(sample)])
        loss += share * model.loss(sample[None], length, target[None], count[None])[0]
    expected = gradients(model, loss) | {"loss": loss}
    for note, batch in batches_of(INPUTS[encoder], samples).items():
        longest = int(model.encoder.output_lengths(torch.tensor(batch.shape[1])))
        ignored = [torch.full((longest, *t.shape[1:]), -100) for t in targets]
        filled = fill(targets, ignored) if targets[0].ndim else torch.stack(targets)
        loss = model.loss(batch, torch.tensor(LENGTHS), filled, counts)[0]
        found = gradients(model, loss) | {"loss": loss}
        assert_close(found, expected, rtol=1e-3, atol=1e-4, msg=(note + ": {}").format)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_bundle_finds_every_option_in_the_part(name):
    """Each constructor argument is an attribute of the same name, and survives JSON."""
    room, base = (datasets, Reader) if hasattr(datasets, name) else (models, nn.Module)
    kind = getattr(room, name)
    for given in OPTIONS[name]:
        with torch.device("meta"):  # as a bundle builds it
            spec = part_spec(kind(**given))
            assert spec == {"class": name, "options": given}
            assert part_spec(build_part(json.loads(json.dumps(spec)), room, base, ROOT)) == spec
    for option, parameter in inspect.signature(kind).parameters.items():
        assert any(given[option] != parameter.default for given in OPTIONS[name]), (
            f"{name}: give {option} another value than {parameter.default!r} in a row of OPTIONS"
        )


@pytest.mark.parametrize(("name", "options"), rows_of(models, RecurrentStack))
def test_padding_changes_no_feature_of_what_stands_in_for_recurrence(name, options):
    """What is no cell runs here: every part that a network takes in a recurrent stack's place."""
    torch.manual_seed(0)
    stack = getattr(models, name)(**options).eval()
    samples = [torch.randn(n, options["input_size"]) for n in LENGTHS]
    alone = [stack(s[None], torch.tensor([len(s)]))[0] for s in samples]
    assert [features.shape for features in alone] == [(n, stack.output_size) for n in LENGTHS]
    batch = fill(samples, [torch.zeros(max(LENGTHS) + 9, options["input_size"])] * len(samples))
    expected = fill(alone, [torch.zeros(len(batch[0]), stack.output_size)] * len(samples))
    assert_close(stack(batch, torch.tensor(LENGTHS)), expected, rtol=0, atol=1e-5)
