"""LMDB databases: records, problems, groups by key, threads and forked workers."""

import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from datasets import LineFolder, RealLines
from datasets.lines.listing import transcripts
from datasets.lines.lmdb import lmdb_rows, read_record
from datasets.lines.reader import load_line
from tests.support.small import noise_line


def write_database(folder: Path, records: dict[int, tuple[bytes | None, bytes | None]], count=None):
    """Write a database. records: {number: (encoded image, label)}. count: num-samples; -1: none."""
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 22) as database, database.begin(write=True) as edit:
        if count != -1:
            edit.put(b"num-samples", str(count or max(records)).encode())
        for number, (image, label) in records.items():
            for key, value in ((b"image-%09d" % number, image), (b"label-%09d" % number, label)):
                if value is not None:
                    edit.put(key, value)
    return folder


def encoded(seed: int) -> bytes:
    return cv2.imencode(".png", noise_line(seed))[1].tobytes()


def records(count: int) -> dict:
    return {number: (encoded(number), f"text {number}".encode()) for number in range(1, count + 1)}


def test_records_are_lines_with_their_image_and_text(tmp_path):
    root = write_database(tmp_path / "train", records(12))
    rows = list(transcripts(LineFolder(str(root))))
    assert rows[10] == (Path(f"{root}#image-000000011"), "text 11", "image-000000011")
    np.testing.assert_array_equal(load_line(str(rows[10][0])), noise_line(11))
    source = RealLines([LineFolder(str(root), validation=0.25)], height=16, max_width=500)
    train = source.split("train")
    assert (len(train), len(source.split("validation")), source.problems) == (9, 3, [])
    _, sample = train[4]
    expected = source.reader.prepare(load_line(train.names[4]))
    np.testing.assert_array_equal(sample.inputs, expected)


def test_a_pattern_groups_neighbours_by_key(tmp_path):
    root = write_database(tmp_path / "train", records(12))
    rows = transcripts(LineFolder(str(root), group_pattern=r"image-(\d{8})"))
    assert [group for *_, group in rows] == ["00000000"] * 9 + ["00000001"] * 3


def test_databases_below_a_folder_are_read_by_name(tmp_path):
    for name in ("real/b", "a"):
        write_database(tmp_path / name, records(1))
    names = [str(name) for name, *_ in transcripts(LineFolder(str(tmp_path)))]
    assert names == [f"{tmp_path}/{name}#image-000000001" for name in ("a", "real/b")]


def test_incomplete_records_are_reported(tmp_path):
    content = records(8) | {2: (None, b"no image"), 3: (encoded(3), None)}
    content |= {4: (encoded(4), b"\xff"), 5: (b"no png", b"text"), 6: (encoded(6), b" ")}
    root = write_database(tmp_path / "train", content, count=9)
    source = RealLines([LineFolder(str(root))], height=16, max_width=500)
    reasons = {problem.name.rpartition("-")[2][-1]: problem.reason for problem in source.problems}
    expected = {"2": "no image", "3": "no label", "4": "not UTF-8 at byte 0", "5": "not an image"}
    expected |= {"6": "transcript is empty", "9": "no label"}
    assert reasons.keys() == expected.keys()
    assert all(expected[key] in reasons[key] for key in expected)
    assert len(source.split("train")) + len(source.split("validation")) == 3


def test_other_databases_are_refused(tmp_path):
    root = write_database(tmp_path / "other", records(1), count=-1)
    with pytest.raises(ValueError, match="without num-samples; expected the keys"):
        list(transcripts(LineFolder(str(root))))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/data.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(ValueError, match="broken: not a database that LMDB can open"):
        list(transcripts(LineFolder(str(tmp_path / "broken"))))
    good = write_database(tmp_path / "good", records(1))
    with pytest.raises(ValueError, match="#image-000000002: no such record"):
        load_line(f"{good}#image-000000002")


def test_many_databases_are_open_at_once(tmp_path):
    """The first one is still read from when all others have been opened."""
    for number in range(20):
        write_database(tmp_path / f"{number:02}", records(1))
    rows = lmdb_rows(tmp_path)
    names = [str(next(rows)[0])]
    names += [f"{tmp_path}/{number:02}#image-000000001" for number in range(1, 20)]
    assert [read_record(name) for name in [*names[1:], *names]] == [encoded(1)] * 39
    assert len(list(rows)) == 19


def test_threads_open_a_database_once(tmp_path, monkeypatch):
    root, opened = write_database(tmp_path / "train", records(4)), lmdb.open
    slow = lambda *given, **options: time.sleep(0.05) or opened(*given, **options)  # noqa: E731
    monkeypatch.setattr(lmdb, "open", slow)
    names = [f"{root}#image-{number:09d}" for number in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read_record, names)) == [encoded(number) for number in range(1, 5)]


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="no fork here")
def test_a_forked_worker_reads_what_its_parent_has_open(tmp_path):
    root = write_database(tmp_path / "train", records(3))
    name = f"{root}#image-000000001"
    expected = read_record(name)
    with get_context("fork").Pool(1) as pool:
        assert pool.apply_async(read_record, (name,)).get(20) == expected
    assert read_record(name) == expected


def test_a_count_beyond_the_records_ends_with_them(tmp_path):
    root = write_database(tmp_path / "train", records(3), count=10**12)
    start = time.monotonic()
    source = RealLines([LineFolder(str(root), validation=0.3)], height=16, max_width=500)
    assert len(source.split("train")) + len(source.split("validation")) == 3
    assert time.monotonic() - start < 5
    reasons = [problem.reason for problem in source.problems]
    assert any("num-samples says 1000000000000, but it holds 7 records" in r for r in reasons)
    write_database(tmp_path / "other", {}, count="9" * 400)
    with pytest.raises(ValueError, match="without num-samples"):
        list(lmdb_rows(tmp_path / "other"))


@pytest.mark.parametrize("pages", [2, 3, 5])
def test_a_database_cut_off_is_refused_instead_of_ending_the_process(tmp_path, pages):
    root = write_database(tmp_path / "train", records(30))
    content = (root / "data.mdb").read_bytes()
    (root / "data.mdb").write_bytes(content[: pages * 4096])
    with pytest.raises(ValueError, match=rf"train: cut off after {pages * 4096:,} of [\d,]+ bytes"):
        list(lmdb_rows(root))


def test_a_damaged_page_inside_is_a_named_error(tmp_path):
    root = write_database(tmp_path / "train", records(3))
    file = root / "data.mdb"
    size, content, refused = file.stat().st_size, file.read_bytes(), {}
    for place in range(2 * 4096, size, 4096):  # behind the two pages that say where the others are
        damaged = tmp_path / str(place)
        damaged.mkdir()
        zeroed = content[:place] + b"\xff" * 64 + content[place + 64 :]
        (damaged / "data.mdb").write_bytes(zeroed)
        try:
            list(lmdb_rows(damaged))
        except ValueError as error:
            refused[damaged] = str(error)
    assert refused and all(str(damaged) in told for damaged, told in refused.items())
