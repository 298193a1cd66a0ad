"""Damaged, empty and too large image files are named with their fault."""

import cv2
import pytest

from datasets.images import load_grey
from tests.support.small import noise_line


def test_a_truncated_jpeg_is_named(tmp_path):
    data = cv2.imencode(".jpg", noise_line(0, width=90, height=40))[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"a\.jpg: "):
        load_grey(str(tmp_path / "a.jpg"))


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(OSError, match=r"a\.png: the file is empty \(0 bytes\)"):
        load_grey(str(tmp_path / "a.png"))
