"""Small trainings of each kind on data made here, and the comparison of two of their run folders.

All have dropout in every part, images are augmented, and the weights are averaged: whatever is not
restored when a training goes on shows as a difference.
"""

import json
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch
import yaml

from pipeline.reading.bundle_files import BEST
from pipeline.training.history import read_history

NOISE = [
    {"class_path": "albumentations.GaussNoise", "init_args": {"p": 0.7}},
    {"class_path": "albumentations.RandomBrightnessContrast", "init_args": {"p": 0.5}},
]
LINE_CNN = {"channels": [4, 6, 5], "width_reduction": 2, "height_reduction": 4, "dropout": 0.1}
FRAME_CNN = {"channels": [4, 6], "dropout": 0.1}
EMBEDDING = {"embedding_size": 8, "dropout": 0.2, "word_dropout": 0.1}
WORDS = ["good", "bad", "fine", "dull", "film", "plot", "the", "a", "was", "not", "very", "it"]
MOTIONS = ("left", "right")


def part(room: str, name: str, **options) -> dict:
    """A class and its options, as configs write them."""
    return {"class_path": f"{room}.{name}", "init_args": options}


def real_lines(root: Path) -> dict:
    """16 lines of noise that say ab, ba and the like, from a page each, three to validate on."""
    for page in range(16):
        rng = np.random.default_rng(page)
        image = rng.integers(0, 256, (16, int(rng.integers(24, 72)))).astype(np.uint8)
        (root / "lines").mkdir(exist_ok=True)
        cv2.imwrite(str(root / f"lines/p{page}__.png"), image)
        text = "".join(rng.choice(list("ab"), 3))
        (root / f"lines/p{page}__.gt.txt").write_text(f"{text}\n", encoding="utf-8")
    folders = [{"root": str(root / "lines"), "validation": ["p0", "p1", "p2"]}]
    return part("datasets", "RealLines", folders=folders, alphabet="ab", height=16)


def synthetic_lines(root: Path) -> dict:
    options = {"count": 13, "validation": 4, "test": 0, "alphabet": "ab", "height": 16}
    return part("datasets", "SyntheticLines", **options)


def mixture(root: Path) -> dict:
    """Real and synthetic lines, whose share changes with the epoch."""
    sources = [real_lines(root), synthetic_lines(root)]
    return part("datasets", "Mixture", sources=sources, added_share=[0.7, 0.2], epochs=3)


def clips(root: Path) -> dict:
    """12 films of a square that moves left or right, cut into windows anew each epoch."""
    for number in range(12):
        motion = MOTIONS[number % 2]
        path = root / "clips" / motion / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_film(path, -1 if motion == "left" else 1, number)
    options = {"window": 5, "speed": 0.3, "height": 16, "width": 16, "validation": 0.34}
    return part("datasets", "Clips", root=str(root / "clips"), cache="cache", **options)


def write_film(path: Path, step: int, seed: int) -> None:
    """9 frames of 32 x 32 pixels on noise."""
    rng = np.random.default_rng(seed)
    start = int(rng.integers(8, 20))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(9):
            image = rng.integers(0, 60, (32, 32, 3)).astype(np.uint8)
            left = start + step * number % 20
            image[12:20, left : left + 6] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def synthetic_clips(root: Path) -> dict:
    options = {"count": 14, "validation": 6, "test": 0, "frame_size": 16}
    return part("datasets", "SyntheticClips", **options)


def reviews(root: Path) -> dict:
    """24 texts of random words, labelled at random."""
    rng = np.random.default_rng(0)
    rows = [f"{' '.join(rng.choice(WORDS, rng.integers(3, 12)))},{i % 2}" for i in range(24)]
    (root / "reviews.csv").write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    options = {"validation": 0.25, "min_count": 1, "cache": "cache"}
    return part("datasets", "Reviews", root=str(root / "reviews.csv"), **options)


def synthetic_reviews(root: Path) -> dict:
    return part("datasets", "SyntheticReviews", count=14, validation=8, test=0)


Kind = tuple[Callable[[Path], dict], tuple[str, dict], str, list[dict] | None]
# source, encoder, head, augmentations
KINDS: dict[str, Kind] = {
    "lines": (real_lines, ("LineCNN", LINE_CNN), "CTCHead", NOISE),
    "synthetic lines": (synthetic_lines, ("LineCNN", LINE_CNN), "CTCHead", NOISE),
    "mixture": (mixture, ("LineCNN", LINE_CNN), "CTCHead", NOISE),
    "clips": (clips, ("FrameCNN", FRAME_CNN), "SequenceClassificationHead", NOISE),
    "synthetic clips": (
        synthetic_clips, ("FrameCNN", FRAME_CNN), "SequenceClassificationHead", None
    ),
    "reviews": (reviews, ("TokenEmbedding", EMBEDDING), "SequenceClassificationHead", None),
    "synthetic reviews": (
        synthetic_reviews, ("TokenEmbedding", EMBEDDING), "SequenceClassificationHead", None
    ),
}  # fmt: skip


def write_training(root: Path, kind: str, epochs: int = 3, workers: int | None = None) -> Path:
    """Make the data of a kind in a folder; returns its config. workers: None: the default."""
    source, (encoder, encoder_options), head, augmentations = KINDS[kind]
    root.mkdir(parents=True, exist_ok=True)
    data = {"source": source(root), "batch_size": 4}
    data |= {"augmentations": augmentations} if augmentations else {}
    data |= {} if workers is None else {"workers": workers}
    stack = part("models", "RecurrentStack", hidden_size=6, num_layers=2, dropout=0.4, zoneout=0.1)
    config = {
        "model": {
            "encoder": part("models", encoder, **encoder_options),
            "recurrent": stack,
            "head": part("models", head, dropout=0.3),
            "average_decay": 0.9,
            "learning_rate": 0.01,
        },
        "data": data,
        "trainer": {"max_epochs": epochs, "accelerator": "cpu", "enable_progress_bar": False},
    }
    path = root / f"{kind.replace(' ', '_')}.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def differences(one: Path, other: Path) -> list[str]:
    """What two run folders have trained differently: weights and all other state of the last
    checkpoint, the history without its times, and the bundle, each bit for bit.
    """
    found = []
    states = [
        torch.load(run / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
        for run in (one, other)
    ]
    for name in sorted(states[0].keys() | states[1].keys()):
        found += [] if same(*(state.get(name) for state in states)) else [name]
    if history(one) != history(other):
        found.append("history")
    if (one / BEST).read_bytes() != (other / BEST).read_bytes():
        found.append("bundle")
    return found


# what depends on the clock or the folder, and a score that Lightning does not restore
ASIDE = {
    "seconds", "dirpath", "best_model_path", "kth_best_model_path", "best_k_models", "current_score"
}  # fmt: skip


def same(one, other) -> bool:
    """Whether two parts of checkpoints are equal bit for bit, apart from ASIDE."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        # as bytes: nan equals nan, and 0 differs from -0
        kinds = (one.dtype, one.shape) == (other.dtype, other.shape)
        return kinds and one.numpy().tobytes() == other.numpy().tobytes()
    if isinstance(one, dict) and isinstance(other, dict):
        keys = (one.keys() | other.keys()) - ASIDE
        return all(same(one.get(key), other.get(key)) for key in keys)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def history(run: Path) -> str:
    """The losses and scores of each epoch, as text: equal nan included."""
    kept = ("epoch", "train_loss", "validation")
    return json.dumps([{name: row[name] for name in kept} for row in read_history(run)])
