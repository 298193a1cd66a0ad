"""Labelled videos: one label a clip, a label for every step, or a transcript; split by group."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..paths import resolve
from ..progress import track
from ..source import Problem, Source, Split
from ..splits import split_groups
from ..vocabulary import Vocabulary, WordVocabulary
from .annotations.files import (
    ClipAnnotation,
    check_end,
    clip_labels,
    clip_path,
    labels_at,
    read_annotations,
    read_class_folders,
)
from .cache import FrameCache, Stored
from .dataset import ClipDataset, LabelledClip
from .groups import group_of, refuse_twins
from .reader import ClipReader

Target = Literal["clip", "steps", "text"]


class Found(NamedTuple):
    """An annotated clip that could be decoded."""

    annotation: ClipAnnotation
    group: str
    stored: Stored


class Clips(Source):
    """Videos from a folder for each class, or from an annotation file.

    Args:
        root: the folder; as given or under $STRAND_DATA.
        table: an annotation file in it: CSV (clip,label[,group]; clip,start_frame,end_frame,label
            or start,end in seconds; clip,text), BORIS, ELAN or VIA; null: a folder for each class.
        target: one label a clip, a label for every step, or a transcript.
        column: the table's column of labels; null: label.
        where: use only rows with these values, such as "label=digit".
        tier: of an ELAN file. subject: whose events of a BORIS file.
        group: the table's column of the group; null: group, if there is one.
        group_pattern: its first bracket, found in a clip's path, is the group where the table has
            none; null: each clip is a group.
        validation, test: groups kept out: their names, or a share of all clips.
        labels: their order; null: sorted by name.
        ignore: labels that mean unlabelled: their steps count nowhere.
        unit: of transcripts.
        height, width, channels, rate_hz, frames, crop: see ClipReader.
        window: steps of a training sample at the most; longer clips are cut anew each epoch.
            0: whole clips. Validation and test always read whole clips.
        speed: share by which training clips are sped up or slowed down at random.
        seed: of drawn splits, windows and speeds.
        cache: folder for decoded frames; null: strand/frames in $XDG_CACHE_HOME or ~/.cache.
    """

    def __init__(
        self,
        root: str,
        height: int,
        width: int,
        table: str | None = None,
        target: Target = "clip",
        column: str | None = None,
        where: str | None = None,
        tier: str | None = None,
        subject: str | None = None,
        group: str | None = None,
        group_pattern: str | None = None,
        validation: list[str] | float = 0.1,
        test: list[str] | float = 0.0,
        labels: list[str] | None = None,
        ignore: list[str] | None = None,
        unit: Literal["characters", "words"] = "characters",
        channels: Literal[1, 3] = 1,
        rate_hz: float | None = None,
        frames: int | None = None,
        crop: tuple[float, float, float, float] | None = None,
        window: int = 0,
        speed: float = 0.0,
        seed: int = 0,
        cache: str | None = None,
    ):
        if window and target == "text":
            raise ValueError(f"Clips: window={window} would cut a transcript's clip; set it to 0")
        if window < 0 or not 0 <= speed < 1:
            raise ValueError(
                f"Clips: window={window}, speed={speed}; give 0 or more, speed below 1"
            )
        self.target, self.ignore = target, set(ignore or ())
        self.window, self.speed, self.seed = window, speed, seed
        self.reader = ClipReader(height, width, channels, rate_hz, frames, crop)
        self.input_size = channels
        self.cache = FrameCache(self.reader, cache)
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        place = resolve(root) / (table or "")
        if table is None:
            annotations = read_class_folders(place, ClipReader.suffixes)
        else:
            annotations, self.problems = read_annotations(
                place, column, where, group, tier, subject
            )
        found = self._decode(self._usable(annotations), place, group_pattern)
        groups = [one.group for one in found]
        assigned = split_groups(groups, validation, test, root, seed) if found else {}
        named = [(one.stored.content, one.annotation.clip, assigned[one.group]) for one in found]
        refuse_twins(named, root)
        self._found: dict[Split, list[Found]] = {"train": [], "validation": [], "test": []}
        for one in found:
            self._found[assigned[one.group]].append(one)
        if not self._found["train"]:
            first = "".join(f"\n  {p.reason}" for p in self.problems[:3])
            raise ValueError(f"{root}: no clip to train on{first}")
        self.vocabulary = self._choose_vocabulary(unit, labels) if target == "text" else None
        self.labels = self.vocabulary.symbols if self.vocabulary else self._choose_labels(labels)
        self._clips = {name: self._labelled(part) for name, part in self._found.items()}

    def _usable(self, annotations: Sequence[ClipAnnotation]) -> list[ClipAnnotation]:
        """Those that say what the target needs; the others are named."""
        if self.target == "clip":
            labelled, problems = clip_labels(annotations)
            self.problems += problems
            return [one for one in labelled if one.label not in self.ignore]
        usable = []
        for one in annotations:
            if one.text is None if self.target == "text" else not one.segments:
                lacks = "text" if self.target == "text" else "segments"
                reason = f"{one.clip}: no {lacks} ({one.where}); target={self.target} needs them"
                self.problems.append(Problem(one.clip, reason))
            else:
                usable.append(one)
        return usable

    def _decode(
        self, annotations: Sequence[ClipAnnotation], place: Path, group_pattern: str | None
    ) -> list[Found]:
        """Those whose videos can be read, from the cache if they were before; others are named.

        place: the annotation file, or the folder of the classes' folders.
        """

        def store(annotation: ClipAnnotation) -> Stored | Problem:
            path = place / annotation.clip if place.is_dir() else clip_path(place, annotation.clip)
            try:
                return self.cache.store(str(path))
            except FileNotFoundError:
                return Problem(annotation.clip, f"{path}: no such file ({annotation.where})")
            except (OSError, ValueError) as error:
                return Problem(annotation.clip, str(error))

        found = []
        with ThreadPoolExecutor() as pool:
            stored = track(pool.map(store, annotations), f"decoding {place}", len(annotations))
            for annotation, one in zip(annotations, stored, strict=True):
                if isinstance(one, Problem):
                    self.problems.append(one)
                    continue
                last = int(one.numbers[-1]) + 1
                if self.reader.frames is None and self.reader.rate_hz is None and last > 1:
                    seconds = float(one.times[-1]) * last / max(1, last - 1)
                    self.notes += check_end(annotation, last, seconds)
                group = annotation.group or group_of(annotation.clip, group_pattern)
                found.append(Found(annotation, group, one))
        return found

    def _choose_labels(self, labels: list[str] | None) -> list[str]:
        """Those given, or those of training and validation. Raises ValueError for others there."""
        known = [one.annotation for s in ("train", "validation") for one in self._found[s]]
        if self.target == "clip":
            there = {annotation.label for annotation in known}
        else:
            there = {segment.label for annotation in known for segment in annotation.segments}
        there -= self.ignore
        if labels is None:
            return sorted(there)
        strange = sorted(there - set(labels))
        if strange or len(set(labels)) < len(labels):
            raise ValueError(
                f"labels={labels} lack {strange} of the data, or name one twice; add them, or put "
                "them into ignore"
            )
        return list(labels)

    def _choose_vocabulary(self, unit: str, labels: list[str] | None):
        kind = WordVocabulary if unit == "words" else Vocabulary
        known = [one.annotation.text for s in ("train", "validation") for one in self._found[s]]
        vocabulary = kind.of(known) if labels is None else kind(labels)
        if unit == "words" and all(len(symbol) == 1 for symbol in vocabulary.symbols):
            raise ValueError("unit: words, but every word is one letter; take unit: characters")
        return vocabulary

    def _labelled(self, found: list[Found]) -> list[LabelledClip]:
        """With targets; clips that cannot have one are named and left out."""
        ids = {label: place for place, label in enumerate(self.labels)}
        clips = []
        for one in found:
            name = one.annotation.clip
            try:
                target = self._target(one, ids)
            except ValueError as error:
                self.problems.append(Problem(name, str(error)))
                continue
            clips.append(LabelledClip(name, one.group, one.stored, target))
        return clips

    def _target(self, one: Found, ids: dict[str, int]) -> np.ndarray:
        """() | (T,) | (S,) int64. Raises ValueError that names the clip."""
        annotation = one.annotation
        if self.target == "text":
            return self.vocabulary.encode(annotation.text, annotation.clip)
        if self.target == "clip":
            if annotation.label not in ids:
                raise ValueError(
                    f"{annotation.clip}: no training clip has its label '{annotation.label}' "
                    f"({annotation.where}); correct it or remove the clip"
                )
            return np.array(ids[annotation.label])
        return labels_at(
            annotation.segments, one.stored.times, one.stored.numbers, ids, self.ignore
        )

    def split(self, name: Split) -> ClipDataset:
        training = name == "train"
        return ClipDataset(
            self._clips[name],
            self.cache,
            per_step=self.target == "steps",
            window=self.window if training else 0,
            speed=self.speed if training else 0.0,
            seed=self.seed,
        )
