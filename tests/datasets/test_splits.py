"""Folders and files of splits (train, validation, test) for lines and reviews."""

import os
import tarfile
from pathlib import Path

import pytest

from datasets import LineFolder, RealLines, Reviews
from datasets.splits import split_folders, split_groups
from datasets.text.files import find_reviews
from pipeline.doctor.line_files import holds_lines, list_folder
from pipeline.reading.bundle import save_bundle
from tests.support.opinions import opinion_bundle
from tests.support.small import noise_line, write_image

SPLITS = ("train", "validation", "test")
FORMS = ["labels.tsv in each", "gt.txt", "labels.tsv above"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_lines(form: str, folders=("Train", "val", "test"), name: str = "{}.png") -> None:
    """Three, two and one lines, counted from 1 in each folder."""
    for folder, count in zip(folders, (3, 2, 1), strict=True):
        for number in range(1, count + 1):
            image = Path("lines", folder, name.format(number))
            write_image(image, noise_line(number, 40))
            if form == "gt.txt":
                image.with_suffix(".gt.txt").write_text("ab\n")
                continue
            above = form == "labels.tsv above"
            base = Path("lines") if above else image.parent
            with open(base / "labels.tsv", "a") as file:
                file.write(f"{image.relative_to(base).as_posix()}\tab\n")


def counts(source) -> list[int]:
    return [len(source.split(split)) for split in SPLITS]


@pytest.mark.parametrize("form", FORMS)
def test_folders_of_lines_are_splits(here, form):
    write_lines(form)
    source = RealLines([LineFolder("lines")])
    assert counts(source) == [3, 2, 1] and not source.problems and not source.passed_over
    assert len(set(source.split("train").groups)) == 3  # 1.png of val is another line
    listing = list_folder(LineFolder("lines"), True)
    assert holds_lines(Path("lines")) and len(listing.lines) == 6
    with pytest.raises(ValueError, match="the folder of the validation split says what is in it"):
        RealLines([LineFolder("lines", validation=["Train/1"])])


def test_a_share_without_a_folder_is_drawn_from_the_lines_to_train_on(here):
    write_lines("gt.txt", ("train", "validation", "training"))
    source = RealLines([LineFolder("lines", test=0.25)])
    assert counts(source) == [3, 2, 1]
    assert {Path(name).parts[1] for name in source.split("test").names} <= {"train", "training"}


def test_what_lies_beside_the_folders_of_lines_is_counted(here):
    write_lines("labels.tsv in each")
    write_image(Path("lines/loose.png"), noise_line(0, 40))
    write_image(Path("lines/val/bare.png"), noise_line(0, 40))
    Path("lines/test/notes.doc").write_text("x")
    Path("lines/readme.md").write_text("x")
    source = RealLines([LineFolder("lines")])
    assert counts(source) == [3, 2, 1]
    assert [problem.reason.partition(";")[0] for problem in source.problems] == [
        "lines/val/bare.png: not in labels.tsv"
    ]
    assert source.passed_over == [
        "lines: passed over 1 .png file (loose.png), 1 .md file (readme.md)",
        "lines/test: passed over 1 .doc file (notes.doc)",
    ]
    doctor = list_folder(LineFolder("lines"), True)
    assert doctor.passed_over == source.passed_over
    assert [line.where for line in doctor.lines if line.text is None] == ["not in labels.tsv"]


def test_a_group_in_two_folders_of_lines_is_refused(here):
    write_lines("gt.txt", name="ada__{}.png")
    with pytest.raises(ValueError, match=r"group 'ada' is in the folders of two splits"):
        RealLines([LineFolder("lines")])


def test_the_folder_below_that_of_the_split_is_the_group(here):
    for place, book in enumerate(["train/ada", "train/bede", "val/cy"]):
        write_image(Path("lines", book, "1.png"), noise_line(place, 40))
        Path("lines", book, "1.gt.txt").write_text("ab\n")
    source = RealLines([LineFolder("lines", group="folder")])
    assert source.split("train").groups == ["ada", "bede"]
    assert source.split("validation").groups == ["cy"]
    write_image(Path("lines/val/2.png"), noise_line(9, 40))
    Path("lines/val/2.gt.txt").write_text("ab\n")
    with pytest.raises(ValueError, match=r"files lie in no folder of a group.*val/2\.png"):
        RealLines([LineFolder("lines", group="folder")])


def test_folders_are_no_splits_beside_others(here):
    write_lines("gt.txt")
    Path("lines/more").mkdir()
    assert split_folders(Path("lines")) == {}
    assert counts(RealLines([LineFolder("lines", validation=0.5)])) == [3, 3, 0]


def test_evaluate_scores_a_split_of_lines(here, command, bundle_file):
    write_lines("labels.tsv in each")
    arguments = ("evaluate", "--model", bundle_file, "--data", "lines")
    assert "1 lines, " in command(*arguments).out  # test
    assert "2 lines, " in command(*arguments, "--split", "validation").out
    Path("lines/test").rename("lines/valid")
    done = command(*arguments)
    assert done.code == 2
    assert "lines: has no test split; --split takes train, validation" in done.err


def write_reviews(form: str) -> None:
    """Four, two and two reviews, good and bad in turn."""
    for split, count in (("train", 4), ("Val", 2), ("test", 2)):
        rows = [("good film" if k % 2 else "bad film", k % 2, k) for k in range(count)]
        if form == "tables":
            text = "text,label\n" + "".join(f"{text},{label}\n" for text, label, _ in rows)
            Path("reviews").mkdir(exist_ok=True)
            Path("reviews", f"{split}.csv").write_text(text)
        for text, label, k in rows if form == "folders" else []:
            file = Path("reviews", split, ("neg", "pos")[label], f"{k}.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


@pytest.mark.parametrize("form", ["tables", "folders"])
def test_reviews_come_in_three_splits(here, command, form):
    write_reviews(form)
    source = Reviews("reviews", cache="cache", min_count=1)
    assert counts(source) == [4, 2, 2] and not source.problems and not source.passed_over
    assert source.labels == (["0", "1"] if form == "tables" else ["negative", "positive"])
    good, bad = source.labels[1], source.labels[0]
    texts, labels = source.texts("validation")
    assert sorted(zip(texts, labels, strict=True)) == [("bad film", 0), ("good film", 1)]
    assert source.label_counts("validation") == {good: 1, bad: 1}
    # another validation file is another source
    file = Path("reviews/Val.csv" if form == "tables" else "reviews/Val/neg/0.txt")
    file.write_text(file.read_text().replace("bad film", "very bad film"))
    assert "very bad film" in Reviews("reviews", cache="cache", min_count=1).texts("validation")[0]
    save_bundle(opinion_bundle(), Path("opinions.safetensors"))
    arguments = ("evaluate", "--model", "opinions.safetensors", "--data", "reviews")
    assert "2 reviews, " in command(*arguments, "--split", "validation").out
    assert "4 reviews, " in command(*arguments, "--split", "train").out


def test_a_folder_for_each_label_alone_is_read(here, command):
    for number in range(6):
        file = Path("opinions", ("bad", "good")[number % 2], f"{number}.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"a film number {number}")
    Path("opinions/about.txt").write_text("of no label")
    source = Reviews("opinions", validation=0.34, cache="cache", min_count=1)
    assert source.labels == ["bad", "good"] and counts(source) == [4, 2, 0]
    assert sorted(source.split("train").names + source.split("validation").names) == [
        f"{('bad', 'good')[number % 2]}/{number}" for number in (0, 2, 4, 1, 3, 5)
    ]
    assert source.passed_over == ["opinions: passed over 1 .txt file (about.txt)"]


def test_a_system_folder_beside_them_is_no_class(here):
    write_lines("gt.txt")
    for name in ("@eaDir", "lost+found", "__MACOSX"):
        Path("lines", name).mkdir()
    assert counts(RealLines([LineFolder("lines")])) == [3, 2, 1]


def test_reviews_in_other_folders_beside_the_splits_are_counted(here):
    write_reviews("folders")
    Path("reviews/extra/pos").mkdir(parents=True)
    Path("reviews/extra/pos/1.txt").write_text("a film")
    source = Reviews("reviews", cache="cache", min_count=1)
    assert source.passed_over == ["reviews/extra: passed over 1 .txt file (pos/1.txt)"]


def test_an_archive_has_a_validation_part_too(here):
    write_reviews("folders")
    with tarfile.open("reviews.tar.gz", "w:gz") as archive:
        archive.add("reviews")
    assert counts(Reviews("reviews.tar.gz", cache="cache", min_count=1)) == [4, 2, 2]


def test_the_names_of_imdb_are_folded_in_any_case(here):
    for label in ("POS", "pos", "Neg"):
        Path("reviews/train", label).mkdir(parents=True)
        Path("reviews/train", label, "1.txt").write_text(f"a film of {label}")
    rows = find_reviews("reviews").rows("train")
    assert [row.label for row in rows] == ["negative", "positive", "positive"]


@pytest.mark.parametrize("share", [1, 10, -0.5])
def test_a_share_is_below_one(share):
    with pytest.raises(ValueError, match=f"d: test={share} is no share; give 0 or more, below 1"):
        split_groups(["a", "b"], 0.0, share, "d")


def test_a_flat_folder_is_listed_once(here, monkeypatch):
    """Not once for each of its lines, or ten thousand lines take an hour."""
    rows = []
    for number in range(200):
        write_image(Path(f"lines/{number}.png"), noise_line(number, 40))
        rows.append(f"{number}.png\tab\n")
    Path("lines/labels.tsv").write_text("".join(rows))
    scanned, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scanned.append(path) or scandir(path))
    assert sum(counts(RealLines([LineFolder("lines")]))) == 200
    assert len(scanned) < 40
