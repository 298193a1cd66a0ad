"""`group: folder` for lines, clips and reviews, and the note on folders that splits divide."""

from pathlib import Path

import pytest

from datasets import Clips, LineFolder, RealLines, Reviews
from datasets.splits import note_divided_folders
from datasets.text.files import find_reviews
from datasets.video.annotations.class_folders import read_class_folders
from datasets.video.annotations.files import read_annotations
from pipeline.doctor.line_files import list_folder
from tests.support.films import film
from tests.support.small import noise_line, write_image

BOOKS = ("ada", "bede", "cy", "dee")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_books(table: bool) -> None:
    """Four books of three pages of one line each; a page is a folder in the first book."""
    for place in range(12):
        book, page = BOOKS[place // 3], place % 3
        name = f"{book}/{f'page{page}/' if book == 'ada' else ''}{page}.png"
        write_image(Path("lines") / name, noise_line(place, 40))
        if table:
            with open("lines/labels.tsv", "a") as file:
                file.write(f"{name}\tab\n")
        else:
            Path("lines", name).with_suffix(".gt.txt").write_text("ab\n")


def splits_of_books(source) -> dict[str, set[str]]:
    """The splits in which each book has lines."""
    found: dict[str, set[str]] = {book: set() for book in BOOKS}
    for split in ("train", "validation", "test"):
        for name in source.split(split).names:
            found[Path(name).parts[1]].add(split)
    return found


@pytest.mark.parametrize("table", [True, False])
def test_a_folder_is_the_group_of_its_lines(here, table):
    write_books(table)
    source = RealLines([LineFolder("lines", validation=0.25, test=0.25, group="folder")])
    assert sorted(map(len, splits_of_books(source).values())) == [1, 1, 1, 1]
    assert set(source.split("train").groups) < set(BOOKS) and not source.notes
    assert len(source.split("validation")) == len(source.split("test")) == 3
    # groups.tsv joins two books
    Path("lines/groups.tsv").write_text("ada\tone\nbede\tone\n")
    for root in ("lines", *(["lines/labels.tsv"] if table else [])):
        source = RealLines([LineFolder(root, validation=["one"], group="folder")])
        assert len(source.split("validation")) == 6


def test_a_line_in_no_folder_cannot_have_one_as_its_group(here):
    write_books(table=False)
    write_image(Path("lines/loose.png"), noise_line(0, 40))
    Path("lines/loose.gt.txt").write_text("ab\n")
    message = r"lines: group: folder, but 1 files lie in no folder .*, first lines/loose\.png"
    with pytest.raises(ValueError, match=message):
        RealLines([LineFolder("lines", group="folder")])
    with pytest.raises(ValueError, match="group 'book': lines take 'folder', or group_pattern"):
        LineFolder("lines", group="book")


@pytest.mark.parametrize("table", [True, False])
def test_a_book_on_both_sides_is_told_once(here, table):
    write_books(table)
    source = RealLines([LineFolder("lines", validation=0.4)])
    divided = [book for book, splits in splits_of_books(source).items() if len(splits) > 1]
    (note,) = source.notes
    assert divided and f"lines: {len(divided)} of 4 folders are divided" in note.reason
    assert f"such as {divided[0]} (" in note.reason and "set group: folder" in note.reason
    assert list_folder(LineFolder("lines", validation=0.4), True).notes == [note.reason]
    # what somebody has decided is not questioned
    kept = LineFolder("lines", "(.)", 0.4)
    assert not RealLines([kept]).notes
    Path("lines/groups.tsv").write_text("0\ta\n1\ta\n")
    assert not RealLines([LineFolder("lines", validation=0.4)]).notes


def test_groups_of_a_label_file_and_a_single_folder_are_not_questioned(here):
    write_books(table=True)
    rows = Path("lines/labels.tsv").read_text().splitlines()
    rows = [f"{row}\tgroup {place % 5}\n" for place, row in enumerate(rows)]
    Path("lines/labels.tsv").write_text("".join(rows))
    assert not RealLines([LineFolder("lines", validation=0.4)]).notes
    assert note_divided_folders([("a", "train"), ("a", "test"), (None, "train")], "x") == []
    (note,) = note_divided_folders([("a", "train"), ("a", "test"), ("b", "train")], "x")
    assert note.reason.startswith("x: 1 of 2 folders are divided between the splits, such as a (tr")


def write_films(layout: str) -> None:
    """Clips of three animals; layout: with {label}, {animal} and {number}."""
    rows = ["clip,label,folder,group\n"]
    for place in range(6):
        animal, label = f"animal{place // 2}", ("run", "walk")[place % 2]
        name = layout.format(animal=animal, label=label, number=place)
        Path("films", name).parent.mkdir(parents=True, exist_ok=True)
        film(Path("films", name), [30 * place] * 4, size=(16, 16))
        rows.append(f"{name},{label},f{place},\n")
    Path("films/labels.csv").write_text("".join(rows).replace("folder,group", "place,other"))
    Path("films/columns.csv").write_text("".join(rows))


def clips(**options) -> Clips:
    return Clips("films", 8, 8, cache="cache", **options)


def test_a_folder_is_the_group_of_its_clips(here):
    write_films("{animal}/{label}/{number}.mp4")
    source = clips(table="labels.csv", group="folder", validation=0.3)
    groups = {split: source.split(split).groups for split in ("train", "validation")}
    assert len(groups["validation"]) == 2 and len(set(groups["validation"])) == 1
    assert not set(groups["train"]) & set(groups["validation"])
    (note,) = source.notes
    assert "films: 3 groups only" in note.reason and "--folds 3" in note.reason
    note, *_ = clips(table="labels.csv", validation=0.4, stratify=False).notes
    assert "films: " in note.reason and "folders are divided between the splits" in note.reason
    # a column of that name is still the column
    found, _ = read_annotations("films/columns.csv", group="folder")
    assert [a.group for a in found] == [f"f{place}" for place in range(6)]
    with pytest.raises(ValueError, match="no column 'book'"):
        read_annotations("films/labels.csv", group="book")


def test_the_folder_inside_a_class_folder_is_the_group(here):
    write_films("{label}/{animal}/{number}.mp4")
    for group in (None, "folder"):
        found = read_class_folders("films", [".mp4"], group)
        assert {a.group for a in found} == {"animal0", "animal1", "animal2"}
    with pytest.raises(ValueError, match="group='book' needs a table that has it; class folders"):
        clips(group="book")
    film("films/run/loose.mp4", [9] * 4)
    assert len(read_class_folders("films", [".mp4"])) == 7
    with pytest.raises(ValueError, match=r"1 files lie in no folder .*, first run/loose\.mp4"):
        clips(group="folder")


def test_a_folder_is_the_group_of_its_reviews(here):
    for place in range(8):
        label, writer = ("neg", "pos")[place % 2], f"writer{place // 2}"
        path = Path("all/train") / label / writer / f"{place}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text {place}")
    for group in (None, "folder"):
        rows = list(find_reviews("all", group).rows("train"))
        assert {row.name: row.group for row in rows} == {
            f"train/{('neg', 'pos')[i % 2]}/writer{i // 2}/{i}": f"writer{i // 2}" for i in range(8)
        }
    source = Reviews("all", validation=0.25, group="folder", cache="cache")
    assert set(source.split("validation").groups) & {f"writer{i}" for i in range(4)}
    assert not set(source.split("validation").groups) & set(source.split("train").groups)
    Path("all/train/pos/loose.txt").write_text("text")
    assert {row.group for row in find_reviews("all").rows("train")} > {"train/pos/loose"}
    with pytest.raises(
        ValueError, match=r"1 files lie in no folder .*, first train/pos/loose\.txt"
    ):
        list(find_reviews("all", "folder").rows("train"))
    with pytest.raises(ValueError, match="group='author' needs a table that has it"):
        find_reviews("all", "author")


def test_links_between_folders_of_clips_are_not_followed(here):
    for place, label in enumerate(["walk", "sit"]):
        Path("films", label).mkdir(parents=True)
        film(Path("films", label, "1.mp4"), [20 * place + step for step in range(4)], rate=4)
    Path("films/walk/loop").symlink_to("..", target_is_directory=True)
    found = read_class_folders("films", [".mp4"])
    assert [(clip.clip, clip.label) for clip in found] == [
        ("sit/1.mp4", "sit"), ("walk/1.mp4", "walk")
    ]  # fmt: skip
