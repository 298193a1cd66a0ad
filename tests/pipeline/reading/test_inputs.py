"""Command-line inputs: a path, a text or a table for text bundles, a path for image bundles."""

import csv
import io
import json
import sys
from math import exp

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from datasets import LineReader, TextReader
from pipeline.reading import text_items
from pipeline.reading.bundle import save_bundle
from pipeline.reading.inputs import PATH, TextTable, expand_inputs
from pipeline.reading.items import Item
from pipeline.reading.pages.loading import PagePath
from tests.support.opinions import opinion_bundle
from tests.support.pages import transkribus
from tests.support.small import noise_line, write_image


@pytest.fixture(scope="module")
def texts_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "opinions.safetensors"
    save_bundle(opinion_bundle(temperature=2.0), path)
    return path


@pytest.fixture
def read(command, texts_file, tmp_path, monkeypatch):
    """Run predict in a folder of its own -> exit status, records, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        given = ("predict", *arguments, "--model", texts_file, "--format", "jsonl")
        code, out, err = command(*given)
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


def labels_of(records: list[dict]) -> list[tuple[str, str]]:
    """(input, label or "failed") of each record."""
    return [(r["input"], r.get("label", "failed")) for r in records]


def test_a_text_is_read_as_it_stands(read):
    expected = {"a good film": "positive", "Bad!": "negative"}
    expected |= dict.fromkeys(["good?", "good good bad"], "positive")
    code, records, err = read(*expected)
    assert (code, err) == (0, "")
    assert labels_of(records) == list(expected.items())
    # logits -1/3 and 1/3, divided by the temperature 2
    assert records[0]["confidence"] == pytest.approx(1 / (1 + exp(-1 / 3)), abs=0.005)


def test_an_lmdb_record_is_read_by_its_name(command, bundle_file, tmp_path):
    lmdb = pytest.importorskip("lmdb")
    image = write_image(tmp_path / "a.png", noise_line(1))
    with lmdb.open(str(tmp_path / "x.lmdb"), map_size=1 << 20) as base, base.begin(write=True) as t:
        t.put(b"num-samples", b"1")
        t.put(b"image-000000001", image.read_bytes())
    given = ("--model", bundle_file, "--format", "jsonl")
    names = (image, tmp_path / "x.lmdb#image-000000001")
    first, second = (json.loads(command("predict", name, *given).out)["text"] for name in names)
    assert first and first == second


def test_the_help_names_what_lines_may_come_from(command):
    predict, evaluate = (
        " ".join(command(name, "--help").out.split()) for name in ("predict", "evaluate")
    )
    assert "images of lines or pages, PDF, TIFF of several pages, PAGE and ALTO files" in predict
    assert "a folder of PAGE or ALTO files or one of them, an LMDB" in evaluate


def test_what_exists_is_a_path_even_without_an_ending(read, tmp_path):
    (tmp_path / "one.txt").write_text("bad", encoding="utf-8")
    (tmp_path / "TWO.TXT").write_text("good", encoding="utf-8")
    (tmp_path / "good").write_text("bad", encoding="utf-8")
    code, records, _ = read("one.txt", "TWO.TXT", "good")
    assert code == 1
    expected = [("one.txt", "negative"), ("TWO.TXT", "positive"), ("good", "failed")]
    assert labels_of(records) == expected
    assert records[2]["error"].startswith("good: not .txt, .parquet, .csv, .tsv; ")


@pytest.mark.parametrize("path", ["rewiew.txt", "folder/good", "good.csv", "good\\film", "x.mp4"])
def test_a_mistyped_path_is_no_text(read, path):
    code, (record,), _ = read(path)
    assert (code, list(record)) == (1, ["input", "error"])
    assert record["error"].startswith(f"{path}: no such file; a text is taken as one if it holds")


@pytest.mark.parametrize(
    "text",
    ["good", "good.", "a film of 8/10", "so good... bad.movie", "really? [no]", "10", "素晴"],
)
def test_a_text_is_no_path(text):
    assert not PATH.fullmatch(text)
    (item,) = expand_inputs([text], TextReader([]))
    assert isinstance(item, Item) and item.name == text


def test_a_dash_takes_one_text_a_line(read, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("good.txt\n\nbad a/b\r\n"))
    code, records, _ = read("-")
    # tokens of the first: good . txt
    assert (code, labels_of(records)) == (0, [("good.txt", "positive"), ("bad a/b", "negative")])


def test_empty_texts_are_named(read, tmp_path):
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    code, records, err = read("", "empty.txt", "good film")
    assert code == 1 and "2 of 3 inputs failed" in err
    assert records[0] == {"input": "", "error": "empty, there is nothing to read"}
    assert records[1]["error"] == "empty.txt: empty, there is nothing to read"
    assert records[2]["label"] == "positive"


def test_a_folder_gives_its_texts(read, tmp_path):
    for name, text in (("b.txt", "bad"), ("a.txt", "good"), ("sub/c.txt", "good"), ("d.png", "x")):
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).write_text(text, encoding="utf-8")
    code, records, _ = read("all")
    assert code == 0
    assert [r["input"] for r in records] == ["all/a.txt", "all/b.txt", "all/sub/c.txt"]
    assert [r["label"] for r in records] == ["positive", "negative", "positive"]
    assert [r["input"] for r in read("all/*.txt")[1]] == ["all/a.txt", "all/b.txt"]


def test_an_empty_folder_ends_nothing_for_the_others(read, tmp_path):
    (tmp_path / "bare").mkdir()
    assert read("bare") == (2, [], "error: bare: no .txt file in this folder\n")
    assert read("none/*.txt") == (2, [], "error: none/*.txt: no file matches\n")
    code, records, _ = read("a good film", "bare", "none/*.txt", "a bad film")
    assert code == 1
    assert [r.get("label") for r in records] == ["positive", None, None, "negative"]
    assert records[1]["error"] == "bare: no .txt file in this folder"
    assert records[2]["error"] == "none/*.txt: no file matches"


def test_the_rows_of_a_table_are_inputs(read, tmp_path):
    rows = [("1", 'good, "so good"\nfilm'), ("2", "bad"), ("3", " ")]
    for name, mark, column in (("t.csv", ",", "Text"), ("t.tsv", "\t", "text")):
        with open(tmp_path / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=mark).writerows([("id", column), *rows])
    table = pa.table({"text": ["good", "bad", None], "id": [1, 2, 3]})
    pq.write_table(table, tmp_path / "t.parquet")
    code, records, err = read("t.csv", "t.tsv", "t.parquet", "good film")
    assert code == 1 and "3 of 10 inputs failed" in err
    expected = [
        (f"{name}:row {row}", label)
        for name in ("t.csv", "t.tsv", "t.parquet")
        for row, label in enumerate(("positive", "negative", "failed"), 1)
    ]
    assert labels_of(records) == [*expected, ("good film", "positive")]
    assert records[8]["error"] == "t.parquet:row 3: no text"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"review,label\ngood,1\n", "column 'text' (its first row is review, label)"),
        ("b.csv", b"", "column 'text' (its first row is empty)"),
        ("t.csv", b"text,text\ngood,bad\n", "column 'text' (2 columns are called 'text')"),
        ("u.csv", b"Text,Text\ngood,bad\n", "column 'text' (2 columns are called 'Text')"),
        (
            "c.csv",
            b"\xfft,text\na,b\n",
            "(line 1: not UTF-8 at its byte 0; save the file as UTF-8)",
        ),
        ("d.parquet", b"no parquet", "not a table with a column 'text'"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_error(read, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    code, records, _ = read(name, "good film")
    assert code == 1
    assert labels_of(records) == [(name, "failed"), ("good film", "positive")]
    assert message in records[0]["error"] and records[0]["error"].startswith(f"{name}: ")


def test_each_row_of_a_table_is_answered_or_named(read, tmp_path):
    """Lone quotes, bytes that are not UTF-8, commas without quotes, and Excel's empty columns."""
    rows = [
        b"text,n,,",
        b"good,1,,",
        b'"good,2,,',
        b"ba\xff,3,,",
        b"bad, good,4,,",
        b",,,",
        b"bad,5,,",
    ]
    (tmp_path / "t.csv").write_bytes(b"\r\n".join(rows))
    code, records, _ = read("t.csv")
    labels = ["positive", "failed", "failed", "failed", "negative"]
    assert code == 1
    assert labels_of(records) == [(f"t.csv:row {i}", label) for i, label in enumerate(labels, 1)]
    for record, line in zip(records[1:4], (3, 4, 5), strict=True):
        assert f"line {line}: " in record["error"]
    texts = ["good", '"good', 'bad "it"', "bad"] * 50
    content = "text\tn\n" + "".join(f"{text}\t{i}\n" for i, text in enumerate(texts))
    (tmp_path / "t.tsv").write_text(content)
    code, records, _ = read("t.tsv")
    assert code == 0 and len(records) == 200


def test_rows_are_read_when_they_are_needed(tmp_path, monkeypatch):
    taken = []

    def endless(path):
        while True:
            taken.append(path)
            yield "good"

    (tmp_path / "t.csv").write_text("text\n", encoding="utf-8")
    monkeypatch.setattr(text_items, "read_texts", endless)
    (table,) = expand_inputs([str(tmp_path / "t.csv")], TextReader(["good"]))
    assert isinstance(table, TextTable) and not taken
    assert next(iter(table.items())).name.endswith("t.csv:row 1") and len(taken) == 1


def test_the_text_format_has_one_line_a_record(command, texts_file):
    code, out, _ = command("predict", "good\tor\nnot", "--model", texts_file)
    assert (code, out) == (0, "good or not\tpositive\n")


def test_the_wrong_bundle_names_the_right_one(command, read, bundle_file, tmp_path):
    write_image(tmp_path / "a.png", noise_line(0))
    (tmp_path / "a.txt").write_text("good", encoding="utf-8")
    code, (record,), _ = read("a.png")
    assert code == 1 and "reads texts; for images use --model lines-en" in record["error"]
    for given, reason in (("a.txt", ""), ("t.csv", ""), ("a good film", "no such file; ")):
        code, out, _ = command("predict", given, "--model", bundle_file, "--format", "jsonl")
        expected = f"{given}: {reason}{bundle_file} reads images; for texts use --model reviews-en"
        assert (code, json.loads(out)["error"]) == (1, expected)


def test_a_long_text_is_an_item_not_a_file_name():
    text = "a good film . " * 500
    (item,) = expand_inputs([text], TextReader(["good", "film"]))
    assert item.name == text and item.load().tolist() == [1, 2, 3, 1] * 500
    assert list(expand_inputs(["x/" * 3000 + "a.png"], LineReader())) == ["x/" * 3000 + "a.png"]


@pytest.mark.parametrize(
    "name",
    ["my book.pdf#page=3", "train.lmdb#image-000000001", "p.xml#l 3", "scans/my book.pdf#page=3",
     "my scan.png", "b[1].pdf#page=2"],
)  # fmt: skip
def test_where_no_texts_are_read_a_name_is_a_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name.rpartition("#")[0]
    for place in ("there", "not there"):
        if place == "there" and "#" in name:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"")
        elif file.is_file():
            file.unlink()
        if place == "there" or "[" not in name:
            assert list(expand_inputs([name], LineReader())) == [name], place


def page_folder(folder, *names: str) -> None:
    """Page files with their images, an image without one, and a PDF of which one page has one."""
    for name in names:
        transkribus(folder / f"{name}.xml")
    write_image(folder / "bare.png", noise_line(1))
    transkribus(folder / "book.xml", image="book.pdf#page=2")
    scan = Image.open(folder / "book.png").convert("L")
    (folder / "book.png").unlink()
    scan.save(folder / "book.pdf", save_all=True, append_images=[scan] * 10)


def test_a_pattern_reads_what_its_folder_does(tmp_path):
    folder = tmp_path / "pages"
    page_folder(folder, "a", "b")
    expected = [folder / "a.xml", folder / "b.xml", folder / "bare.png"]
    expected += [f"{folder}/book.pdf#page={n}" for n in (1, *range(3, 12))] + [folder / "book.xml"]
    matched = sorted(map(str, folder.iterdir()))
    for given in ([folder], [f"{folder}/*"], matched):
        found = list(expand_inputs(list(map(str, given)), LineReader()))
        assert found == list(map(str, expected)), given
        assert isinstance(found[2], PagePath) and not isinstance(found[0], PagePath)
    images = list(expand_inputs([f"{folder}/*.png"], LineReader()))
    assert images == [f"{folder}/{n}.png" for n in ("a", "b", "bare")]
    assert not any(isinstance(image, PagePath) for image in images)


@pytest.mark.parametrize("reader", [TextReader(["good"]), LineReader()])
def test_a_line_of_standard_input_that_is_not_utf8_costs_no_other(monkeypatch, reader):
    content = io.BytesIO(b"good a/b.png\n\xff\xfe bad\n\nlast\xc3\xa9\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    first, broken, last = expand_inputs(["-"], reader)
    with pytest.raises(ValueError, match=r"^-:line 2: not UTF-8 at byte 0$"):
        broken.load()
    assert getattr(first, "name", first) == "good a/b.png" and last.name == "lasté"
