"""Small files that claim or expand to much, files that never end, and what is damaged otherwise."""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.images import decode_grey, load_grey, to_grey
from datasets.limits.opening import BoundedStream, expand_gzip, named_errors, read_bytes
from datasets.limits.pixels import LIMIT, MAX_PIXELS, max_pixels, set_max_pixels
from datasets.lines.reader import load_line
from datasets.pages.files import read_page, read_pages
from datasets.tables import read_rows, read_utf8
from datasets.text.files import ReviewArchive
from datasets.text.tokens import TextReader
from datasets.video.annotations.files import read_annotations
from datasets.video.decoder import decode_video, describe_video, frame_times
from datasets.video.opening import MAX_PIXELS as VIDEO_PIXELS
from datasets.video.reader import ClipReader
from tests.datasets.limits.test_roots import tables
from tests.support.films import film
from tests.support.pages import transkribus
from tests.support.small import noise_line

ROOT = Path(__file__).parents[3]


def png(width: int, height: int, color: int = 0) -> bytes:
    """A PNG whose header claims a size; its rows, black, are those of 10,000 bytes at most."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    rows = zlib.compress(bytes(10_000))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg(width: int, height: int, progressive: bool = False) -> bytes:
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    data = bytearray(cv2.imencode(".jpg", np.zeros((8, 8), np.uint8), options)[1].tobytes())
    start = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def bitmap(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


BOMBS = {
    "grey.png": png(60_000, 60_000),
    "rgba.png": png(30_000, 30_000, 6),
    "wide.png": png(2**20 + 1, 1),
    "a.jpg": jpeg(65_500, 65_500),
    "b.jpg": jpeg(65_500, 65_500, True),
    "a.bmp": bitmap(2**19, 2**19),
    "a.pgm": b"P5 100000 100000 255\n",
    "a.gif": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b",",
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_image_is_not_decoded_if_its_header_claims_too_much(tmp_path, name):
    (tmp_path / name).write_bytes(BOMBS[name])
    assert len(BOMBS[name]) < 800
    with pytest.raises(
        ValueError, match=rf"{name}: (.*more than [\d,]+( pixels)?; scale it|not an im)"
    ):
        load_grey(str(tmp_path / name))


def test_the_limit_of_pixels_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv(LIMIT, "5")
    set_max_pixels("7000000")
    assert max_pixels() == 7_000_000
    for wrong in ("many", "-1", "0", "1" + "0" * 30):
        with pytest.raises(ValueError, match=r"--max_pixels .*: give a number of pixels"):
            set_max_pixels(wrong)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((300, 400), np.uint8))
    read = [sys.executable, "run.py", "predict", str(tmp_path / "a.png"), "--max_pixels"]
    few = subprocess.run([*read, "9999"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (
        few.returncode == 1
        and "a.png: 400 x 300 pixels are more than 9,999" in few.stderr + few.stdout
    )
    assert MAX_PIXELS == 100_000_000


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_large_image_is_converted_in_parts_to_the_same(monkeypatch, channels, kind):
    rng = np.random.default_rng(channels)
    shape = (40, 30) if channels == 1 else (40, 30, channels)
    image = rng.integers(0, np.iinfo(kind).max, shape, kind)
    whole = to_grey(image, "a")
    monkeypatch.setattr("datasets.images.grey.BLOCK", 100)
    np.testing.assert_array_equal(to_grey(image, "a"), whole)


# reads every bomb; memory is that of the process, of which Python's libraries take a part
PEAK = """
import sys
from pathlib import Path
from datasets.images import load_grey
from datasets.pages.files import read_pages
from datasets.lines.reader import load_line
from datasets.text.files import ReviewArchive
from datasets.video.annotations.files import read_annotations
from pipeline.training.memory import peak_memory_mib
before = peak_memory_mib()
refused = 0
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        if path.suffix in (".boris", ".csv"):
            read_annotations(path)
        elif path.suffix == ".gz":
            list(ReviewArchive(path).rows("train"))
        elif path.suffix == ".xml":
            load_line(f"{path}#l0")
        else:
            load_grey(str(path))
    except (ValueError, OSError) as error:
        assert str(path) in str(error) or "huge" in str(error), error
        refused += 1
print(refused, int(peak_memory_mib() - before))
"""


def test_all_bombs_together_take_little_memory(tmp_path):
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content)
    million = gzip.compress(bytes(2**20), 9)
    (tmp_path / "a.boris").write_bytes(gzip.compress(b"{") + 2**11 * million)  # 2 GB
    member = tarfile.TarInfo("aclImdb/train/pos/0_9.txt")
    member.size = 2**31
    (tmp_path / "r.tar.gz").write_bytes(gzip.compress(member.tobuf()) + 2**11 * million)
    write_baseline(tmp_path / "huge.xml", "0,20 1000000000,20 1e9,1e9")
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    refused, megabytes = map(int, run.stdout.split())
    assert refused >= len(BOMBS) + 3 - 1 and megabytes < 600


def write_tar(path: Path, size: int) -> None:
    """An archive of one review of so many spaces."""
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("aclImdb/train/pos/0_9.txt")
        member.size = size
        archive.addfile(member, io.BytesIO(b" " * size))


def write_baseline(path: Path, points: str) -> None:
    page = transkribus(path)
    content = page.read_text("utf-8")
    start = content.index('<Baseline points="', content.index('id="l0"'))
    end = content.index('"/>', start)
    content = content[:start] + f'<Baseline points="{points}' + content[end:]
    coordinates = content.index("<Coords", content.index('id="l0"'))
    content = content[:coordinates] + content[content.index("/>", coordinates) + 2 :]
    page.write_text(content, "utf-8")


def test_gzip_is_expanded_up_to_a_limit(tmp_path, monkeypatch):
    assert expand_gzip(gzip.compress(b"abc"), "a.gz") == b"abc"
    monkeypatch.setattr("datasets.limits.opening.MAX_EXPANDED", 100)
    assert len(expand_gzip(gzip.compress(bytes(100)), "a.gz")) == 100
    with pytest.raises(ValueError, match=r"a\.gz: expands to more than 100 bytes"):
        expand_gzip(gzip.compress(bytes(101)), "a.gz")
    stream = BoundedStream(io.BytesIO(bytes(10)), "a.gz", 8)
    assert stream.read(5) == bytes(5)
    with pytest.raises(ValueError, match="more than 8 bytes"):
        stream.read(9)


@pytest.mark.parametrize("place", range(1, 60, 7))
def test_flipped_bits_of_gzip_are_named(tmp_path, place):
    content = json.dumps({"behaviors_conf": {}, "observations": {}, "x": list(range(300))})
    packed = bytearray(gzip.compress(content.encode()))
    path = tmp_path / "p.boris.gz"
    for bit in range(8):
        packed[place * len(packed) // 64 + 10] ^= 1 << bit
        path.write_bytes(packed)
        with pytest.raises(ValueError, match=r"p\.boris\.gz: "):
            read_annotations(path)


def test_an_archive_of_one_endless_text_is_refused(tmp_path, monkeypatch):
    write_tar(tmp_path / "r.tar.gz", 3000)
    monkeypatch.setattr("datasets.text.files.MAX_TEXT", 2000)
    with pytest.raises(ValueError, match=r"r\.tar\.gz: aclImdb/train/pos/0_9.txt has 3,000 bytes"):
        list(ReviewArchive(tmp_path / "r.tar.gz").rows("train"))
    monkeypatch.setattr("datasets.limits.opening.MAX_EXPANDED", 1000)
    monkeypatch.setattr("datasets.limits.opening.MAX_RATIO", 1)
    with pytest.raises(ValueError, match=r"r\.tar\.gz: expands to more than 1,\d+ bytes"):
        list(ReviewArchive(tmp_path / "r.tar.gz").rows("train"))


def test_a_file_of_more_bytes_than_its_kind_has_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    assert read_bytes(tmp_path / "a", 11) == bytes(11)
    with pytest.raises(ValueError, match="a: 11 bytes; such files are read up to 10 bytes"):
        read_bytes(tmp_path / "a", 10)


ENDLESS = ["fifo", "/dev/zero", "/dev/urandom"]
READS = [
    lambda p: load_grey(str(p)),
    lambda p: load_line(f"{p}.xml#l"),
    lambda p: list(read_rows(p)),
    read_utf8,
    read_annotations,
    read_page,
    lambda p: list(decode_video(str(p), 8, 8, 1)),
    lambda p: frame_times(str(p)),
    lambda p: describe_video(str(p)),
    lambda p: ClipReader(8, 8).read(str(p)),
    lambda p: TextReader(["a"]).read(f"{p}.txt"),
]


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("number", range(len(READS)))
@pytest.mark.skipif(os.name != "posix", reason="has no such files")
def test_only_regular_files_are_opened(tmp_path, kind, number):
    for name in ("a", "a.xml", "a.txt"):
        if kind == "fifo":
            os.mkfifo(tmp_path / name)
        else:
            (tmp_path / name).symlink_to(kind)
    with pytest.raises(ValueError, match=r"a(\.xml|\.txt)?: a pipe, a device or a socket, no file"):
        READS[number](tmp_path / "a")


def test_a_video_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", [0, 255], size=(320, 320))
    assert VIDEO_PIXELS >= 7680 * 4320
    monkeypatch.setattr("datasets.video.opening.MAX_PIXELS", 320 * 319)
    with pytest.raises(ValueError, match=r"a\.mp4: "):
        list(decode_video(path, 8, 8, 1))


def test_a_video_of_an_unknown_codec_is_named(tmp_path):
    path = Path(film(tmp_path / "a.mkv", [0, 255]))
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/ASP", b"V_NONE1/ISO/ASP"))
    for read in READS[6:10]:
        with pytest.raises(ValueError, match=r"a\.mkv: a codec that this FFmpeg does not decode"):
            read(path)


def test_a_crop_does_not_make_frames_huge():
    with pytest.raises(ValueError, match="take a larger part"):
        ClipReader(48, 64, crop=(0.5, 0.5, 0.5 + 1e-9, 1.0))


DEEP = "[" * 200_000
NUMBERS = ["9" * 400, "1e999", "-1e999", "nan", "1" + "0" * 5000, "-" + "9" * 400, "1e300"]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_beyond_all_bounds_cost_their_row_only(tmp_path, number):
    film(tmp_path / "a.mp4", [0] * 5)
    table = tmp_path / "s.csv"
    for header in ("start,end", "start_frame,end_frame"):
        table.write_text(f"clip,{header},label\na.mp4,0,2,run\na.mp4,3,{number},run\n", "utf-8")
        annotations, problems = read_annotations(table)
        assert len(annotations[0].segments) == len(problems) == 1


@pytest.mark.parametrize("number", [*NUMBERS, "[]", "null", '"x"', DEEP, "{}"])
@pytest.mark.parametrize("name", ["p.json", "p.boris", "p.eaf"])
def test_damaged_projects_are_named(tmp_path, name, number):
    content = tables(tmp_path, "a.mp4")[name]
    for given in ('"99"', "0.1", "0.2", '"1"', '"FILE1_Z2_XY0"'):
        changed = content.replace(given, f'"{number}"' if name == "p.eaf" else number)
        (tmp_path / name).write_text(changed, "utf-8")
        try:
            _, problems = read_annotations(tmp_path / name)
            reasons = [problem.reason for problem in problems]
        except ValueError as error:
            reasons = [str(error)]
        assert all(name in reason and len(reason) < 3000 for reason in reasons)


SIZES = ["1e999", "9" * 400, "-5", "nan", "1e-320", "0.001", "x"]


@pytest.mark.parametrize("size", SIZES)
def test_impossible_page_sizes_are_no_sizes(tmp_path, size):
    page = transkribus(tmp_path / "p.xml")
    content = page.read_text("utf-8").replace('imageWidth="0"', f'imageWidth="{size}"')
    page.write_text(content.replace('imageHeight="0"', f'imageHeight="{size}"'), "utf-8")
    pages, problems = read_pages(page)
    assert len(pages) == 1 and pages[0].size is None and not problems


POINTS = ["0,20 1000000000,20", "0,20 9000000,20", "0,20 10,9000000 30,20", "0,0 0,0", "1,1",
          "-9000000,20 100,20", " ".join(f"{i % 2 * 900},{i % 3 * 90}" for i in range(20_000)),
          "nan,nan 1,1", "1e999,0 1,1"]  # fmt: skip


@pytest.mark.parametrize("number", range(len(POINTS)))
@pytest.mark.parametrize("outline", [False, True])
def test_wild_coordinates_cost_their_line_only(tmp_path, number, outline):
    page = tmp_path / "p.xml"
    write_baseline(page, POINTS[number])
    if outline:
        content = page.read_text("utf-8").replace("<Baseline", "<Coords", 1)
        page.write_text(content, "utf-8")
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"p\.xml#l0: "):
        load_line(f"{page}#l0")
    assert load_line(f"{page}#l1").size and time.monotonic() - start < 3


def test_twenty_thousand_lines_take_seconds(tmp_path):
    page = transkribus(tmp_path / "p.xml")
    content = page.read_text("utf-8")
    start = content.index("<TextLine")
    end = content.index("</TextLine>") + len("</TextLine>")
    same = content[start:end].replace('custom="readingOrder {index:0;}"', "")
    page.write_text(content[:start] + same * 20_000 + content[end:], "utf-8")
    start = time.monotonic()
    lines = read_page(page).lines
    assert len({line.id for line in lines}) == len(lines) > 20_000
    load_line(f"{page}#{lines[-1].id}")
    assert time.monotonic() - start < 10


def test_errors_of_readers_name_the_input():
    def fail(error: Exception) -> Exception:
        with pytest.raises((ValueError, OSError)) as caught, named_errors("a.png"):
            raise error
        return caught.value

    assert str(fail(MemoryError("3 GB"))) == "a.png: takes more memory than there is (3 GB)"
    assert str(fail(RecursionError())) == "a.png: damaged, nested too deeply"
    assert "ZeroDivisionError: x" in str(fail(ZeroDivisionError("x")))
    assert str(fail(OSError(22, "Invalid argument"))) == "[Errno 22] Invalid argument: 'a.png'"
    assert fail(OSError(28, "No space left on device")).errno == 28
    assert str(fail(ValueError("not so"))) == "a.png: not so"
    assert str(fail(ValueError("a.png: not so"))) == "a.png: not so"
    with (
        pytest.raises(ValueError, match=r"a\.png: cannot be read as an image"),
        named_errors("a.png"),
    ):
        cv2.resize(np.zeros((0, 0), np.uint8), (1, 1))
    with pytest.raises(KeyboardInterrupt), named_errors("a.png"):
        raise KeyboardInterrupt


def test_a_record_that_is_no_image_is_named():
    with pytest.raises(ValueError, match=r"x#image-1: not an image"):
        decode_grey(b"abc", "x#image-1")
    assert decode_grey(cv2.imencode(".png", noise_line(0))[1].tobytes(), "x").dtype == np.uint8
