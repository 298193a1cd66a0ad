"""Video decoding: every frame once, with its time, in constant memory."""

import os
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import PictureType

from datasets.video.decoder import _Clock, _constant, decode_video, describe_video, frame_times
from tests.support.films import (
    LEVELS,
    TICK,
    encode,
    levels_of,
    luma,
    refused,
    with_sound,
)


def test_times_are_the_files_own_from_zero(tmp_path):
    shown = [700, 740, 1000, 1010, 2500]  # milliseconds
    path = encode(tmp_path / "v.mkv", luma(LEVELS[:5]), pixel_format="yuv420p", times=shown)
    frames = list(decode_video(path, 8, 8, 1))
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    expected = [0, 0.04, 0.3, 0.31, 1.8]
    np.testing.assert_allclose([frame.seconds for frame in frames], expected, atol=1e-9)
    np.testing.assert_allclose(frame_times(path), expected, atol=1e-9)


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mkv"])
def test_frames_stored_out_of_order_come_as_shown(tmp_path, suffix):
    planes = luma(LEVELS)
    path = encode(tmp_path / f"b.{suffix}", planes, "mpeg4", "yuv420p", b_frames=2)
    with av.open(path) as container:  # make sure that there are B-frames
        kinds = [int(frame.pict_type) for frame in container.decode(video=0)]
    assert PictureType.B in kinds
    frames = list(decode_video(path, 8, 8, 1))
    expected = [round((level - 16) * 255 / 219) for level in LEVELS]
    assert np.abs(np.subtract(levels_of(frames), expected)).max() <= 2
    np.testing.assert_allclose([f.seconds for f in frames], np.arange(12) / 10, atol=1e-3)


def ticking(stamps: list[int | None], decoded: list[int] | None = None, kind="mov") -> list[float]:
    """Times of the clock for presentation (and decoding) times in ms, at 10 frames a second."""
    stream = SimpleNamespace(time_base=TICK, guessed_rate=Fraction(10), average_rate=None)
    start = None if stamps[0] is None else 1000 * stamps[0]
    clock = _Clock(SimpleNamespace(format=SimpleNamespace(name=kind), start_time=start), stream)
    pairs = zip(stamps, decoded or [None] * len(stamps), strict=True)
    return [round(clock(SimpleNamespace(pts=pts, dts=dts)), 4) for pts, dts in pairs]


@pytest.mark.parametrize(("video", "sound", "first"), [(500, 0, 0.5), (0, 500, 0), (700, 200, 0.5)])
def test_times_count_from_what_begins_first_as_players_do(tmp_path, video, sound, first):
    path = with_sound(tmp_path / "s.mkv", video, sound)
    expected = [first, first + 0.1, first + 0.2]
    np.testing.assert_allclose(frame_times(path), expected, atol=1e-9)
    facts = describe_video(path)
    assert facts.first_seconds == pytest.approx(first) and facts.rate_hz == pytest.approx(10)
    assert facts.seconds == pytest.approx(first + 0.3) and facts.constant_rate


@pytest.mark.parametrize("default", [0, 1])
def test_of_two_films_in_a_file_the_default_one_is_read(tmp_path, default):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=10) for _ in range(2)]
        for i, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = 48, 32, "gray"
            stream.disposition = Disposition.default if i == default else Disposition(0)
        for stream, level in zip(streams, (60, 180), strict=True):
            image = av.VideoFrame.from_ndarray(np.full((32, 48), level, np.uint8), format="gray")
            container.mux(stream.encode(image))
            container.mux(stream.encode())
    (frame,) = decode_video(str(path), 8, 8, 1)
    assert round(float(frame.pixels.mean())) == (60, 180)[default]
    assert describe_video(str(path)).streams == 2


def test_times_always_increase():
    assert ticking([500, 600, 600, 800]) == [0, 0.1, 0.101, 0.3]  # a duplicate
    assert ticking([500, 600, 550, 800]) == [0, 0.1, 0.101, 0.3]  # a muddle
    assert ticking([None, None, None]) == [0, 0.1, 0.2]  # none at all
    assert ticking([0, 5000, 0, 100, 200]) == [0, 5, 5.1, 5.2, 5.3]  # a clock that starts again
    # FFmpeg 8.1 on an AVI with packed B-frames, in which only decoding times are stored
    assert ticking([100, 200, 400, 300], [100, 200, 300, None], "avi") == [0, 0.1, 0.2, 0.3]


def test_recordings_put_end_to_end_go_on(tmp_path):
    path = encode(tmp_path / "a.ts", luma(LEVELS * 2), "mpeg2video", "yuv420p")
    twice = tmp_path / "twice.ts"
    twice.write_bytes(Path(path).read_bytes() * 2)
    times = frame_times(str(twice))
    np.testing.assert_allclose(times, np.arange(48) / 10, atol=1e-3)


def without_its_start(path: str) -> Path:
    """A transport stream without its first frame, which is its key frame."""
    with av.open(path) as container:
        second = [packet.pos for packet in container.demux(video=0) if packet.size][1]
    stored, late = Path(path).read_bytes(), Path(path).with_suffix(".late.ts")
    late.write_bytes(stored[:376] + stored[second:])  # the programme's tables, then frame 1
    return late


def test_a_recording_that_starts_between_key_frames_starts_at_the_next(tmp_path):
    even = {"sc_threshold": "0"}  # key frames where they are due, at no cut
    planes = luma(LEVELS)
    whole = encode(tmp_path / "a.ts", planes, "libx264", "yuv420p", gop=4, codec_options=even)
    late = without_its_start(whole)
    shown, all_shown = (
        levels_of(decode_video(str(late), 8, 8, 1)),
        levels_of(decode_video(whole, 8, 8, 1)),
    )
    assert shown == all_shown[4:]
    only = encode(tmp_path / "b.ts", planes, "libx264", "yuv420p", gop=99, codec_options=even)
    refused(without_its_start(only), ": no frame could be decoded")


def test_a_film_without_times_runs_at_its_rate(tmp_path):
    path = encode(tmp_path / "raw.m2v", luma(LEVELS), "mpeg2video", "yuv420p")
    np.testing.assert_allclose(
        np.diff(frame_times(path)), 1 / describe_video(path).rate_hz, atol=1e-6
    )


def test_only_the_wanted_are_converted(tmp_path):
    path = encode(tmp_path / "w.mkv", luma(LEVELS), pixel_format="yuv420p")
    frames = list(decode_video(path, 8, 8, 1, wanted=lambda seconds, number: number % 5 == 1))
    assert [frame.number for frame in frames] == [1, 6, 11]
    np.testing.assert_allclose([frame.seconds for frame in frames], [0.1, 0.6, 1.1])


def open_files(path: str) -> int:
    folder = Path("/proc/self/fd")
    return sum(os.path.realpath(link) == os.path.realpath(path) for link in folder.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_file_is_closed_when_reading_stops_early(tmp_path):
    path = encode(tmp_path / "e.mkv", luma(LEVELS), pixel_format="yuv420p")
    frames = decode_video(path, 8, 8, 1)
    next(frames)
    assert open_files(path) == 1
    frames.close()
    assert open_files(path) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_memory_does_not_grow_with_the_film(tmp_path):
    path = str(tmp_path / "long.mkv")
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for level in range(3000):
            image = np.full((96, 64), level % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="yuv420p")))
        container.mux(stream.encode())

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for frame in decode_video(path, 64, 64, 3):  # 30 MB, if all of it were kept
        if frame.number == 500:
            before = resident()
    assert frame.number == 2999
    assert resident() - before < 4e6


def test_a_film_that_breaks_off_gives_its_frames_and_then_says_so(tmp_path):
    noise = np.random.default_rng(0).integers(40, 200, (20, 96, 64), np.uint8)
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    whole = encode(tmp_path / "w.mp4", list(noise), "mpeg4", "yuv420p", options=fragments)
    path = tmp_path / "cut.mp4"
    stored = Path(whole).read_bytes()
    path.write_bytes(stored[: len(stored) * 6 // 10])
    numbers = []
    frames = (numbers.append(frame.number) for frame in decode_video(str(path), 8, 8, 1))
    with pytest.raises(ValueError, match=r"cut\.mp4: breaks off after (\d+) frames") as caught:
        list(frames)
    assert 5 < len(numbers) < 20 and numbers == list(range(len(numbers)))
    assert f"after {len(numbers)} frames" in str(caught.value)
    facts = describe_video(str(path))
    assert facts.frames == len(numbers) and "breaks off" in facts.ended_early
    with pytest.raises(ValueError, match="breaks off"):
        frame_times(str(path))


def test_facts(tmp_path):
    path = encode(tmp_path / "a.mkv", luma(LEVELS), pixel_format="yuv420p")
    facts = describe_video(path)
    assert facts[:5] == ("ffv1", "yuv420p", 48, 32, 0)
    assert (facts.frames, facts.constant_rate, facts.ended_early) == (12, True, "")
    assert facts.seconds == pytest.approx(1.2) and facts.rate_hz == pytest.approx(10)
    gap = [100 * i for i in range(11)] + [1200]  # one frame is missing
    uneven = encode(tmp_path / "b.mkv", luma(LEVELS), pixel_format="yuv420p", times=gap)
    assert not describe_video(uneven).constant_rate
    # one missing of 10 Hz, where times are rounded to a tenth of a second
    assert not _constant(np.array([0, 0.1, 0.2, 0.4, 0.5]), 0.1)
    rounded = [round(1000 * i / 30) for i in range(12)]  # 33, 67, 100: a steady 30 Hz
    steady = encode(tmp_path / "c.mkv", luma(LEVELS), pixel_format="yuv420p", times=rounded)
    assert describe_video(steady).constant_rate
    assert describe_video(steady).rate_hz == pytest.approx(30, rel=1e-2)


# --- real files ----------------------------------------------------------------------------------
