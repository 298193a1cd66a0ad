"""Synthetic videos: a moving shape on a noisy background, labelled per clip or per frame.

The scene wraps around at its edges (what leaves on the left returns on the right) and every shape
starts at a random position: the position in a frame says nothing about the motion, only time does.
"""

from typing import Literal, NamedTuple

import numpy as np

from ..batch import Sample
from ..source import SPLITS, Problem, SequenceDataset, Source, Split
from .reader import ClipReader

SHAPES = ("square", "disc", "cross")
MOTIONS = ("stays", "moves left", "moves right", "moves up", "moves down", "grows", "shrinks")
# Possible successors of each action. The three kinds of rest differ only in what came before.
FOLLOWS = {
    "waiting": ("moving left", "moving right", "flashing"),
    "moving left": ("resting after left", "resting after left", "moving right", "flashing"),
    "moving right": ("resting after right", "resting after right", "moving left", "flashing"),
    "resting after left": ("moving left", "moving right", "flashing"),
    "resting after right": ("moving left", "moving right", "flashing"),
    "flashing": ("waiting", "moving left", "moving right"),
}
ACTIONS = tuple(FOLLOWS)
CLIPS_PER_SCENE = 4
SMALLEST_FRAME = 16  # pixels: below this a small cross and a small disc look equal


class Scene(NamedTuple):
    """All that is visible apart from the motion: shared by the clips of one group.

    background: (C, H, W) float32 grey levels. colour: (C,) grey levels of the shape. noise:
    standard deviation in grey levels, redrawn for every frame.
    """

    background: np.ndarray
    colour: np.ndarray
    noise: float


class Track(NamedTuple):
    """Path of one shape: each array (T,) float32, in pixels; opacity from 0 (invisible) to 1."""

    shape: Literal["square", "disc", "cross"]
    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    opacity: np.ndarray


def draw_scene(frame_size: int, channels: int, rng: np.random.Generator) -> Scene:
    """A dark, softly waved background and a shape 90 to 150 grey levels brighter."""
    level = rng.uniform(25, 90)
    contrast = rng.uniform(90, 150)
    tint = rng.uniform(-15, 15, size=(2, channels)) * (channels > 1)
    wave_x, wave_y = rng.integers(
        -2, 3, size=2
    )  # integer frequencies: the background wraps around too
    pixels = 2 * np.pi * np.arange(frame_size) / frame_size
    waves = 10 * np.sin(wave_x * pixels + wave_y * pixels[:, None] + rng.uniform(0, 2 * np.pi))
    background = level + tint[0][:, None, None] + waves
    colour = level + contrast + tint[1]
    return Scene(background.astype(np.float32), colour.astype(np.float32), rng.uniform(2, 8))


def scene_frames(scene: Scene, track: Track, rng: np.random.Generator) -> np.ndarray:
    """Render a track in a scene -> (T, C, H, W) uint8. The generator gives the noise."""
    height, width = scene.background.shape[1:]
    across = _distance(track.x, width)[:, None, :]
    down = _distance(track.y, height)[:, :, None]
    if track.shape == "square":
        distance = np.maximum(across, down)
    elif track.shape == "disc":
        distance = np.sqrt(across**2 + down**2)
    else:  # two bars, each a third as thick as it is long
        distance = np.minimum(np.maximum(across, 3 * down), np.maximum(3 * across, down))
    # A soft edge of half a pixel keeps motions below one pixel a frame visible.
    coverage = np.clip(track.radius[:, None, None] - distance + 0.5, 0, 1)
    coverage *= track.opacity[:, None, None]
    frames = coverage[:, None] * (scene.colour[:, None, None] - scene.background)
    frames += scene.background
    frames += scene.noise * rng.standard_normal(frames.shape, dtype=np.float32)
    return np.clip(frames, 0, 255).astype(np.uint8)


def _distance(centres: np.ndarray, size: int) -> np.ndarray:
    """Centres (T,) -> distance of each pixel from them (T, size), with wrap-around."""
    distance = np.abs(np.arange(size, dtype=np.float32) - (centres % size)[:, None])
    return np.minimum(distance, size - distance)


def _path(
    move_x: np.ndarray, move_y: np.ndarray, frame_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Displacements (T,) in pixels -> x and y (T,), from a random start, slightly jittered."""
    start = rng.uniform(0, frame_size, size=(2, 1))
    path = start + np.cumsum([move_x, move_y], axis=1) + rng.normal(0, 0.2, (2, len(move_x)))
    x, y = path.astype(np.float32)
    return x, y


def motion_track(motion: str, steps: int, frame_size: int, rng: np.random.Generator) -> Track:
    """One of MOTIONS for `steps` frames; 0.4 to 1.4 pixels a frame in frames 32 pixels wide."""
    speed = rng.uniform(0.4, 1.4) * frame_size / 32
    drift = rng.uniform(-0.25, 0.25) * speed  # no motion is exactly along an axis
    direction = {
        "moves left": (-speed, drift),
        "moves right": (speed, drift),
        "moves up": (drift, -speed),
        "moves down": (drift, speed),
    }.get(motion, (0.0, 0.0))
    x, y = _path(*np.outer(direction, np.ones(steps)), frame_size, rng)
    radius = np.full(steps, rng.uniform(0.11, 0.26) * frame_size, dtype=np.float32)
    if motion in ("grows", "shrinks"):
        small = rng.uniform(0.11, 0.15)
        radius = np.linspace(small, small * rng.uniform(1.5, 2.0), steps, dtype=np.float32)
        radius = frame_size * (radius if motion == "grows" else radius[::-1])
    shape = SHAPES[rng.integers(len(SHAPES))]
    return Track(shape, x, y, radius, np.ones(steps, dtype=np.float32))


def event_track(steps: int, frame_size: int, rng: np.random.Generator) -> tuple[Track, np.ndarray]:
    """Successive actions for `steps` frames -> the track and each frame's action index (T,)."""
    labels = np.empty(steps, dtype=np.int64)
    move = np.zeros(steps)
    opacity = np.ones(steps, dtype=np.float32)
    action, start = ACTIONS[rng.choice([0, 1, 2, 5])], 0  # rests need a preceding move
    while start < steps:
        duration = int(rng.integers(6, 17 if action in ("moving left", "moving right") else 21))
        span = slice(start, start + duration)
        labels[span] = ACTIONS.index(action)
        if action in ("moving left", "moving right"):
            speed = rng.uniform(0.6, 1.4) * frame_size / 32
            move[span] = speed if action == "moving right" else -speed
        elif action == "flashing":
            on = (np.arange(duration) + rng.integers(5)) % 5 < 3
            opacity[span] = np.where(on, 1.0, 0.3)[: steps - start]
        start += duration
        action = FOLLOWS[action][rng.integers(len(FOLLOWS[action]))]
    x, y = _path(move, np.zeros(steps), frame_size, rng)
    radius = np.full(steps, rng.uniform(0.11, 0.26) * frame_size, dtype=np.float32)
    return Track(SHAPES[rng.integers(len(SHAPES))], x, y, radius, opacity), labels


class SyntheticVideoDataset(SequenceDataset):
    """One split of synthetic videos: sample i is drawn from (seed, split, i) when it is read."""

    shortest: int  # frames
    longest: int

    def __init__(self, split: Split, count: int, seed: int, frame_size: int, channels: int):
        self.split, self.seed = split, seed
        self.frame_size, self.channels = frame_size, channels
        self.names = [f"synthetic {split} {i}" for i in range(count)]
        self.groups = [f"{split} scene {i // CLIPS_PER_SCENE}" for i in range(count)]
        self.sizes = self._rng(0, 0).integers(self.shortest, self.longest + 1, size=count)

    def _rng(self, purpose: int, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, SPLITS.index(self.split), purpose, index])

    def _scene(self, index: int) -> Scene:
        rng = self._rng(1, index // CLIPS_PER_SCENE)
        return draw_scene(self.frame_size, self.channels, rng)


class SyntheticClipDataset(SyntheticVideoDataset):
    """12 to 40 frames (T, C, H, W) -> a motion, (). Motions alternate: chance is 1 in 7."""

    shortest, longest = 12, 40

    def read(self, index: int) -> Sample:
        rng = self._rng(2, index)
        label = index % len(MOTIONS)
        track = motion_track(MOTIONS[label], int(self.sizes[index]), self.frame_size, rng)
        return Sample(scene_frames(self._scene(index), track, rng), np.array(label))


class SyntheticEventDataset(SyntheticVideoDataset):
    """40 to 120 frames (T, C, H, W) -> an action for each frame, (T,)."""

    shortest, longest = 40, 120

    def read(self, index: int) -> Sample:
        rng = self._rng(3, index)
        track, labels = event_track(int(self.sizes[index]), self.frame_size, rng)
        return Sample(scene_frames(self._scene(index), track, rng), labels)


class SyntheticVideo(Source):
    """Base class of the synthetic videos.

    count, validation, test: number of samples in each split. frame_size: height and width in
    pixels.
    """

    dataset: type[SyntheticVideoDataset]
    names: tuple[str, ...]  # of the labels

    def __init__(
        self,
        count: int,
        validation: int,
        test: int,
        seed: int = 0,
        frame_size: int = 32,
        channels: Literal[1, 3] = 1,
    ):
        for name, value, minimum in (
            ("count", count, 1),
            ("validation", validation, 0),
            ("test", test, 0),
            ("seed", seed, 0),
            ("frame_size", frame_size, SMALLEST_FRAME),
        ):
            if value < minimum:
                raise ValueError(f"{type(self).__name__}: {name}={value}; give at least {minimum}")
        if channels not in (1, 3):
            raise ValueError(f"{type(self).__name__}: channels={channels}; give 1 or 3")
        self.count, self.validation, self.test, self.seed = count, validation, test, seed
        self.frame_size, self.channels, self.input_size = frame_size, channels, channels
        self.labels = list(self.names)
        self.reader = ClipReader(height=frame_size, width=frame_size, channels=channels)
        self.problems: list[Problem] = []

    def split(self, name: Split) -> SyntheticVideoDataset:
        count = {"train": self.count, "validation": self.validation, "test": self.test}[name]
        return self.dataset(name, count, self.seed, self.frame_size, self.channels)


class SyntheticClips(SyntheticVideo):
    """One motion per clip. A single frame hints at growing by its size, at no other motion."""

    dataset, names = SyntheticClipDataset, MOTIONS


class SyntheticEvents(SyntheticVideo):
    """One action per frame. The kinds of rest differ only in what came before."""

    dataset, names = SyntheticEventDataset, ACTIONS
