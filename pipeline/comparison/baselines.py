"""Baselines of a config: the most frequent answer, one frame at a time, and no recurrence.

Those that are trained are the same config with a few options changed: same data, epochs and seeds.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from statistics import mode

import numpy as np

from datasets.progress import track
from datasets.source import SequenceDataset, Split
from models import Backbone, CTCHead, FrameCNN, SequenceClassificationHead
from models.heads.labels import IGNORED, Label, StepLabels, Text

from ..evaluation.split_scores import SampleScores, build_data_module, sample_scores
from ..scoring.readings import tally_readings
from .options import options_of
from .variants import Variant


def with_baselines(variants: Sequence[Variant], window: int) -> tuple[list[Variant], list[str]]:
    """Add its baselines after each config; also returns notes on those left out or special.

    window: steps of the moving mean, where each step has a label.
    Raises ValueError for an even window.
    """
    if window < 1 or not window % 2:
        raise ValueError(f"--mean_window {window}: give an odd number, or no step is in its middle")
    rows, notes = [], []
    for variant in variants:
        name, stem = f"{variant.name}, majority", f"{variant.stem}-majority"
        counted = replace(
            variant, name=name, stem=stem, counted=True, note="counted", base=variant.name
        )
        rows += [variant, counted]
        changes, reason = one_frame(variant.options)
        if reason:
            notes.append(f"no one-frame baseline of {variant.name}: {reason}")
        else:
            rows.append(changed(variant, "one frame", changes))
        rows.append(changed(variant, "mean pooling", mean_pooling(variant.options, window)))
        if variant.options["init_from"]:
            notes.append(
                f"the baselines of {variant.name} start from nothing: the recurrent part of "
                f"{variant.options['init_from']} does not fit them"
            )
    return rows, notes


def changed(variant: Variant, what: str, changes: Iterable[str]) -> Variant:
    """The variant with KEY=VALUE changes, named after what it is; starts from random weights."""
    overrides = (*variant.overrides, *changes)
    if variant.options["init_from"]:
        overrides += ("init_from=null",)
    name, stem = f"{variant.name}, {what}", f"{variant.stem}-{what.replace(' ', '_')}"
    options = options_of(variant.config, overrides)
    return Variant(name, stem, variant.config, overrides, options, base=variant.name)


def one_frame(options: dict) -> tuple[tuple[str, ...], str]:
    """The changes for a network that sees one frame at a time, or the reason why there are none.

    If a clip has one label, only the frame in the middle is read.
    """
    model, source = options["model"], options["data"]["source"]["init_args"]
    if not issubclass(class_of(model["encoder"]), FrameCNN | Backbone):
        return (), "its input is no video"
    changes = moving_mean(1) + plain_head(options)
    if model["encoder"]["init_args"].get("difference"):
        changes += ("model.encoder.difference=false",)
    if not labels_clips(options):
        return changes, ""
    if "frames" not in source:
        return (), f"{options['data']['source']['class_path']} cannot give the middle frame alone"
    if source.get("rate_hz") is not None:
        changes += ("data.source.rate_hz=null",)
    return (*changes, "data.source.frames=1"), ""


def mean_pooling(options: dict, window: int) -> tuple[str, ...]:
    """The changes for means instead of recurrence: over a whole clip, or around each step."""
    return moving_mean(1 if labels_clips(options) else window) + plain_head(options)


def moving_mean(window: int) -> tuple[str, ...]:
    """The changes for a moving mean of so many steps instead of the recurrent stack."""
    return ("model.recurrent=models.MovingMean", f"model.recurrent.window={window}")


def plain_head(options: dict) -> tuple[str, ...]:
    """The changes for a head that uses no context of its own."""
    if labels_clips(options):
        return ("model.head.pooling=mean",)
    refined = options["model"]["head"]["class_path"].endswith(".RefinedTokenHead")
    return ("model.head=models.TokenClassificationHead",) if refined else ()


def labels_clips(options: dict) -> bool:
    """Whether there is one label for a whole sequence."""
    return issubclass(class_of(options["model"]["head"]), SequenceClassificationHead)


def class_of(part: dict) -> type:
    """The class that a class_path names."""
    module, _, name = part["class_path"].rpartition(".")
    return getattr(import_module(module), name)


def score_majority(options: dict, split: Split, where: str) -> SampleScores:
    """Score the most frequent answer of the training split as the prediction for every sample.

    where: the config's name, for messages. Raises ValueError if one of the two splits is empty, or
    no step of the training split has a label.
    """
    data = build_data_module(whole_samples(options["data"]), where)
    train = targets(data.source.split("train"), f"{where}: training labels")
    scored = data.source.split(split)
    true = targets(scored, f"{where}: {split} labels")
    if not train or not true:
        raise ValueError(f"{where}: the {'train' if not train else split} split is empty")
    head = class_of(options["model"]["head"])
    if issubclass(head, SequenceClassificationHead):
        answers = [most_frequent_label(train)] * len(true)
    elif issubclass(head, CTCHead):
        answers = [most_frequent_text(train)] * len(true)
    else:
        step = most_frequent_step(train, len(data.labels), where)
        answers = [StepLabels([step] * len(t), [1.0] * len(t)) for t in true]
    tally = tally_readings(answers, true, scored.groups, data.labels)
    return sample_scores(tally, scored.names)


def whole_samples(data: dict) -> dict:
    """A copy of data options without random windows and speeds, so that whole samples are read."""
    data = copy.deepcopy(data)
    options = data["source"]["init_args"]
    options |= {key: 0 for key in ("window", "speed") if options.get(key)}
    return data


def targets(dataset: SequenceDataset, title: str) -> list[np.ndarray]:
    """All targets of a dataset; title: of the progress bar."""
    return [dataset.read(i).target for i in track(range(len(dataset)), title, len(dataset))]


def most_frequent_label(targets: Sequence[np.ndarray]) -> Label:
    """The most frequent label, of several the smallest; its confidence is its frequency."""
    ids = sorted(map(int, targets))
    return Label(mode(ids), ids.count(mode(ids)) / len(ids))


def most_frequent_text(targets: Sequence[np.ndarray]) -> Text:
    """The most frequent transcript, of several the first in lexical order.

    An empty text might have a lower character error rate, but would be no answer.
    """
    ids = mode(sorted(tuple(target.tolist()) for target in targets))
    return Text(list(ids), [1.0] * len(ids), [(i, i) for i in range(len(ids))], 1.0)


def most_frequent_step(targets: Sequence[np.ndarray], labels: int, where: str) -> list[int]:
    """The most frequent label of a step; if a step may have several, those of most steps.

    targets: (T,), or (T, labels) of 0 and 1; -100 is not counted.
    Raises ValueError if no step has a label.
    """
    joined = np.concatenate(targets)
    known = joined != IGNORED
    if not known.any():
        raise ValueError(f"{where}: no step of the training split is labelled; nothing to count")
    if joined.ndim == 2:
        frequent = ((joined == 1) & known).sum(0) > known.sum(0) / 2
        return frequent.nonzero()[0].tolist()
    return [int(np.bincount(joined[known], minlength=labels).argmax())]
