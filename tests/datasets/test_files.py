"""Files are found whatever system they come from, and what is passed over is counted by kind."""

import csv
import os
import unicodedata
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from datasets import ClipReader, Clips, LineFolder, RealLines, Reviews
from datasets.environment import MachineError
from datasets.files import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    find_files,
    find_named,
    passed_over,
    scan_folder,
    sibling_images,
)
from datasets.images import load_grey
from datasets.lines.pairs import pair_transcripts
from datasets.video.annotations.files import clip_path, read_annotations
from datasets.video.decoder import describe_video
from tests.support.films import film
from tests.support.small import noise_line, write_image

CLUTTER = ("._1.png", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/._1.png", ".git/x.png",
           "@eaDir/1.png")  # fmt: skip
NFC, NFD = "é", unicodedata.normalize("NFD", "é")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def load(root: Path, **options) -> RealLines:
    return RealLines([LineFolder(str(root), **options)], height=16, max_width=500)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_a_folder_without_what_systems_leave_behind(tmp_path):
    touch(tmp_path, "1.png", "sub/2.PNG", "a.txt", *CLUTTER)
    os.symlink(tmp_path / "sub", tmp_path / "again")
    assert find_files(tmp_path, [".png"]) == [tmp_path / "1.png", tmp_path / "sub/2.PNG"]
    assert find_files(tmp_path, [".png"], below=False) == [tmp_path / "1.png"]
    (line,) = passed_over(tmp_path, lambda file: file.suffix.lower() == ".png")
    assert line == (
        f"{tmp_path}: passed over 2 hidden files (.DS_Store, ._1.png), 1 hidden folder (.git), "
        "1 linked folder (again), 2 system files (Thumbs.db, desktop.ini), "
        "2 system folders (@eaDir, __MACOSX), 1 .txt file (a.txt)"
    )
    assert passed_over(tmp_path / "sub", lambda _: True) == []


def test_a_hidden_folder_that_is_named_is_read(tmp_path):
    touch(tmp_path, ".cache/1.png")
    assert find_files(tmp_path / ".cache", [".png"]) == [tmp_path / ".cache/1.png"]


def test_an_unreadable_folder_is_counted_and_a_machine_error_raised(tmp_path, monkeypatch):
    touch(tmp_path, "sub/1.png", "2.png")
    listed, error = os.scandir, PermissionError(13, "Permission denied", str(tmp_path / "sub"))

    def scan(path):
        if str(path).endswith("sub"):
            raise error
        return listed(path)

    monkeypatch.setattr(os, "scandir", scan)
    assert scan_folder(tmp_path).no_data == {"unreadable folder": [tmp_path / "sub"]}
    error = OSError(24, "Too many open files", str(tmp_path / "sub"))
    with pytest.raises(MachineError, match="Too many open files"):
        scan_folder(tmp_path)


@pytest.mark.parametrize(("written", "on_disk"), [
    ("sub\\a.png", "sub/a.png"), ("a.jpg", "A.JPG"), (f"{NFC}.png", f"{NFD}.png"),
    (f"{NFD}/{NFD}.png", f"{NFC}/{NFC}.png"), (f"S\\{NFC}.PNG", f"s/{NFD}.png"),
    ("C:\\scans\\a.png", "a.png"), ("/home/me/scans/a.png", "a.png"), ("a\\b.png", "a\\b.png"),
])  # fmt: skip
def test_a_name_of_a_table_finds_its_file(tmp_path, written, on_disk):
    touch(tmp_path, on_disk, "other.png")
    assert find_named(tmp_path, written) == tmp_path / on_disk


@pytest.mark.parametrize("name", ["b.png", "sub/a.png", "a.png/x", "x" * 3000, "a\0b.png"])
def test_a_name_that_no_file_fits_stays_as_written(tmp_path, name):
    touch(tmp_path, "a.png")
    assert find_named(tmp_path, name) == tmp_path / name


def test_of_two_files_that_fit_none_is_chosen(tmp_path):
    touch(tmp_path, "a.png", "A.png")
    assert find_named(tmp_path, "A.PNG") == tmp_path / "A.PNG"
    touch(tmp_path, f"{NFD}.png", f"{NFD.upper()}.png")
    assert find_named(tmp_path, f"{NFC}.png") == tmp_path / f"{NFD}.png"  # the case decides
    assert sibling_images(tmp_path / "p.xml", NFC) == [tmp_path / f"{NFD}.png"]


@pytest.mark.parametrize(("names", "image", "second"), [
    (["1.gt.txt", "1.nrm.png"], "1.nrm.png", []),
    (["1.gt.txt", "1.bin.png", "1.nrm.png"], "1.nrm.png", ["1.bin.png"]),
    (["1.gt.txt", "1.bin.png", "1.png"], "1.png", ["1.bin.png"]),
    (["1.gt.txt", "1.dew.JPG"], "1.dew.JPG", []),
    (["1.GT.TXT", "1.Png"], "1.Png", []),
    (["1.png.gt.txt", "1.png"], "1.png", []),
    ([f"{NFC}.gt.txt", f"{NFD}.png"], f"{NFD}.png", []),
    (["1.gt.txt", "2.png"], "1.png", []),  # there is none
])  # fmt: skip
def test_the_image_of_a_transcript(tmp_path, names, image, second):
    touch(tmp_path, *names)
    found = pair_transcripts(tmp_path)
    assert found.pairs == [(tmp_path / image, tmp_path / names[0])]
    assert found.second == [tmp_path / name for name in second]


def test_an_image_goes_to_the_transcript_that_shares_the_most_of_its_name(tmp_path):
    touch(tmp_path, "p.gt.txt", "p.1.gt.txt", "p.png", "p.1.png", "p.1.bin.png")
    pairs = {file.name: image.name for image, file in pair_transcripts(tmp_path).pairs}
    assert pairs == {"p.gt.txt": "p.png", "p.1.gt.txt": "p.1.png"}


def test_one_file_of_another_system_does_not_block_a_folder_of_lines(tmp_path):
    for name in ("1.nrm", "1.bin", "2", "3"):
        write_image(tmp_path / f"{name}.png", noise_line(0))
    for name in "123":
        (tmp_path / f"{name}.gt.txt").write_text("ab", encoding="utf-8")
    (tmp_path / "._1.gt.txt").write_bytes(b"\0\5\x16\7\xff")
    touch(tmp_path, "__MACOSX/._1.gt.txt", "scan.pdf")
    source = load(tmp_path)
    assert len(source.split("train")) + len(source.split("validation")) == 3
    assert source.problems == [] and source.passed_over == [
        f"{tmp_path}: passed over 1 hidden file (._1.gt.txt), 1 system folder (__MACOSX), "
        "1 second image of a line (1.bin.png), 1 .pdf file (scan.pdf)"
    ]


def test_a_table_of_lines_from_windows_and_macos(tmp_path):
    (tmp_path / "scans").mkdir()
    for name in ("a.PNG", f"{NFD}.png", "c.png"):
        write_image(tmp_path / "scans" / name, noise_line(0))
    rows = ["Scans\\a.png\tab", f"scans\\{NFC}.png\tab"]
    (tmp_path / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    source = load(tmp_path, validation=0.0)
    assert [Path(n).name for n in source.split("train").names] == ["a.PNG", f"{NFD}.png"]
    assert source.split("train").groups == ["a", NFC]
    (problem,) = source.problems  # an image that the table does not name is told, too
    assert problem.reason.startswith(f"{tmp_path}/scans/c.png: not in labels.tsv; add it there")
    (tmp_path / "out.tsv").write_text(f"scans/{NFC}.png\tblurred\n", encoding="utf-8")
    left = load(tmp_path, validation=0.0, leave_out=str(tmp_path / "out.tsv"))
    assert len(left.split("train")) == 1 and left.passed_over == []


def encode_image(suffix: str, image: np.ndarray) -> bytes:
    kinds = {".jfif": ".jpg", ".dib": ".bmp", ".pnm": ".pgm", ".j2k": ".jp2", ".gif": ".gif"}
    colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if suffix in (".gif", ".ppm") else image
    data = cv2.imencode(kinds.get(suffix, suffix), colour)[1].tobytes()
    return data[data.index(b"\xff\x4f\xff\x51") :] if suffix == ".j2k" else data  # its codestream


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_ending_of_an_image_is_decoded(tmp_path, suffix):
    image = np.full((64, 96), 255, np.uint8)
    image[20:40, 10:60] = 0
    (tmp_path / f"a{suffix.upper()}").write_bytes(encode_image(suffix, image))
    (found,) = find_files(tmp_path, IMAGE_SUFFIXES)
    loaded = load_grey(str(found))
    assert loaded.shape == image.shape and ((loaded < 128) == (image < 128)).mean() > 0.99


CONTAINERS = {
    ".mp4": ("mp4", "mpeg4"), ".m4v": ("mp4", "mpeg4"), ".mov": ("mov", "mpeg4"),
    ".qt": ("mov", "mpeg4"), ".f4v": ("mp4", "libx264"), ".3gp": ("3gp", "mpeg4"),
    ".3g2": ("3g2", "mpeg4"), ".mkv": ("matroska", "mpeg4"), ".webm": ("webm", "libvpx"),
    ".ogv": ("ogg", "libvpx"), ".avi": ("avi", "mpeg4"), ".divx": ("avi", "mpeg4"),
    ".wmv": ("asf", "mpeg4"), ".asf": ("asf", "mpeg4"), ".flv": ("flv", "libx264"),
    ".gif": ("gif", "gif"), ".mpg": ("mpeg", "mpeg2video"), ".mpeg": ("mpeg", "mpeg1video"),
    ".vob": ("vob", "mpeg2video"), ".mod": ("mpeg", "mpeg2video"), ".mxf": ("mxf", "mpeg2video"),
    ".ts": ("mpegts", "mpeg2video"), ".mts": ("mpegts", "libx264"),
    ".m2ts": ("mpegts", "libx264"), ".m2t": ("mpegts", "mpeg2video"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_every_ending_of_a_video_is_decoded(tmp_path, suffix):
    container, codec = CONTAINERS[suffix]
    path = tmp_path / f"a{suffix.upper()}"
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for level in range(20, 220, 10):
            picture = np.full((48, 64, 3), level, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    (found,) = find_files(tmp_path, VIDEO_SUFFIXES)
    clip = ClipReader(8, 8).read_clip(str(found))
    assert len(clip.frames) == 20 and np.all(np.diff(clip.times) > 0)
    assert clip.frames[-1].mean() > clip.frames[0].mean() + 100
    assert describe_video(str(found)).frames == 20


@pytest.mark.parametrize("name", ["take: 2.mp4", "http:x.mp4", "concat:a|b.mp4"])
def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "a.mp4", [20, 200])
    (tmp_path / "a.mp4").rename(name)
    assert len(ClipReader(8, 8).read(name)) == 2
    os.unlink(name)
    with pytest.raises(OSError, match="no such file"):
        ClipReader(8, 8).read(name)


def test_a_table_of_videos_from_windows(tmp_path):
    for day in ("one", "two"):
        (tmp_path / day).mkdir()
        film(tmp_path / day / f"{NFD}.MP4", [20, 200 if day == "one" else 90])
    film(tmp_path / "one/b.mp4", [20, 30])
    film(tmp_path / "one/c.mp4", [60, 30])
    with open(tmp_path / "t.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ["clip", "label"],
                [f"one\\{NFC}.mp4", "x"],
                ["one\\c.mp4", "y"],
                [f"two\\{NFC}.mp4", "y"],
            ]
        )
    source = Clips(str(tmp_path), 8, 8, table="t.csv", group_pattern="(.+)/", test=["two"],
                   validation=0.0, labels=["x", "y"])  # fmt: skip
    assert source.problems == []
    assert source.split("train").names == [f"one/{NFC}.mp4", "one/c.mp4"]
    assert source.passed_over == [
        f"{tmp_path}: passed over 1 video of no row in t.csv ({Path('one/b.mp4')})"
    ]
    (first, *_), _ = read_annotations(tmp_path / "t.csv")
    assert clip_path(tmp_path / "t.csv", first.clip) == tmp_path / f"one/{NFD}.MP4"


def test_class_folders_say_what_else_is_there(tmp_path):
    for label in "xy":
        (tmp_path / label).mkdir()
        film(tmp_path / label / "a.mp4", [20, 200 if label == "x" else 100])
        film(tmp_path / label / "b.mp4", [30, 220 if label == "x" else 110])
    touch(tmp_path, "x/._a.mp4", "x/a.h264", "x/cover.jpg")
    source = Clips(str(tmp_path), 8, 8, validation=0.0)
    assert len(source.split("train")) == 4 and source.problems == []
    assert source.passed_over == [
        f"{tmp_path}: passed over 1 hidden file (x/._a.mp4), 1 .h264 file (x/a.h264), "
        "1 .jpg file (x/cover.jpg)"
    ]


def test_folders_of_reviews_say_what_else_is_there(tmp_path):
    for label, text in (("pos", "good film"), ("neg", "bad film")):
        touch(tmp_path, f"train/{label}/._1_9.txt", f"train/{label}/x/5.txt")
        for number in "123":
            (tmp_path / f"train/{label}/{number}_9.TXT").write_text(text, encoding="utf-8")
    touch(tmp_path, "train/pos/4_9.html", "train/__MACOSX/pos/1_9.txt", "train/labeledBow.feat")
    source = Reviews(str(tmp_path), validation=0.0)
    assert len(source.split("train")) == 8 and source.labels == ["negative", "positive"]
    assert source.passed_over == [
        f"{tmp_path}/train: passed over 2 hidden files (neg/._1_9.txt, pos/._1_9.txt), "
        "1 system folder (__MACOSX), 1 .html file (pos/4_9.html)"
    ]


def test_a_folder_of_review_tables_says_what_else_is_there(tmp_path):
    rows = "text,label\n" + "good film,pos\nbad film,neg\n" * 4
    (tmp_path / "Train.CSV").write_text(rows, encoding="utf-8")
    (tmp_path / "more.csv").write_text(rows, encoding="utf-8")
    source = Reviews(str(tmp_path), validation=0.0, labels=["neg", "pos"])
    assert len(source.split("train")) == 8
    assert source.passed_over == [f"{tmp_path}: passed over 1 .csv file (more.csv)"]
    assert Reviews(str(tmp_path / "more.csv"), validation=0.0).passed_over == []
