"""Labelled data of a split of a config: the samples that training validates or tests on."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from datasets import LineReader, Reviews
from datasets.batch import IGNORED
from datasets.lines.cache import line_digests
from datasets.progress import track
from datasets.source import SequenceDataset, Source, Split
from datasets.video.reader import Clip
from models import CTCHead, SequenceClassificationHead
from models.heads.labels import Label, StepLabels, Text

from ..config_files import read_config_text
from ..parsing import StrictParser, explain, known_keys
from ..reading.bundle import Bundle, part_spec
from ..reading.bundle_schema import describe_part
from ..reading.inputs import KINDS
from ..reading.items import Item
from ..reading.text_items import text_item
from .labelled import LabelledData, encode_texts, label_ids

UNITS = {"LineReader": "lines", "ClipReader": "clips"}


def labelled_split(
    bundle: Bundle, config: str, split: Split, ignore: Sequence[str] = ()
) -> LabelledData:
    """Load the samples of a split of a config, with targets for the bundle's head.

    ignore: labels that mean unlabelled. Raises ValueError for an empty split, and for a config
    whose samples the bundle cannot read or whose labels it does not know.
    """
    source = source_of_config(Path(config))
    check_kind(bundle, source, config)
    dataset = source.split(split)
    problems = [problem.reason for problem in source.problems]
    if not len(dataset):
        reasons = "".join(f"\n  {reason}" for reason in problems[:3])
        raise ValueError(
            f"{config}: the {split} split is empty; give it groups or a share of the data, or take "
            f"another --split{reasons}"
        )
    where, items = f"{split} split of {config}", items_of(bundle, source, split, config)
    own = [dataset.read(i).target for i in track(range(len(dataset)), where, len(dataset))]
    labels, targets, nothing = encode_targets(bundle, source.labels, own, set(ignore), where)
    kept = [i for i, target in enumerate(targets) if target is not None]
    if not kept:
        raise ValueError(f"{where}: all {len(dataset)} samples have a label of --ignore")
    unscored = [f"{reason}; in no split" for reason in problems]
    if len(kept) < len(dataset):
        unscored.append(f"{len(dataset) - len(kept)} samples have a label of --ignore; not scored")
    return LabelledData(
        items=[items[i] for i in kept],
        targets=[targets[i] for i in kept],
        groups=[dataset.groups[i] for i in kept],
        labels=labels,
        nothing=nothing,
        unit=UNITS.get(type(bundle.reader).__name__) or text_unit(bundle),
        unscored=unscored,
        any_case=dataset.any_case and [dataset.any_case[i] for i in kept],
        digests=partial(digests_of, bundle, source, dataset, kept),
    )


def digests_of(
    bundle: Bundle, source: Source, dataset: SequenceDataset, kept: Sequence[int]
) -> np.ndarray | None:
    """Return the digests of the samples `kept` as the bundle's training has them."""
    lines = dataset.files is not None and isinstance(bundle.reader, LineReader)
    if lines and part_spec(bundle.reader) != part_spec(source.reader):
        return line_digests([dataset.files[i] for i in kept], bundle.reader)
    digests = dataset.digests()
    return None if digests is None else digests[list(kept)]


def text_unit(bundle: Bundle) -> str:
    """What a text is for a bundle, in the plural."""
    one_label = isinstance(bundle.model.head, SequenceClassificationHead)
    return "reviews" if one_label else "sentences"


def source_of_config(config: Path, options: Mapping[str, object] | None = None) -> Source:
    """Build the data source of a config, or of a run's config.yaml, without its network.

    options: of the source, in place of those in the file. Raises ValueError if the file describes
    none, OSError if there is no such file.
    """
    try:
        source = yaml.safe_load(read_config_text(config))["data"]["source"]
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise ValueError(f"{config}: no data.source in it ({error}); give a config") from error
    if options and isinstance(source, dict):
        source["init_args"] = (source.get("init_args") or {}) | dict(options)
    parser = StrictParser(usage=f"data of {config}")
    parser.add_subclass_arguments(Source, "source", required=True)
    try:
        return parser.instantiate_classes(parser.parse_object({"source": source})).source
    except ValueError as error:
        raise ValueError(f"{config}: {explain(str(error), known_keys(parser))}") from error


def check_kind(bundle: Bundle, source: Source, config: str) -> None:
    """Raise ValueError if the bundle reads something else than the source holds."""
    own, theirs = type(bundle.reader).__name__, type(source.reader).__name__
    if own != theirs:
        raise ValueError(f"{config}: has {KINDS[theirs][0]}; the bundle reads {KINDS[own][0]}")
    head = bundle.model.head
    if getattr(head, "multi_label", False):
        raise ValueError(f"{config}: the bundle gives several labels at a time; not scored")
    kinds = {CTCHead: "text", SequenceClassificationHead: "clip"}
    expected = next((kind for cls, kind in kinds.items() if isinstance(head, cls)), "steps")
    target = getattr(source, "target", expected)
    if target != expected:
        raise ValueError(
            f"{config}: target={target}, but the bundle has a {type(head).__name__}, which takes "
            f"target={expected}"
        )


def items_of(bundle: Bundle, source: Source, split: Split, config: str) -> list[str | Item]:
    """Return what to read for each sample: its file or text, else the sample that training reads.

    Raises ValueError if the bundle prepares its input in another way and that changes the targets.
    """
    dataset, reader = source.split(split), bundle.reader
    same = part_spec(reader) == part_spec(source.reader)
    per_step = not isinstance(bundle.model.head, CTCHead | SequenceClassificationHead)
    if dataset.files is not None and (same or not per_step):
        return list(dataset.files)
    if isinstance(source, Reviews):
        texts, _ = source.texts(split)
        named = zip(texts, dataset.names, strict=True)
        return [text_item(text, reader, name) for text, name in named]
    if not same:
        ours, theirs = describe_part(part_spec(reader)), describe_part(part_spec(source.reader))
        raise ValueError(
            f"{config}: the bundle prepares its input with {ours}, the config with {theirs}; give "
            "the config the same options"
        )
    tokens = getattr(dataset, "tokens", None)  # of made texts
    return [
        Item(name, partial(load, dataset, i), tokens and partial(tokens, i))
        for i, name in enumerate(dataset.names)
    ]


def load(dataset: SequenceDataset, index: int) -> np.ndarray | Clip:
    """Return the input (T, ...) of a sample; of a made video as a Clip, a frame a second."""
    inputs = dataset.read(index).inputs
    if inputs.ndim != 4:
        return inputs
    steps = np.arange(len(inputs))
    return Clip(inputs, steps.astype(np.float64), steps)


def encode_targets(
    bundle: Bundle, names: Sequence[str], targets: list[np.ndarray], ignored: set[str], where: str
) -> tuple[list[str], list[np.ndarray | None], Text | Label | StepLabels]:
    """Convert targets (ids of `names`) to ids of the bundle's labels.

    Returns the labels (followed by symbols that only the targets have), a target for each sample,
    None if its label is ignored, and the reading that stands for no reading. Raises ValueError for
    labels that the bundle does not know.
    """
    head, labels = bundle.model.head, list(bundle.labels)
    if isinstance(head, CTCHead):
        symbols, texts = encode_texts([[names[i] for i in t] for t in targets], labels)
        return symbols, texts, Text([], [], [], 0.0)
    flat = np.concatenate([np.atleast_1d(target) for target in targets])
    used = [names[i] for i in np.unique(flat[flat != IGNORED])]
    used = [name for name in used if name not in ignored]
    ids = dict(zip(used, label_ids(used, labels, where), strict=True))
    table = np.array([*(ids.get(name, IGNORED) for name in names), IGNORED])
    converted = [table[np.where(target == IGNORED, len(names), target)] for target in targets]
    if not isinstance(head, SequenceClassificationHead):
        return labels, converted, StepLabels([], [])
    kept = [None if target == IGNORED else target for target in converted]
    return labels, kept, Label(-1, 0.0)
