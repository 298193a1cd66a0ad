"""A bundle: one .safetensors file with float16 weights and, as JSON, all that is needed to run
them.

Loading runs no code: classes are looked up by name among those that Strand itself exports.
"""

import inspect
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import datasets
import models
from datasets.source import Reader
from models import BagOfTokens, Encoder, Head, RecurrentStack, SequenceModel
from models.decoding.beam import BeamSearch

from ..scoring.temperature import Calibration, from_metadata, to_metadata
from .decoding import decoder_metadata, load_decoder
from .threads import one_thread_an_operation

FORMAT = 1
FIELDS = {"parts", "labels", "reader", "scores", "card"}
PARTS = {"encoder", "recurrent", "head"}
ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"


@dataclass
class Bundle:
    """A network with its labels and the reader that prepares its input.

    scores: what was measured when it was made, by name. card: data, time and terms in words.
    calibration: what makes its confidences hold; a file without one has temperature 1.
    decoder: the search, mostly with a language model, that reads strings; None reads greedily.
    """

    model: SequenceModel
    labels: list[str]
    reader: Reader
    scores: dict[str, float] = field(default_factory=dict)
    card: dict[str, str] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    decoder: BeamSearch | None = None


def part_spec(thing) -> dict:
    """A part -> its class and constructor options, kept as attributes of the same names."""
    names = list(inspect.signature(type(thing)).parameters)
    return {"class": type(thing).__name__, "options": {n: getattr(thing, n) for n in names}}


def describe_part(spec: dict) -> str:
    """A part in words, long lists (a table of words) cut."""
    return f"{spec['class']} {str(spec['options'])[:200]}"


def build_part(spec: dict, room, base: type, path: Path):
    """The reverse of `part`: only classes that the room exports, and only of the expected kind."""
    name = spec["class"]
    kind = getattr(room, name) if name in room.__all__ else None
    if not (inspect.isclass(kind) and issubclass(kind, base)):
        raise ValueError(
            f"{path}: '{name}' is no {base.__name__} of this version of Strand; update Strand"
        )
    try:
        return kind(**spec["options"])
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path}: {name} does not take these options ({error}); update Strand"
        ) from error


def load_weights(model: SequenceModel, weights: dict[str, Tensor], where: object) -> None:
    """Fill all of a network but its shortcut. Raises ValueError naming the weights that differ."""
    wanted = {k: w for k, w in model.state_dict().items() if not is_shortcut(k)}
    given = {k: w for k, w in model.without_copies(weights).items() if not is_shortcut(k)}
    compare_weights(wanted, given, where)
    floats = {k: w.float() if w.is_floating_point() else w for k, w in given.items()}
    model.load_state_dict(floats, strict=False, assign=next(model.parameters()).is_meta)


def compare_weights(wanted: dict[str, Tensor], given: dict[str, Tensor], where: object) -> None:
    """Raises ValueError naming the first weights that lack, are left over or differ in shape."""
    shapes = {k: tuple(w.shape) for k, w in wanted.items()}
    found = {k: tuple(w.shape) for k, w in given.items()}
    wrong = [
        f"{key} is {found.get(key, 'missing')}, the network has {shapes.get(key, 'none')}"
        for key in shapes | found
        if shapes.get(key) != found.get(key)
    ]
    if wrong:
        raise ValueError(
            f"{where}: {len(wrong)} weights do not fit the network; {'; '.join(wrong[:2])}; "
            "the parts and their options must be those that were trained"
        )


def is_shortcut(key: str) -> bool:
    """The second head serves in training only; no bundle holds it."""
    return key.startswith("shortcut.")


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write beside the place and move it there, so that a half-written one is never seen.

    Raises ValueError for a network that `load_bundle` could not fill; what was there stays.
    """
    model = bundle.model
    parts = {"encoder": model.encoder, "recurrent": model.recurrent, "head": model.head}
    if model.wide is not None:
        parts["wide"] = model.wide
    metadata = {
        "format": FORMAT,
        "torch": torch.__version__,
        "parts": {name: part_spec(thing) for name, thing in parts.items()},
        "labels": bundle.labels,
        "reader": part_spec(bundle.reader),
        "scores": bundle.scores,
        "card": bundle.card,
        "calibration": to_metadata(bundle.calibration),
    }
    weights = {
        name: (w.half() if w.is_floating_point() else w).contiguous().cpu()
        for name, w in model.state_dict().items()
        if not is_shortcut(name)
    }
    check_loadable(metadata["parts"], weights, len(bundle.labels), path)
    described, tensors = decoder_metadata(bundle.decoder)
    metadata |= described
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    written = {"strand": json.dumps(metadata, ensure_ascii=False)}
    save_file(weights | tensors, partial, metadata=written)
    partial.replace(path)


def check_loadable(parts: dict, weights: dict[str, Tensor], num_labels: int, path: Path) -> None:
    """Raises ValueError unless the parts, built again, take these weights."""
    with torch.random.fork_rng(devices=[]):  # some backbones draw, and a training saves on its way
        built = build_network(parts, num_labels, path).state_dict()
    try:
        compare_weights(built, weights, "built again")
    except ValueError as error:
        raise ValueError(
            f"{path}: not written, for it could not be loaded ({error}); a Recognizer changes the "
            "network that it is given: save a bundle before one reads with it, or load it anew"
        ) from error


def find_bundle(name: str) -> Path:
    """A path, or the name of a bundle in models/zoo.

    Raises FileNotFoundError that lists what there is.
    """
    path = Path(name)
    if path.suffix == ".safetensors" or path.exists():
        if not path.is_file():
            raise FileNotFoundError(f"no such bundle: {path}")
        return path
    shipped = ZOO / f"{name}.safetensors"
    if not shipped.exists():
        known = ", ".join(sorted(p.stem for p in ZOO.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(
            f"no bundle '{name}'; shipped are: {known}; or give a .safetensors file"
        )
    return shipped


def read_metadata(path: Path) -> dict:
    """The JSON of a bundle. Raises ValueError if the file is none, is damaged, or too new."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path}: not a bundle, or a truncated one ({path.stat().st_size} bytes; {error}); "
            "copy it again"
        ) from error
    if "strand" not in metadata:
        raise ValueError(f"{path}: a safetensors file, but not a Strand bundle; `fit` writes those")
    try:
        content = json.loads(metadata["strand"])
        version = int(content["format"])
        missing = FIELDS - content.keys() | PARTS - content.get("parts", {}).keys()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: damaged metadata ({error}); copy the bundle again") from error
    if version > FORMAT:
        raise ValueError(
            f"{path}: bundle format {version}, this Strand reads up to {FORMAT}; update Strand"
        )
    if missing:
        raise ValueError(f"{path}: the metadata lacks {', '.join(sorted(missing))}; copy it again")
    return content


def load_bundle(name: str) -> Bundle:
    """A bundle by path or zoo name, in evaluation mode and float32."""
    path = find_bundle(name)
    content = read_metadata(path)
    calibration = read_calibration(content, path)
    model = build_network(content["parts"], len(content["labels"]), path)
    with safe_open(path, framework="pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, not a dict
    with one_thread_an_operation():
        decoder = load_decoder(content, weights, content["labels"], path)
        load_weights(model, weights, path)
    reader = build_part(content["reader"], datasets, Reader, path)
    said = content["scores"], content["card"]
    return Bundle(model.eval(), content["labels"], reader, *said, calibration, decoder)


def build_network(parts: dict, num_labels: int, path: Path) -> SequenceModel:
    """Parts as `part` wrote them -> the network, whose weights have no values yet."""
    with torch.device("meta"):  # no memory and no random numbers for weights that are read anyway
        encoder = build_part(parts["encoder"], models, Encoder, path)
        recurrent = build_part(parts["recurrent"], models, RecurrentStack, path)
        head = build_part(parts["head"], models, Head, path)
        wide = build_part(parts["wide"], models, BagOfTokens, path) if "wide" in parts else None
    fits = [
        ("recurrent stack", recurrent.input_size, "encoder", encoder.output_size),
        ("head", head.input_size, "recurrent stack", recurrent.output_size),
    ]
    if wide is not None and wide.input_size != encoder.input_size:
        raise ValueError(
            f"{path}: the wide part takes {wide.input_size} ids, but the encoder "
            f"{encoder.input_size}; copy the bundle again"
        )
    for taker, takes, giver, gives in fits:
        if takes != gives:
            raise ValueError(
                f"{path}: the {taker} takes {takes} features, but the {giver} gives {gives}; "
                "copy the bundle again"
            )
    for name, told in ("head", head), ("wide part", wide or head):
        if told.num_labels != num_labels:
            raise ValueError(
                f"{path}: {num_labels} labels, but the {name} tells {told.num_labels} apart; "
                "copy the bundle again"
            )
    try:
        return SequenceModel(encoder, recurrent, head, wide=wide)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; update Strand") from error


def read_calibration(content: dict, path: Path) -> Calibration:
    """Of a bundle's metadata; older bundles have none. Raises ValueError for a damaged one."""
    try:
        return from_metadata(content.get("calibration", {}))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path}: damaged calibration ({error}); copy the bundle again, or update Strand"
        ) from error
