"""Scores of a bundle for each sample of a split, as arrays in a file."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from datasets import SequenceDataModule
from datasets.environment import raise_if_machine
from datasets.labels import same_labels
from datasets.output.files import replacing
from datasets.progress import track
from datasets.source import SequenceDataset, Split

from ..parsing import StrictParser
from ..reading.bundle import load_bundle, part_spec
from ..reading.items import WINDOW, WINDOW_BYTES
from ..reading.prediction import Recognizer
from ..reading.threads import single_threaded
from ..scoring.metrics import Tally, bootstrap_interval, compute_scores, join_tallies
from ..scoring.readings import recase, tally_readings

METRICS = ("cer", "accuracy", "frame_accuracy")  # the first one available is compared
OTHER_METRICS = (
    "wer",
    "mean_class_accuracy",
    "mean_label_f1",
    "edit",
    "f1@50",
)  # shown as well, where available

Counts = tuple[np.ndarray, np.ndarray]  # numerators and denominators, each (N, K) float64


@dataclass(frozen=True)
class SampleScores:
    """Contributions of N samples to one score, in the order of the split.

    numerators, denominators: (N,) float64: edits and characters, or correct and all labels.
    others: the same for other scores, by name (see `metrics.Tally`).
    """

    metric: str
    names: list[str]
    groups: list[str]
    numerators: np.ndarray
    denominators: np.ndarray
    others: dict[str, Counts] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The score in percent."""
        return 100 * float(self.numerators.sum() / self.denominators.sum())

    def other_values(self) -> dict[str, float]:
        """Return the other scores in percent; nan where the denominator is 0."""
        values = compute_scores(
            Tally(self.groups, self.others), samples=1
        )  # the interval is not used
        return {name: score.value for name, score in values.items()}

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval in percent, by bootstrap over groups."""
        return bootstrap_interval(self.numerators, self.denominators, self.groups)

    def same_samples(self, other: "SampleScores") -> bool:
        """Return whether the two can be compared sample by sample."""
        return (
            (self.metric, self.names, self.groups) == (other.metric, other.names, other.groups)
        ) and np.array_equal(self.denominators, other.denominators)

    def minus(self, other: "SampleScores") -> "SampleScores":
        """Return the difference of the two, whose interval is that of paired samples."""
        return replace(self, numerators=self.numerators - other.numerators, others={})

    def save(self, path: Path) -> None:
        """Write the scores to a compressed .npz file, atomically."""
        with replacing(path) as new, open(new, "wb") as file:
            np.savez_compressed(
                file,
                metric=np.array(self.metric),
                names=np.array(self.names),
                groups=np.array(self.groups),
                numerators=self.numerators,
                denominators=self.denominators,
                others=np.array(list(self.others), dtype=str),
                **{f"other{i}": np.stack(counts) for i, counts in enumerate(self.others.values())},
            )


def load_scores(path: Path) -> SampleScores:
    """Load scores written by `SampleScores.save`. Raises ValueError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, groups = file["names"].tolist(), file["groups"].tolist()
            counts = file["numerators"], file["denominators"]
            other_names = file["others"].tolist() if "others" in file else []  # older files
            others = {name: tuple(file[f"other{i}"]) for i, name in enumerate(other_names)}
            return SampleScores(str(file["metric"]), names, groups, *counts, others)
    except (ValueError, KeyError, OSError) as error:
        raise_if_machine(error, path)
        raise ValueError(f"{path}: no scores of samples ({error}); delete the file") from error


def average_scores(scores: list[SampleScores]) -> SampleScores:
    """Average the scores of several seeds of one config, sample by sample.

    Raises ValueError if the samples differ.
    """
    first = scores[0]
    for seed, other in enumerate(scores):
        if not first.same_samples(other):
            raise ValueError(
                f"seeds 0 and {seed} were scored on different samples "
                f"({len(first.names)} and {len(other.names)}); the split must not depend on the "
                "seed; delete the samples-*.npz files if the data has changed"
            )
    mean = partial(np.mean, axis=0)
    # denominators of segment scores differ between seeds: they depend on the predicted segments
    others = merge_others(scores, mean)
    return replace(first, numerators=mean([s.numerators for s in scores]), others=others)


def join_scores(scores: Sequence[SampleScores]) -> SampleScores:
    """Concatenate the samples of several parts. Raises ValueError if their metrics differ."""
    metrics = {score.metric for score in scores}
    if len(metrics) > 1:
        raise ValueError(f"parts of one test have different scores: {', '.join(sorted(metrics))}")
    return SampleScores(
        scores[0].metric,
        [name for score in scores for name in score.names],
        [group for score in scores for group in score.groups],
        np.concatenate([score.numerators for score in scores]),
        np.concatenate([score.denominators for score in scores]),
        merge_others(scores, np.concatenate),
    )


def merge_others(
    scores: Sequence[SampleScores], merge: Callable[[list[np.ndarray]], np.ndarray]
) -> dict[str, Counts]:
    """Merge the counts of the other scores that all have, over equally many classes."""
    return {
        name: tuple(merge([score.others[name][i] for score in scores]) for i in (0, 1))
        for name, (numerators, _) in scores[0].others.items()
        if all(
            name in score.others and score.others[name][0].shape[1:] == numerators.shape[1:]
            for score in scores
        )
    }


def sample_scores(tally: Tally, names: Sequence[str]) -> SampleScores:
    """Return the score to compare and those shown as well, of samples with these names."""
    metric = next(name for name in METRICS if name in tally.counts)
    numerators, denominators = (counts[:, 0] for counts in tally.counts[metric])
    others = {name: tally.counts[name] for name in OTHER_METRICS if name in tally.counts}
    return SampleScores(metric, list(names), tally.groups, numerators, denominators, others)


def data_module_of_run(config: Path) -> SequenceDataModule:
    """Build the data module of a run's config.yaml, without its model."""
    return build_data_module(
        yaml.safe_load(config.read_text(encoding="utf-8"))["data"], str(config)
    )


def build_data_module(options: dict, where: str) -> SequenceDataModule:
    """Build the data module of resolved options. where: their origin, for error messages."""
    parser = StrictParser(usage=f"data of {where}")
    parser.add_class_arguments(SequenceDataModule, "data", fail_untyped=False)
    return parser.instantiate_classes(parser.parse_object({"data": options})).data


def score_split(bundle: Path, data: SequenceDataModule, split: Split) -> SampleScores:
    """Read every sample of a split as `predict` does, and score it.

    Raises ValueError if data and bundle differ in reader or labels, and for an empty split.
    """
    recognizer = Recognizer(load_bundle(str(bundle)))
    reader = part_spec(recognizer.bundle.reader)
    same = same_labels(recognizer.bundle.labels, data.labels)
    if part_spec(data.source.reader) != reader or not same:
        raise ValueError(
            f"{bundle}: the data is no longer what it was trained on (other labels, words or "
            f"preprocessing by {reader['class']}); train it again"
        )
    dataset = data.split(split)
    if not len(dataset):
        raise ValueError(f"{bundle}: the {split} split is empty; give it samples, or another split")
    tally = join_tallies(tallies(recognizer, dataset, f"{bundle.parent.name}: {split}"))
    return sample_scores(tally, dataset.names)


def translate(target: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Replace the ids of a target () | (S,) | (T,) by ids[id]; negative ones mean unlabelled."""
    return np.where(target < 0, target, ids[np.maximum(target, 0)])


def tallies(
    recognizer: Recognizer, dataset: SequenceDataset, title: str, labels: Sequence[str] = ()
) -> Iterator[Tally]:
    """Yield the tally of each window of samples, in the dataset's order.

    labels: the dataset's, if they are not the bundle's; one that the bundle lacks is never read.
    Within a window, batches of samples of similar length are read in parallel.
    """
    known = recognizer.bundle.labels
    symbols = [*known, *(label for label in labels if label not in known)]
    ids = np.array([symbols.index(label) for label in labels or known])
    largest = dataset.read(int(np.argmax(dataset.sizes))).inputs.nbytes
    size = max(1, min(WINDOW, WINDOW_BYTES // max(1, largest)))
    windows = range(0, len(dataset), size)
    with single_threaded(), ThreadPoolExecutor(recognizer.workers) as pool:
        for start in track(windows, title, len(windows)):
            indices = range(start, min(start + size, len(dataset)))
            samples = list(pool.map(dataset.read, indices))
            batches = recognizer.batches({i: s.inputs.nbytes for i, s in enumerate(samples)})
            # a cached clip is a read-only map of a file, which torch warns of
            inputs = [[np.require(samples[i].inputs, None, "W") for i in b] for b in batches]
            readings = {}
            for batch, batch_readings in zip(
                batches, pool.map(recognizer.infer, inputs), strict=True
            ):
                readings |= zip(batch, batch_readings, strict=True)
            found = [readings[i] for i in range(len(samples))]
            targets = [translate(s.target, ids) if labels else s.target for s in samples]
            if dataset.any_case is not None:
                unknown = [dataset.any_case[i] for i in indices]
                targets = recase(found, targets, unknown, symbols)
            yield tally_readings(found, targets, [dataset.groups[i] for i in indices], symbols)
