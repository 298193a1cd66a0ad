"""The LightningDataModule: DataLoaders over the splits of a source, with batches of like length."""

import os
import random
import signal
from collections.abc import Iterator
from itertools import islice
from multiprocessing.reduction import ForkingPickler

# Albumentations looks for a newer version on the network when it is imported
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import cv2
import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from .batch import collate
from .environment import shared_memory_is_small
from .sampling import BucketSampler
from .source import Problem, SequenceDataset, Source, Split

WORKER_GRACE_S = 10  # from SIGTERM to the end of a worker that the trainer has not stopped


class Augmentation:
    """Albumentations transforms of an image (H, W) uint8 or a clip.

    What they draw for a sample is determined by `seed` and the key given to `start`, whichever
    process reads the sample and in whatever order. All transforms draw from the same two generators
    in turn: with `set_random_seed` each would have its own, and all draw the same numbers.
    """

    # Albumentations stacks the frames of a clip as channels, and OpenCV 5 flips at most so many
    MAX_CHANNELS = 128

    def __init__(self, transforms: list[albumentations.BasicTransform], seed: int = 0):
        self.compose = albumentations.Compose(transforms)
        self.seed = seed
        self._arrays, self._scalars = np.random.default_rng(), random.Random()
        self.compose.set_random_state(self._arrays, self._scalars)
        self.start(0)

    def start(self, *key: int) -> None:
        """Begin a sample, such as (epoch, index)."""
        self._sequence = np.random.SeedSequence((self.seed, *key))
        self._restart()

    def _restart(self) -> None:
        self._arrays.bit_generator.state = np.random.PCG64(self._sequence).state
        self._scalars.seed(int(self._sequence.generate_state(1)[0]))

    def __call__(self, image):
        return self.compose(image=image)["image"]

    def clip(self, frames: np.ndarray) -> np.ndarray:
        """Transform frames (T, H, W, C) uint8, all with the same random parameters."""
        size = self.MAX_CHANNELS // frames.shape[3]
        chunks = []
        for start in range(0, len(frames), size):
            self._restart()
            chunks.append(self.compose(images=frames[start : start + size])["images"])
        return np.concatenate(chunks)


def init_worker(worker: int) -> None:
    """Give a DataLoader worker no OpenCV threads, which would compete with the other workers."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer stops the workers
    # a scheduler sends SIGTERM to all processes, and the trainer's last batch comes from here
    signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(WORKER_GRACE_S))
    if shared_memory_is_small():
        ForkingPickler.register(torch.Tensor, pickle_values)


def pickle_values(tensor: torch.Tensor) -> tuple:
    """Pickle a tensor with its values, which then go through a pipe instead of shared memory."""
    return torch.from_numpy, (tensor.numpy(),)


class SequenceDataModule(pl.LightningDataModule):
    """DataLoaders over the three splits of a source.

    Args:
        source: the data, in three splits.
        batch_size: maximum number of samples per batch.
        batch_steps: maximum number of steps per batch, padding included: columns of pixels, frames
            or words. null: no limit.
        workers: number of processes that read and augment; 0 reads in the training process.
        augmentations: Albumentations transforms, applied in order to each training image.
        seed: random seed of the order of the samples and of their augmentation.
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
        self.augmentation = Augmentation(augmentations, seed) if augmentations else None
        self.input_size, self.labels = source.input_size, source.labels
        self._splits: dict[Split, SequenceDataset] = {}
        self.start = (0, 0)  # epoch and batch at which the training begins, or goes on

    @property
    def problems(self) -> list[Problem]:
        """Samples left out so far; reading another split may add some."""
        return self.source.problems

    def split(self, name: Split) -> SequenceDataset:
        """Return one split of the source, cached; the train split has the augmentations.

        Raises ValueError if the samples of the source are not images but augmentations are set.
        """
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
        # a worker forked while an OpenCV thread holds a lock would wait for that lock forever
        cv2.setNumThreads(0)
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        world_size = torch.distributed.get_world_size() if distributed else 1
        if len(dataset) < world_size:
            raise ValueError(
                f"the {name} split has {len(dataset)} samples for {world_size} processes; give it "
                f"more, or train with --trainer.devices {len(dataset)}"
            )
        overfit = self.trainer is not None and self.trainer.overfit_batches > 0
        sampler = EpochSampler(
            dataset,
            batch_size=self.batch_size,
            batch_steps=self.batch_steps,
            shuffle=name == "train" and not overfit,  # the same batches in each epoch
            seed=self.seed,
            rank=torch.distributed.get_rank() if distributed else 0,
            world_size=world_size,
            start=self.start,
        )
        return DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=self.workers,
            collate_fn=collate,
            worker_init_fn=init_worker,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.workers else None,
        )

    def train_dataloader(self) -> DataLoader:
        return self._loader("train")

    def val_dataloader(self) -> DataLoader | list:
        """Return no loader if `fit` runs without a validation split; `validate` requires one."""
        fitting = self.trainer is not None and self.trainer.state.fn == "fit"
        if fitting and not len(self.split("validation")):
            return []
        return self._loader("validation")

    def test_dataloader(self) -> DataLoader:
        return self._loader("test")


class EpochSampler(BucketSampler):
    """Batches of a dataset whose samples may change each epoch.

    `set_epoch` also sets the dataset's epoch, before the workers are forked: they prefetch as soon
    as they are, so those of the first epoch must know it from here.

    Args:
        start: the first epoch, and how many of its batches this process has taken before.
    """

    def __init__(self, dataset: SequenceDataset, start: tuple[int, int] = (0, 0), **options):
        super().__init__(dataset.sizes, **options)
        self.dataset, self.start = dataset, start
        last = getattr(dataset, "epochs", 1) - 1
        if self.shuffle and last > 0:
            # the share of added samples changes linearly: the first or last epoch has most batches
            current, counts = dataset.epoch, []
            for epoch in (0, last):
                self.set_epoch(epoch)
                counts.append(self._count_batches())
            self._num_batches = max(counts)
            self.set_epoch(current)
        self.set_epoch(start[0])

    @property
    def sampler(self) -> "EpochSampler":
        """This object: Lightning calls `set_epoch` on the `sampler` of a batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch)
        if self.shuffle:
            self.dataset.epoch = epoch
            self.sizes = np.asarray(self.dataset.sizes)  # the epoch may have other samples

    def __iter__(self) -> Iterator[list[int]]:
        first, taken = self.start
        return islice(
            super().__iter__(), taken if self.shuffle and self.epoch == first else 0, None
        )
