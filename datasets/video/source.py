"""Labelled videos as a data source, with labels per clip or step, or transcripts."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from ..batch import IGNORED
from ..files import resolve_data_path
from ..labels import fold_label, twin_notes
from ..source import Problem, Source, Split
from ..splits import assign_splits, folder_of, note_divided_folders
from ..splits.parts import parts_of, split_notes
from ..vocabulary import Vocabulary, WordVocabulary
from .annotations.beside import clips_passed_over, unnamed_videos
from .annotations.checks import find_inclusive_frames
from .annotations.class_folders import read_class_folders
from .annotations.files import (
    ClipAnnotation,
    clip_labels,
    fold_texts,
    labels_at,
    read_annotations,
    several_labels_at,
)
from .cache import FrameCache
from .dataset import ClipDataset, LabelledClip
from .decoded import DecodedClip, check_decoded, decode_clips
from .groups import refuse_duplicates
from .reader import ClipReader

Target = Literal["clip", "steps", "text"]


class Clips(Source):
    """Videos from a folder for each class, or from an annotation file.

    Args:
        root: the folder; as given or under $STRAND_DATA. Without a table, folders of splits (train,
            val or valid or validation, test) may stand in it, with the folders of the classes.
        table: an annotation file in it: CSV (clip,label[,group]; clip,start_frame,end_frame,label
            or start,end in seconds; clip,text), BORIS, ELAN or VIA; null: a folder for each class.
        target: one label a clip, a label for every step, or a transcript.
        multi_label: with target steps: any number of labels a step, from segments that overlap; for
            a head with multi_label.
        column: the table's column of labels; null: label.
        where: use only rows with these values, such as "label=digit".
        tier: of an ELAN file. subject: whose events of a BORIS file.
        group: the table's column of the group; null: group, if there is one. "folder": the first
            folder of a clip's path is its group, in a class folder the first one inside it.
        group_pattern: a regular expression; its first group, found in a clip's path, is the clip's
            group where the table has none; null: each clip is a group.
        validation, test: groups held out: their names, or a fraction of all clips; of no effect
            for a split that has a folder.
        stratify: where the draw for a fraction leaves a split far from its share of some label,
            draw again by labels; false: never, for configs that share clips under other labels.
        labels: their order; null: sorted by name.
        ignore: labels treated as unlabelled: their steps are not counted anywhere.
        unit: unit of transcripts.
        height, width, channels, rate_hz, frames, crop: see ClipReader.
        window: maximal number of steps of a training sample; longer clips are cut anew each epoch.
            0: whole clips. Validation and test always read whole clips.
        speed: maximal fraction by which training clips are sped up or slowed down at random.
        seed: of drawn splits, windows and speeds.
        cache: folder for decoded frames; null: strand/frames in $XDG_CACHE_HOME or ~/.cache.
    """

    def __init__(
        self,
        root: str,
        height: int = 48,
        width: int = 64,
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
        multi_label: bool = False,
        stratify: bool = True,
    ):
        if multi_label and target != "steps":
            raise ValueError(f"Clips: multi_label goes with target: steps, not {target}")
        if window and target == "text":
            raise ValueError(f"Clips: window={window} would cut a transcript's clip; set it to 0")
        if window < 0 or not 0 <= speed < 1:
            raise ValueError(
                f"Clips: window={window}, speed={speed}; give 0 or more, speed below 1"
            )
        labels = labels and [label if target == "text" else fold_label(label) for label in labels]
        self.target, self.ignore = target, set(map(fold_label, ignore or ()))
        self.multi_label = multi_label
        self.window, self.speed, self.seed = window, speed, seed
        self.reader = ClipReader(height, width, channels, rate_hz, frames, crop)
        self.input_size = channels
        self.cache = FrameCache(self.reader, cache)
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        path = resolve_data_path(root) / (table or "")
        if table is None:
            annotations = read_class_folders(path, ClipReader.suffixes, group)
        else:
            annotations, self.problems = read_annotations(
                path, column, where, group, tier, subject, multi_label
            )
            self.notes += find_inclusive_frames(annotations)
            if where is None:
                self.problems += unnamed_videos(
                    path, annotations, self.problems, ClipReader.suffixes
                )
        # rows that `where` leaves out are left out on purpose
        self.passed_over = (
            [] if where else clips_passed_over(path, annotations, ClipReader.suffixes)
        )
        usable = self._usable(annotations)
        if target == "text":
            usable, refused, notes = fold_texts(usable, root)
            self.problems += refused
            self.notes += notes
        decoded, unreadable = decode_clips(usable, path, self.cache, group_pattern)
        decoded, problems, notes = check_decoded(decoded)
        self.problems += unreadable + problems
        self.notes += notes
        groups = [clip.group for clip in decoded]
        given = [clip.annotation.split for clip in decoded]
        own = [self._own_labels(clip.annotation) for clip in decoded]
        labelled = own if stratify and target != "text" else None
        assigned = (
            assign_splits(groups, given, validation, test, root, seed, labelled) if decoded else {}
        )
        contents = [
            (clip.stored.content, clip.annotation.clip, assigned[clip.group]) for clip in decoded
        ]
        refuse_duplicates(contents, root)
        if table is not None:  # the folders in class folders are groups anyway
            alone = [clip for clip in decoded if clip.group == clip.annotation.clip]
            places = ((folder_of(PurePosixPath(c.group)), assigned[c.group]) for c in alone)
            self.notes += note_divided_folders(places, root)
        self._decoded: dict[Split, list[DecodedClip]] = {"train": [], "validation": [], "test": []}
        for clip in decoded:
            self._decoded[assigned[clip.group]].append(clip)
        if not self._decoded["train"]:
            first = "".join(f"\n  {p.reason}" for p in self.problems[:3])
            raise ValueError(f"{root}: no clip to train on{first}")
        known = [c.annotation for s in ("train", "validation") for c in self._decoded[s]]
        if target == "text":
            self.vocabulary = self._choose_vocabulary(unit, labels, known)
            self.labels = self.vocabulary.symbols
        else:
            self.vocabulary, self.labels = None, self._choose_labels(labels, known)
        self._clips = {name: self._labelled(clips) for name, clips in self._decoded.items()}
        if self.vocabulary is None:
            self.notes += twin_notes(self.label_counts("train"), root)
            own_folders = [] if None in given else given
            shares = {"validation": validation, "test": test}
            shares = {name: share for name, share in shares.items() if name not in own_folders}
            self.notes += split_notes(parts_of(self), shares, root)

    def _usable(self, annotations: Sequence[ClipAnnotation]) -> list[ClipAnnotation]:
        """The annotations that provide what the target needs; problems name the others."""
        if self.target == "clip":
            labelled, problems = clip_labels(annotations)
            self.problems += problems
            return [annotation for annotation in labelled if annotation.label not in self.ignore]
        usable = []
        for annotation in annotations:
            if annotation.text is None if self.target == "text" else not annotation.segments:
                missing = "text" if self.target == "text" else "segments"
                reason = f"no {missing} ({annotation.where}); target={self.target} needs them"
                self.problems.append(Problem(annotation.clip, f"{annotation.clip}: {reason}"))
            else:
                usable.append(annotation)
        return usable

    def _own_labels(self, annotation: ClipAnnotation) -> list[str]:
        """The labels by which groups are balanced: of the clip, or of each of its segments."""
        if self.target == "clip":
            return [annotation.label]
        return [s.label for s in annotation.segments if s.label not in self.ignore]

    def _choose_labels(
        self, labels: list[str] | None, annotations: list[ClipAnnotation]
    ) -> list[str]:
        """The given labels, or those of these annotations.

        Raises ValueError if the given ones lack one of the annotations', or if one is given twice.
        """
        if self.target == "clip":
            used = {annotation.label for annotation in annotations}
        else:
            used = {segment.label for annotation in annotations for segment in annotation.segments}
        used -= self.ignore
        if len(used) < 2 and not (used and self.multi_label):
            first = "".join(f"\n  {problem.reason}" for problem in self.problems[:3])
            raise ValueError(
                f"only one label is left, {', '.join(map(repr, used)) or 'none'}: there is nothing "
                f"to tell apart; label what else happens, or take the labels apart{first}"
            )
        if labels is None:
            return sorted(used)
        unknown = sorted(used - set(labels))
        if unknown or len(set(labels)) < len(labels):
            raise ValueError(
                f"labels={labels} lack {unknown} of the data, or name one twice; add them, or put "
                "them into ignore"
            )
        return list(labels)

    def _choose_vocabulary(
        self, unit: str, labels: list[str] | None, annotations: list[ClipAnnotation]
    ):
        """The vocabulary of transcripts. Raises ValueError if all words have one letter only."""
        kind = WordVocabulary if unit == "words" else Vocabulary
        vocabulary = kind.of([a.text for a in annotations]) if labels is None else kind(labels)
        if unit == "words" and all(len(symbol) == 1 for symbol in vocabulary.symbols):
            raise ValueError("unit: words, but every word is one letter; take unit: characters")
        return vocabulary

    def _labelled(self, decoded: list[DecodedClip]) -> list[LabelledClip]:
        """Add the targets; clips that cannot have one become problems."""
        ids = {label: index for index, label in enumerate(self.labels)}
        labelled = []
        for clip in decoded:
            name = clip.annotation.clip
            try:
                target = self._target(clip, ids)
            except ValueError as error:
                self.problems.append(Problem(name, str(error)))
                continue
            labelled.append(LabelledClip(name, clip.group, clip.stored, target, clip.path))
        return labelled

    def _target(self, clip: DecodedClip, ids: dict[str, int]) -> np.ndarray:
        """The target () | (T,) | (S,) int64. Raises ValueError that names the clip."""
        annotation = clip.annotation
        if self.target == "text":
            return self.vocabulary.encode(annotation.text, annotation.clip)
        if self.target == "clip":
            if annotation.label not in ids:
                raise ValueError(
                    f"{annotation.clip}: no training clip has its label '{annotation.label}' "
                    f"({annotation.where}); correct it or remove the clip"
                )
            return np.array(ids[annotation.label])
        targets = several_labels_at if self.multi_label else labels_at
        return targets(
            annotation.segments, clip.stored.times, clip.stored.numbers, ids, self.ignore
        )

    def labels_by_group(self, name: Split) -> dict[str, Counter[str]] | None:
        """How many clips of each group have each label, or how many of their steps."""
        if self.vocabulary is not None:
            return None
        groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for clip in self._clips[name]:
            if self.multi_label:
                numbers = (clip.target == 1).sum(0)
            else:
                ids = clip.target.reshape(-1)
                numbers = np.bincount(ids[ids != IGNORED], minlength=len(self.labels))
            counts = dict(zip(self.labels, numbers.tolist(), strict=True))
            groups[clip.group].update({label: n for label, n in counts.items() if n})
        return dict(groups)

    def split(self, name: Split) -> ClipDataset:
        window, speed = (self.window, self.speed) if name == "train" else (0, 0.0)
        clips, per_step = self._clips[name], self.target == "steps"
        return ClipDataset(clips, self.cache, per_step, window, speed, self.seed)
