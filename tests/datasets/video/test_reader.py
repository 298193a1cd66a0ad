"""ClipReader: frames in order, at the reader's size and rate; errors for other files."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from datasets import ClipReader
from tests.support.films import film

LEVELS = [20 + 12 * i for i in range(15)]  # each frame's grey


@pytest.fixture
def clip(tmp_path) -> str:
    return film(tmp_path / "c.mp4", LEVELS)


def test_every_frame_comes_once_and_in_order(clip):
    frames = ClipReader(32, 48).read(clip)
    assert frames.shape == (15, 1, 32, 48) and frames.dtype == np.uint8
    # the full range of greys, not a video's 16 to 235
    np.testing.assert_allclose(frames.mean((1, 2, 3)), LEVELS, atol=4)


def test_frames_are_scaled_to_the_readers_size(clip):
    assert ClipReader(8, 10, 3).read(clip).shape == (15, 3, 8, 10)


def test_colours_are_red_green_blue(tmp_path):
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    frames = ClipReader(32, 32, 3).read(film(tmp_path / "red.mp4", [red] * 3))
    np.testing.assert_allclose(frames.mean((0, 2, 3)), [250, 0, 0], atol=8)


def test_rows_and_columns_stay_what_they_are(tmp_path):
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:8] = 240
    (read, *_) = ClipReader(32, 48).read(film(tmp_path / "top.mkv", [frame] * 2))
    assert read[0, :6].min() > 200 and read[0, 10:].max() < 40


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4: no such file"):
        ClipReader(8, 8).read(str(tmp_path / "none.mp4"))


@pytest.mark.parametrize("content", [b"", b"no video at all" * 20])
def test_what_is_no_video_is_named(tmp_path, content):
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises((ValueError, OSError), match=r"bad\.mp4: ") as caught:
        ClipReader(8, 8).read(str(path))
    assert ("a text file" if content else "is empty") in str(caught.value)


def test_an_image_is_a_clip_of_one_frame_and_sound_is_none(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8), np.uint8))
    assert len(ClipReader(8, 8).read(str(tmp_path / "a.png"))) == 1
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(ValueError, match=r"a\.wav: holds sound, no video"):
        ClipReader(8, 8).read(str(tmp_path / "a.wav"))


def test_a_truncated_file_is_named(clip):
    data = Path(clip).read_bytes()
    Path(clip).write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"c\.mp4: .*is it complete"):
        ClipReader(8, 8).read(clip)


@pytest.mark.parametrize(
    ("rate_hz", "expected"),
    [
        (5, range(0, 15, 2)),
        (10, range(15)),
        (100, range(15)),
        (4, [0, 3, 5, 8, 10, 13]),
        (1, [0, 10]),
    ],
)
def test_a_rate_takes_the_first_frame_at_or_after_each_tick(clip, rate_hz, expected):
    """The video has 10 frames a second: frame n is shown at n / 10."""
    read = ClipReader(8, 8, rate_hz=rate_hz).read_clip(clip)
    assert read.numbers.tolist() == list(expected)
    np.testing.assert_allclose(read.times, np.array(list(expected)) / 10, atol=1e-3)
    np.testing.assert_array_equal(read.frames, ClipReader(8, 8).read(clip)[list(expected)])


@pytest.mark.parametrize(
    ("frames", "expected"), [(1, [7]), (3, [2, 7, 12]), (15, range(15)), (40, range(15))]
)
def test_a_fixed_number_of_frames_is_spread_evenly(clip, frames, expected):
    read = ClipReader(8, 8, frames=frames).read_clip(clip)
    assert read.numbers.tolist() == list(expected) and len(read.frames) == len(read.times)


def test_a_stream_gives_what_is_read_at_once(clip):
    reader = ClipReader(8, 8, rate_hz=4)
    read, streamed = reader.read_clip(clip), list(reader.stream(clip))
    np.testing.assert_array_equal(np.stack([f.pixels for f in streamed]), read.frames)
    assert [f.seconds for f in streamed] == read.times.tolist()
    with pytest.raises(ValueError, match="frames=4 are spread over a whole clip"):
        ClipReader(8, 8, frames=4).stream(clip)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": 0}, "8 x 0 pixels"),
        ({"channels": 2}, "2 channels"),
        ({"rate_hz": 0.0}, "more than 0"),
        ({"frames": 0}, "more than 0"),
        ({"frames": 3, "rate_hz": 2.0}, "give one of them"),
        ({"crop": (0.5, 0, 0.5, 1)}, "left, top, right, bottom"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ClipReader(**{"height": 8, "width": 8} | options)


def test_a_crop_reads_a_part_at_the_size_asked(tmp_path):
    """The image's quarters have four greys; each quarter is read by itself, enlarged."""
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:16, :24], frame[:16, 24:], frame[16:, :24], frame[16:, 24:] = 40, 90, 140, 220
    path = film(tmp_path / "c.mp4", [frame] * 2)
    for crop, grey in (
        ((0, 0, 0.5, 0.5), 40),
        ((0.5, 0, 1, 0.5), 90),
        ((0, 0.5, 0.5, 1), 140),
        ((0.5, 0.5, 1, 1), 220),
    ):
        read = ClipReader(20, 28, crop=crop).read(path)
        assert read.shape == (2, 1, 20, 28)
        np.testing.assert_allclose(read[:, :, 4:-4, 4:-4], grey, atol=6)
    np.testing.assert_array_equal(
        ClipReader(9, 13, crop=(0, 0, 1, 1)).read(path), ClipReader(9, 13).read(path)
    )
