"""The one LightningDataModule: a source's splits as loaders of like-length batches."""

import os
import signal

os.environ.setdefault(
    "NO_ALBUMENTATIONS_UPDATE", "1"
)  # it asks the network for a newer version on import

import albumentations
import cv2
import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from .batch import collate
from .sampling import BucketSampler
from .source import Problem, SequenceDataset, Source, Split


class Augmentation:
    """Albumentations transforms of an image (H, W) uint8 or a clip, random anew in each process."""

    # Albumentations lays frames side by side as channels, and OpenCV 5 flips no more than these
    CHANNELS = 128

    def __init__(self, transforms: list[albumentations.BasicTransform]):
        self.compose = albumentations.Compose(transforms)
        self.draws = np.random.default_rng()

    def seed(self, value: int) -> None:
        self.compose.set_random_seed(value % 2**32)
        self.draws = np.random.default_rng(value)

    def __call__(self, image):
        return self.compose(image=image)["image"]

    def clip(self, frames: np.ndarray) -> np.ndarray:
        """Frames (T, H, W, C) uint8, all changed alike: one draw a clip."""
        draw = int(self.draws.integers(2**32))
        size = self.CHANNELS // frames.shape[3]
        changed = []
        for start in range(0, len(frames), size):
            self.compose.set_random_seed(draw)
            changed.append(self.compose(images=frames[start : start + size])["images"])
        return np.concatenate(changed)


def prepare_worker(worker: int) -> None:
    """No OpenCV threads, which fight with the other workers, and a random state of its own."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer says when to stop
    info = torch.utils.data.get_worker_info()
    augmentation = getattr(info.dataset, "augmentation", None)
    if augmentation is not None:
        augmentation.seed(info.seed)


class SequenceDataModule(pl.LightningDataModule):
    """Batches of a source.

    Args:
        source: the data, in three splits.
        batch_size: samples a batch at the most.
        batch_steps: steps a batch at the most, padding included: pixels of width, frames or words.
            null: no bound.
        workers: processes that read and augment; 0 reads on the training thread.
        augmentations: Albumentations transforms of each training image, one after the other.
        seed: of the order of the samples.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int = 16,
        batch_steps: int | None = None,
        workers: int = 1,
        augmentations: list[albumentations.BasicTransform] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.source, self.batch_size, self.batch_steps = source, batch_size, batch_steps
        self.workers, self.seed = workers, seed
        self.augmentation = Augmentation(augmentations) if augmentations else None
        self.input_size, self.labels = source.input_size, source.labels
        self._splits: dict[Split, SequenceDataset] = {}

    @property
    def problems(self) -> list[Problem]:
        """Samples left out so far: a source may meet more when another split is read."""
        return self.source.problems

    def split(self, name: Split) -> SequenceDataset:
        """One split of the source, made once; training images are augmented."""
        if name not in self._splits:
            dataset = self.source.split(name)
            if name == "train" and self.augmentation is not None:
                if not hasattr(dataset, "augmentation"):
                    raise ValueError(
                        f"{type(self.source).__name__} has no images to augment; "
                        "remove data.augmentations"
                    )
                dataset.augmentation = self.augmentation
            self._splits[name] = dataset
        return self._splits[name]

    def _loader(self, name: Split) -> DataLoader:
        dataset = self.split(name)
        if not len(dataset):
            raise ValueError(
                f"the {name} split is empty; keep a group for it (see {type(self.source).__name__})"
            )
        # a worker that is forked while one of OpenCV's threads holds a lock waits for it forever
        cv2.setNumThreads(0)
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        sampler = EpochSampler(
            dataset,
            batch_size=self.batch_size,
            batch_steps=self.batch_steps,
            shuffle=name == "train",
            seed=self.seed,
            rank=torch.distributed.get_rank() if distributed else 0,
            world=torch.distributed.get_world_size() if distributed else 1,
        )
        return DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=self.workers,
            collate_fn=collate,
            worker_init_fn=prepare_worker,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.workers else None,
        )

    def train_dataloader(self) -> DataLoader:
        return self._loader("train")

    def val_dataloader(self) -> DataLoader | list:
        """A training may do without a validation split: no loader for it. `validate` may not."""
        fitting = self.trainer is not None and self.trainer.state.fn == "fit"
        if fitting and not len(self.split("validation")):
            return []
        return self._loader("validation")

    def test_dataloader(self) -> DataLoader:
        return self._loader("test")


class EpochSampler(BucketSampler):
    """Buckets of a dataset that may render anew: it learns the epoch before the workers fork."""

    def __init__(self, dataset: SequenceDataset, **options):
        super().__init__(dataset.sizes, **options)
        self.dataset = dataset
        last = getattr(dataset, "epochs", 1) - 1
        if self.shuffle and last > 0:  # shares that change in a straight line: an end needs most
            now, needed = dataset.epoch, []
            for epoch in (0, last):
                self.set_epoch(epoch)
                needed.append(self._needed())
            self._promised = max(needed)
            self.set_epoch(now)

    @property
    def sampler(self) -> "EpochSampler":
        """Where Lightning looks for `set_epoch` on a batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch)
        if self.shuffle and hasattr(self.dataset, "epoch"):
            self.dataset.epoch = epoch
            self.sizes = np.asarray(self.dataset.sizes)  # other samples may be drawn now
