"""`SequenceDataModule`: batches and their order, epochs, augmentation in training only."""

from pathlib import Path

import albumentations
import cv2
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from datasets import LineFolder, RealLines, SequenceDataModule, SyntheticLines, SyntheticTags
from datasets.data_module import Augmentation, EpochSampler
from tests.support.small import noise_line, write_image

both = pytest.mark.parametrize("workers", [0, 1])


@pytest.fixture
def lines(tmp_path) -> RealLines:
    """Eight training lines and four for validation, of different widths."""
    for i in range(12):
        path = write_image(tmp_path / f"p{i}__.png", noise_line(i, 20 + 5 * i))
        path.with_suffix(".gt.txt").write_text("ab" * (i + 1), encoding="utf-8")
    folder = LineFolder(str(tmp_path), validation=["p0", "p1", "p2", "p3"])
    return RealLines([folder], height=16)


def noise() -> list[albumentations.BasicTransform]:
    return [albumentations.GaussNoise(std_range=(0.2, 0.4), p=1.0)]


def epoch_of(data: SequenceDataModule, epoch: int = 0) -> list:
    loader = data.train_dataloader()
    loader.batch_sampler.set_epoch(epoch)
    return list(loader)


@both
def test_a_loader_gives_every_sample_as_its_dataset_does(lines, workers):
    data = SequenceDataModule(lines, batch_size=3, workers=workers)
    dataset = lines.split("train")
    seen = []
    for batch in epoch_of(data):
        for row, index in enumerate(batch.indices.tolist()):
            sample = dataset.read(index)
            length = int(batch.lengths[row])
            assert_close(batch.inputs[row, :length], torch.from_numpy(sample.inputs))
            assert (batch.inputs[row, length:] == 0).all()
            target = batch.targets[row, : int(batch.target_lengths[row])]
            assert target.tolist() == sample.target.tolist()
            seen.append(index)
    assert sorted(seen) == list(range(8))


@both
def test_seed_and_epoch_decide_the_order(lines, workers):
    def order(seed: int, epoch: int) -> list[list[int]]:
        data = SequenceDataModule(lines, batch_size=2, workers=workers, seed=seed)
        return [batch.indices.tolist() for batch in epoch_of(data, epoch)]

    assert order(0, 0) == order(0, 0)
    assert len({str(order(*key)) for key in ((0, 0), (0, 1), (1, 0))}) == 3


@both
def test_validation_and_test_keep_their_order(workers):
    data = SequenceDataModule(SyntheticTags(4, 9, 7), batch_size=4, workers=workers)
    for loader, count in ((data.val_dataloader(), 9), (data.test_dataloader(), 7)):
        first = [batch.indices.tolist() for batch in loader]
        loader.batch_sampler.set_epoch(5)
        assert [batch.indices.tolist() for batch in loader] == first
        assert sorted(i for batch in first for i in batch) == list(range(count))


@both
def test_the_epoch_reaches_a_dataset_that_renders_anew(workers):
    source = SyntheticLines(4, height=16, validation=2, test=0)
    data = SequenceDataModule(source, batch_size=4, workers=workers)
    first, again, second = epoch_of(data, 0), epoch_of(data, 0), epoch_of(data, 1)
    assert torch.equal(first[0].inputs, again[0].inputs)
    texts = [{tuple(row) for row in epoch[0].targets.tolist()} for epoch in (first, second)]
    assert not texts[0] & texts[1]
    loader = data.val_dataloader()
    before = next(iter(loader)).inputs
    loader.batch_sampler.set_epoch(1)
    assert torch.equal(next(iter(loader)).inputs, before)


def test_lightning_finds_set_epoch(lines):
    sampler = SequenceDataModule(lines, workers=0).train_dataloader().batch_sampler
    assert sampler.sampler is sampler and isinstance(sampler, EpochSampler)


def test_batch_steps_bound_the_padded_batch(lines):
    data = SequenceDataModule(lines, batch_size=8, batch_steps=130, workers=0)
    shapes = [tuple(batch.inputs.shape[:2]) for batch in epoch_of(data)]
    assert all(count == 1 or count * width <= 130 for count, width in shapes)
    assert sum(count for count, _ in shapes) == 8 and max(count for count, _ in shapes) > 1


@both
def test_training_images_are_augmented_anew_each_epoch(lines, workers):
    data = SequenceDataModule(lines, batch_size=8, workers=workers, augmentations=noise())
    plain = SequenceDataModule(lines, batch_size=8, workers=0)
    first, second = (sort_rows(epoch_of(data, epoch)[0]) for epoch in (0, 1))
    clean = sort_rows(epoch_of(plain)[0])
    assert first.shape == clean.shape
    for row in range(8):
        assert not torch.equal(first[row], clean[row])
        assert not torch.equal(first[row], second[row])
    validation = [next(iter(module.val_dataloader())).inputs for module in (data, plain)]
    assert torch.equal(*validation)


def sort_rows(batch) -> torch.Tensor:
    return batch.inputs[batch.indices.argsort()]


def test_equal_seeds_give_equal_augmentations():
    image = noise_line(0, 40)
    first, second = Augmentation(noise(), 2**40), Augmentation(noise(), 2**40)
    second(image)  # what a process has read before has no effect
    first.start(2, 3), second.start(2, 3)
    np.testing.assert_array_equal(first(image), second(image))
    assert (first(image) != image).any()
    for other, key in ((Augmentation(noise(), 1), (2, 3)), (second, (3, 3)), (second, (2, 4))):
        first.start(2, 3), other.start(*key)
        assert (first(image) != other(image)).any()


def test_transforms_draw_independently_of_each_other():
    """Each with a generator of the same seed, either both would invert the image or none."""
    invert = [albumentations.InvertImg(p=0.5), albumentations.InvertImg(p=0.5)]
    augmentation, image = Augmentation(invert), np.zeros((4, 4), np.uint8)
    inverted = 0
    for index in range(40):
        augmentation.start(0, index)
        inverted += int(augmentation(image).any())
    assert 10 < inverted < 30


@both
def test_an_epoch_goes_on_where_it_was_left(lines, workers):
    """The same batches, augmented in the same way, whichever worker reads them."""
    whole = SequenceDataModule(lines, 2, workers=0, augmentations=noise())
    later = SequenceDataModule(lines, 2, workers=workers, augmentations=noise())
    later.start = (3, 1)
    loader = later.train_dataloader()
    assert len(loader) == 4
    left, following = list(loader), epoch_of(later, 4)
    for batches, expected in ((left, epoch_of(whole, 3)[1:]), (following, epoch_of(whole, 4))):
        for batch, other in zip(batches, expected, strict=True):
            assert all(map(torch.equal, batch, other))


def test_augmenting_what_has_no_images_is_refused():
    data = SequenceDataModule(SyntheticTags(4, 1, 1), augmentations=noise(), workers=0)
    with pytest.raises(ValueError, match=r"SyntheticTags has no images to augment; remove data"):
        data.train_dataloader()


def test_an_empty_split_is_named(lines):
    with pytest.raises(ValueError, match=r"the test split is empty; keep a group .*RealLines"):
        SequenceDataModule(lines, workers=0).test_dataloader()


def test_problems_labels_and_size_are_the_sources(lines, tmp_path):
    Path(lines.split("train").names[0]).write_bytes(b"broken")
    source = RealLines([LineFolder(str(tmp_path), validation=["p0"])], height=16)
    data = SequenceDataModule(source)
    assert (data.labels, data.input_size) == (["a", "b"], 16)
    assert len(data.problems) == 1 and "not an image" in data.problems[0].reason
    assert data.split("train") is data.split("train")


def test_processes_share_the_batches(lines, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    shares = {}
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        data = SequenceDataModule(lines, batch_size=3, workers=0)
        for name, loader in (("train", data.train_dataloader()), ("val", data.val_dataloader())):
            shares[name, rank] = [batch.indices.tolist() for batch in loader]
    validated = [i for rank in (0, 1) for batch in shares["val", rank] for i in batch]
    assert sorted(validated) == list(range(4))
    assert len(shares["train", 0]) == len(shares["train", 1]) == 2
    trained = {i for rank in (0, 1) for batch in shares["train", rank] for i in batch}
    assert trained == set(range(8))


def test_opencv_has_no_threads_when_workers_are_forked(lines):
    """A lock held by such a thread during the fork would never be released in the worker."""
    cv2.setNumThreads(2)
    SequenceDataModule(lines, batch_size=3, workers=1).train_dataloader()
    assert cv2.getNumThreads() <= 1


def test_a_split_smaller_than_the_processes_is_refused(lines, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 100)
    with pytest.raises(ValueError, match=r"split has \d+ samples for 100 processes; give it more"):
        SequenceDataModule(lines, workers=0).val_dataloader()


@pytest.mark.parametrize("small", [True, False])
def test_batches_go_through_a_pipe_where_shared_memory_is_small(lines, monkeypatch, small):
    monkeypatch.setattr("datasets.data_module.shared_memory_is_small", lambda: small)
    shared = {
        batch.inputs.is_shared() for batch in SequenceDataModule(lines, workers=1).val_dataloader()
    }
    assert shared == {not small}
    here = SequenceDataModule(lines, workers=0).val_dataloader()
    for batch, same in zip(SequenceDataModule(lines).val_dataloader(), here, strict=True):
        for part, other in zip(batch, same, strict=True):
            assert_close(part, other, rtol=0, atol=0)
