"""Honest baselines of a config: what is right without learning, without time, without recurrence.

Those that are trained are the same config with a few options changed: same data, epochs and seeds.
"""

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module

import numpy as np

from datasets.progress import track
from datasets.source import SequenceDataset, Split
from models import Backbone, CTCHead, FrameCNN, SequenceClassificationHead
from models.heads.labels import IGNORED, Label, StepLabels, Text

from ..evaluation.split_scores import SampleScores, data_from, sample_scores
from ..scoring.readings import tally_readings
from .trials import Variant, options_of

EACH_STEP = ("model.recurrent=models.MovingMean", "model.recurrent.window=1")


def with_baselines(variants: Sequence[Variant], window: int) -> tuple[list[Variant], list[str]]:
    """Each config, followed by its baselines; and what must be said of them.

    window: steps of the moving mean, where each step has a label.
    Raises ValueError for an even window.
    """
    if window < 1 or not window % 2:
        raise ValueError(f"--mean_window {window}: give an odd number, or no step is in its middle")
    found, told = [], []
    for variant in variants:
        found += [variant, majority_of(variant)]
        changes, reason = one_frame(variant.options)
        if reason:
            told.append(f"no one-frame baseline of {variant.name}: {reason}")
        else:
            found.append(changed(variant, "one frame", changes))
        found.append(changed(variant, "mean pooling", mean_pooling(variant.options, window)))
        if variant.options["init_from"]:
            told.append(
                f"the baselines of {variant.name} start from nothing: the recurrent part of "
                f"{variant.options['init_from']} does not fit them"
            )
    return found, told


def majority_of(variant: Variant) -> Variant:
    return Variant(
        f"{variant.name}, majority", f"{variant.stem}-majority", variant.config,
        variant.overrides, variant.options, counted=True, note="counted",
    )  # fmt: skip


def changed(variant: Variant, what: str, changes: Iterable[str]) -> Variant:
    overrides = (*variant.overrides, *changes)
    if variant.options["init_from"]:
        overrides += ("init_from=null",)
    return Variant(
        f"{variant.name}, {what}",
        f"{variant.stem}-{what.replace(' ', '_')}",
        variant.config,
        overrides,
        options_of(variant.config, overrides),
    )


def one_frame(options: dict) -> tuple[tuple[str, ...], str]:
    """The changes for a network that sees one frame at a time, or why there is none.

    For one label a clip the frame in the middle is all that is read.
    """
    model, source = options["model"], options["data"]["source"]["init_args"]
    if not issubclass(class_of(model["encoder"]), FrameCNN | Backbone):
        return (), "its input is no video"
    changes = EACH_STEP + plain_head(options)
    if model["encoder"]["init_args"].get("difference"):
        changes += ("model.encoder.difference=false",)
    if not labels_clips(options):
        return changes, ""
    if "frames" not in source:
        return (), f"{options['data']['source']['class_path']} cannot give the middle frame alone"
    changes += ("data.source.rate_hz=null",) if source.get("rate_hz") is not None else ()
    return (*changes, "data.source.frames=1"), ""


def mean_pooling(options: dict, window: int) -> tuple[str, ...]:
    """The changes for means in the place of recurrence: over a whole clip, or around each step."""
    changes = EACH_STEP[:1]
    changes += EACH_STEP[1:] if labels_clips(options) else (f"model.recurrent.window={window}",)
    return changes + plain_head(options)


def plain_head(options: dict) -> tuple[str, ...]:
    """The changes for a head that has no memory of its own."""
    if labels_clips(options):
        return ("model.head.pooling=mean",)
    refined = options["model"]["head"]["class_path"].endswith(".RefinedTokenHead")
    return ("model.head=models.TokenClassificationHead",) if refined else ()


def labels_clips(options: dict) -> bool:
    """Whether there is one label for a whole sequence."""
    return issubclass(class_of(options["model"]["head"]), SequenceClassificationHead)


def class_of(part: dict) -> type:
    room, _, name = part["class_path"].rpartition(".")
    return getattr(import_module(room), name)


def majority(options: dict, split: Split, where: str) -> SampleScores:
    """Always the most frequent answer of the training split, scored on another.

    Raises ValueError if one of them is empty, or nothing in training has a label.
    """
    data = data_from(whole_samples(options["data"]), where)
    trained = targets(data.source.split("train"), f"{where}: training labels")
    tested = data.source.split(split)
    wanted = targets(tested, f"{where}: {split} labels")
    if not trained or not wanted:
        raise ValueError(f"{where}: the {'train' if not trained else split} split is empty")
    head = class_of(options["model"]["head"])
    if issubclass(head, SequenceClassificationHead):
        answers = [most_frequent_label(trained)] * len(wanted)
    elif issubclass(head, CTCHead):
        answers = [most_frequent_text(trained)] * len(wanted)
    else:
        step = most_frequent_step(trained, len(data.labels), where)
        answers = [StepLabels([step] * len(t), [1.0] * len(t)) for t in wanted]
    tally = tally_readings(answers, wanted, tested.groups, data.labels)
    return sample_scores(tally, tested.names)


def whole_samples(data: dict) -> dict:
    """Data options without random windows and speeds: whole samples are counted."""
    data = copy.deepcopy(data)
    options = data["source"]["init_args"]
    options |= {key: 0 for key in ("window", "speed") if options.get(key)}
    return data


def targets(dataset: SequenceDataset, title: str) -> list[np.ndarray]:
    return [dataset.read(i).target for i in track(range(len(dataset)), title, len(dataset))]


def most_frequent_label(targets: Sequence[np.ndarray]) -> Label:
    counts = Counter(int(target) for target in targets)
    best = max(sorted(counts), key=counts.get)
    return Label(best, counts[best] / len(targets))


def most_frequent_text(targets: Sequence[np.ndarray]) -> Text:
    """A whole transcript: in character error an empty one may be better, but says nothing."""
    counts = Counter(tuple(target.tolist()) for target in targets)
    best = max(sorted(counts), key=counts.get)
    return Text(list(best), [1.0] * len(best), [(i, i) for i in range(len(best))], 1.0)


def most_frequent_step(targets: Sequence[np.ndarray], labels: int, where: str) -> list[int]:
    """The label of each step; if a step may have several, those that most steps have.

    targets: (T,), or (T, labels) of 0 and 1; -100 is not counted.
    """
    joined = np.concatenate(targets)
    known = joined != IGNORED
    if not known.any():
        raise ValueError(f"{where}: no step of the training split is labelled; nothing to count")
    if joined.ndim == 2:
        on = ((joined == 1) & known).sum(0) > known.sum(0) / 2
        return on.nonzero()[0].tolist()
    return [int(np.bincount(joined[known], minlength=labels).argmax())]
