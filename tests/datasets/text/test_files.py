"""Reading of tables, folders and archives of reviews, valid and damaged."""

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from datasets.source import Problem
from datasets.text.files import Row, find_reviews

FILES = {
    "aclImdb/test/pos/0_9.txt": b"seen",
    "aclImdb/train/pos/10_8.txt": b"tenth",
    "aclImdb/train/pos/2_7.txt": "second é<br />\r\nend".encode(),
    "aclImdb/train/neg/0_1.txt": b"\xef\xbb\xbfbad",
    "aclImdb/train/unsup/0_0.txt": b"unlabelled",
    "aclImdb/train/urls_pos.txt": b"".join(
        b"http://www.imdb.com/title/tt%07d/usercomments\n" % i for i in range(3)
    ),
    "aclImdb/train/labeledBow.feat": b"9 0:9",
    "aclImdb/README": b"read me",
}
ROWS = [
    Row("train/neg/0_1", "bad", "negative", "train/neg/0_1"),
    Row("train/pos/2_7", "second é<br />\r\nend", "positive", "tt0000002"),
    Row("train/pos/10_8", "tenth", "positive", "train/pos/10_8"),
]


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("aclImdb/train/pos/9_9.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def rows(root: Path, group: str | None = None, part="train") -> list[Row | Problem]:
    return list(find_reviews(str(root), group).rows(part))


def write_parquet(path: Path, **columns) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_the_folder_gives_labels_and_films(tmp_path):
    write_folder(tmp_path, FILES)
    assert rows(tmp_path) == rows(tmp_path / "aclImdb") == ROWS
    assert rows(tmp_path, part="test") == [
        Row("test/pos/0_9", "seen", "positive", "test/pos/0_9")
    ]  # fmt: skip


def test_the_archive_is_the_same_and_unpacks_nothing(tmp_path):
    path = write_archive(tmp_path / "aclImdb_v1.tar.gz", FILES)
    assert rows(tmp_path) == rows(path) == ROWS
    assert [row.text for row in rows(path, part="test")] == ["seen"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.97])
def test_an_archive_cut_off_anywhere_is_an_error(tmp_path, share):
    noise = {f"aclImdb/train/pos/{i}_9.txt": (b"%d" % i**40) * 9 for i in range(40)}
    path = write_archive(tmp_path / "aclImdb.tar.gz", FILES | noise)
    whole = path.read_bytes()
    assert len(rows(path)) == 43
    path.write_bytes(whole[: int(share * len(whole)) + 1])
    says = rf"aclImdb\.tar\.gz: damaged or cut off at {path.stat().st_size} bytes .*fetch it again"
    with pytest.raises(ValueError, match=says):
        rows(path)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    write_folder(tmp_path, FILES | {"aclImdb/train/neg/0_1.txt": "é".encode("latin-1")})
    problem, *others = rows(tmp_path)
    assert problem.name == "train/neg/0_1" and others == ROWS[1:]
    assert problem.reason.endswith("neg/0_1.txt: not UTF-8 at byte 0; save it as UTF-8")


CSV = 'label,text,movie,id\n1,"good, ""fine""\nfilm",m1,r1\n 0 ,NULL,,r2\n,lost,m2,r3\n0,,m1,\n'
TABLE = [
    Row("r1", 'good, "fine"\nfilm', "1", "m1"),
    Row("r2", "NULL", "0", "r2"),
    Problem("t.csv row 3", ""),
    Row("t.csv row 4", "", "0", "m1"),
]


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_values_of_a_csv_stay_as_they_stand(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    text = CSV if suffix == "csv" else CSV.replace("good, ", "good; ").replace(",", "\t")
    path.write_text("\ufeff" + text, encoding="utf-8")
    found = rows(path)
    assert found[2].reason == f"{path}: row 3: no label; fill it in or remove it"
    expected = TABLE if suffix == "csv" else [
        TABLE[0]._replace(text='good; "fine"\nfilm'), TABLE[1],
        Problem("t.tsv row 3", ""), TABLE[3]._replace(name="t.tsv row 4"),
    ]  # fmt: skip
    assert [found[0], found[1], found[3]] == [expected[0], expected[1], expected[3]]
    assert found[2].name == expected[2].name


def test_a_parquet_file_says_the_same(tmp_path):
    path = write_parquet(
        tmp_path / "t.parquet",
        text=pa.array(["good", None, "", "so"], pa.large_string()), label=[1.0, 0, None, 0],
        company=["c", "c", "c", None],
    )  # fmt: skip
    first, no_text, no_label, last = rows(path)
    assert first == Row("t.parquet row 1", "good", "1", "c")
    assert no_text.reason == f"{path}: row 2: no text; fill it in or remove it"
    assert "row 3: no label" in no_label.reason
    assert last == Row("t.parquet row 4", "so", "0", "t.parquet row 4")


def test_the_group_is_the_column_asked_for_or_the_first_known(tmp_path):
    path = write_parquet(tmp_path / "t.parquet", text=["a"], label=["x"], author=["A"],
                         movie=["M"], shop=[7])  # fmt: skip
    assert [rows(path, g)[0].group for g in (None, "author", "shop")] == ["M", "A", "7"]
    with pytest.raises(ValueError, match=r"no column 'city'; it has 'text', 'label', 'author'"):
        rows(path, "city")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_are_found_in_any_case_but_as_written_first(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        path.write_text("Text,LABEL,text,Movie,ID\nno,x,a,M,7\n")
    else:
        write_parquet(path, Text=["no"], LABEL=["x"], text=["a"], Movie=["M"], ID=[7])
    assert rows(path) == [Row("7", "a", "x", "M")] == rows(path, "movie")
    assert rows(path, "id") == [Row("7", "a", "x", "7")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_without_a_column_names_those_it_has(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        path.write_text("text,sentiment\na,1\n")
    else:
        write_parquet(path, text=["a"], sentiment=[1])
    with pytest.raises(ValueError, match=r"no column 'label'; it has 'text', 'sentiment'; rename"):
        rows(path)


def test_tables_that_cannot_be_read_are_named(tmp_path):
    path = write_parquet(tmp_path / "t.parquet", text=["a" * 999], label=[1])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"t\.parquet: \d+ bytes that cannot .*fetch it again"):
        rows(path)
    latin = tmp_path / "t.csv"
    latin.write_bytes("text,label\nok,1\ncaf\xe9,0\n".encode("latin-1"))
    first, problem = rows(latin)
    assert first.text == "ok" and problem.name == "t.csv row 2"
    assert "row 2: line 3: not UTF-8 at its byte 3" in problem.reason
    latin.write_bytes(b"")
    with pytest.raises(ValueError, match=r"t\.csv: the file is empty"):
        rows(latin)
    numbers = write_parquet(tmp_path / "n.parquet", text=[1], label=[1])
    with pytest.raises(ValueError, match=r"row 1: the text is of type int; store it as a string"):
        rows(numbers)


def test_two_columns_of_one_name_are_refused_if_it_is_needed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label,text,,\ngood,1,bad,,\n")
    with pytest.raises(
        ValueError, match=r"t\.csv: 2 columns are called 'text'; rename all but one"
    ):
        rows(path)


def test_a_review_may_be_longer_than_a_block(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "word " * 2_000_000 + ",1\nb,0\n")
    assert [len(row.text) for row in rows(path)] == [10_000_000, 1]


def test_a_folder_without_reviews_says_what_it_looked_for(tmp_path):
    with pytest.raises(ValueError, match=r"neither train\.parquet.*run\.py fetch imdb"):
        find_reviews(str(tmp_path))
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json: reviews come as \.parquet, \.csv, \.tsv or"):
        rows(tmp_path / "a.json")


def test_data_lie_under_strand_data(tmp_path, monkeypatch):
    write_folder(tmp_path / "imdb", FILES)
    monkeypatch.setenv("STRAND_DATA", str(tmp_path))
    assert list(find_reviews("imdb").rows("train")) == ROWS
