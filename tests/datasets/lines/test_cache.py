"""The cache of line images: the same samples, decoded once, and what makes it decode again."""

import os
from pathlib import Path

import numpy as np
import pytest

from datasets import LineFolder, LineReader, RealLines, SyntheticLines
from datasets.environment import MachineError
from datasets.lines import cache as cache_module
from datasets.lines.cache import LineCache, StoredLine, line_digests
from datasets.lines.reader import load_line, load_normal_line
from datasets.mixture import MixedDataset
from datasets.source import Problem
from tests.support.pages import transkribus
from tests.support.small import break_images, noise_line, write_image


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The names of the lines that are decoded."""
    names = []

    def load(name, crop="auto"):
        names.append(Path(name).name)
        return load_normal_line(name, crop)

    monkeypatch.setattr(cache_module, "load_normal_line", load)
    return names


def store(folder: Path, names, **options) -> list:
    reader = LineReader(**{"height": 16, "max_width": 500} | options)
    return list(LineCache(reader, str(folder / "cache")).store([str(name) for name in names]))


def images(folder: Path, count: int = 5) -> list[Path]:
    return [write_image(folder / f"{i}.png", noise_line(i, width=20 + i)) for i in range(count)]


def test_images_are_decoded_once_and_are_those_of_predict(tmp_path, decoded, monkeypatch):
    monkeypatch.setattr(cache_module, "SHARD", 2)
    paths = images(tmp_path)
    for _ in range(2):
        found = store(tmp_path, paths)
        for path, line in zip(paths, found, strict=True):
            np.testing.assert_array_equal(line.load(), load_line(str(path)))
            assert (line.width, line.blank) == (line.shape[1], False)
    assert sorted(decoded) == [path.name for path in paths]
    assert len({line.file for line in found}) == 3


def test_a_high_image_is_stored_as_the_reader_scales_it(tmp_path):
    path = write_image(tmp_path / "a.png", np.kron(noise_line(0), np.ones((5, 5), np.uint8)))
    (line,), reader = store(tmp_path, [path]), LineReader(16, 500)
    assert line.shape == (16, line.width)
    image = load_line(str(path))
    np.testing.assert_array_equal(reader.prepare(line.load()), reader.prepare(image))


@pytest.mark.parametrize("change", ["content", "height", "crop", "width", "order"])
def test_what_changes_the_images_decodes_again(tmp_path, decoded, change):
    paths = images(tmp_path)
    store(tmp_path, paths)
    options = {"height": {"height": 24}, "crop": {"crop": "box"}, "width": {"max_width": 400}}
    if change == "content":
        write_image(paths[2], 255 - noise_line(7, width=30))
        os.utime(paths[2], ns=(1, 1))
    names = paths[::-1] if change == "order" else paths
    found = store(tmp_path, names, **options.get(change, {}))
    assert len(decoded) == 10
    np.testing.assert_array_equal(found[2].load(), load_line(str(names[2])))


def test_what_cannot_be_read_is_tried_again(tmp_path, decoded):
    paths = images(tmp_path)
    good = paths[1].read_bytes()
    (tmp_path / "broken").mkdir()
    broken = break_images(tmp_path / "broken")
    paths[1].write_bytes(b"no image")
    names = [*paths, *broken]
    for _ in range(2):
        found = store(tmp_path, names)
        assert [type(line) for line in found[:3]] == [StoredLine, Problem, StoredLine]
        assert all(reason in line.reason for line, reason
                   in zip(found[5:], broken.values(), strict=True))  # fmt: skip
    stat = paths[1].stat()
    paths[1].write_bytes(good)
    os.utime(paths[1], ns=(stat.st_mtime_ns, stat.st_mtime_ns + 10**9))
    line = store(tmp_path, names)[1]
    np.testing.assert_array_equal(line.load(), load_line(str(paths[1])))


def test_lines_of_pages_follow_their_page_and_its_image(tmp_path, decoded):
    page = transkribus(tmp_path / "a.xml")
    names = [f"{page}#l{i}" for i in range(4)]
    first = store(tmp_path, names)
    store(tmp_path, names)
    assert len(decoded) == 4
    os.utime(page.with_suffix(".png"), ns=(1, 1))
    again = store(tmp_path, names)
    assert len(decoded) == 8
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.load(), other.load())


def test_a_damaged_entry_is_made_again(tmp_path, decoded):
    paths = images(tmp_path)
    line = store(tmp_path, paths)[0]
    line.file.write_bytes(line.file.read_bytes()[:-3])
    cache_module._open.cache_clear()
    again = store(tmp_path, paths)
    assert len(decoded) == 10
    np.testing.assert_array_equal(again[-1].load(), load_line(str(paths[-1])))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(MachineError, match="cache"):
        store(tmp_path, images(tmp_path))


def test_an_empty_list_needs_no_cache(tmp_path):
    assert store(tmp_path, []) == [] and not (tmp_path / "cache").exists()


def test_a_source_reads_from_the_cache_alone(tmp_path, decoded):
    for i in range(4):
        path = write_image(tmp_path / "lines" / f"p{i}__.png", noise_line(i))
        path.with_suffix(".gt.txt").write_text("ab", encoding="utf-8")
    folder = LineFolder(str(tmp_path / "lines"), validation=["p0"])
    source = RealLines([folder], height=16, cache=str(tmp_path / "cache"))
    train = source.split("train")
    for path in (tmp_path / "lines").glob("*.png"):
        path.unlink()
    for i, name in enumerate(train.names):
        expected = source.reader.prepare(noise_line(int(Path(name).name[1])))
        np.testing.assert_array_equal(train[i][1].inputs, expected)
    assert len(decoded) == 4


def test_a_line_has_the_digest_of_its_file_whether_it_is_stored_or_not(tmp_path):
    """Also one that is stored smaller than it is, a copy in another format, and one drawn anew."""
    paths = images(tmp_path / "a", 3)
    paths.append(write_image(tmp_path / "a/large.png", noise_line(9, width=300, height=96)))
    for path in paths:
        path.with_suffix(".gt.txt").write_text("ab", encoding="utf-8")
    copy = write_image(tmp_path / "copy.bmp", load_line(str(paths[3])))
    folder = LineFolder(str(tmp_path / "a"), validation=0.0, weight=2.0)
    source = RealLines([folder], height=16, max_width=500, cache=str(tmp_path / "cache"))
    dataset = source.split("train")
    names = [str(tmp_path / "a" / f"{name}.png") for name in (0, 1, 2, "large")]
    digests = line_digests([*names, str(copy), "none.png"], source.reader)
    assert sorted(dataset.digests()) == sorted(digests[:4]) and len(set(digests[:4])) == 4
    assert digests[3] == digests[4] and digests[5] == 0
    other = SyntheticLines(count=2, alphabet="".join(source.labels), height=16, fonts=None)
    mixed = MixedDataset([dataset, other.split("train")])
    assert sorted(mixed.digests()) == sorted(digests[:4]) and other.split("train").digests() is None
