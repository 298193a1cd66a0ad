"""Twins: the same pixels, the same line scanned anew, and lines that only look alike."""

import cv2
import numpy as np

from datasets import LineReader
from pipeline.doctor.line_duplicates import duplicate_findings
from pipeline.doctor.line_files import ListedLine
from pipeline.doctor.line_ink import measure
from tests.support.drawn_lines import draw, sentence
from tests.support.small import write_image


def found(tmp_path, images, texts=None, splits=None):
    lines, pictures = [], []
    for place, image in enumerate(images):
        path = str(write_image(tmp_path / f"{place}.png", image))
        text = texts[place] if texts else "same"
        split = splits[place] if splits else "f"
        lines.append(ListedLine(path, f"{place}", text, "g", "f", split, ""))
        pictures.append(measure(path, LineReader()))
    return [
        (one.kind, one.line.name, one.other.name, one.leave_out)
        for one in duplicate_findings(lines, pictures)
    ]


def again(image: np.ndarray) -> np.ndarray:
    """Larger, paler, moved and compressed."""
    image = cv2.resize(image, None, fx=1.15, fy=1.15)
    image = np.pad(cv2.convertScaleAbs(image, alpha=0.8, beta=30), ((2, 0), (3, 1)), mode="edge")
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0)


def test_twins_are_found_among_other_lines(tmp_path):
    others = [draw(sentence(seed), seed) for seed in range(12)]
    images = [*others, others[3].copy(), again(others[5])]
    told = found(tmp_path, images)
    assert told == [("duplicate", "12", "3", True), ("near duplicate", "13", "5", False)]


def test_one_letter_more_is_another_line(tmp_path):
    assert found(tmp_path, [draw("the old bridge fell"), draw("the cold bridge fell")]) == []


def test_the_training_line_of_a_pair_across_splits_goes(tmp_path):
    image = draw(sentence(1))
    told = found(tmp_path, [image, again(image)], splits=["train", "test"])
    assert told == [("near duplicate", "0", "1", True)]
    # with two texts they may be two lines after all
    told = found(tmp_path, [image, again(image)], ["a", "b"], ["train", "test"])
    assert told == [("near duplicate", "0", "1", False)]


def test_blank_images_are_no_twins(tmp_path):
    assert found(tmp_path, [np.full((40, 300), 200, np.uint8)] * 2) == []


def test_of_two_folders_nobody_knows_which_is_the_test(tmp_path):
    image, other = draw(sentence(1)), draw(sentence(2))
    images = [image, image, again(image), other, other]
    told = found(tmp_path, images, splits=["data/train", *["data/test"] * 4])
    # within a folder the second one goes
    assert told[:2] == [("duplicate", "1", "0", False), ("duplicate", "4", "3", True)]
    assert ("near duplicate", "2", "0", False) in told and len(told) == 3


def test_a_twin_of_a_line_that_was_told_is_told_too(tmp_path):
    image = draw(sentence(1))
    told = found(tmp_path, [image] * 4, splits=["train", "test", "validation", "test"])
    assert told == [
        ("duplicate", "0", "1", True), ("duplicate", "2", "1", True), ("duplicate", "3", "1", True)
    ]  # fmt: skip
    told = found(tmp_path, [image, image, again(image)], splits=["train", "train", "validation"])
    assert ("duplicate", "1", "0", True) in told and len(told) == 3
    assert {("near duplicate", "0", "2", True), ("near duplicate", "1", "2", True)} <= set(told)
