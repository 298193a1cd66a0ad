"""What is told of the parts of labelled data, and the warnings about what they lack."""

from collections import Counter
from pathlib import Path

import pytest

from datasets import Clips, Reviews
from datasets.splits.parts import Part, describe_part, parts_of, split_notes
from pipeline.comparison.folds import make_folds
from tests.support.films import film


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def part(name: str, **groups: str) -> Part:
    """Groups by name, with a letter for the label of each sample."""
    sizes = Counter({group: len(labels) for group, labels in groups.items()})
    return Part(name, sizes, {group: Counter(labels) for group, labels in groups.items()})


def test_a_part_is_described_in_a_line():
    told = describe_part(part("train", p="aab", q="ab", r="b", s="a"))
    assert told == "train: 7 samples in 4 groups (p, q, r, ...); a 4, b 3"
    assert describe_part(part("test", p="a", q="b")) == "test: 2 samples, each a group; a 1, b 1"
    assert describe_part(part("test")) == "test: none"
    assert describe_part(Part("test", Counter(p=3), None)) == "test: 3 samples in 1 group (p)"
    many = "".join(chr(97 + place) * (place + 1) for place in range(12))
    assert describe_part(part("train", p=many)) == (
        "train: 78 samples in 1 group (p); 12 labels, from l 12 to a 1"
    )


def reasons(parts: list[Part], **shares) -> list[str]:
    return [note.reason for note in split_notes(parts, shares, "d")]


def test_a_part_that_lacks_labels_is_named_with_them():
    groups = {f"g{place}": "ab" for place in range(12)}
    parts = [
        part("train", **groups, x="c"),
        part("validation", v="ab", w="ab"),
        part("test", t="a"),
    ]
    assert reasons(parts, validation=0.1, test=["t"]) == [
        "d: validation has 2 of 3 labels: it lacks 'c' (in 1 of 16 groups), and its scores say "
        "nothing of what it lacks",
        "d: test has 1 of 3 labels: it lacks 'b' (in 14 of 16 groups), 'c' (in 1 of 16 groups), "
        "and its scores say nothing of what it lacks",
    ]
    assert not reasons([parts[0], part("validation", v="abc")], validation=0.1)


def test_few_groups_and_an_empty_part_are_told_where_they_were_drawn():
    parts = [part("train", p="aabb", q="ab"), part("validation", v="ab"), part("test")]
    few, empty = "3 groups only, so scores hang on which of them are drawn", "test is empty"
    found = reasons(parts, validation=0.2, test=0.2)
    assert empty in found[0] and few in found[1] and "--folds 3" in found[1]
    assert not reasons(parts, validation=["v"], test=[])
    assert not reasons(parts, validation=["v"], test=0.05)  # of less than one sample
    strings = [own._replace(labels=None) for own in parts]
    assert [empty in reason for reason in reasons(strings, validation=0.2, test=0.2)] == [True]


def test_clips_are_balanced_by_their_labels_and_by_those_of_their_segments():
    """The draw by names alone puts no 'c' into the test."""
    rows, segments = ["clip,label\n"], ["clip,start,end,label\n"]
    for place in range(16):
        label = "c" if place in (0, 1, 2) else "ab"[place % 2]
        film(f"{place:02}.mp4", [8 * place + frame for frame in range(4)], rate=4, size=(16, 16))
        rows.append(f"{place:02}.mp4,{label}\n")
        segments += [f"{place:02}.mp4,0,0.5,a\n", f"{place:02}.mp4,0.5,1,{label}b\n"]
    Path("labels.csv").write_text("".join(rows))
    Path("segments.csv").write_text("".join(segments))
    for table, target, label in (("labels.csv", "clip", "c"), ("segments.csv", "steps", "cb")):
        options = {"table": table, "target": target, "validation": 0.2, "test": 0.2}
        for stratify, expected in ((True, 0), (False, 1)):
            source = Clips(".", 8, 8, cache="cache", stratify=stratify, **options)
            counts = [source.label_counts(name)[label] for name in ("train", "validation", "test")]
            assert min(counts) > 0 if stratify else min(counts) == 0
            lacking = [note.reason for note in source.notes if "it lacks" in note.reason]
            assert len(lacking) >= expected and bool(lacking) == bool(expected)
            sizes = [len(source.split(name)) for name in ("train", "validation", "test")]
            assert sizes == [10, 3, 3]


def write_reviews() -> None:
    """Six films; of 'bad' three samples in one of them only, and in another."""
    rows = ["text,label,group\n"]
    for place in range(60):
        label = "bad" if place in (0, 1, 2, 13) else "good"
        rows.append(f"film {place},{label},m{place // 10}\n")
    Path("t.csv").write_text("".join(rows))


def test_reviews_are_refused_where_a_part_would_have_one_label():
    write_reviews()
    with pytest.raises(ValueError, match=r"t\.csv: test: 6 groups of 2 labels cannot be divided"):
        Reviews("t.csv", validation=0.15, test=0.15, cache="cache")
    source = Reviews("t.csv", validation=0.15, cache="cache")
    assert source.label_counts("validation")["bad"] in (1, 3)
    parts = parts_of(source)
    assert [len(own.groups) for own in parts] == [5, 1, 0]
    assert sum(own.samples for own in parts) == 60


def test_reviews_keep_out_groups_by_name_and_in_folds():
    write_reviews()
    source = Reviews("t.csv", validation=["m2"], test=["m3", "m4"], cache="cache")
    assert set(source.split("validation").groups) == {"m2"}
    assert set(source.split("test").groups) == {"m3", "m4"}
    assert any("test has 1 of 2 labels: it lacks 'bad'" in note.reason for note in source.notes)
    with pytest.raises(ValueError, match="no group 'm9' to keep for test"):
        Reviews("t.csv", test=["m9"], cache="cache")
    options = {"root": "t.csv", "cache": "cache", "labels": None, "validation": 0.1, "test": 0.0}
    config = {
        "data": {"source": {"class_path": "datasets.Reviews", "init_args": options}},
        "trainer": {"max_epochs": 1, "max_steps": -1, "max_time": None},
    }
    folds = make_folds(config, "3", "x")
    assert sorted(group for fold in folds for group in fold.groups) == [f"m{i}" for i in range(6)]
    assert [fold.samples for fold in folds] == [20, 20, 20]
