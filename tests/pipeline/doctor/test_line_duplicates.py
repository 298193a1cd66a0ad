"""Duplicates: the same pixels, the same line scanned anew, and lines that only look similar."""

import cv2
import numpy as np

from datasets import LineReader
from pipeline.doctor.line_duplicates import duplicate_findings
from pipeline.doctor.line_files import ListedLine
from pipeline.doctor.line_ink import measure
from tests.support.drawn_lines import draw, sentence
from tests.support.small import write_image


def duplicates(tmp_path, images, texts=None, splits=None):
    lines, inks = [], []
    for index, image in enumerate(images):
        path = str(write_image(tmp_path / f"{index}.png", image))
        text = texts[index] if texts else "same"
        split = splits[index] if splits else "f"
        lines.append(ListedLine(path, f"{index}", text, "g", "f", split, ""))
        inks.append(measure(path, LineReader()))
    return [
        (finding.kind, finding.line.name, finding.other.name, finding.leave_out)
        for finding in duplicate_findings(lines, inks)
    ]


def again(image: np.ndarray) -> np.ndarray:
    """Larger, paler, moved and compressed."""
    image = cv2.resize(image, None, fx=1.15, fy=1.15)
    image = np.pad(cv2.convertScaleAbs(image, alpha=0.8, beta=30), ((2, 0), (3, 1)), mode="edge")
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0)


def test_duplicates_are_found_among_other_lines(tmp_path):
    others = [draw(sentence(seed), seed) for seed in range(12)]
    images = [*others, others[3].copy(), again(others[5])]
    findings = duplicates(tmp_path, images)
    assert findings == [("duplicate", "12", "3", True), ("near duplicate", "13", "5", False)]


def test_lines_that_differ_in_one_letter_are_no_duplicates(tmp_path):
    assert duplicates(tmp_path, [draw("the old bridge fell"), draw("the cold bridge fell")]) == []


def test_the_training_line_of_a_pair_across_splits_is_reported(tmp_path):
    image = draw(sentence(1))
    findings = duplicates(tmp_path, [image, again(image)], splits=["train", "test"])
    assert findings == [("near duplicate", "0", "1", True)]
    # with different texts they may be different lines
    findings = duplicates(tmp_path, [image, again(image)], ["a", "b"], ["train", "test"])
    assert findings == [("near duplicate", "0", "1", False)]


def test_blank_images_are_no_duplicates(tmp_path):
    assert duplicates(tmp_path, [np.full((40, 300), 200, np.uint8)] * 2) == []


def test_duplicates_across_folders_of_unknown_split_are_not_left_out(tmp_path):
    image, other = draw(sentence(1)), draw(sentence(2))
    images = [image, image, again(image), other, other]
    findings = duplicates(tmp_path, images, splits=["data/train", *["data/test"] * 4])
    # within a folder the second one is left out
    assert findings[:2] == [("duplicate", "1", "0", False), ("duplicate", "4", "3", True)]
    assert ("near duplicate", "2", "0", False) in findings and len(findings) == 3


def test_duplicates_of_a_reported_line_are_reported_too(tmp_path):
    image = draw(sentence(1))
    findings = duplicates(tmp_path, [image] * 4, splits=["train", "test", "validation", "test"])
    assert findings == [
        ("duplicate", "0", "1", True), ("duplicate", "2", "1", True), ("duplicate", "3", "1", True)
    ]  # fmt: skip
    findings = duplicates(
        tmp_path, [image, image, again(image)], splits=["train", "train", "validation"]
    )
    assert ("duplicate", "1", "0", True) in findings and len(findings) == 3
    assert {("near duplicate", "0", "2", True), ("near duplicate", "1", "2", True)} <= set(findings)
