"""Bundles: a trained network in one .safetensors file, with the JSON needed to rebuild and run it.

Weights are stored as float16. Loading executes no code from the file: classes are looked up by
name among those that Strand itself exports, or in the modules that the user allowed.
"""

import inspect
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.overrides import TorchFunctionMode

import datasets
import models
from datasets.output.files import write_whole
from datasets.pages.crops.modes import Crop
from datasets.source import Reader
from models import BagOfTokens, Encoder, Head, RecurrentStack, SequenceModel
from models.decoding.beam import BeamSearch

from ..class_paths import OPTION, find_allowed, is_allowed
from ..scoring.seen_samples import SeenSamples
from ..scoring.temperature import Calibration, calibration_to_metadata
from .bundle_files import find_bundle
from .bundle_schema import (
    FORMAT,
    check_options,
    read_calibration,
    read_metadata,
    read_seen,
    seen_metadata,
)
from .decoding import decoder_metadata, load_decoder
from .threads import single_threaded

# a network's parts, in the order in which they are written, and their base classes
PARTS = {"encoder": Encoder, "recurrent": RecurrentStack, "head": Head, "wide": BagOfTokens}
# what a reader calls the input size of its encoder: ids of words, channels of frames, rows of lines
READS = ("input_size", "channels", "height")


@dataclass
class Bundle:
    """A network with its labels and the reader that preprocesses its input.

    scores: metrics measured at training time, by name. card: data, time and terms in words.
    calibration: of its confidences; a file without one has temperature 1.
    decoder: beam search for strings, usually with a language model; None decodes greedily.
    seen: the samples it learned from; None for older bundles, which do not say.
    """

    model: SequenceModel
    labels: list[str]
    reader: Reader
    scores: dict[str, float] = field(default_factory=dict)
    card: dict[str, str] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    decoder: BeamSearch | None = None
    seen: SeenSamples | None = None


def part_spec(thing) -> dict:
    """Class name and constructor options of a part, kept as attributes of the same names.

    The name is that which Strand exports, or that of the user's own class with its module.
    Raises ValueError for an option that is not kept.
    """
    cls = type(thing)
    own = cls.__module__.partition(".")[0] not in ("datasets", "models")
    name = f"{cls.__module__}.{cls.__name__}" if own else cls.__name__
    names = inspect.signature(cls).parameters
    if lost := [n for n in names if not hasattr(thing, n)]:
        raise ValueError(
            f"{name}: a bundle keeps the options of each part, and reads them from its attributes; "
            f"add to __init__ {', '.join(f'self.{n} = {n}' for n in lost)}"
        )
    return {"class": name, "options": {n: getattr(thing, n) for n in names}}


def build_part(spec: dict, room, base: type, path: Path):
    """Construct a part from what `part_spec` returned.

    Raises ValueError unless the class is exported by the package `room`, or of a module that the
    user allowed, and a subclass of `base`, or if it does not accept the options.
    """
    name = spec["class"]
    module = name.rpartition(".")[0]
    if module and not is_allowed(module):
        raise ValueError(
            f"{path}: '{name}' is a part of somebody's own; if you have and trust its module, give "
            f"{OPTION} {module}"
        )
    exported = name if name in room.__all__ else ""
    cls = find_allowed(name) if module else getattr(room, exported, None)
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        raise ValueError(
            f"{path}: '{name}' is no {base.__name__} of {module or 'this version of Strand'}; "
            "update it"
        )
    check_options(cls, spec["options"], path)
    try:
        return cls(**spec["options"])
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError, RuntimeError,
            StopIteration) as error:  # fmt: skip
        raise ValueError(
            f"{path}: {name} does not take these options ({error}); update Strand"
        ) from error


def load_weights(model: SequenceModel, weights: dict[str, Tensor], where: object) -> None:
    """Load a state dict, converted to float32, into a network except its shortcut head.

    Raises ValueError, prefixed by `where`, that names weights that do not fit.
    """
    given = without_shortcut(model.without_copies(weights))
    check_weights(without_shortcut(model.state_dict()), given, where)
    floats = {k: w.float() if w.is_floating_point() else w for k, w in given.items()}
    model.load_state_dict(floats, strict=False, assign=next(model.parameters()).is_meta)


def check_weights(wanted: dict[str, Tensor], given: dict[str, Tensor], where: object) -> None:
    """Raise ValueError that names the first missing, unexpected or differently shaped weights."""
    shapes = {k: tuple(w.shape) for k, w in wanted.items()}
    given_shapes = {k: tuple(w.shape) for k, w in given.items()}
    errors = [
        f"{key} is {given_shapes.get(key, 'missing')}, the network has {shapes.get(key, 'none')}"
        for key in shapes | given_shapes
        if shapes.get(key) != given_shapes.get(key)
    ]
    if errors:
        raise ValueError(
            f"{where}: {len(errors)} weights do not fit the network; {'; '.join(errors[:2])}; "
            "the parts and their options must be those that were trained"
        )


def without_shortcut(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights without those of the auxiliary head, which is used in training only."""
    return {key: weight for key, weight in weights.items() if not key.startswith("shortcut.")}


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write a bundle, which appears whole or not at all.

    Raises ValueError for a network that `load_bundle` could not restore, or with weights that are
    not finite; an existing file is kept.
    """
    metadata, weights = contents(bundle, path)
    check_finite(weights, f"{path}: not written, for", "train again with a lower learning rate")
    search, tensors = decoder_metadata(bundle.decoder)
    seen, digests = seen_metadata(bundle.seen)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"strand": json.dumps(metadata | search | seen, ensure_ascii=False)}
    write_whole(path, save(weights | tensors | digests, metadata=header))


def contents(bundle: Bundle, path: Path) -> tuple[dict, dict[str, Tensor]]:
    """The metadata, without those of the decoder, and the weights in float16.

    Raises ValueError for a network that `load_bundle` could not restore.
    """
    model = bundle.model
    parts = {name: getattr(model, name) for name in PARTS}
    metadata = {
        "format": 1 if bundle.seen is None else FORMAT,  # so that older versions read it, too
        "torch": torch.__version__,
        "parts": {name: part_spec(part) for name, part in parts.items() if part is not None},
        "labels": bundle.labels,
        "reader": part_spec(bundle.reader),
        "scores": bundle.scores,
        "card": bundle.card,
        "calibration": calibration_to_metadata(bundle.calibration),
    }
    weights = {
        name: (w.half() if w.is_floating_point() else w).contiguous().cpu()
        for name, w in without_shortcut(model.state_dict()).items()
    }
    check_loadable(metadata["parts"], weights, len(bundle.labels), path)
    return metadata, weights


def check_finite(weights: dict[str, Tensor], where: str, advice: str) -> None:
    """Raise ValueError that names the weights that are nan or infinite (in float16).

    where, advice: the beginning and the end of its message.
    """
    broken = [name for name, w in weights.items() if not w.isfinite().all()]
    if broken:
        raise ValueError(
            f"{where} {len(broken)} of {len(weights)} weights are not finite "
            f"({', '.join(broken[:2])}); {advice}"
        )


def check_loadable(parts: dict, weights: dict[str, Tensor], num_labels: int, path: Path) -> None:
    """Raise ValueError unless a network rebuilt from the part specs accepts these weights."""
    # saving during training must not change its random numbers; some backbones draw when built
    with torch.random.fork_rng(devices=[]):
        rebuilt = build_network(parts, num_labels, path).state_dict()
    try:
        check_weights(rebuilt, weights, "built again")
    except ValueError as error:
        raise ValueError(
            f"{path}: not written, for it could not be loaded ({error}); a Recognizer changes the "
            "network that it is given: save a bundle before one reads with it, or load it anew"
        ) from error


def load_bundle(name: str, crop: Crop | None = None) -> Bundle:
    """Load a bundle by path or name in models/zoo, in evaluation mode and float32.

    crop: the shape by which its reader cuts lines out of pages; None: as in its training. Raises
    ValueError if the bundle cannot be used, or reads no lines but is given a shape.
    """
    path = find_bundle(name)
    content = read_metadata(path)
    calibration = read_calibration(content, path)
    model = build_network(content["parts"], len(content["labels"]), path)
    with safe_open(path, framework="pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, not a dict
    seen = read_seen(content, weights, path)
    with single_threaded():
        check_finite(weights, f"{path}:", "copy the bundle again, or train it again")
        decoder = load_decoder(content, weights, content["labels"], path)
        load_weights(model, weights, path)
    reader = build_part(content["reader"], datasets, Reader, path)
    check_reader(reader, model, path)
    if crop is not None:
        if not isinstance(reader, datasets.LineReader):
            raise ValueError(f"--crop {crop}: {path} has a {type(reader).__name__}, no LineReader")
        reader.crop = crop
    labels, scores, card = (content[name] for name in ("labels", "scores", "card"))
    return Bundle(model.eval(), labels, reader, scores, card, calibration, decoder, seen)


class WithoutInitialization(TorchFunctionMode):
    """In this mode `torch.nn.init` leaves tensors as they are: on the meta device normal_ would
    import the compiler of PyTorch, which takes seconds.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def build_network(parts: dict, num_labels: int, path: Path) -> SequenceModel:
    """Build a network, its weights on the meta device, from the specs of its parts.

    Raises ValueError if the parts do not fit each other or the number of labels.
    """
    # no memory and no random numbers for weights that are loaded anyway
    with torch.device("meta"), WithoutInitialization():
        built = {
            name: build_part(parts[name], models, base, path)
            for name, base in PARTS.items()
            if name in parts
        }
    encoder, recurrent, head, wide = map(built.get, PARTS)
    if wide is not None and wide.input_size != encoder.input_size:
        raise ValueError(
            f"{path}: the wide part takes {wide.input_size} ids, but the encoder "
            f"{encoder.input_size}; copy the bundle again"
        )
    for name, takes, before, gives in (
        ("recurrent stack", recurrent.input_size, "encoder", encoder.output_size),
        ("head", head.input_size, "recurrent stack", recurrent.output_size),
    ):
        if takes != gives:
            raise ValueError(
                f"{path}: the {name} takes {takes} features, but the {before} gives {gives}; "
                "copy the bundle again"
            )
    for name, part in ("head", head), ("wide part", wide or head):
        if part.num_labels != num_labels:
            raise ValueError(
                f"{path}: {num_labels} labels, but the {name} tells {part.num_labels} apart; "
                "copy the bundle again"
            )
    try:
        return SequenceModel(encoder, recurrent, head, wide=wide)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; update Strand") from error


def check_reader(reader: Reader, model: SequenceModel, path: Path) -> None:
    """Raise ValueError if a reader gives what the network does not take."""
    gives = next(getattr(reader, name) for name in READS if hasattr(reader, name))
    takes = getattr(model.encoder, "input_size", None)
    if gives != takes:
        missing = "; keep its first argument as self.input_size" if takes is None else ""
        raise ValueError(
            f"{path}: the reader gives {gives} channels, rows or ids, but the encoder takes "
            f"{takes}{missing or '; copy the bundle again'}"
        )
