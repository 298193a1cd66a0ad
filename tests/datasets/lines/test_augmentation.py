"""The augmentations of line images: their effect, and their use as Albumentations transforms."""

import albumentations
import numpy as np
import pytest

from datasets import BleedThrough, UnevenPaper
from datasets.data_module import Augmentation
from tests.support.small import noise_line


def stroke() -> np.ndarray:
    """White (20, 60) with one black bar in the left half."""
    image = np.full((20, 60), 255, np.uint8)
    image[4:16, 10:14] = 0
    return image


def test_the_back_is_the_mirrored_line_and_faint():
    augmentation = Augmentation([BleedThrough(p=1.0)])
    augmentation.start(1)
    result, image = augmentation(stroke()), stroke()
    assert (result <= image).all()
    assert not result[image == 0].any()  # the front stays
    columns = np.flatnonzero((result < image).any(0))
    assert columns.min() >= 60 - 14 - 2 and columns.max() < 60 - 10 + 2  # blurred by two pixels
    faint = result[result < image]
    assert 255 * 0.75 < faint.min() < 255


def test_paper_has_the_ink_and_the_ground_it_is_given():
    augmentation = Augmentation([UnevenPaper(ink=(60, 60), ground=(190, 190), rough=6, p=1.0)])
    augmentation.start(1)
    result, image = augmentation(stroke()).astype(float), stroke()
    assert result[image == 0].mean() == pytest.approx(60, abs=15)
    assert result[image == 255].mean() == pytest.approx(190, abs=15)
    assert result[image == 255].std() > 0.1


@pytest.mark.parametrize("kind", [BleedThrough, UnevenPaper])
def test_the_seed_decides_and_p_is_the_share(kind):
    image = noise_line(0)
    runs = []
    for seed in (3, 3, 4):
        augmentation = Augmentation([kind(p=0.5)])
        augmentation.start(seed)
        runs.append([augmentation(image) for _ in range(40)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert any((a != b).any() for a, b in zip(runs[0], runs[2], strict=True))
    assert 8 < sum((result != image).any() for result in runs[0]) < 32


def test_they_are_transforms_as_the_data_module_wants_them():
    assert issubclass(BleedThrough, albumentations.BasicTransform)
    assert issubclass(UnevenPaper, albumentations.BasicTransform)
