"""Pixels of decoded frames: range, colours, orientation and scaling, beside OpenCV's."""

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from datasets.video.decoder import decode_video, describe_video
from tests.support.films import LEVELS, by_opencv, coloured, encode, levels_of, luma


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
