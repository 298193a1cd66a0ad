"""`RealLines(limit=)`: a learning curve's training lines, in whole groups."""

from collections import Counter

import pytest

from datasets import LineFolder, RealLines
from tests.support.images import noise_line, write_image


def folder(root, groups: int, each: int = 3) -> LineFolder:
    root.mkdir(parents=True)
    for group in range(groups):
        for line in range(each):
            write_image(root / f"p{group}__{line}.png", noise_line(line, 40))
            (root / f"p{group}__{line}.gt.txt").write_text("ab", encoding="utf-8")
    return LineFolder(str(root), validation=["p0"], test=["p1"])


def train_groups(folders: list[LineFolder], limit: int | None) -> Counter:
    source = RealLines(folders, height=16, limit=limit)
    for split in ("validation", "test"):
        assert len(source.split(split)) == 3 * len(folders)
    lines = source.split("train").lines
    return Counter((line.folder, line.group) for line in lines)


def test_a_limit_takes_whole_groups_and_a_smaller_one_some_of_them(tmp_path):
    folders = [folder(tmp_path / name, 12) for name in ("a", "b")]
    everything = train_groups(folders, None)
    assert len(everything) == 20 and train_groups(folders, 1000) == everything
    taken = [train_groups(folders, limit) for limit in (1, 10, 31)]
    assert [sum(groups.values()) for groups in taken] == [3, 9, 30]
    for fewer, more in zip(taken, [*taken[1:], everything], strict=True):
        assert set(fewer) < set(more) and set(fewer.values()) == {3}
    assert {place for place, _ in taken[2]} == {0, 1}


def test_a_limit_is_a_number_of_lines(tmp_path):
    with pytest.raises(ValueError, match="limit 0: give the number of training lines"):
        RealLines([folder(tmp_path / "a", 4)], height=16, limit=0)
