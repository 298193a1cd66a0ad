"""What a bundle gets right in each sample of a split, kept as a file of numbers."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from datasets import SequenceDataModule
from datasets.progress import track
from datasets.source import SequenceDataset, Split

from ..parsing import StrictParser
from ..reading.bundle import load_bundle, part_spec
from ..reading.prediction import WINDOW, WINDOW_BYTES, Recognizer
from ..reading.threads import one_thread_an_operation
from ..scoring.metrics import Tally, bootstrap_interval, join_tallies, scores
from ..scoring.readings import tally_readings

METRICS = ("cer", "accuracy", "frame_accuracy")  # the one figure to compare, first found
BESIDE = ("wer", "mean_class_accuracy", "edit", "f1@50")  # shown beside it, if there

Counts = tuple[np.ndarray, np.ndarray]  # numerators and denominators, each (N, K) float64


@dataclass(frozen=True)
class SampleScores:
    """What each of N samples adds to one score, in the order of the split.

    numerators, denominators: (N,) float64: edits and characters, hits and labels.
    others: the same of other scores, by name (see `metrics.Tally`).
    """

    metric: str
    names: list[str]
    groups: list[str]
    numerators: np.ndarray
    denominators: np.ndarray
    others: dict[str, Counts] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """Percent."""
        return 100 * float(self.numerators.sum() / self.denominators.sum())

    def other_values(self) -> dict[str, float]:
        """The other scores, percent; nan where there is nothing to count."""
        found = scores(Tally(self.groups, self.others), samples=1)  # without their intervals
        return {name: score.value for name, score in found.items()}

    def interval(self) -> tuple[float, float]:
        """95 %, percent, by group."""
        return bootstrap_interval(self.numerators, self.denominators, self.groups)

    def same_samples(self, other: "SampleScores") -> bool:
        """Whether the two can be compared sample by sample."""
        return (
            (self.metric, self.names, self.groups) == (other.metric, other.names, other.groups)
        ) and np.array_equal(self.denominators, other.denominators)

    def minus(self, other: "SampleScores") -> "SampleScores":
        """Its value is the difference of the two, its interval that of paired samples."""
        return SampleScores(
            self.metric,
            self.names,
            self.groups,
            self.numerators - other.numerators,
            self.denominators,
        )

    def save(self, path: Path) -> None:
        partial = path.with_name("partial-" + path.name)
        np.savez_compressed(
            partial,
            metric=np.array(self.metric),
            names=np.array(self.names),
            groups=np.array(self.groups),
            numerators=self.numerators,
            denominators=self.denominators,
            others=np.array(list(self.others), dtype=str),
            **{f"other{i}": np.stack(counts) for i, counts in enumerate(self.others.values())},
        )
        partial.replace(path)


def load_scores(path: Path) -> SampleScores:
    """Raises ValueError for a file that is none of these."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, groups = file["names"].tolist(), file["groups"].tolist()
            numbers = file["numerators"], file["denominators"]
            known = file["others"].tolist() if "others" in file else []  # older files have none
            others = {name: tuple(file[f"other{i}"]) for i, name in enumerate(known)}
            return SampleScores(str(file["metric"]), names, groups, *numbers, others)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{path}: no scores of samples ({error}); delete the file") from error


def average(scores: list[SampleScores]) -> SampleScores:
    """Seeds of one config -> each sample's mean over them. Raises ValueError if samples differ."""
    first = scores[0]
    for place, other in enumerate(scores):
        if not first.same_samples(other):
            raise ValueError(
                f"seeds 0 and {place} were scored on different samples "
                f"({len(first.names)} and {len(other.names)}); the split must not depend on the "
                "seed; delete the samples-*.npz files if the data has changed"
            )
    numerators = np.mean([s.numerators for s in scores], axis=0)
    # the seeds differ in hits, and where they said segments also in what those are counted against
    others = {
        name: tuple(np.mean([s.others[name][i] for s in scores], axis=0) for i in (0, 1))
        for name in shared_others(scores)
    }
    return SampleScores(
        first.metric, first.names, first.groups, numerators, first.denominators, others
    )


def join_scores(scores: Sequence[SampleScores]) -> SampleScores:
    """Samples of several parts, one after the other. Raises ValueError for different scores."""
    metrics = {score.metric for score in scores}
    if len(metrics) > 1:
        raise ValueError(f"parts of one test have different scores: {', '.join(sorted(metrics))}")
    return SampleScores(
        scores[0].metric,
        [name for score in scores for name in score.names],
        [group for score in scores for group in score.groups],
        np.concatenate([score.numerators for score in scores]),
        np.concatenate([score.denominators for score in scores]),
        {
            name: tuple(np.concatenate([s.others[name][i] for s in scores]) for i in (0, 1))
            for name in shared_others(scores)
        },
    )


def shared_others(scores: Sequence[SampleScores]) -> list[str]:
    """Names of other scores that all have, over the same classes."""
    first = scores[0].others
    return [
        name
        for name, counts in first.items()
        if all(
            name in score.others and score.others[name][0].shape[1:] == counts[0].shape[1:]
            for score in scores
        )
    ]


def sample_scores(tally: Tally, names: Sequence[str]) -> SampleScores:
    """The figure to compare and those shown beside it, of samples with these names."""
    metric = next(name for name in METRICS if name in tally.counts)
    numerators, denominators = (counts[:, 0] for counts in tally.counts[metric])
    others = {name: tally.counts[name] for name in BESIDE if name in tally.counts}
    return SampleScores(metric, list(names), tally.groups, numerators, denominators, others)


def data_of(config: Path) -> SequenceDataModule:
    """The data that a config.yaml of a run tells of, without its network."""
    return data_from(yaml.safe_load(config.read_text(encoding="utf-8"))["data"], str(config))


def data_from(options: dict, where: str) -> SequenceDataModule:
    """The data of these resolved options; where: whose they are, for errors."""
    parser = StrictParser(usage=f"data of {where}")
    parser.add_class_arguments(SequenceDataModule, "data", fail_untyped=False)
    return parser.instantiate_classes(parser.parse_object({"data": options})).data


def score_split(bundle: Path, data: SequenceDataModule, split: Split) -> SampleScores:
    """Read every sample of a split as `predict` would.

    Raises ValueError where the data is prepared otherwise than the bundle prepares its input, and
    for an empty split.
    """
    recognizer = Recognizer(load_bundle(str(bundle)))
    ours, theirs = part_spec(data.source.reader), part_spec(recognizer.bundle.reader)
    if ours != theirs or data.labels != recognizer.bundle.labels:
        raise ValueError(
            f"{bundle}: the data is no longer what it was trained on (other labels, words or "
            f"preprocessing by {theirs['class']}); train it again"
        )
    dataset = data.split(split)
    if not len(dataset):
        raise ValueError(f"{bundle}: the {split} split is empty; give it samples, or another split")
    tally = join_tallies(tallies(recognizer, dataset, f"{bundle.parent.name}: {split}"))
    return sample_scores(tally, dataset.names)


def tallies(recognizer: Recognizer, dataset: SequenceDataset, title: str) -> Iterator[Tally]:
    """Windows of samples, each in the dataset's order; batches of like length on all cores."""
    longest = dataset.read(int(np.argmax(dataset.sizes))).inputs.nbytes
    size = max(1, min(WINDOW, WINDOW_BYTES // max(1, longest)))
    windows = range(0, len(dataset), size)
    with one_thread_an_operation(), ThreadPoolExecutor(recognizer.workers) as pool:
        for start in track(windows, title, len(windows)):
            places = range(start, min(start + size, len(dataset)))
            samples = list(pool.map(dataset.read, places))
            batches = recognizer.batches({i: s.inputs.nbytes for i, s in enumerate(samples)})
            inputs = [[samples[i].inputs for i in batch] for batch in batches]
            readings = {}
            for batch, found in zip(batches, pool.map(recognizer.infer, inputs), strict=True):
                readings |= zip(batch, found, strict=True)
            yield tally_readings(
                [readings[i] for i in range(len(samples))],
                [s.target for s in samples],
                [dataset.groups[i] for i in places],
                recognizer.bundle.labels,
            )
