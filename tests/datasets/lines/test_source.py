"""`RealLines`: reading folders of lines, splitting by group, and reporting unusable lines."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import LineFolder, RealLines
from datasets.files import resolve_data_path
from datasets.lines.listing import transcripts
from datasets.lines.reader import stretch_contrast
from tests.support.small import break_images, noise_line, write_image


def write_folder(root: Path, lines: dict[str, str], table: bool = True) -> Path:
    """Write images and their transcripts, given by name, as labels.tsv or as .gt.txt files."""
    for i, (name, text) in enumerate(lines.items()):
        write_image(root / name, noise_line(i, width=20 + i))
        if not table:
            transcript = (root / name).with_suffix(".gt.txt")
            transcript.write_text(text + "\n", encoding="utf-8")
    if table:
        rows = "".join(f"{name}\t{text}\n" for name, text in lines.items())
        (root / "labels.tsv").write_text(rows, encoding="utf-8")
    return root


def pages(root: Path, count: int = 10, each: int = 2, table: bool = True) -> Path:
    """A folder of `count` pages, p0 and so on, with `each` lines."""
    names = [f"p{page}__{line}.png" for page in range(count) for line in range(each)]
    return write_folder(root, dict.fromkeys(names, "ab"), table)


def load(root: Path, **options) -> RealLines:
    return RealLines([LineFolder(str(root), **options)], height=16, max_width=500)


def groups_of(source: RealLines) -> dict[str, set[str]]:
    return {name: set(source.split(name).groups) for name in ("train", "validation", "test")}


@pytest.mark.parametrize("table", [True, False])
def test_both_kinds_of_folder_give_the_same_samples(tmp_path, table):
    lines = {"a__1.png": "one", "b__1.png": "two", "c__1.png": "three"}
    train = load(write_folder(tmp_path, lines, table), validation=["c"]).split("train")
    assert train.names == [str(tmp_path / "a__1.png"), str(tmp_path / "b__1.png")]
    assert (train.texts, train.groups) == (["one", "two"], ["a", "b"])
    assert train.sizes.tolist() == [20, 21]
    index, sample = train[1]
    assert index == 1 and sample.inputs.shape == (21, 1, 16) and sample.inputs.dtype == np.uint8
    expected = stretch_contrast(noise_line(1, width=21))
    np.testing.assert_array_equal(sample.inputs[:, 0].T, expected)
    assert sample.target.tolist() == ["ehnortw".index(c) for c in "two"]


def test_a_transcript_may_stand_deep_down_beside_any_kind_of_image(tmp_path):
    for name in ("x/1.jpg", "x/y/2.tif", "3.png"):
        write_image(tmp_path / name, noise_line(0))
        (tmp_path / name).with_suffix(".gt.txt").write_text("a\n", encoding="utf-8")
    paths = [path.relative_to(tmp_path).as_posix() for path, *_ in transcripts_of(tmp_path)]
    assert paths == ["3.png", "x/1.jpg", "x/y/2.tif"]
    (tmp_path / "none.gt.txt").write_text("a\n", encoding="utf-8")
    assert transcripts_of(tmp_path)[1][0] == tmp_path / "none.png"


def transcripts_of(root: Path, **options) -> list:
    return list(transcripts(LineFolder(str(root), **options)))


def test_labels_may_name_the_table_itself_and_images_elsewhere(tmp_path):
    write_image(tmp_path / "images/a.png", noise_line(0))
    (tmp_path / "mine.tsv").write_text("images/a.png\ttext\n", encoding="utf-8")
    assert transcripts_of(tmp_path / "mine.tsv") == [(tmp_path / "images/a.png", "text", "a")]


def test_several_folders_are_read_as_one(tmp_path):
    first, second = pages(tmp_path / "one", 3), pages(tmp_path / "two", 2)
    folders = [
        LineFolder(str(first), validation=["p0"]),
        LineFolder(str(second), validation=["p1"]),
    ]
    source = RealLines(folders, height=16)
    counts = {name: len(source.split(name)) for name in ("train", "validation", "test")}
    assert counts == {"train": 6, "validation": 4, "test": 0}
    assert {str(Path(n).parent) for n in source.split("train").names} == {str(first), str(second)}


def test_where_a_group_comes_from(tmp_path):
    lines = {"book__p1__3.png": "a", "letter.png": "b", "r17_2.png": "c"}
    write_folder(tmp_path, lines)
    assert [g for *_, g in transcripts_of(tmp_path)] == ["book", "letter", "r17_2"]
    assert [g for *_, g in transcripts_of(tmp_path, group_pattern=r"(r\d+)")][2] == "r17"
    (tmp_path / "groups.tsv").write_text("book\tshelf\nletter\tshelf\n", encoding="utf-8")
    assert [g for *_, g in transcripts_of(tmp_path)] == ["shelf", "shelf", "r17_2"]
    rows = "file\ttext\tgroup\nbook__p1__3.png\ta\tmine\nletter.png\tb\t\nr17_2.png\tc\t\n"
    (tmp_path / "labels.tsv").write_text(rows, encoding="utf-8")
    assert [g for *_, g in transcripts_of(tmp_path)] == ["mine", "shelf", "r17_2"]


def test_a_group_stays_on_one_side(tmp_path):
    root = pages(tmp_path, 20)
    source = load(root, validation=0.2, test=0.2)
    train, validation, test = groups_of(source).values()
    assert (len(train), len(validation), len(test)) == (12, 4, 4)
    assert not train & validation and not train & test and not validation & test
    assert len(source.split("validation")) == 8
    again = groups_of(load(root, validation=0.2, test=0.2))
    assert again == {"train": train, "validation": validation, "test": test}


def test_the_split_does_not_depend_on_the_order_of_the_lines(tmp_path):
    root = pages(tmp_path, 20)
    before = groups_of(load(root, validation=0.2, test=0.1))
    rows = (root / "labels.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (root / "labels.tsv").write_text("".join(reversed(rows)), encoding="utf-8")
    assert groups_of(load(root, validation=0.2, test=0.1)) == before


def test_named_groups_are_kept_out(tmp_path):
    source = load(pages(tmp_path), validation=["p3"], test=["p1", "p7"])
    groups = groups_of(source)
    assert groups["validation"] == {"p3"} and groups["test"] == {"p1", "p7"}
    assert len(groups["train"]) == 7


INVALID_SPLITS = [
    ({"validation": ["p11"]}, "no group 'p11' to keep for validation; there are p0, p1, "),
    ({"validation": ["p1"], "test": ["p1"]}, "group 'p1' stands in two splits"),
    ({"validation": [f"p{i}" for i in range(10)]}, "take every group; leave one to train on"),
]


@pytest.mark.parametrize(("options", "message"), INVALID_SPLITS)
def test_invalid_splits_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(pages(tmp_path), **options)
    assert str(caught.value).startswith(f"{tmp_path}: ")


def test_one_group_is_always_left_to_train_on(tmp_path):
    assert len(groups_of(load(pages(tmp_path, 2), validation=0.9, test=0.9))["train"]) == 1


def test_weight_multiplies_training_lines_only(tmp_path):
    source = load(pages(tmp_path, 4), validation=["p0"], test=["p1"], weight=3)
    counts = [len(source.split(name)) for name in ("train", "validation", "test")]
    assert counts == [12, 2, 2]
    assert len(set(source.split("train").names)) == 4


def test_the_alphabet_is_that_of_training_and_validation(tmp_path):
    lines = {"a__1.png": "ba", "b__1.png": "cé", "c__1.png": "az", "c__2.png": "ab"}
    source = load(write_folder(tmp_path, lines), validation=["b"], test=["c"])
    assert source.labels == ["a", "b", "c", "é"]
    assert source.split("test").texts == ["ab"]
    (problem,) = source.problems
    assert problem.name == str(tmp_path / "c__1.png")
    assert problem.reason.startswith(f"{problem.name}: cannot encode 'z' (U+007A): not in the al")


def test_an_alphabet_given_keeps_its_order(tmp_path):
    root = write_folder(tmp_path, {"a__1.png": "ab", "b__1.png": "ba", "c__1.png": "a\u0305x"})
    folder = LineFolder(str(root), validation=["b"])
    source = RealLines([folder], alphabet="zba", height=16)
    assert source.labels == ["z", "b", "a"]
    assert source.split("train").targets[0].tolist() == [2, 1]
    (problem,) = source.problems
    assert "c__1.png: cannot encode 'x' (U+0078) '\u0305' (U+0305): not in" in problem.reason


def test_data_is_looked_for_under_strand_data(tmp_path, monkeypatch):
    pages(tmp_path / "data/lines")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STRAND_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"no such data: lines; set STRAND_DATA to the"):
        load(Path("lines"))
    monkeypatch.setenv("STRAND_DATA", str(tmp_path / "data"))
    assert len(load(Path("lines"), validation=["p0"]).split("train")) == 18
    with pytest.raises(FileNotFoundError, match=rf"no such data: none or {tmp_path}/data/none$"):
        resolve_data_path("none")
    pages(tmp_path / "lines", 3)  # a folder that is there as given comes first
    assert len(load(Path("lines"), validation=["p0"]).split("train")) == 4


def test_a_folder_without_lines_is_refused(tmp_path):
    message = r"neither labels\.tsv with lines in it nor IMAGE\.gt\.txt files; nothing to read"
    with pytest.raises(ValueError, match=message):
        load(tmp_path)
    (tmp_path / "labels.tsv").write_text("\n\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_a_folder_without_one_usable_line_says_why(tmp_path):
    (tmp_path / "labels.tsv").write_text("a.png\tab\nb.png\tab\n", encoding="utf-8")
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"no line to train on in .*") as caught:
        load(tmp_path)
    assert f"{tmp_path / 'a.png'}: not an image" in str(caught.value)
    assert "b.png" in str(caught.value)


@pytest.mark.parametrize("text", ["", "  ", "\u00a0"])
def test_an_empty_transcript_is_named(tmp_path, text):
    lines = {"a__1.png": "ab", "b__1.png": "ab", "c__1.png": text}
    source = load(write_folder(tmp_path, lines), validation=["b"])
    assert [p.name for p in source.problems] == [str(tmp_path / "c__1.png")]
    assert "c__1.png: the transcript is empty; type it or remove" in source.problems[0].reason


def test_993_of_1000_lines_are_used_and_seven_named(tmp_path):
    broken = break_images(tmp_path)
    image = cv2.imencode(".png", noise_line(0, width=30))[1].tobytes()
    names = [f"{i:04}.png" for i in range(993)]
    for name in names:
        (tmp_path / name).write_bytes(image)
    mixed = [*names[::2], *(path.name for path in broken), *names[1::2]]
    rows = "".join(f"{name}\tab\n" for name in mixed)
    (tmp_path / "labels.tsv").write_text(rows, encoding="utf-8")
    source = load(tmp_path)
    used = source.split("train").names + source.split("validation").names
    assert sorted(used) == [str(tmp_path / name) for name in names]
    assert [p.name for p in source.problems] == [str(path) for path in broken]
    for problem, message in zip(source.problems, broken.values(), strict=True):
        assert problem.name in problem.reason and message in problem.reason


def test_augmentation_comes_before_scaling(tmp_path):
    train = load(pages(tmp_path, 3), validation=["p0"]).split("train")
    train.augmentation = lambda image: np.repeat(image, 2, axis=1)
    assert len(train.read(0).inputs) == 2 * train.sizes[0]


def test_an_image_without_a_transcript_is_named(tmp_path):
    root = write_folder(tmp_path, {"a__1.png": "one", "b__1.png": "two"}, table=False)
    write_image(root / "c__1.png", noise_line(0))
    source = load(root, validation=["b"])
    assert source.split("train").names == [str(root / "a__1.png")]
    assert [p.name for p in source.problems] == [str(root / "c__1.png")]
    assert "no transcript; put c__1.gt.txt beside it" in source.problems[0].reason


def test_a_repeated_line_is_refused_once(tmp_path):
    root = write_folder(tmp_path, {"a__1.png": "ab", "b__1.png": "ab", "c__1.png": "a?"})
    folder = LineFolder(str(root), validation=["b"], weight=3)
    source = RealLines([folder], alphabet="ab", height=16)
    assert len(source.split("train")) == 3
    assert [p.name for p in source.problems] == [str(root / "c__1.png")]


def test_a_transcript_finds_an_image_with_an_upper_case_ending(tmp_path):
    root = write_folder(tmp_path, {"a__1.PNG": "one", "b__1.png": "two"}, table=False)
    assert load(root, validation=["b"]).split("train").names == [str(root / "a__1.PNG")]


def test_lines_without_ink_are_not_trained_on_but_scored(tmp_path):
    root = write_folder(tmp_path, {f"{group}__1.png": "ab" for group in "abcd"})
    for group in "bcd":
        write_image(root / f"{group}__1.png", np.full((16, 40), 255, np.uint8))
    source = load(root, validation=["c"], test=["d"])
    assert groups_of(source) == {"train": {"a"}, "validation": {"c"}, "test": {"d"}}
    (problem,) = source.problems
    assert problem.name.endswith("b__1.png") and "no ink" in problem.reason
    assert [note.name[-8:] for note in source.notes] == ["c__1.png", "d__1.png"]
    assert source.split("test")[0][1].inputs.shape == (40, 1, 16)


def named_pages(root: Path, writers: dict[str, str]) -> Path:
    """A folder of pages, two lines each, whose groups.tsv says who wrote them."""
    names = [f"{page}__{line}.png" for page in writers for line in range(2)]
    write_folder(root, dict.fromkeys(names, "ab"))
    rows = "".join(f"{page}\t{writer}\n" for page, writer in writers.items())
    (root / "groups.tsv").write_text(rows, encoding="utf-8")
    return root


def test_a_writer_is_on_one_side_in_all_folders(tmp_path):
    first = named_pages(tmp_path / "one", {"p0": "anna", "p1": "bert", "p2": "carl", "p3": "dora"})
    second = named_pages(tmp_path / "two", {"q0": "anna", "q1": "bert", "q2": "emil"})
    folders = [
        LineFolder(str(first), validation=["bert"], test=["anna"]),
        LineFolder(str(second), validation=["anna"]),
    ]
    source = RealLines(folders, height=16)
    assert groups_of(source) == {
        "train": {"carl", "dora", "emil"},
        "validation": {"bert"},
        "test": {"anna"},
    }
    assert {Path(n).name for n in source.split("test").names} == {
        "p0__0.png", "p0__1.png", "q0__0.png", "q0__1.png",
    }  # fmt: skip
    (note,) = source.notes
    assert "two: 4 lines of 2 groups go where another folder has" in note.reason
    alone = RealLines(folders[1:], height=16)
    assert groups_of(alone)["train"] == {"bert", "emil"} and not alone.notes


def test_a_label_file_names_groups_too(tmp_path):
    first = named_pages(tmp_path / "one", {"p0": "anna", "p1": "bert"})
    second = write_folder(tmp_path / "two", {"anna__1.png": "a", "x.png": "b", "y.png": "b"})
    held = LineFolder(str(first), validation=["anna"])
    other = LineFolder(str(second), validation=0.0)
    assert "anna" in groups_of(RealLines([held, other], height=16))["train"]  # a page, by its name
    rows = "file\ttext\tgroup\nx.png\tb\tanna\ny.png\tb\temil\n"
    (second / "labels.tsv").write_text(rows, encoding="utf-8")
    assert "anna" not in groups_of(RealLines([held, other], height=16))["train"]


def drawn(source: RealLines, epoch: int = 0) -> Counter:
    train = source.split("train")
    train.epoch = epoch
    return Counter(Path(name).parent.name for name in train.names)


def test_weights_and_temperature_divide_an_epoch(tmp_path):
    roots = [pages(tmp_path / name, count, 1) for name, count in (("small", 5), ("large", 17))]
    folders = [LineFolder(str(root), validation=["p0"]) for root in roots]
    assert drawn(RealLines(folders, height=16)) == {"small": 4, "large": 16}
    warm = RealLines(folders, height=16, temperature=2)
    assert drawn(warm) == {"small": 7, "large": 13}  # 20 lines, 2 to 4
    folders[0].weight = 2.5
    source = RealLines(folders, height=16)
    assert drawn(source) == {"small": 10, "large": 16}
    train = source.split("train")
    assert len(train) == 26 and sorted(train.indices[10:]) == list(range(4, 20))
    first = train.names
    train.epoch = 1
    assert train.names != first and Counter(train.names[:8]) == dict.fromkeys(first[:4], 2)
    for i, name in enumerate(train.names):
        assert train.sizes[i] == len(train.read(i).inputs) and name.endswith("__0.png")


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_weight_is_a_positive_number(weight):
    with pytest.raises(ValueError, match="give a number above 0"):
        LineFolder("x", weight=weight)


def test_a_temperature_below_one_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"temperature 0\.5: give 1 or more"):
        RealLines([LineFolder(str(pages(tmp_path)))], height=16, temperature=0.5)


def test_lines_of_any_case(tmp_path):
    """Trained by pairs of letters; validation keeps its text, and says that case does not count."""
    loud = write_folder(tmp_path / "loud", {"a__1.png": "AB", "b__1.png": "BA"})
    other = write_folder(tmp_path / "other", {"c__1.png": "ab", "d__1.png": "B"})
    folders = [
        LineFolder(str(loud), validation=["b"], any_case=True),
        LineFolder(str(other), validation=["d"]),
    ]
    source = RealLines(folders, alphabet="abAB", height=16)
    train, validation = source.split("train"), source.split("validation")
    assert [target.tolist() for target in train.targets] == [[5, 6], [0, 1]]
    assert [target.tolist() for target in validation.targets] == [[3, 2], [3]]
    assert (train.any_case, validation.any_case) == ([True, False], [True, False])
